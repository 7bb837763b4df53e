# SPDX-License-Identifier: GPL-3.0-or-later
"""The start that does nearly always: an earlier solution, Voronoi cells, quantiles of sites on a
line, or an entropic one.

The first of them that is fair is taken: whose cells all have some of their mass, and none far too
much of it. Newton's method grows small cells and shrinks large ones by a factor in each step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.starts.collinear import collinear_weights
from sdot.solver.starts.entropic import EntropicTransport
from sdot.validation import FloatArray

__all__ = ["has_sites_without_mass", "quick_start", "usual_bins"]

# Shares of its mass that the smallest cell must have: with the weights of an earlier solve, or in
# the Voronoi diagram, for it to be the start; in an entropic start, for not trying a finer one.
_WARM_START = 0.05
_FAIR_START = 1e-3
_FINE_START = 5e-3
_SOUND_START = 1e-3
# How many times more of its mass the largest cell may have than the smallest one. Voronoi cells of
# random sites in a uniform density reach 150 (n = 1e3), 400 (1e5) and 1100 (1e6), from where Newton
# takes 5 to 8 steps; at 3000 it takes 15, at 3e5 the way from an entropic start is a fifth as long.
_FAIR_SPREAD = 2000.0
# From so many sites on a diagram costs more than a look at the mass around each.
_MANY_SITES = 1000
# Bins per side of an entropic start for up to so many sites.
_BINS = ((60, 8), (1000, 16), (30_000, 32), (150_000, 64), (500_000, 128))
_MOST_BINS = 256


def quick_start(
    problem: TransportProblem, predicted: FloatArray | None, entropic: EntropicTransport
) -> Evaluation:
    """The predicted weights or the Voronoi diagram if fair to start from, else entropic ones."""
    uneven = []
    for weights, smallest in _candidates(problem, predicted):
        start = problem.evaluate(*weights)
        if start.smallest_share >= smallest:
            if _spread(start) <= _FAIR_SPREAD:
                return start
            uneven.append(start)
    return min([_best_entropic(problem, entropic), *uneven], key=_spread)


def _candidates(
    problem: TransportProblem, predicted: FloatArray | None
) -> Iterator[tuple[tuple[FloatArray, ...], float]]:
    """Weights, perhaps with their low parts, and the share that the smallest cell must have."""
    if predicted is not None:
        yield (predicted,), _WARM_START
    count = len(problem.sites)
    few = count < _MANY_SITES
    if few or not has_sites_without_mass(problem, usual_bins(count) // 2, _FAIR_START):
        yield (np.zeros(count),), _FAIR_START
    in_order = collinear_weights(problem)
    if in_order is not None:
        yield in_order, _FAIR_START


def _spread(start: Evaluation) -> float:
    """How many times more of its mass the largest cell has than the smallest one."""
    smallest = start.smallest_share
    return start.largest_share / smallest if smallest > 0 else math.inf


def _best_entropic(problem: TransportProblem, entropic: EntropicTransport) -> Evaluation:
    coarse = usual_bins(len(problem.sites))
    best, enough = problem.evaluate(entropic.weights(coarse)), _FINE_START
    # Finer grids follow the density better, but sites in its tail can fare worse with them.
    for bins in (2 * coarse, coarse // 2):
        if best.smallest_share >= enough:
            break
        start = problem.evaluate(entropic.weights(bins))
        enough = _SOUND_START
        if start.smallest_share > best.smallest_share:
            best = start
    return best


def usual_bins(count: int) -> int:
    """A finer entropic start for more sites, at a cost in proportion to the rest of the solve."""
    return next((bins for limit, bins in _BINS if count <= limit), _MOST_BINS)


def has_sites_without_mass(problem: TransportProblem, bins: int, share: float) -> bool:
    """Whether some site has less than a share of its mass around it.

    That is in the bin that it is in and the eight around that, of ``bins`` x ``bins``. Its Voronoi
    cell, if smaller, has less still. O(n + bins**2), far less than a diagram takes.
    """
    low, high = box = problem.kernel.box
    index = np.floor((problem.sites - low) / (high - low) * bins)
    inside = ((index >= 0) & (index < bins)).all(axis=1)
    i, j = index[inside].astype(np.intp).T
    padded = np.pad(problem.kernel.coarsened(box, bins), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return bool((around[i, j] < share * problem.masses[inside]).any())
