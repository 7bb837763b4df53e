# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a difficult density through easier ones: averages of it over boxes.

Between two densities of the sequence a mixture is solved first, with as large a share of the
next as leaves every cell a tenth of its mass: so each stage starts where damped Newton is
proved to converge, and the share left of the one before shrinks at least twofold per stage.
Once that share is well below the smallest site's mass no cell can live on it alone. From the
Voronoi diagram of sites shrunk into the box, through the uniform density and ever finer
averages, all of them with a share of the uniform one that is let go of in the end, this is slow
but sure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import DensityKernel
from sdot.distributions.derived_kernels import averaged_kernel, mixed_kernel
from sdot.solver.newton import NewtonResult, damped_newton
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.starts.clustered import clustered_start
from sdot.solver.starts.shrunk import shrunk_sites_weights

__all__ = ["continued_newton"]

# Boxes per side; from here on the share of the density grows by itself.
_FINEST_AVERAGE = 64
# Least cell mass at the start of a stage, relative to its target.
_SMALLEST_CELL = 0.1
_NEGLIGIBLE_SHARE = 1e-2  # of the density before, in units of the smallest site mass
_SMALLEST_SHARE = 1e-2  # in units of the mass that the tolerance leaves open
_STAGE_TOLERANCE = 0.3  # places the cells for the next stage; exactness would be lost there
# Share of the uniform density in the others: some pairs of far pixels, whose groups of cells it
# ties, fail without it. It shrinks tenfold at most: groups have to be balanced to what is left.
_TIE = 0.1
_LOOSENING = 0.1
_SLOWEST = 0.95  # factor between any shares past which they are given up
_STAGE_PATIENCE = 300  # Newton steps for a stage
# Mass error to which stages are solved, relative to that share, and the least one.
_BALANCE = 0.1
_FINEST_BALANCE = 1e-9
_MERGED_ITERATIONS = 100  # for the uniform density


def continued_newton(
    problem: TransportProblem, start: None, tol: float, until: int
) -> NewtonResult:
    """Newton's method through averaged densities to the density itself, from its own start."""
    stages, averages = _Stages(problem, until), [*_averaged_kernels(problem)]
    stages.solve(averages[0], _STAGE_TOLERANCE)
    return stages.through(averages, tol)


class _Stages:
    """The diagram that goes from one density to the next, and what it has cost."""

    def __init__(self, problem: TransportProblem, until: int) -> None:
        self._problem, self._until = problem, until
        self._begin = problem.budget.iterations, problem.budget.diagrams
        self._uniform = _averaged_kernel(problem, 1)
        self._diagram = _start_for_uniform(problem.as_stage(self._uniform)).diagram

    def through(self, easier: list[DensityKernel], tol: float) -> NewtonResult:
        """Go through easier densities, with a share of the uniform one, to the problem's own."""
        kernels = [*easier, self._problem.kernel]
        tied = (self._tied(kernel, _TIE) for kernel in kernels)
        for before, after in itertools.pairwise(tied):
            self._pass_over(before, after)
        self._loosen(_TIE)
        return self._finish(tol)

    def solve(self, kernel: DensityKernel, tol: float, patience: int | None = None) -> NewtonResult:
        """Go on to the solution for one density."""
        problem = self._problem
        stage = problem if kernel is problem.kernel else problem.as_stage(kernel)
        start = stage.integrate(self._diagram)
        until = self._until
        if patience is not None:
            until = min(until, problem.budget.until(patience))
        result = damped_newton(stage, start, tol, until)
        self._diagram = result.evaluation.diagram
        return result

    def _tied(self, kernel: DensityKernel, share: float) -> DensityKernel:
        """The density with a share of the uniform one."""
        return mixed_kernel(self._uniform, kernel, 1 - share) if share > 0 else kernel

    def _pass_over(self, before: DensityKernel, after: DensityKernel) -> None:
        """Go from one density to another."""

        def proposal(left: float) -> float:
            return min(_needed_share(self._problem, before, after, self._diagram), 0.5 * left)

        def stage(left: float) -> bool:
            return self._reached(mixed_kernel(before, after, 1 - left), _STAGE_TOLERANCE)

        self._let_go(1.0, proposal, stage)
        if after is not self._problem.kernel:
            self.solve(after, _STAGE_TOLERANCE)

    def _loosen(self, tie: float) -> None:
        """Let the share of the uniform density go to zero.

        Zeros of the density can cut the cells into groups that exchange no mass but what is
        uniform. So each stage has to balance them to well below that.
        """
        kernel = self._problem.kernel

        def proposal(tie: float) -> float:
            needed = _needed_share(self._problem, self._uniform, kernel, self._diagram)
            return float(np.clip(needed, _LOOSENING * tie, 0.5 * tie))

        def stage(tie: float) -> bool:
            tol = float(np.clip(_BALANCE * tie, _FINEST_BALANCE, _STAGE_TOLERANCE))
            return self._reached(self._tied(kernel, tie), tol)

        self._let_go(tie, proposal, stage)

    def _let_go(
        self, share: float, proposal: Callable[[float], float], stage: Callable[[float], bool]
    ) -> None:
        """Lower the share of an easier density; where that fails, by less."""
        smallest = _NEGLIGIBLE_SHARE * float(self._problem.masses.min())
        while share > smallest and not self._time_is_up:
            following = proposal(share)
            if following <= 0:
                return
            while not stage(following):
                following = math.sqrt(following * share)
                if following > _SLOWEST * share or self._time_is_up:
                    return
            share = following

    def _reached(self, kernel: DensityKernel, tol: float) -> bool:
        """Try a stage, and stay where it was if that does not succeed."""
        diagram = self._diagram
        reached = self.solve(kernel, tol, _STAGE_PATIENCE).reached(_STAGE_TOLERANCE)
        if not reached:
            self._diagram = diagram
        return reached

    def _finish(self, tol: float) -> NewtonResult:
        """Solve the problem itself, where need be from mixtures that are ever closer to it."""
        left = _NEGLIGIBLE_SHARE * float(self._problem.masses.min())
        lowest = _SMALLEST_SHARE * tol * float(self._problem.masses.min())
        results: list[NewtonResult] = []
        while True:
            mixture_diagram = self._diagram
            results.append(self.solve(self._problem.kernel, tol))
            left /= 10
            if results[-1].reached(tol) or left < lowest or self._time_is_up:
                return self._combined(results)
            self._diagram = mixture_diagram
            mixture = self.solve(self._tied(self._problem.kernel, left), max(1e-3, tol))
            if not mixture.reached(_STAGE_TOLERANCE):
                return self._combined(results)

    @property
    def _time_is_up(self) -> bool:
        return self._problem.budget.iterations >= self._until

    def _combined(self, results: list[NewtonResult]) -> NewtonResult:
        """The last of the results, and the best evaluation of all of them."""
        best = min(results, key=lambda result: result.least_error).best
        budget, (iterations, diagrams) = self._problem.budget, self._begin
        return NewtonResult(
            results[-1].evaluation,
            best,
            budget.iterations - iterations,
            budget.diagrams - diagrams,
        )


def _start_for_uniform(problem: TransportProblem) -> Evaluation:
    """Cells that are not empty for a uniform density, cluster by cluster if need be.

    On a torus those of the Voronoi diagram.
    """
    if problem.torus is not None:
        return problem.evaluate(np.zeros(len(problem.sites)))

    def solve_merged(merged: TransportProblem) -> Evaluation:
        start, until = _start_for_uniform(merged), merged.budget.until(_MERGED_ITERATIONS)
        return damped_newton(merged, start, _STAGE_TOLERANCE, until).evaluation

    start = clustered_start(problem, solve_merged)
    return problem.evaluate(shrunk_sites_weights(problem)) if start is None else start


def _averaged_kernels(problem: TransportProblem) -> Iterator[DensityKernel]:
    boxes = 1
    while boxes <= _FINEST_AVERAGE:
        yield _averaged_kernel(problem, boxes)
        boxes *= 2


def _averaged_kernel(problem: TransportProblem, boxes: int) -> DensityKernel:
    periodic = problem.torus is not None
    return averaged_kernel(problem.kernel, boxes, problem.execution, periodic=periodic)


def _needed_share(
    problem: TransportProblem, before: DensityKernel, after: DensityKernel, diagram: DiagramArrays
) -> float:
    """Least share of the density before with which no cell is too small; 0 if none is needed."""
    first = before.masses_and_edge_weights(diagram)[0] / problem.masses
    second = after.masses_and_edge_weights(diagram)[0] / problem.masses
    smallest = min(_SMALLEST_CELL, 0.5 * first.min())
    short = second < smallest
    if not short.any():
        return 0.0
    if smallest <= 0:  # the stage before has not converged
        return 1.0
    gain = np.maximum(first[short] - second[short], 0.5 * smallest)
    return float(((smallest - second[short]) / gain).max())
