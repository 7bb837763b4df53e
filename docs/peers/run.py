"""Measure every library that is installed, one after the other, and write the table of the page.

    python docs/peers/run.py [--peers OTHER/bin/python]

Peers are no requirements of this project: install them where you
like, and name the interpreter (`pip install pot ott-jax geomloss pysdot`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "comparison.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PEERS = {"POT": "pot", "OTT-JAX": "ott_jax", "GeomLoss": "geomloss_", "pysdot": "pysdot_"}


def measured(name: str, script: str, python: str) -> list[dict]:
    print(f"== {name}", flush=True)
    command = [python, str(HERE / f"{script}.py")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in result.stderr:
        return [{"library": name, "settings": "not installed where this was measured"}]
    if result.returncode:
        raise SystemExit(result.stderr)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    return [{"library": name, **json.loads(line)} for line in lines]


def table(rows: list[dict], exact: float) -> str:
    lines = [
        "| library | settings | W2^2 | relative error | seconds | CPU seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        if "value" in row:
            error = abs(row["value"] / exact - 1)
            shown = f"{error:.0e}" if error > 1e-14 else "0"
            figures = f"{row['value']:.10f} | {shown} | {row['seconds']:.3g} | {row['cpu']:.3g}"
        else:
            figures = " | | | "
        lines.append(f"| {row['library']} | {row['settings']} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="the interpreter that has them")
    arguments = parser.parse_args()
    ours = measured("sdot", "sdot_cgal", sys.executable)
    rows = [*ours]
    for name, script in PEERS.items():
        rows += measured(name, script, arguments.peers)
    day = datetime.datetime.now(datetime.UTC).date()
    found = f"Measured on {day}, on {os.cpu_count()} cores, in one run; errors are from "
    found += f"sdot's last value.\n\n{table(rows, ours[-1]['value'])}"
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}", encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
