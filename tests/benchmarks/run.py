"""Measure the speed of sdot, print the table and write it as JSON.

    python tests/benchmarks/run.py                              n = 1e4 and 1e5
    python tests/benchmarks/run.py --sizes 1e4 1e5 1e6          the whole table, some minutes
    python tests/benchmarks/run.py --against OTHER/bin/python   this build over another one
    python tests/benchmarks/render.py build/benchmarks.json     into docs/performance.md

Times are given in triangulations T(n) of the same sites in the same process, so that they mean
something on another machine. Each row has a process of its own: its peak memory is its own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases
import numpy as np
from compare import compare, rows
from table import loop_rows, solve_rows, text_table

import sdot

HERE = Path(__file__).parent


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", nargs="+", default=["1e4", "1e5"], help="numbers of sites")
    parser.add_argument("--cases", nargs="+", default=cases.CASES, choices=cases.CASES)
    parser.add_argument("--no-loops", action="store_true", help="leave out the small problems")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks.json"))
    parser.add_argument("--against", type=Path, help="compare with the sdot of another Python")
    options = parser.parse_args()
    sizes = [int(float(size)) for size in options.sizes]
    print(f"{_machine()['processor']}, {_machine()['cores']} cores\n")
    if options.against is not None:
        sys.exit(compare(options.against, options.cases, sizes, not options.no_loops))
    solves = [_solve(case, size) for case, size in rows(options.cases, sizes)]
    loops = [] if options.no_loops else _loops()
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": _machine(),
        "versions": _versions(),
        "solves": solves,
        "growth": _growth(solves),
        "loops": loops,
    }
    print("\n" + text_table(solve_rows(results)))
    print("\n" + text_table(loop_rows(results)))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{options.output}")


def _solve(case: str, size: int) -> dict[str, Any]:
    result: dict[str, Any] = _child("measure_solve.py", case, str(size))
    print(f"{case} {size}: {result['seconds']:.3g} s = {result['ratio']:.1f} T", flush=True)
    return result


def _loops() -> list[dict[str, Any]]:
    kinds = ("import", "small", "jax", "torch", "fit")
    rows = [row for what in kinds for row in _child("measure_loops.py", what)]
    return [*rows, *_child("measure_stippling.py")]


def _child(script: str, *arguments: str) -> Any:
    command = [sys.executable, str(HERE / script), *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)


def _growth(solves: list[dict[str, Any]]) -> dict[str, float]:
    """Time per site at the largest of the targets' sizes over that at the smallest."""
    per_site = {(row["case"], row["n"]): row["seconds"] / row["n"] for row in solves}
    return {
        case: per_site[case, 1_000_000] / per_site[case, 10_000]
        for case in cases.CASES
        if {(case, 10_000), (case, 1_000_000)} <= per_site.keys()
    }


def _machine() -> dict[str, Any]:
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if "model name" in line]
        processor = models[0].split(":")[1].strip() if models else processor
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system()}


def _versions() -> dict[str, str]:
    return {
        "sdot": sdot.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    main()
