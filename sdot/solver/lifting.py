"""Densities lifted off zero by a uniform floor, for starts that leave cells empty.

With ``(1 - s) rho + s uniform`` every cell that meets the box has mass and every Newton matrix
is regular, so damped Newton converges. The floor is lowered in stages, each started from the
last. Once ``s`` is well below the smallest site's mass no cell can live on the floor alone, and
the density itself follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sdot.distributions.density import CellMoments, DensityKernel
from sdot.distributions.polynomial_grid import GridDensityKernel
from sdot.power_diagram import DiagramArrays
from sdot.solver.initial_weights import entropic_weights, shrunk_sites_weights
from sdot.solver.newton import NewtonProgress, NewtonResult, damped_newton
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray

__all__ = ["lifted_newton"]

_FIRST_LIFTS = (1e-3, 0.03, 0.5)  # tried in turn, until a start leaves no cell empty
_LOWERING = 10.0  # factor between stages
_LAST_LIFT = 1e-2  # in units of the smallest site mass
_STAGE_TOLERANCE = 0.3
_BINS = 32


class LiftedKernel:
    """``(1 - lift) * kernel + lift * uniform`` (see `DensityKernel`)."""

    def __init__(self, kernel: DensityKernel, lift: float) -> None:
        self._kernel, self._lift = kernel, lift
        low, high = kernel.box
        height = np.full((1, 1, 1, 1), 1.0 / np.prod(high - low))
        lines = [np.array([low[k], high[k]]) for k in range(2)]
        self._uniform = GridDensityKernel(lines[0], lines[1], height, True)

    @property
    def box(self) -> FloatArray:
        """The box of the kernel."""
        return self._kernel.box

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses and edge integrals of the mixture."""
        own = self._kernel.masses_and_edge_weights(diagram)
        uniform = self._uniform.masses_and_edge_weights(diagram)
        masses, edges = ((1 - self._lift) * a + self._lift * b for a, b in zip(own, uniform))
        return masses, edges

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments are never asked of a lifted density."""
        raise NotImplementedError

    def coarsened(self, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid."""
        return (1 - self._lift) * self._kernel.coarsened(count) + self._lift / count**2


def lifted_newton(
    problem: TransportProblem,
    tol: float,
    max_iterations: int,
    report: Callable[[NewtonProgress], None],
) -> NewtonResult:
    """Newton's method through densities with an ever lower floor, then the density itself."""
    iterations = diagrams = 0
    weights, first_lift = _lifted_start(problem)
    for lift in _lifts(first_lift, float(problem.masses.min())):
        stage = _lifted(problem, lift) if lift else problem
        result = damped_newton(
            stage,
            stage.evaluate(weights),
            _STAGE_TOLERANCE if lift else tol,
            max_iterations - iterations,
            report,
        )
        weights = result.evaluation.weights
        iterations += result.iterations
        diagrams += result.diagrams + 1
    return NewtonResult(result.evaluation, result.mass_error, iterations, diagrams)


def _lifted(problem: TransportProblem, lift: float) -> TransportProblem:
    return replace(problem, kernel=LiftedKernel(problem.kernel, lift))


def _lifted_start(problem: TransportProblem) -> tuple[FloatArray, float]:
    """Weights and a floor with which no cell is empty."""
    for lift in _FIRST_LIFTS:
        stage = _lifted(problem, lift)
        weights = entropic_weights(stage, _BINS, exact=True)
        if stage.evaluate(weights).masses.min() > 0:
            return weights, lift
    return shrunk_sites_weights(problem), 1.0


def _lifts(first: float, smallest_mass: float) -> Iterator[float]:
    lift = first
    while lift > _LAST_LIFT * smallest_mass:
        yield lift
        lift /= _LOWERING
    yield 0.0
