"""Measure the stippling of a photograph: ``python measure_stippling.py``.

65,536 dots of equal ink for a photograph of 1024 x 1024, by `quantize`, and by as many steps of
Lloyd's iteration, by hand, as stippling is usually given. The first must not have a greater energy.
"""

from __future__ import annotations

import json
import time
from typing import Any

import cases
import numpy as np

from sdot import PolynomialGrid, SumOfDiracs, distance, driver, optimal_transport_plan, quantize

DOTS, STEPS = 65_536, 26


def photograph() -> PolynomialGrid:
    """The portrait that the other benchmarks use, 512 x 512 of it, each pixel a square of four."""
    grey = cases.photograph()[:512, :512].mean(axis=2)
    return PolynomialGrid.from_image(np.kron(grey / 256, np.ones((2, 2))), invert=True)


def by_quantize(density: PolynomialGrid) -> tuple[float, SumOfDiracs]:
    """Seconds and dots."""
    begin = time.perf_counter()
    dots = quantize(density, DOTS)
    return time.perf_counter() - begin, dots


def by_lloyd(density: PolynomialGrid) -> tuple[float, SumOfDiracs]:
    """Seconds and dots; from random points, with masses right to 1e-4."""
    begin = time.perf_counter()
    sites = density.sample(DOTS, 0)
    for _ in range(STEPS):
        plan = optimal_transport_plan(SumOfDiracs(sites), density, tol=1e-4, warm_start=True)
        sites = plan.barycenters
    return time.perf_counter() - begin, SumOfDiracs(sites)


def measure() -> list[dict[str, Any]]:
    """Rows of name, seconds and target."""
    driver.framework = "numpy"
    rows, energies = [], []
    for method, name, target in (
        (by_quantize, "65,536 dots for a photograph of 1024 x 1024", cases.STIPPLING_TARGET),
        (by_lloyd, f"the same by {STEPS} steps of Lloyd's iteration", None),
    ):
        density = photograph()
        seconds, dots = method(density)
        rows.append({"name": name, "seconds": seconds, "target": target})
        energies.append(float(distance(dots, density, tol=1e-4)))
    if energies[0] > energies[1]:
        raise RuntimeError(f"expected no more than Lloyd's energy {energies[1]}, not {energies[0]}")
    return rows


if __name__ == "__main__":
    print(json.dumps(measure()))
