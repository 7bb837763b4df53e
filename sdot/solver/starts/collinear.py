# SPDX-License-Identifier: GPL-3.0-or-later
"""A start for sites on a line: their cells are strips, and the frontiers of these are quantiles.

For sites ``y_k = o + s_k u`` in the order of s, the cells are ``t_(k-1) <= (x - o) . u <= t_k``. So
the mass C(t) of the density below t has to be that of the first k sites at ``t_k``, which each
frontier can find for itself. It lies there if ``(t - s_k)**2 - w_k`` is the same for both sides:

    w_(k+1) - w_k = (s_k - s_(k+1)) (2 t_k - s_k - s_(k+1)).

Newton's method would have to get there through very thin cells, and past zeros of the density.
"""

from __future__ import annotations

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray, box_corners

__all__ = ["collinear_weights"]

_STRAIGHT = 1e-9  # greatest distance from the line, relative to its length
_ROUNDS = 80  # every second halves the bracket of a frontier, from a few domains to an ulp
_MARGIN = 0.01  # of a bracket, which interpolation stays away from its ends
# Twice the area of a triangle of sites that are on no line: those have a size of about one.
_BENT = 1e-3
# Mass that a frontier may have on the wrong side, relative to the lighter of its sites: Newton's
# method does the rest, but not where the frontier has no density on it.
_ENOUGH = 1e-2
_ENOUGH_IN_A_VOID = 1e-10


def collinear_weights(problem: TransportProblem) -> tuple[FloatArray, FloatArray] | None:
    """Weights (n,) and their low parts; None if the sites are not on a line. O(n) per round.

    Also on a torus, where cells are no strips.
    """
    if problem.torus is not None or _are_plainly_bent(problem.sites):
        return None
    middle = problem.sites.mean(axis=0)
    offsets = problem.sites - middle
    direction = np.linalg.eigh(offsets.T @ offsets)[1][:, 1]
    along = offsets @ direction
    across = offsets @ np.array([-direction[1], direction[0]])
    order = np.argsort(along)
    steps = np.diff(along[order])
    if np.abs(across).max() > _STRAIGHT * np.ptp(along) or not (steps > 0).all():
        return None
    frontiers = _frontiers(problem, direction, problem.masses[order]) - middle @ direction
    ordered = _weights(along[order], frontiers)
    weights = np.empty(len(order), dtype=np.longdouble)
    weights[order] = ordered
    high = weights.astype(np.float64)
    return high, (weights - high).astype(np.float64)


def _are_plainly_bent(sites: FloatArray) -> bool:
    """Whether three of the sites, in scaled coordinates, span a triangle: a quick look."""
    (ax, ay), (bx, by), (cx, cy) = sites[[0, len(sites) // 2, -1]].tolist()
    return bool(abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) > _BENT)


def _weights(places: FloatArray, frontiers: FloatArray) -> np.ndarray:
    """Those of sites at ascending places (n,) with frontiers (n - 1,), in more digits."""
    places, frontiers = places.astype(np.longdouble), frontiers.astype(np.longdouble)
    sums = 2 * frontiers - places[:-1] - places[1:]
    return np.concatenate([[0], np.cumsum(-np.diff(places) * sums)])


def _frontiers(problem: TransportProblem, direction: FloatArray, masses: FloatArray) -> FloatArray:
    """Values (n - 1,) of ``x . direction`` with the mass of the first sites below them."""
    reach = box_corners(problem.kernel.box) @ direction
    span = float(np.ptp(reach))
    wanted = np.cumsum(masses)[:-1]
    lightest = np.minimum(masses[:-1], masses[1:])
    low = np.full(len(wanted), reach.min() - span)
    high = np.full(len(wanted), reach.max() + span)
    below, above = np.zeros(len(wanted)), np.ones(len(wanted))
    best, least = (low + high) / 2, np.full(len(wanted), np.inf)
    for round_ in range(_ROUNDS):
        share = 0.5 if round_ % 2 else _interpolated(below, wanted, above)
        trial = _running_greatest(low + share * (high - low))
        found, has_density = _mass_below(problem, direction, trial)
        error = np.abs(found - wanted)
        best, least = np.where(error < least, trial, best), np.minimum(error, least)
        enough = np.where(has_density, _ENOUGH, _ENOUGH_IN_A_VOID) * lightest
        if (error <= enough).all():
            return trial
        less = found <= wanted
        # What is below one frontier is below the next.
        low, below = (
            _running_greatest(np.where(less, *pair)) for pair in ((trial, low), (found, below))
        )
        high, above = (
            _coming_least(np.where(less, *pair)) for pair in ((high, trial), (above, found))
        )
    return _running_greatest(best)


def _interpolated(below: FloatArray, wanted: FloatArray, above: FloatArray) -> FloatArray:
    """Where between two values a third one is, but at neither of them."""
    share = (wanted - below) / np.maximum(above - below, np.finfo(np.float64).tiny)
    return np.clip(share, _MARGIN, 1 - _MARGIN)


def _running_greatest(values: FloatArray) -> FloatArray:
    return np.maximum.accumulate(values)


def _coming_least(values: FloatArray) -> FloatArray:
    return np.asarray(np.minimum.accumulate(values[::-1])[::-1])


def _mass_below(
    problem: TransportProblem, direction: FloatArray, frontiers: FloatArray
) -> tuple[FloatArray, np.ndarray]:
    """The mass below each of the ascending frontiers (k,), and whether it has density on it."""
    count = len(frontiers) + 1
    low, high = problem.kernel.box
    places = np.linspace(-0.5, 0.5, count) * float(np.hypot(*(high - low)))
    middle = (low + high) / 2
    weights = _weights(places, frontiers - middle @ direction)
    rounded = weights.astype(np.float64)
    pairs = np.stack([np.arange(count - 1), np.arange(1, count)], axis=1).astype(np.int32)
    strips = DiagramArrays(
        middle + np.outer(places, direction),
        rounded,
        (weights - rounded).astype(np.float64),
        np.empty((0, 2)),
        pairs,
        np.full_like(pairs, -1),
        np.empty(0, dtype=np.int32),
    )
    masses, edge_weights = problem.kernel.masses_and_edge_weights(strips)
    return np.cumsum(masses)[:-1], edge_weights > 0
