# SPDX-License-Identifier: GPL-3.0-or-later
"""From sites, masses below the density's, and the density to the optimal partial plan."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.distributions.density import CellMoments, Density, Frame
from sdot.distributions.disc_kernel import DiscKernel, cuts_discs
from sdot.distributions.memory import Memory
from sdot.execution import SERIAL, Execution
from sdot.solver.budget import Budget
from sdot.solver.normalisation import distinct_sites
from sdot.solver.partial.continuation import continued_partial_newton
from sdot.solver.partial.newton import newton_direction, partial_newton
from sdot.solver.partial.problem import PartialEvaluation, PartialProblem
from sdot.solver.partial.solution import (
    PartialNormalisation,
    PartialSolution,
    make_partial_solution,
)
from sdot.solver.partial.starts import entropic_start, quick_start
from sdot.solver.problem import Evaluation, Shares, builder_of
from sdot.solver.solution import make_status
from sdot.solver.solve import Options
from sdot.solver.warm_start import Remembered, predicted_potentials, remember
from sdot.validation import FloatArray

__all__ = ["solve_partial"]

_logger = logging.getLogger("sdot")

# Newton steps from a quick start and from an entropic one (log-normal masses of deviation 4 take 67
# with n = 400, 87 with n = 2000), and the mass error below which no other start helps.
_PATIENCE, _ENTROPIC_PATIENCE = 60, 200
_STALLED = 1e-6
# Steps from one rounding of the masses to another, and the error above which it is not rounding.
_LAST_STEPS = 3
_ROUNDING = 1e-3
_LAST_ACCURACY = 1e-6


def solve_partial(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    options: Options,
    memories: Sequence[Memory] = (),
    *,
    execution: Execution = SERIAL,
) -> PartialSolution:
    """Compute the optimal partial plan; ``masses`` must sum to less than the density's."""
    if not masses.all():
        raise ValueError(
            "partial: expected sites that all have mass, not weights of zero; leave those out"
        )
    budget = Budget(options.max_iterations, options.callback)
    budget.way = "partial"
    problem, normalisation = _normalise(positions, masses, density, budget, execution)
    predicted = predicted_potentials(positions, memories) if options.warm_start else None
    if predicted is not None:
        predicted = normalisation.normalised_weights(predicted)
    found = _best(problem, predicted, options.tol)
    found, moments = _polished(problem, found, options.tol)
    status = make_status(problem.returned_error(moments), budget, options.tol)
    _logger.info("%d sites, partial: %s", len(positions), status.message)
    solution = make_partial_solution(
        problem,
        normalisation,
        found.diagram,
        moments,
        masses,
        status=status,
        density_mass=density.total_mass,
    )
    if options.warm_start and status.converged:
        remember(Remembered(positions, solution.barycenters, solution.potentials), memories)
    return solution


def _best(problem: PartialProblem, predicted: FloatArray | None, tol: float) -> PartialEvaluation:
    """Newton's method from a quick start, then from an entropic one, and last by continuation."""
    budget, enough = problem.budget, max(tol, _STALLED)
    results: list[Evaluation] = []
    for start, patience in _starts(problem, predicted):
        results.append(partial_newton(problem, start, tol, budget.until(patience)).best)
        if results[-1].mass_error <= enough or budget.is_spent:
            break
    else:
        results.append(continued_partial_newton(problem, tol).best)
    found = min(results, key=lambda evaluation: evaluation.mass_error)
    assert isinstance(found, PartialEvaluation)
    return found


def _starts(
    problem: PartialProblem, predicted: FloatArray | None
) -> Iterator[tuple[PartialEvaluation, int]]:
    """Starts, where there are any, and how many steps to take from each."""
    quick = quick_start(problem, predicted)
    if quick is not None:
        yield quick, _PATIENCE
    entropic = entropic_start(problem)
    if entropic is not None:
        yield entropic, _ENTROPIC_PATIENCE


def _disc_kernel(density: Density, frame: Frame, execution: Execution) -> DiscKernel:
    """The density's integrals, of cells cut by discs too; refuse densities without them."""
    kernel = density.kernel(frame, execution)
    if cuts_discs(kernel):
        return kernel
    raise ValueError(
        f"partial: expected a density that discs can cut, not {type(density).__name__}: a Box, "
        "Polygon, Mesh, PolynomialGrid or SplineGrid, or a sum or restriction of these; tabulate "
        "others on a PolynomialGrid"
    )


def _normalise(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    budget: Budget,
    execution: Execution,
) -> tuple[PartialProblem, PartialNormalisation]:
    """Merge coincident sites, choose coordinates in which discs stay discs, sort the sites."""
    box = density.essential_box(0.0)
    scale = np.full(2, (box[1] - box[0]).max())
    frame = Frame(box[0], scale)
    kernel = _disc_kernel(density, frame, execution)
    distinct, site_of = distinct_sites(frame.apply(positions))
    order = hilbert_order(distinct)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    site_of = rank[site_of]
    merged = np.bincount(site_of, weights=masses, minlength=len(order))
    share = masses / merged[site_of]
    sites = np.ascontiguousarray(distinct[order])
    problem = PartialProblem(
        sites,
        merged / density.total_mass,
        kernel,
        builder_of(sites, None, budget, execution),
        budget,
        execution,
        shares=Shares(masses, site_of, share, density.total_mass),
    )
    normalisation = PartialNormalisation(
        positions, box, frame, frame.origin, float(1.0 / scale[0] ** 2), site_of, share
    )
    return problem, normalisation


def _polished(
    problem: PartialProblem, evaluation: PartialEvaluation, tol: float
) -> tuple[PartialEvaluation, CellMoments]:
    """Take the last steps on the masses that are returned; see `solver/polish.py`."""
    moments, budget = problem.moments(evaluation.diagram), problem.budget
    if evaluation.mass_error > max(tol, _ROUNDING):
        return evaluation, moments
    for _ in range(_LAST_STEPS):
        error = problem.returned_error(moments)
        if error <= tol or budget.is_spent:
            break
        returned = PartialEvaluation(
            evaluation.diagram,
            moments.masses,
            evaluation.edge_weights,
            problem.masses,
            evaluation.arc_weights,
        )
        step = newton_direction(problem, returned, _LAST_ACCURACY)
        following = problem.stepped(evaluation, step)
        assert following is not None
        found = problem.moments(following.diagram)
        found_error = problem.returned_error(found)
        budget.note_error(found_error)
        budget.count_step(float((found.masses / problem.masses).min()), 1.0)
        if found_error >= error:
            break
        evaluation, moments = following, found
    return evaluation, moments
