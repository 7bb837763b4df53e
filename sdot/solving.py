# SPDX-License-Identifier: GPL-3.0-or-later
"""From the caller's arguments to a solution: the checks at the door, and the call of the solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.execution import SERIAL
from sdot.frameworks import framework_of, refuse_recording
from sdot.plan import OtPlan
from sdot.progress import check_progress, reporting
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap
from sdot.solver.newton import NewtonProgress
from sdot.solver.partial.solve import solve_partial
from sdot.solver.solution import Solution
from sdot.solver.solve import Options, solve
from sdot.validation import FloatArray, check_iterations, check_tolerance

__all__ = [
    "check_converged",
    "check_masses",
    "check_options",
    "map_of",
    "ordered_pair",
    "solve_numpy",
    "solve_or_raise",
]

_SAME_MASS = 1e-6  # relative; below it the Diracs are scaled to the density's mass


def ordered_pair(f: Any, g: Any) -> tuple[SumOfDiracs, Density]:
    """Return the Diracs and the density of a pair in either order."""
    if isinstance(g, SumOfDiracs):
        f, g = g, f
    if not isinstance(f, SumOfDiracs) or not isinstance(g, Density):
        raise TypeError(
            "expected a SumOfDiracs and a density such as PolynomialGrid, "
            f"not {type(f).__name__} and {type(g).__name__}{_same_kind(f, g)}{_wrapping(f, g)}"
        )
    refuse_recording(*f.arrays, *g.arrays)
    return f, g


def _same_kind(f: Any, g: Any) -> str:
    """Return what to do with two of a kind."""
    if isinstance(f, SumOfDiracs) and isinstance(g, SumOfDiracs):
        return (
            "; make one of them a density, such as SumOfGaussians(points, variances), or assign "
            "the points by scipy.optimize.linear_sum_assignment"
        )
    if isinstance(f, Density) and isinstance(g, Density):
        return (
            "; quantize one of them, as in distance(quantize(f, 1000), g), or bound their distance "
            "by distance_bounds(f, g)"
        )
    return ""


def _wrapping(f: Any, g: Any) -> str:
    """Return what to do with arrays that are meant to be Diracs or a density."""
    wrappers = [_wrapper(x) for x in (f, g) if isinstance(x, list) or framework_of(x) is not None]
    return f"; wrap arrays: {' and '.join(sorted(set(wrappers)))}" if wrappers else ""


def _wrapper(array: Any) -> str:
    is_points = isinstance(array, list) or np.shape(array)[-1:] == (2,)
    return "SumOfDiracs(points)" if is_points else "PolynomialGrid(values)"


def check_options(
    tol: Any,
    max_iterations: Any,
    warm_start: Any,
    callback: Callable[[NewtonProgress], None] | None = None,
    progress: Any = False,
    *,
    partial: Any = False,
) -> Options:
    """Return the options of a solve, checked."""
    if not isinstance(warm_start, bool):
        raise TypeError(f"warm_start: expected True or False, not {warm_start!r}")
    if not isinstance(partial, bool):
        raise TypeError(f"partial: expected True or False, not {partial!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function of one argument, not {callback!r}")
    check_progress(progress)
    limits = check_tolerance(tol), check_iterations(max_iterations)
    return Options(*limits, callback, warm_start, progress, partial)


def check_masses(diracs: SumOfDiracs, density: Density, partial: bool = False) -> None:
    """Refuse Diracs and a density of unlike total mass, or Diracs of more if a part will do."""
    total = density.total_mass
    if partial:
        _check_partial(diracs, density)
    elif not _of_same_mass(diracs, density):
        less = ", or partial=True to use a part of the density" if diracs.mass < total else ""
        raise ValueError(
            "expected Diracs and a density of the same total mass, not "
            f"{diracs.mass:g} and {total:g}; give both the same mass={less}"
        )


def _of_same_mass(diracs: SumOfDiracs, density: Density) -> bool:
    total = density.total_mass
    return abs(diracs.mass - total) <= _SAME_MASS * total


def _check_partial(diracs: SumOfDiracs, density: Density) -> None:
    """Refuse what cannot be transported in part."""
    if density.torus is not None:
        raise ValueError(
            "partial: expected a density in the plane, not a periodic one; make it without periodic"
        )
    if diracs.mass > density.total_mass and not _of_same_mass(diracs, density):
        raise ValueError(
            f"partial: expected Diracs of no more mass than the density, not {diracs.mass:g} and "
            f"{density.total_mass:g}; give them a smaller mass="
        )


def map_of(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    result: ResultFormat,
    moving: Sequence[int],
) -> SolutionMap:
    """Return the transport as a function of those of the arrays that move."""
    if density.has_values and not diracs.has_values:  # later nothing can be raised
        check_masses(diracs, density.snapshot, options.partial)
    return SolutionMap(diracs, density, options, result, moving=moving, solve=solve_or_raise)


def solve_or_raise(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    result: ResultFormat,
    place: tuple[int, ...] | None = None,
) -> Solution:
    """Solve, and raise `ConvergenceError` with the plan attached unless it converged."""
    return check_converged(solve_numpy(diracs, density, options, place), density, result)


def solve_numpy(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    place: tuple[int, ...] | None = None,
) -> Solution:
    """Solve for Diracs and a density whose arrays have values, and are snapshots.

    ``place``: in a batch, of which others are solved meanwhile. It has memories of its own there.
    """
    check_masses(diracs, density, options.partial)
    uses_part = options.partial and not _of_same_mass(diracs, density)
    positions = diracs.numpy_positions
    masses = _masses(diracs, diracs.mass if uses_part else density.total_mass)
    memories = [density.memory, diracs.memory] if options.warm_start else []
    execution = driver.execution
    if place is not None:
        memories, execution = [memory.of_element(place) for memory in memories], SERIAL
    with reporting(options.callback, options.progress and place is None) as report:
        told = replace(options, callback=report)
        method = solve_partial if uses_part else solve
        return method(positions, masses, density, told, memories, execution=execution)


def _masses(diracs: SumOfDiracs, total: float) -> FloatArray:
    """The masses (n,) of the Diracs, of this total."""
    weights = diracs.numpy_weights
    masses: FloatArray = np.ones(len(diracs)) if weights is None else weights
    return np.asarray(masses * (total / masses.sum()))


def check_converged(solution: Solution, density: Density, result: ResultFormat) -> Solution:
    """Raise `ConvergenceError`, with the plan attached, unless the solver converged."""
    if not solution.status.converged:
        plan = OtPlan(solution.status, solution, density, result)
        raise ConvergenceError(f"optimal transport {solution.status.message}", plan)
    return solution
