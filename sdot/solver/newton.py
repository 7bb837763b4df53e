# SPDX-License-Identifier: GPL-3.0-or-later
"""Damped Newton for the mass equations rho(C_i(w)) = m_i.

Kitagawa, Merigot and Thibert, Convergence of a Newton algorithm for semi-discrete optimal
transport, J. Eur. Math. Soc. 21 (2019): solve L d = m - rho(C(w)), and take the longest step
2^-k d that keeps every cell mass above a floor and shrinks the residual by 1 - step / 2. A cell
must also keep a tenth of what it has: else those with large targets shrink to the floor of those
with small ones, and are long in growing back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sdot.solver.budget import NewtonProgress
from sdot.solver.linear_system import solve_laplacian
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.validation import FloatArray

__all__ = ["NewtonProgress", "NewtonResult", "damped_newton"]

# Shares of its mass that a cell must keep in a step, and that each has throughout of the least one
# at the start or of the least target.
# Without the first, masses of a ratio of 1e8 took 879 steps for 47.
_KEPT = 0.1
_FLOOR = 1e-3
# A frontier that crosses a void may have to stop at a step of 2**-30, where it meets mass; from
# there on steps are as long as others.
_SHORTEST_STEP = 2.0**-50
# Longer steps are halved without a look if the triangulation cannot be repaired: nearly always a
# site has lost its cell.
_SMALL_STEP = 2.0**-5
# An edge that passes this share of the lightest mass, if weights change by the square of the box's
# side, joins no groups of cells.
_LIGHT_EDGE = 1e-6
# Relative residuals of the linear solves, far from the solution and close to it.
_COARSEST_ACCURACY = 0.1
_FINEST_ACCURACY = 1e-6
# After a step shorter than one of these the system is solved again with at least that accuracy.
_CAREFUL_ACCURACIES = ((2.0**-4, 1e-2), (2.0**-8, 1e-4))  # of equal masses
_MOST_CAREFUL_ACCURACY = 1e-4


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Where Newton's method stopped, and what that has cost."""

    evaluation: Evaluation
    best: Evaluation  # of all the steps
    iterations: int
    diagrams: int

    @property
    def mass_error(self) -> float:
        """The mass error where it stopped."""
        return self.evaluation.mass_error

    @property
    def least_error(self) -> float:
        """The least mass error of all the steps."""
        return self.best.mass_error

    def reached(self, tol: float) -> bool:
        """Whether the mass error is at most the tolerance."""
        return self.mass_error <= tol


def damped_newton(
    problem: TransportProblem, start: Evaluation, tol: float, until: int
) -> NewtonResult:
    """Iterate until the mass error is at most ``tol``, no step is left, or time is up.

    That is when the problem's budget has counted ``until`` steps.
    """
    budget = problem.budget
    begin = budget.iterations, budget.diagrams
    current = best = start
    problem.note(start, tol)
    floor = _FLOOR * min(float(start.masses.min()), problem.least_mass)
    step, accuracy, lightest = 1.0, _COARSEST_ACCURACY, 0.0
    while current.mass_error > tol and budget.iterations < until:
        # What the masses lack in total is rounding: every site takes its share of it.
        right_side = current.residual - problem.masses * current.residual.sum()
        direction = solve_laplacian(
            current.diagram.edge_sites,
            _of_weight(current.edge_weights, lightest),
            right_side,
            accuracy,
            problem.execution,
        )
        step, following = _longest_step(
            problem, current, direction, floor, tol=tol, first=min(1, 4 * step)
        )
        careful = _careful_accuracy(problem, step)
        if accuracy > careful:
            # The linear residual may be small overall and yet push the smallest cells the wrong
            # way, on to the floor: solve better and try again.
            step, accuracy = 0.25, careful
            continue
        if following is None:
            if lightest > 0 or not _has_light_edges(problem, current):
                break
            # They cannot carry a mass that counts, and yet push whole groups of cells about.
            step, lightest = 0.25, _light(problem)
            continue
        accuracy = min(careful, _linear_accuracy(current, following, tol))
        current = following
        best = min(best, current, key=lambda evaluation: evaluation.mass_error)
        problem.note(current, tol)
        budget.count_step(current.smallest_share, step)
    iterations, diagrams = budget.iterations - begin[0], budget.diagrams - begin[1]
    return NewtonResult(current, best, iterations, diagrams)


def _light(problem: TransportProblem) -> float:
    return _LIGHT_EDGE * problem.least_mass


def _has_light_edges(problem: TransportProblem, evaluation: Evaluation) -> bool:
    weights = evaluation.edge_weights
    return bool(((weights > 0) & (weights < _light(problem))).any())


def _of_weight(edge_weights: FloatArray, lightest: float) -> FloatArray:
    """The weights of edges, without those below the lightest."""
    if lightest == 0:
        return edge_weights
    return np.where(edge_weights < lightest, 0.0, edge_weights)


def _careful_accuracy(problem: TransportProblem, step: float) -> float:
    """The accuracy below which a step of this length is not for want of a better solution.

    The less a small mass counts in the residual's norm, the better that must be.
    """
    careful = [accuracy for shorter, accuracy in _CAREFUL_ACCURACIES if step < shorter]
    if not careful:
        return _COARSEST_ACCURACY
    smallest = problem.least_mass * len(problem.masses)
    return max(_MOST_CAREFUL_ACCURACY, min(careful) * math.sqrt(smallest))


def _linear_accuracy(previous: Evaluation, current: Evaluation, tol: float) -> float:
    """How well to solve the next linear system (Eisenstat and Walker, SISC 17, 1996, choice 2).

    Loosely far from the solution, where the linear model is poor, and never better than the
    tolerance of the whole solve can use.
    """
    reduction = current.residual_norm / previous.residual_norm
    needed = 0.1 * tol / max(current.mass_error, tol)
    return min(_COARSEST_ACCURACY, max(0.5 * reduction**2, needed, _FINEST_ACCURACY))


def _longest_step(
    problem: TransportProblem,
    current: Evaluation,
    direction: FloatArray,
    floor: float,
    *,
    tol: float,
    first: float,
) -> tuple[float, Evaluation | None]:
    step = first
    while step >= _SHORTEST_STEP:
        trial = problem.moved(current, step * direction, rebuild=step < _SMALL_STEP)
        if trial is None:
            step /= 2
            continue
        shrunk = trial.residual_norm <= (1 - step / 2) * current.residual_norm
        # At the level of rounding the residual's norm need not shrink any more.
        done = trial.mass_error <= tol
        kept = (trial.masses > np.maximum(_KEPT * current.masses, floor)).all()
        if done or (shrunk and kept):
            return step, trial
        step /= 2
    return 0.0, None
