"""Measure one cold solve, in a process of its own: ``python measure_solve.py gmm64 10000``."""

from __future__ import annotations

import functools
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import cases
import numpy as np

import sdot.solver.newton
from sdot import OtPlan, SumOfDiracs, driver, optimal_transport_plan
from sdot.diagrams import DiagramArrays, DiagramBuilder
from sdot.distributions.density import Density
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.distributions.mixture_kernel import MixtureDensityKernel
from sdot.solver.starts.entropic import EntropicTransport

TOL = 1e-6
LARGE = 1_000_000  # sites, from which one solve is enough
PARTS = (
    ("triangulation", DiagramBuilder, "build"),
    ("triangulation", DiagramBuilder, "update"),
    ("integrals", GridDensityKernel, "masses_and_edge_weights"),
    ("integrals", MixtureDensityKernel, "masses_and_edge_weights"),
    ("linear solve", sdot.solver.newton, "solve_laplacian"),
    ("start", EntropicTransport, "weights"),
)


def measure(case: str, count: int) -> dict[str, Any]:
    """Solve, and time a triangulation of the same sites after that."""
    positions = cases.sites(count, case)
    density = cases.density(case)
    memory_before = _peak_memory()
    plan, first, shares = _solve(positions, density)
    memory = _peak_memory() - memory_before
    repeats = 0 if count >= LARGE else 2
    others = [_solve(positions, cases.density(case))[1] for _ in range(repeats)]
    seconds = median([first, *others])
    triangulation = _triangulation_time(positions)
    return {
        "case": case,
        "n": count,
        "triangulation": triangulation,
        "seconds": seconds,
        "ratio": seconds / triangulation,
        "target": cases.RATIO_TARGETS.get((case, count)),
        "iterations": plan.status.iterations,
        "diagrams": plan.status.diagrams,
        "mass_error": plan.status.mass_error,
        "shares": shares,
        "bytes_per_site": memory / count,
    }


def _solve(positions: cases.Array, density: Density) -> tuple[OtPlan, float, dict[str, float]]:
    with _timed_parts() as parts:
        begin = time.perf_counter()
        plan = optimal_transport_plan(SumOfDiracs(positions), density, tol=TOL)
        seconds = time.perf_counter() - begin
    return plan, seconds, {name: parts[name] / seconds for name, _, _ in PARTS}


@contextmanager
def _timed_parts() -> Iterator[dict[str, float]]:
    spent: dict[str, float] = defaultdict(float)
    originals = [(owner, name, getattr(owner, name)) for _, owner, name in PARTS]
    for (part, _, _), (owner, name, original) in zip(PARTS, originals, strict=True):
        setattr(owner, name, _timed(original, part, spent))
    try:
        yield spent
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _timed(function: Callable[..., Any], part: str, spent: dict[str, float]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        before, begin = spent[part], time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            # From `before` on, so that what one of the functions calls is not counted twice.
            spent[part] = before + time.perf_counter() - begin

    return timed


def _triangulation_time(positions: cases.Array) -> float:
    def once() -> float:
        begin = time.perf_counter()
        DiagramArrays.build(positions, np.zeros(len(positions)), driver.execution)
        return time.perf_counter() - begin

    return median(once() for _ in range(5))


def _peak_memory() -> int:
    """Bytes; the system counts in kilobytes, except for macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
