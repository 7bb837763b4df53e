# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to a solution, from the quickest to the surest, as one table.

Damped Newton converges from any start that leaves no cell empty, if it is given time. What differs
is the time, and in doubles how small a cell may become on the way. So a problem is first solved
from a start that is good nearly always; if that takes more than its patience, the next way is
tried, until one has succeeded or the budget of the whole solve is spent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sdot.cached_property import cached_property
from sdot.solver.continuation import continued_newton
from sdot.solver.newton import NewtonResult, damped_newton
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.starts.assigned import assigned_weights
from sdot.solver.starts.clustered import clustered_start
from sdot.solver.starts.entropic import EntropicTransport
from sdot.solver.starts.entropic_torus import TorusEntropicTransport
from sdot.solver.starts.joined import joined_groups
from sdot.solver.starts.quick import quick_start, usual_bins
from sdot.validation import FloatArray

__all__ = ["LADDER", "Way", "climb"]

# Share of its mass that the smallest cell must have for Newton's method to go straight to the
# density: smaller cells take long to grow.
_SOUND_START = 1e-3
# Mass error to which clusters of sites are solved before the sites inside of them: two digits
# place a cell well enough for a start.
_MERGED_TOLERANCE = 1e-2
# A Newton iteration that stalls below this mass error has met rounding: no other way helps. So it
# has where all masses are right to this share of the whole, and the lightest to three digits.
_ROUNDING = 1e-6
_ROUNDED_MASS = 1e-15
_MOST_ROUNDING = 1e-3
# An assignment takes a time of n**3: half a second for so many sites, what others take for a few
# hundred diagrams, which they need where this is tried; and ten seconds for the most, which is less
# than a hard problem's way through averages.
_FEW_SITES, _MOST_ASSIGNED = 400, 3000
# Times that groups of cells without mass between them are joined: one for each pair of groups, and
# pieces of a density are few. One of so many in a row has to lower the error to this share.
_JOINTS, _MISSES, _GAIN = 20, 3, 0.9


def climb(problem: TransportProblem, predicted: FloatArray | None, tol: float) -> NewtonResult:
    """Try the ways one after the other; return the best result, with the cost of all of them."""
    search = Search(problem, predicted, tol)
    for way in LADDER:
        search.attempt(way)
        if search.is_over:
            break
    return search.best()


class Search:
    """What the ways have in common: the problem, its quick start, and the results so far."""

    def __init__(self, problem: TransportProblem, predicted: FloatArray | None, tol: float) -> None:
        self.problem, self.tol = problem, tol
        self._predicted = predicted
        self._results: list[NewtonResult] = []
        rounded = _ROUNDED_MASS / problem.least_mass
        self._enough = max(tol, _ROUNDING, min(rounded, _MOST_ROUNDING))

    @cached_property
    def entropic(self) -> EntropicTransport:
        """Entropic starts, which share their coarser grids."""
        kind = EntropicTransport if self.problem.torus is None else TorusEntropicTransport
        return kind(self.problem, usual_bins(len(self.problem.sites)))

    @cached_property
    def start(self) -> Evaluation:
        """The quick start."""
        found = quick_start(self.problem, self._predicted, self.entropic)
        self.problem.note(found)
        return found

    @property
    def best_filled(self) -> Evaluation:
        """The best that any attempt has seen or ended with, if it can be had with no cell empty."""
        filled = [result.best for result in self._results if result.best.smallest_share > 0]
        return min(filled, key=lambda e: e.mass_error, default=self.start)

    def attempt(self, way: Way) -> None:
        """Try a way from each of its starts, as long as that can help."""
        if not way.applies(self):
            return
        budget, starts = self.problem.budget, way.starts(self)
        while not self.is_over and (start := next(starts, _NO_START)) is not _NO_START:
            if not self.problem.is_stage:
                budget.way = way.name
            until = budget.until(way.patience)
            self._results.append(way.method(self.problem, start, self.tol, until))

    @property
    def is_over(self) -> bool:
        """Whether no other way can do better, or nothing is left to try it with."""
        solved = bool(self._results) and self._results[-1].least_error <= self._enough
        return solved or self.problem.budget.is_spent

    def best(self) -> NewtonResult:
        """The result with the least mass error, with the cost of all of them."""
        budget = self.problem.budget
        found = [self.start, *(result.best for result in self._results)]
        best = min(found, key=lambda evaluation: evaluation.mass_error)
        return NewtonResult(best, best, budget.iterations, budget.diagrams)


_NO_START: Any = object()

# From a problem, a start, a tolerance, and the number of the last Newton step.
Method = Callable[[TransportProblem, Any, float, int], NewtonResult]


@dataclass(frozen=True)
class Way:
    """A way to a solution."""

    name: str
    applies: Callable[[Search], bool]
    starts: Callable[[Search], Iterator[Any]]
    method: Method
    patience: int  # Newton steps for each of its starts
    why: str  # it is there
    measured: str  # what it earns, on random hard problems


def _always(search: Search) -> bool:
    return True


def _is_sound(search: Search) -> bool:
    return search.start.smallest_share >= _SOUND_START


def _quick(search: Search) -> Iterator[Evaluation]:
    yield search.start


def _is_small(search: Search) -> bool:
    return len(search.problem.sites) <= _FEW_SITES


def _is_not_large(search: Search) -> bool:
    return _FEW_SITES < len(search.problem.sites) <= _MOST_ASSIGNED


def _is_in_the_plane(search: Search) -> bool:
    return search.problem.torus is None


def _assigned(search: Search) -> Iterator[Evaluation]:
    weights = assigned_weights(search.problem)
    if weights is not None:
        start = search.problem.evaluate(weights)
        if start.masses.min() > 0:
            yield start


def _clustered(search: Search) -> Iterator[Evaluation]:
    """From clusters of sites, solved in any of these ways, to the sites inside of them."""
    tol = max(search.tol, _MERGED_TOLERANCE)
    start = clustered_start(search.problem, lambda merged: climb(merged, None, tol).evaluation)
    if start is not None:
        yield start


def _none(search: Search) -> Iterator[None]:
    yield None


def _joined(search: Search) -> Iterator[Evaluation]:
    """Balance groups of cells that zeros of the density keep apart."""
    least, misses = math.inf, 0
    for _ in range(_JOINTS):
        begin = search.best_filled
        misses = 0 if begin.mass_error <= _GAIN * least else misses + 1
        least = min(least, begin.mass_error)
        joined = joined_groups(search.problem, begin) if misses < _MISSES else None
        if joined is None:
            return
        yield joined


# The first two were measured on 896 problems of the soak run (numbers 1000 to 1899). "Hardest" are
# 266 of its numbers 700000 to 709999, 15 of them of more than 300 sites: those that raised, hung or
# took more than 120 diagrams once. "Larger" are 37 of 84 problems, drawn with 300 to 1200 sites,
# which the first way leaves. What ended in a way was solved again without it.
#
# Entropic starts from finer grids, smoothed mixtures, and poor starts by way of one average were
# ways once. They went because nothing failed without them on either set, with 39,179 diagrams for
# the larger problems with them, 34,597 without; it is 9,155 now.
#
# Patience: a good start needs 3 to 20 steps, so that 60 are enough to give it up. Averages that
# succeed have taken up to 950; joining needs some of what is left.
LADDER = (
    Way(
        name="quick",
        applies=_is_sound,
        starts=_quick,
        method=damped_newton,
        patience=60,
        why="solves nearly everything, in 3 to 20 steps",
        measured="660 of 896 end here",
    ),
    Way(
        name="assigned",
        applies=_is_small,
        starts=_assigned,
        method=damped_newton,
        patience=300,
        why="sites at many scales, or a density in pieces: no cell is far too small",
        measured="ends 214 of the 236 left; without it 11 of 118 fail, with 5 times the diagrams",
    ),
    Way(
        name="clustered",
        applies=_is_in_the_plane,
        starts=_clustered,
        method=damped_newton,
        patience=60,
        why="almost coincident sites and swarms far apart, if too many for an assignment",
        measured="ends 10 of the hardest; without it none fails, with 3 times the diagrams",
    ),
    Way(
        name="assigned, many",
        applies=_is_not_large,
        starts=_assigned,
        method=damped_newton,
        patience=300,
        why="the same for more sites, if they are in no clusters",
        measured="ends 12 of the larger; without it 1 fails, with 17 times the diagrams",
    ),
    Way(
        name="joined",
        applies=_always,
        starts=_joined,
        method=damped_newton,
        patience=60,
        why="zeros of the density that cut the cells into groups, which exchange no mass",
        measured="ends 3 of the larger; without it 1 fails, with 20 times the diagrams",
    ),
    Way(
        name="averaged",
        applies=_always,
        starts=_none,
        method=continued_newton,
        patience=1200,
        why="from the uniform density through ever finer averages: slow but sure",
        measured="ends 62 of the hardest; without it 33 of 61 fail",
    ),
)
