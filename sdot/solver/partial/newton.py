# SPDX-License-Identifier: GPL-3.0-or-later
"""Damped Newton for the mass equations of partial transport.

As without discs (`solver/newton.py`; Kitagawa, Merigot and Thibert, 2019): take the longest step
2**-k of Newton's direction that keeps every cell, and what is unused, above a floor and a tenth of
what they have, and that shrinks the residual by 1 - step / 2.

What is unused is one more node of the graph, joined by its arc to every cell that has one. So the
system is a weighted graph Laplacian again, of n + 1 nodes, and the weights of the sites are as seen
from that node, of which the weight is zero.
"""

from __future__ import annotations

import numpy as np
import scipy

from sdot.diagrams import IndexArray
from sdot.solver.linear_system import solve_laplacian
from sdot.solver.newton import NewtonResult
from sdot.solver.partial.problem import PartialEvaluation, PartialProblem
from sdot.validation import FloatArray

__all__ = ["newton_direction", "partial_newton"]

# See `solver/newton.py`.
_KEPT = 0.1
_FLOOR = 1e-3
_SHORTEST_STEP = 2.0**-50
_SMALL_STEP = 2.0**-5
_COARSEST_ACCURACY = 0.1
_FINEST_ACCURACY = 1e-6
_CAREFUL_ACCURACY = 1e-4
# Where cells have no arcs and too much or too little mass, their discs grow or shrink by this share
# in a step.
_PART = 0.5


def partial_newton(
    problem: PartialProblem, start: PartialEvaluation, tol: float, until: int
) -> NewtonResult:
    """Iterate until the mass error is at most ``tol``, no step is left, or time is up."""
    budget = problem.budget
    begin = budget.iterations, budget.diagrams
    current = best = start
    _note(problem, current)
    floor = _FLOOR * min(float(start.masses.min()), problem.least_mass)
    step, accuracy = 1.0, _COARSEST_ACCURACY
    while current.mass_error > tol and budget.iterations < until:
        direction = newton_direction(problem, current, accuracy)
        step, following = _longest_step(
            problem, current, direction, floor, tol=tol, first=min(1, 4 * step)
        )
        if step < _SMALL_STEP and accuracy > _CAREFUL_ACCURACY:
            # A linear residual may be small overall and large for the smallest cells.
            step, accuracy = 0.25, _CAREFUL_ACCURACY
            continue
        if following is None:
            break
        accuracy = _linear_accuracy(current, following, tol)
        current = following
        best = min(best, current, key=lambda evaluation: evaluation.mass_error)
        _note(problem, current)
        budget.count_step(current.smallest_share, step)
    iterations, diagrams = budget.iterations - begin[0], budget.diagrams - begin[1]
    return NewtonResult(current, best, iterations, diagrams)


def _note(problem: PartialProblem, evaluation: PartialEvaluation) -> None:
    if not problem.is_stage:
        problem.budget.note_error(evaluation.mass_error)


def newton_direction(
    problem: PartialProblem, evaluation: PartialEvaluation, accuracy: float
) -> FloatArray:
    """Solve the Newton system: how the weights should change (n,)."""
    count = len(problem.masses)
    arcs = np.flatnonzero(evaluation.arc_weights > 0).astype(np.int32)
    spokes = np.stack([arcs, np.full(len(arcs), count, dtype=np.int32)], axis=1)
    edges = np.concatenate([evaluation.diagram.edge_sites, spokes])
    weights = np.concatenate([evaluation.edge_weights, evaluation.arc_weights[arcs]])
    residual = evaluation.residual
    right_side = np.append(residual, -residual.sum())
    solution = solve_laplacian(edges, weights, right_side, accuracy, problem.execution)
    direction: FloatArray = solution[:count] - solution[count]
    if len(arcs) == count:
        return direction
    lone = _groups_without_arcs(edges, weights, count)
    if lone is None:
        return direction
    return _with_lone_groups(evaluation, direction, solution[:count], lone)


def _groups_without_arcs(edges: IndexArray, weights: FloatArray, count: int) -> IndexArray | None:
    """The group (n,) of each cell among those that mass joins, -1 if it has arcs; None if all."""
    joined = weights > 0
    graph = scipy.sparse.coo_array((weights[joined], edges[joined].T), shape=(count + 1, count + 1))
    groups, group_of = scipy.sparse.csgraph.connected_components(graph, directed=False)
    if groups == 1:
        return None
    return np.where(group_of[:count] == group_of[count], -1, group_of[:count])


def _with_lone_groups(
    evaluation: PartialEvaluation,
    direction: FloatArray,
    within: FloatArray,
    group_of: IndexArray,
) -> FloatArray:
    """Let the discs of groups that have no arcs grow or shrink where they lack or exceed mass."""
    lone = group_of >= 0
    groups = group_of[lone]
    lacking = np.bincount(groups, evaluation.residual[lone])
    wanted = np.bincount(groups, evaluation.targets[lone])
    least = np.full(len(wanted), np.inf)
    np.minimum.at(least, groups, evaluation.weights[lone])
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.clip(lacking / wanted, -_PART, _PART) * least
    result = direction.copy()
    result[lone] = within[lone] + shift[groups]
    return result


def _linear_accuracy(previous: PartialEvaluation, current: PartialEvaluation, tol: float) -> float:
    """How well to solve the next linear system (Eisenstat and Walker, choice 2)."""
    reduction = current.residual_norm / previous.residual_norm
    needed = 0.1 * tol / max(current.mass_error, tol)
    return min(_COARSEST_ACCURACY, max(0.5 * reduction**2, needed, _FINEST_ACCURACY))


def _longest_step(
    problem: PartialProblem,
    current: PartialEvaluation,
    direction: FloatArray,
    floor: float,
    *,
    tol: float,
    first: float,
) -> tuple[float, PartialEvaluation | None]:
    least_unused = _KEPT * min(current.unused, problem.unused)
    step = first
    while step >= _SHORTEST_STEP:
        trial = problem.stepped(current, step * direction, rebuild=step < _SMALL_STEP)
        if trial is None:
            step /= 2
            continue
        shrunk = trial.residual_norm <= (1 - step / 2) * current.residual_norm
        done = trial.mass_error <= tol
        kept = (trial.masses > np.maximum(_KEPT * current.masses, floor)).all()
        if done or (shrunk and kept and trial.unused > least_unused):
            return step, trial
        step /= 2
    return 0.0, None
