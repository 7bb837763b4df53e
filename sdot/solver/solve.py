# SPDX-License-Identifier: GPL-3.0-or-later
"""From sites, masses and a density to the optimal plan, in NumPy and in the caller's units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.memory import Memory
from sdot.execution import SERIAL, Execution
from sdot.solver.budget import Budget, NewtonProgress
from sdot.solver.ladder import climb
from sdot.solver.massless import with_massless_sites
from sdot.solver.normalisation import normalise
from sdot.solver.polish import polished
from sdot.solver.solution import Solution, make_solution, make_status
from sdot.solver.torus import normalise_on_torus
from sdot.solver.warm_start import Remembered, predicted_potentials, remember
from sdot.validation import FloatArray

__all__ = ["Options", "solve"]

_logger = logging.getLogger("sdot")


@dataclass(frozen=True)
class Options:
    """How to solve; see `sdot.optimal_transport_plan`."""

    tol: float = 1e-8
    max_iterations: int = 2000
    callback: Callable[[NewtonProgress], None] | None = None
    warm_start: bool = False
    progress: bool = False  # shown by callers of the solver
    partial: bool = False  # whether the sites may have less mass than the density


def solve(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    options: Options,
    memories: Sequence[Memory] = (),
    *,
    execution: Execution = SERIAL,
) -> Solution:
    """Compute the optimal plan; ``masses`` must sum to the density's total mass.

    With ``options.warm_start`` it starts from the first of the memories that has a solution.
    """
    heavy = np.flatnonzero(masses)
    if len(heavy) < len(masses):
        found = solve(
            positions[heavy], masses[heavy], density, options, memories, execution=execution
        )
        return with_massless_sites(found, positions, heavy, density)
    budget = Budget(options.max_iterations, options.callback)
    make = normalise if density.torus is None else normalise_on_torus
    problem, normalisation = make(positions, masses, density, budget, execution)
    predicted = None
    if options.warm_start:
        predicted = predicted_potentials(positions, memories, density.torus)
    if predicted is not None:
        predicted = normalisation.normalised_weights(predicted)
    result = climb(problem, predicted, options.tol)
    evaluation, moments = polished(problem, result.evaluation, options.tol)
    status = make_status(problem.returned_error(moments), budget, options.tol)
    _logger.info("%d sites: %s", len(positions), status.message)
    solution = make_solution(
        problem, normalisation, evaluation.diagram, moments, masses, status=status
    )
    if options.warm_start and status.converged:
        remember(Remembered(positions, solution.barycenters, solution.potentials), memories)
    return solution
