# SPDX-License-Identifier: GPL-3.0-or-later
"""From whole to partial transport by using less and less of the density.

Whole transport to masses in the same proportion leaves every cell with more than it shall have,
wherever the sites are. With all discs lowered by the same height, until as much is used as in the
next stage, cells lose unlike parts of their mass, some nearly all where others lose nothing. So
stages use a share less of the density each, no smaller than leaves every cell a tenth of its mass.
"""

from __future__ import annotations

import dataclasses
import math

from sdot.diagrams import DiagramArrays
from sdot.solver.ladder import climb
from sdot.solver.newton import NewtonResult
from sdot.solver.partial.newton import partial_newton
from sdot.solver.partial.problem import PartialProblem
from sdot.solver.partial.starts import lowered
from sdot.solver.problem import TransportProblem, builder_of

__all__ = ["continued_partial_newton"]

_STAGE_TOLERANCE = 0.3  # mass error to which stages are solved
_STAGE_PATIENCE = 40  # Newton steps for one
_SHARE = 0.25  # of what a stage uses, used by the next; greater ones where that fails
_GREATEST_SHARE = 0.95


def continued_partial_newton(problem: PartialProblem, tol: float) -> NewtonResult:
    """Newton's method by way of whole transport."""
    budget = problem.budget
    begin = budget.iterations, budget.diagrams
    wanted = 1.0 - problem.unused
    diagram, used, share = _whole_diagram(problem), 1.0, _SHARE
    while True:
        following = max(wanted, share * used)
        is_last = following == wanted
        stage = problem if is_last else _using(problem, following)
        until = budget.until(10**9 if is_last else _STAGE_PATIENCE)
        result = partial_newton(
            stage, lowered(stage, diagram), tol if is_last else _STAGE_TOLERANCE, until
        )
        evaluation = result.best
        if result.reached(_STAGE_TOLERANCE):
            diagram, used = evaluation.diagram, following
            if is_last:
                break
        else:
            share = math.sqrt(share)
            if share > _GREATEST_SHARE or budget.is_spent:
                break
    return NewtonResult(
        result.evaluation,
        result.best,
        budget.iterations - begin[0],
        budget.diagrams - begin[1],
    )


def _whole_diagram(problem: PartialProblem) -> DiagramArrays:
    """The cells of whole transport to masses in the same proportion, roughly."""
    whole = TransportProblem(
        problem.sites,
        problem.masses / problem.masses.sum(),
        problem.kernel,
        builder_of(problem.sites, None, problem.budget, problem.execution),
        problem.budget,
        problem.execution,
        is_stage=True,
    )
    found = climb(whole, None, _STAGE_TOLERANCE).evaluation.diagram
    return problem.builder.build(found.weights, found.low_weights)


def _using(problem: PartialProblem, used: float) -> PartialProblem:
    """The same with other masses in the same proportion."""
    masses = problem.masses * (used / float(problem.masses.sum()))
    return dataclasses.replace(problem, masses=masses, is_stage=True, shares=None)
