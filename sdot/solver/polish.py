# SPDX-License-Identifier: GPL-3.0-or-later
"""The last steps, on the masses that are returned.

Newton's method looks at masses that two kernels could give. It takes those from the edges of the
diagram, which are quick; returned are those that come with the moments, cell by cell. Both are
right to rounding, but that of the first is relative to all the mass around an edge: for a mass
1e-8 times as large, the tolerance may lie between the two, or out of reach of the first. So the
test is made again on the masses that are returned, and where they miss it, some whole steps are
taken with these.
"""

from __future__ import annotations

from sdot.distributions.density import CellMoments
from sdot.solver.linear_system import solve_laplacian
from sdot.solver.problem import Evaluation, TransportProblem

__all__ = ["polished"]

# A greater error is not one of rounding, and whole steps need not make it smaller.
_ROUNDING = 1e-3
# Steps from one rounding to another: the first all but ends it, where anything does.
_STEPS = 3
_ACCURACY = 1e-6


def polished(
    problem: TransportProblem, evaluation: Evaluation, tol: float
) -> tuple[Evaluation, CellMoments]:
    """Return cells and their moments, with masses that are right to ``tol`` if steps can do it."""
    moments, budget = problem.kernel.moments(evaluation.diagram), problem.budget
    if evaluation.mass_error > max(tol, _ROUNDING):
        return evaluation, moments
    for _ in range(_STEPS):
        error = problem.returned_error(moments)
        if error <= tol or budget.is_spent:
            break
        residual = problem.masses - moments.masses
        right_side = residual - problem.masses * residual.sum()
        step = solve_laplacian(
            evaluation.diagram.edge_sites,
            evaluation.edge_weights,
            right_side,
            _ACCURACY,
            problem.execution,
        )
        following = problem.moved(evaluation, step)
        assert following is not None
        found = problem.kernel.moments(following.diagram)
        found_error = problem.returned_error(found)
        budget.note_error(found_error)
        budget.count_step(float((found.masses / problem.masses).min()), 1.0)
        if found_error >= error:
            break
        evaluation, moments = following, found
    return evaluation, moments
