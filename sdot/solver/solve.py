"""From sites, masses and a density to the optimal plan, in NumPy and in the caller's units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sdot.distributions.density import Density
from sdot.power_diagram import DiagramArrays
from sdot.solver.certificate import error_bound
from sdot.solver.clustered_start import clustered_weights
from sdot.solver.continuation import continued_newton
from sdot.solver.initial_weights import entropic_weights
from sdot.solver.newton import NewtonProgress, NewtonResult, damped_newton
from sdot.solver.problem import Evaluation, Normalisation, TransportProblem, normalise
from sdot.solver.warm_start import Memory
from sdot.validation import FloatArray, freeze

__all__ = ["Options", "Solution", "Status", "solve"]

_logger = logging.getLogger("sdot")

# Shares of its mass that the smallest cell must have: with the weights of an earlier solve, or in
# the Voronoi diagram, for it to be the start; in an entropic start, for Newton's method to go
# straight to the density from there.
_WARM_START = 0.05
_FAIR_START = 1e-3
_SOUND_START = 1e-3
# Bins per side of an entropic start for up to so many sites.
_BINS = ((60, 8), (1000, 16), (30_000, 32), (300_000, 64))
_MOST_BINS = 128
# Mass error to which clusters of sites are solved before the sites inside of them.
_MERGED_TOLERANCE = 1e-2
# A Newton iteration that stalls below this mass error has met rounding: no other way helps.
_ROUNDING = 1e-6
# Newton steps after which the quick ways are given up for the next one, and the last of them for
# the sure one.
_PATIENCE = 60
_MORE_PATIENCE = 200
# Bins of the last entropic starts. Around a support with notches and holes coarser ones leave cells
# where there is no mass.
_FINER_BINS = (64, 128)


@dataclass(frozen=True)
class Options:
    """How to solve; see `sdot.optimal_transport_plan`."""

    tol: float = 1e-8
    max_iterations: int = 2000
    callback: Callable[[NewtonProgress], None] | None = None
    warm_start: bool = False


@dataclass(frozen=True)
class Status:
    """How a solve ended.

    Attributes
    ----------
    converged : whether ``mass_error`` is at most the tolerance.
    mass_error : greatest error of a cell mass relative to its target, at the returned weights.
    iterations : Newton steps.
    diagrams : power diagrams built.
    message : what happened, and a remedy if it did not converge.
    """

    converged: bool
    mass_error: float
    iterations: int
    diagrams: int
    message: str


@dataclass(frozen=True, eq=False)
class Solution:
    """A plan in the caller's coordinates, as NumPy arrays."""

    value: float  # the dual value of W2^2
    primal_value: float
    positions: FloatArray
    masses: FloatArray
    barycenters: FloatArray
    cell_masses: FloatArray
    potentials: FloatArray
    status: Status
    error_bound: float
    diagram: DiagramArrays  # of the normalised sites
    normalisation: Normalisation

    @property
    def total_mass(self) -> float:
        """The mass transported."""
        return float(self.masses.sum())


def solve(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    options: Options,
    memories: Sequence[Memory] = (),
) -> Solution:
    """Compute the optimal plan; ``masses`` must sum to the density's total mass.

    With ``options.warm_start`` it starts from the first of the memories that has a solution.
    """
    problem, normalisation = normalise(positions, masses, density)
    predicted = _predicted(positions, memories) if options.warm_start else None
    if predicted is not None:
        predicted = normalisation.normalised_weights(predicted)
    result = _find_weights(problem, predicted, options)
    status = _status(result, options)
    _logger.info("%d sites: %s", len(positions), status.message)
    solution = _solution(problem, normalisation, result.evaluation, masses, status)
    if options.warm_start and status.converged:
        for memory in memories:
            memory.store(positions, solution.barycenters, solution.potentials)
    return solution


def _predicted(positions: FloatArray, memories: Sequence[Memory]) -> FloatArray | None:
    found = (memory.predict(positions) for memory in memories)
    return next((potentials for potentials in found if potentials is not None), None)


def _find_weights(
    problem: TransportProblem, predicted: FloatArray | None, options: Options
) -> NewtonResult:
    def report(progress: NewtonProgress) -> None:
        _logger.debug("%s", progress)
        if options.callback is not None:
            options.callback(progress)

    iterations = diagrams = 0
    results: list[NewtonResult] = []

    def attempt(method: Callable[..., NewtonResult], start: Any, limit: int) -> NewtonResult:
        nonlocal iterations, diagrams
        limit = min(limit, options.max_iterations - iterations)
        result = method(problem, start, options.tol, limit, report)
        iterations += result.iterations
        diagrams += result.diagrams
        results.append(replace(result, iterations=iterations, diagrams=diagrams))
        return results[-1]

    def is_final(result: NewtonResult) -> bool:
        return result.reached(options.tol) or result.mass_error < _ROUNDING

    start, diagrams = _start(problem, predicted)
    smallest = float((start.masses / problem.masses).min())
    if smallest >= _SOUND_START and is_final(result := attempt(damped_newton, start, _PATIENCE)):
        return result
    clustered = _clustered_start(problem, options)
    if clustered is not None and is_final(result := attempt(damped_newton, clustered, _PATIENCE)):
        return result
    if 0 < smallest < _SOUND_START and is_final(
        result := attempt(continued_newton, start.diagram, _PATIENCE)
    ):
        return result
    for finer in _finer_starts(problem):
        diagrams += 1
        if is_final(result := attempt(continued_newton, finer.diagram, _MORE_PATIENCE)):
            return result
    attempt(continued_newton, None, options.max_iterations)
    best = min(results, key=lambda result: result.mass_error)
    return replace(best, iterations=iterations, diagrams=diagrams)


def _clustered_start(problem: TransportProblem, options: Options) -> Evaluation | None:
    """A start that leaves no cell empty if the sites fall into clusters, else None."""
    merged_options = replace(options, tol=max(options.tol, _MERGED_TOLERANCE), callback=None)
    weights = clustered_weights(
        problem, lambda merged: _find_weights(merged, None, merged_options).evaluation
    )
    if weights is None:
        return None
    start = problem.evaluate(weights)
    return start if start.masses.min() > 0 else None


def _start(problem: TransportProblem, predicted: FloatArray | None) -> tuple[Evaluation, int]:
    """The predicted weights or the Voronoi diagram if fair to start from, else entropic ones."""
    diagrams = 0
    for weights, smallest in (
        (predicted, _WARM_START),
        (np.zeros(len(problem.sites)), _FAIR_START),
    ):
        if weights is None:
            continue
        start = problem.evaluate(weights)
        diagrams += 1
        if (start.masses / problem.masses).min() >= smallest:
            return start, diagrams
    coarse = _bins(len(problem.sites))
    for bins in (coarse, 2 * coarse):
        start = problem.evaluate(entropic_weights(problem, bins))
        diagrams += 1
        if (start.masses / problem.masses).min() >= _SOUND_START:
            break
    return start, diagrams


def _finer_starts(problem: TransportProblem) -> Iterator[Evaluation]:
    """Entropic starts from finer grids than `_start` has tried, if they leave no cell empty."""
    for bins in _FINER_BINS:
        if bins > 2 * _bins(len(problem.sites)):
            start = problem.evaluate(entropic_weights(problem, bins, exact=True))
            if start.masses.min() > 0:
                yield start


def _bins(count: int) -> int:
    """A finer start for more sites, at a cost in proportion to the rest of the solve."""
    return next((bins for limit, bins in _BINS if count <= limit), _MOST_BINS)


def _status(result: NewtonResult, options: Options) -> Status:
    reached = f"relative mass error {result.mass_error:.1e} after {result.iterations} Newton steps"
    if result.reached(options.tol):
        message = f"converged: {reached}"
    elif result.iterations >= options.max_iterations:
        message = f"stopped at max_iterations: {reached}; raise max_iterations or tol"
    else:
        message = (
            f"stalled: {reached}, more than tol={options.tol:.1e}; raise tol, or merge sites "
            "that are almost coincident"
        )
    return Status(
        result.reached(options.tol), result.mass_error, result.iterations, result.diagrams, message
    )


def _solution(
    problem: TransportProblem,
    normalisation: Normalisation,
    evaluation: Evaluation,
    masses: FloatArray,
    status: Status,
) -> Solution:
    total = float(masses.sum())
    positions = normalisation.positions
    cell_masses, barycenters, spreads = normalisation.moments(
        problem.kernel.moments(evaluation.diagram)
    )
    potentials = normalisation.potentials(evaluation.weights)
    potentials -= potentials @ masses / total
    filled = cell_masses > 0
    distances = ((positions - barycenters) ** 2).sum(axis=1)
    primal = total * float(spreads.sum() + (cell_masses * distances)[filled].sum())
    # Concave in the weights and maximal at the solution: its error is of second order in the
    # mass residual, while the primal cost of a plan with slightly wrong masses is of first.
    residual = masses - total * cell_masses
    return Solution(
        value=primal + float(residual @ potentials),
        primal_value=primal,
        positions=freeze(positions),
        masses=freeze(masses),
        barycenters=freeze(barycenters),
        cell_masses=freeze(total * cell_masses),
        potentials=freeze(potentials),
        status=status,
        error_bound=error_bound(positions, potentials, residual, primal, normalisation.met_box),
        diagram=evaluation.diagram,
        normalisation=normalisation,
    )
