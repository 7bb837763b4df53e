"""The guide's blocks, each in a process of its own, as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from support.subprocesses import run_python

GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "tasks.md"
BLOCK = re.compile(r"^## ([^\n]*)\n+```\{jupyter-execute\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A wheel is tested without its documentation.
BLOCKS = dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8"))) if GUIDE.exists() else {}


@pytest.mark.skipif(not GUIDE.exists(), reason="there is no documentation here")
def test_every_task_is_short() -> None:
    assert len(BLOCKS) == 10
    assert max(len(block.splitlines()) for block in BLOCKS.values()) <= 15


@pytest.mark.parametrize("task", BLOCKS)
def test_a_task(task: str, tmp_path: Path) -> None:
    if "import torch" in BLOCKS[task]:
        pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    x, y = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 40))
    ink = np.clip(1 - x**2 - y**2, 0, 1)  # white corners
    image.fromarray((255 * (1 - ink)).astype(np.uint8)).save(tmp_path / "photo.png")
    script = tmp_path / "task.py"
    script.write_text(BLOCKS[task], encoding="utf-8")
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    result = run_python(code, tmp_path)
    assert result.returncode == 0, result.stderr
