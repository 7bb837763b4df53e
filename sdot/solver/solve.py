"""From sites, masses and a density to the optimal plan, in NumPy and in the caller's units."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sdot.distributions.density import Density
from sdot.solver.continuation import continued_newton
from sdot.solver.initial_weights import entropic_weights
from sdot.solver.newton import NewtonProgress, NewtonResult, damped_newton
from sdot.solver.problem import Evaluation, Normalisation, TransportProblem, normalise
from sdot.validation import FloatArray

__all__ = ["Options", "Solution", "Status", "solve"]

_logger = logging.getLogger("sdot")

# A start is good enough for Newton's method when its smallest cell has this share of its mass.
_FAIR_START = 0.2


@dataclass(frozen=True)
class Options:
    """How to solve; see `sdot.optimal_transport_plan`."""

    tol: float = 1e-8
    max_iterations: int = 500
    callback: Callable[[NewtonProgress], None] | None = None


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


def solve(
    positions: FloatArray, masses: FloatArray, density: Density, options: Options
) -> Solution:
    """Compute the optimal plan; ``masses`` must sum to the density's total mass."""
    problem, normalisation = normalise(positions, masses, density)
    result = _find_weights(problem, options)
    status = _status(result, options)
    _logger.info("%d sites: %s", len(positions), status.message)
    return _solution(problem, normalisation, result.evaluation, masses, status)


def _find_weights(problem: TransportProblem, options: Options) -> NewtonResult:
    def report(progress: NewtonProgress) -> None:
        _logger.debug("%s", progress)
        if options.callback is not None:
            options.callback(progress)

    start, diagrams = _start(problem)
    if start.masses.min() > 0:
        result = damped_newton(problem, start, options.tol, options.max_iterations, report)
        if result.reached(options.tol):
            return _counted(result, 0, diagrams)
        spent = result.iterations
        diagrams += result.diagrams
    else:
        spent = 0
    result = continued_newton(problem, options.tol, options.max_iterations - spent, report)
    return _counted(result, spent, diagrams)


def _start(problem: TransportProblem) -> tuple[Evaluation, int]:
    """The Voronoi diagram if it is a fair start, else an entropic one."""
    voronoi = problem.evaluate(np.zeros(len(problem.sites)))
    if (voronoi.masses / problem.masses).min() >= _FAIR_START:
        return voronoi, 1
    return problem.evaluate(entropic_weights(problem, _bins(len(problem.sites)))), 2


def _bins(count: int) -> int:
    """A finer start for more sites, at a cost in proportion to the rest of the solve."""
    return 16 if count <= 1000 else 32 if count <= 30000 else 64


def _counted(result: NewtonResult, iterations: int, diagrams: int) -> NewtonResult:
    return NewtonResult(
        result.evaluation,
        result.mass_error,
        result.iterations + iterations,
        result.diagrams + diagrams,
    )


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
    dual = primal + float((masses - total * cell_masses) @ potentials)
    return Solution(
        dual, primal, positions, masses, barycenters, total * cell_masses, potentials, status
    )
