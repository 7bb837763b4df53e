# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Newton's method for partial transport starts: with mass in every cell, and some unused.

The cells of a diagram do not change when all weights rise by the same height: only their discs
grow, and with them the mass that is used. So a diagram of which every cell meets enough mass gives
a start by its height: that at which as much mass is used as there shall be; or, where that would
leave a cell with far too little, the one at which it has enough. A cell has the more mass the
greater the height, so both are found by bisection.
"""

from __future__ import annotations

import math

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.solver.partial.entropic import PartialEntropicTransport, usual_bins
from sdot.solver.partial.problem import PartialEvaluation, PartialProblem
from sdot.validation import FloatArray, box_corners

__all__ = ["balanced", "entropic_start", "lowered", "quick_start"]

# Shares of its mass that the smallest cell must have, and what the largest may have of the smallest
# one's: with the weights of an earlier solve, and in the Voronoi diagram.
_WARM_START = 0.05
_FAIR_START = 1e-3
_FAIR_SPREAD = 2000.0
# The same for cells of whole transport: with less they are raised.
_SMALLEST_CELL = 0.1
# The mass used may differ by so much, relative to what shall be used and to what shall be left.
_BALANCE = 0.1
_MOST_TRIALS = 40
# By how many epsilon entropic discs are lowered, if that leaves the smallest cell this share of
# what it had.
_LOWERED = (8, 7, 6, 4, 2)
_LEFT = 0.5


def quick_start(problem: PartialProblem, predicted: FloatArray | None) -> PartialEvaluation | None:
    """Return an earlier solution or Voronoi cells, if that is fair to start from."""
    if predicted is not None and (predicted > 0).all():
        start = problem.integrate(problem.builder.build(predicted))
        if _is_fair(start, _WARM_START):
            return start
    start = balanced(problem, problem.builder.build(np.zeros(len(problem.sites))))
    return start if _is_fair(start, _FAIR_START) else None


def entropic_start(problem: PartialProblem) -> PartialEvaluation | None:
    """Return a start from entropic transport, if that is fair."""
    bins = usual_bins(len(problem.sites))
    entropic = PartialEntropicTransport(problem, bins)
    start = problem.integrate(problem.builder.build(entropic.weights(bins)))
    for count in _LOWERED:
        trial = problem.raised(start.diagram, -count * entropic.epsilon(bins))
        if trial.smallest_share >= _LEFT * start.smallest_share:
            start = trial
            break
    # Discs that are too large where the density is more than enough shrink in one step, and few
    # cells have less than their share.
    return start if start.smallest_share > 0 and start.unused > 0 else None


def lowered(problem: PartialProblem, diagram: DiagramArrays) -> PartialEvaluation:
    """Use as little more than wanted of a diagram as leaves every cell with enough."""
    found = balanced(problem, diagram)
    return found if found.smallest_share >= _SMALLEST_CELL else _filled(problem, found)


def _is_fair(start: PartialEvaluation, smallest: float) -> bool:
    share = start.smallest_share
    return share >= smallest and start.largest_share <= _FAIR_SPREAD * share and start.unused > 0


def balanced(problem: PartialProblem, diagram: DiagramArrays) -> PartialEvaluation:
    """Raise all discs of a diagram until as much mass is used as shall be.

    Newton's method for the height, kept to an interval that is halved where it leaves it.
    """
    wanted = 1.0 - problem.unused
    allowed = _BALANCE * min(wanted, problem.unused)
    low, high = _heights(problem, diagram)
    height = _first_height(problem, diagram, low, high)
    for _ in range(_MOST_TRIALS):
        found = problem.raised(diagram, height)
        lacking = wanted - float(found.masses.sum())
        if abs(lacking) <= allowed:
            break
        low, high = (height, high) if lacking > 0 else (low, height)
        rate = float(found.arc_weights.sum())
        height = height + lacking / rate if rate > 0 else math.nan
        if not low < height < high:
            height = 0.5 * (low + high)
    return found


def _filled(problem: PartialProblem, start: PartialEvaluation) -> PartialEvaluation:
    """Raise the discs until the smallest cell has enough, by as little as that takes."""
    diagram, found = start.diagram, start
    low, high = 0.0, _heights(problem, diagram)[1]
    for _ in range(_MOST_TRIALS):
        height = 0.5 * (low + high)
        trial = problem.raised(diagram, height)
        if trial.smallest_share >= _SMALLEST_CELL:
            high = height
            if trial.unused > 0:
                found = trial
        else:
            low = height
        if found is trial and trial.smallest_share < 2 * _SMALLEST_CELL:
            break
    return found


def _heights(problem: PartialProblem, diagram: DiagramArrays) -> tuple[float, float]:
    """Heights at which all discs are empty, and at which they cover all of the density."""
    corners = box_corners(problem.kernel.box)
    gaps = problem.sites[:, None] - corners
    furthest = (gaps * gaps).sum(axis=2).max(axis=1)
    return -float(diagram.weights.max()), float((furthest - diagram.weights).min())


def _first_height(
    problem: PartialProblem, diagram: DiagramArrays, low: float, high: float
) -> float:
    """The height that equal discs in a uniform density have without overlaps; low for others."""
    area = float(np.prod(problem.kernel.box[1] - problem.kernel.box[0]))
    height = low + area * (1.0 - problem.unused) / (math.pi * len(problem.sites))
    return height if low < height < high else 0.5 * (low + high)
