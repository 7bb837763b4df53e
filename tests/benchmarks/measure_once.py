"""Time the rows that are named on standard input, one a line, each once; for `compare.py`.

The second number is the processor's time for it, preparations included. Public names only: this
runs with other builds of sdot too.
"""

from __future__ import annotations

import contextlib
import sys
import time

import cases
import measure_loops

from sdot import SumOfDiracs, distance, optimal_transport_plan

TOL = 1e-6


def seconds(row: str) -> float:
    """Return the time of a row, on average over what it repeats."""
    name, _, argument = row.partition(" ")
    if name == "small":
        return _small(argument)
    if name == "fit":
        return measure_loops.fit_step()
    if name in ("jax", "torch"):
        loop = {"jax": measure_loops.jax_loop, "torch": measure_loops.torch_loop}[name]
        return loop(True)
    return _solve(name, int(argument))


def _solve(case: str, count: int) -> float:
    diracs, density = SumOfDiracs(cases.sites(count, case)), cases.density(case)
    begin = time.perf_counter()
    optimal_transport_plan(diracs, density, tol=TOL)
    return time.perf_counter() - begin


def _small(case: str) -> float:
    target, positions = cases.density(case), cases.sites(10)
    begin = time.perf_counter()
    for _ in range(50):
        distance(SumOfDiracs(positions), target, warm_start=False)
    return (time.perf_counter() - begin) / 50


if __name__ == "__main__":
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            begin = time.process_time()
            measured = seconds(line.strip())
            processor = time.process_time() - begin
        print(measured, processor, flush=True)
