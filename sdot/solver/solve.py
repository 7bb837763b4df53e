"""From sites, masses and a density to the optimal plan, in NumPy and in the caller's units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sdot.distributions.density import Density
from sdot.solver.clustered_start import clustered_weights
from sdot.solver.continuation import continued_newton, has_smoothings, smoothed_newton
from sdot.solver.initial_weights import EntropicTransport, has_sites_without_mass
from sdot.solver.joined_groups import joined_groups
from sdot.solver.newton import NewtonProgress, NewtonResult, damped_newton
from sdot.solver.problem import Evaluation, TransportProblem, normalise
from sdot.solver.solution import Solution, make_solution, make_status
from sdot.solver.warm_start import Memory
from sdot.validation import FloatArray

__all__ = ["Options", "solve"]

_logger = logging.getLogger("sdot")

# Shares of its mass that the smallest cell must have: with the weights of an earlier solve, or in
# the Voronoi diagram, for it to be the start; in an entropic start, for not trying a finer one, and
# for Newton's method to go straight to the density from there.
_WARM_START = 0.05
_FAIR_START = 1e-3
_FINE_START = 5e-3
_SOUND_START = 1e-3
# From so many sites on a diagram costs more than a look at the mass around each.
_MANY_SITES = 1000
# Bins per side of an entropic start for up to so many sites.
_BINS = ((60, 8), (1000, 16), (30_000, 32), (150_000, 64), (500_000, 128))
_MOST_BINS = 256
# Mass error to which clusters of sites are solved before the sites inside of them.
_MERGED_TOLERANCE = 1e-2
# A Newton iteration that stalls below this mass error has met rounding: no other way helps. So it
# has where all masses are right to this share of the whole, and the lightest to three digits.
_ROUNDING = 1e-6
_ROUNDED_MASS = 1e-15
_MOST_ROUNDING = 1e-3
# Newton steps after which the quick ways are given up for the next one, and the last of them for
# the sure one.
_PATIENCE = 60
# Times that groups of cells without mass between them are joined.
_JOINTS = 20
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
    status = make_status(result, options.tol, options.max_iterations)
    _logger.info("%d sites: %s", len(positions), status.message)
    solution = make_solution(problem, normalisation, result.evaluation, masses, status)
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
    attempts = _Attempts(problem, options)
    for method, start, patience in _ways(problem, predicted, options, attempts):
        if attempts.run(method, start, patience):
            break
    else:
        _join_groups(problem, attempts)
    return attempts.best()


# A way of solving: from a problem, a start, a tolerance, a limit of steps, and a reporter.
_Method = Callable[..., NewtonResult]


class _Attempts:
    """The ways tried so far, and what they cost together."""

    def __init__(self, problem: TransportProblem, options: Options) -> None:
        self._problem, self._options = problem, options
        self._results: list[NewtonResult] = []
        rounded = _ROUNDED_MASS / float(problem.masses.min())
        self._rounding = max(_ROUNDING, min(rounded, _MOST_ROUNDING))
        self.iterations = self.diagrams = 0

    def run(self, method: _Method, start: Any, patience: int) -> bool:
        """Try one way and tell whether no other one can do better."""
        tol = self._options.tol
        limit = min(patience, self._options.max_iterations - self.iterations)
        result = method(self._problem, start, tol, limit, self._report)
        self.iterations += result.iterations
        self.diagrams += result.diagrams
        self._results.append(result)
        return result.reached(tol) or result.mass_error < self._rounding

    @property
    def last(self) -> NewtonResult:
        return self._results[-1]

    def best(self) -> NewtonResult:
        """The result with the least mass error, with the cost of all of them."""
        best = min(self._results, key=lambda result: result.mass_error)
        return replace(best, iterations=self.iterations, diagrams=self.diagrams)

    def _report(self, progress: NewtonProgress) -> None:
        _logger.debug("%s", progress)
        if self._options.callback is not None:
            self._options.callback(progress)


def _ways(
    problem: TransportProblem,
    predicted: FloatArray | None,
    options: Options,
    attempts: _Attempts,
) -> Iterator[tuple[_Method, Any, int]]:
    """The ways to a solution, from the quickest to the surest, with their starts and patience."""
    entropic = EntropicTransport(problem, _bins(len(problem.sites)))
    start, diagrams = _start(problem, predicted, entropic)
    attempts.diagrams += diagrams
    smallest = start.smallest_share
    if smallest >= _SOUND_START:
        yield damped_newton, start, _PATIENCE
    clustered = _clustered_start(problem, options)
    if clustered is not None:
        yield damped_newton, clustered, _PATIENCE
    if 0 < smallest < _SOUND_START:
        yield continued_newton, start.diagram, _PATIENCE
    if has_smoothings(problem):
        yield smoothed_newton, None, _MORE_PATIENCE
    for finer in _finer_starts(problem, entropic):
        attempts.diagrams += 1
        yield continued_newton, finer.diagram, _MORE_PATIENCE
    yield continued_newton, None, options.max_iterations


def _join_groups(problem: TransportProblem, attempts: _Attempts) -> None:
    """Balance groups of cells that zeros of the density keep apart."""
    for _ in range(_JOINTS):
        joined = joined_groups(problem, attempts.last.evaluation)
        if joined is None or attempts.run(damped_newton, joined, _PATIENCE):
            break


def _clustered_start(problem: TransportProblem, options: Options) -> Evaluation | None:
    """A start that leaves no cell empty if the sites fall into clusters, else None."""
    merged_options = replace(options, tol=max(options.tol, _MERGED_TOLERANCE), callback=None)
    weights = clustered_weights(
        problem, lambda merged: _find_weights(merged, None, merged_options).evaluation
    )
    if weights is None:
        return None
    start = problem.evaluate(*weights)
    return start if start.masses.min() > 0 else None


def _start(
    problem: TransportProblem, predicted: FloatArray | None, entropic: EntropicTransport
) -> tuple[Evaluation, int]:
    """The predicted weights or the Voronoi diagram if fair to start from, else entropic ones."""
    coarse = _bins(len(problem.sites))
    candidates = [] if predicted is None else [(predicted, _WARM_START)]
    few = len(problem.sites) < _MANY_SITES
    if few or not has_sites_without_mass(problem, coarse // 2, _FAIR_START):
        candidates.append((np.zeros(len(problem.sites)), _FAIR_START))
    diagrams = 0
    for weights, smallest in candidates:
        start = problem.evaluate(weights)
        diagrams += 1
        if start.smallest_share >= smallest:
            return start, diagrams
    best, enough = problem.evaluate(entropic.weights(coarse)), _FINE_START
    diagrams += 1
    # Finer grids follow the density better, but sites in its tail can fare worse with them.
    for bins in (2 * coarse, coarse // 2):
        if best.smallest_share >= enough:
            break
        start = problem.evaluate(entropic.weights(bins))
        diagrams += 1
        enough = _SOUND_START
        if start.smallest_share > best.smallest_share:
            best = start
    return best, diagrams


def _finer_starts(problem: TransportProblem, entropic: EntropicTransport) -> Iterator[Evaluation]:
    """Entropic starts from finer grids than `_start` has tried, if they leave no cell empty."""
    for bins in _FINER_BINS:
        if bins > 2 * _bins(len(problem.sites)):
            start = problem.evaluate(entropic.weights(bins))
            if start.masses.min() > 0:
                yield start


def _bins(count: int) -> int:
    """A finer start for more sites, at a cost in proportion to the rest of the solve."""
    return next((bins for limit, bins in _BINS if count <= limit), _MOST_BINS)
