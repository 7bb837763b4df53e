"""Python in a fresh process, for what depends on imports and the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code away from the source tree, so that it imports the installed package."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SDOT_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
