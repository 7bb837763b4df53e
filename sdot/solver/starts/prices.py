# SPDX-License-Identifier: GPL-3.0-or-later
"""Prices of sites at which each keeps the points that an assignment has given it.

The conditions are ``psi_i - psi_j <= d_ij`` for all pairs of sites, d_ij what the point of i that
cares least would have to be paid to go to j. Prices on the border of what they allow leave cells
that touch a point and have no size, so those in the middle are wanted.

The lengths of the shortest paths to any one site satisfy all conditions (Floyd and Warshall). Their
mean over all sites satisfies each with room to spare, namely an n-th of the shortest cycle through
i and j. That is a length of the scale of these two: so cells of sites that are close to each other
fare no worse than others, be that 1e-9 of the distance to the rest. It takes a time of n**3.

For more sites one set of prices comes from shortest paths (Bellman and Ford); then each in turn
moves to the middle of what the others leave it, by which no condition breaks. A sweep is O(n**2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from sdot.validation import FloatArray

__all__ = ["central_prices"]

# Of the greatest gain. What the assignment has rounded away leaves cycles that are less than zero
# by as much.
_ROUNDINGS = (0.0, 1e-16, 1e-15, 1e-14, 1e-12)
_FEW_SITES = 400  # for which a time of n**3 is half a second
_SWEEPS = 30  # to the middle
# Sweeps for the shortest paths; and where they shorten by no more than this share of all prices,
# from some sweep on, a cycle is less than zero by rounding.
_MOST_SWEEPS, _FEWEST_SWEEPS = 600, 20
_CYCLE = 1e-15


def central_prices(gains: FloatArray, owner_of: npt.NDArray[np.intp]) -> FloatArray | None:
    """Prices (n,) in the middle of those that keep every point (k,) at its owner, if there are any.

    ``gains`` (k, n): what a point would have to be paid to go elsewhere.
    """
    count = gains.shape[1]
    lengths = np.full((count, count), np.inf)
    np.minimum.at(lengths, owner_of, gains)
    find = _mean_of_all_paths if count <= _FEW_SITES else _relaxed_prices
    for rounding in _ROUNDINGS:
        prices = find(lengths + rounding * float(np.abs(gains).max()))
        if prices is not None:
            return prices
    return None


def _mean_of_all_paths(lengths: FloatArray) -> FloatArray | None:
    """The mean of the shortest paths to every site; None if a cycle is negative."""
    np.fill_diagonal(lengths, 0.0)
    diagonal = lengths.diagonal()
    for middle in range(len(lengths)):
        np.minimum(lengths, lengths[:, middle, None] + lengths[middle], out=lengths)
        if not diagonal.min() >= 0:
            return None
    return np.asarray(lengths.mean(axis=1))


def _relaxed_prices(lengths: FloatArray) -> FloatArray | None:
    """Any prices, moved to the middle one after the other; None if there are none."""
    prices = _some_prices(lengths)
    if prices is None:
        return None
    np.fill_diagonal(lengths, np.inf)
    backwards = np.ascontiguousarray(lengths.T)
    for sites in _back_and_forth(len(prices), _SWEEPS):
        for site in sites:
            greatest = (prices + lengths[site]).min()
            least = (prices - backwards[site]).max()
            prices[site] = 0.5 * (greatest + least)
    return prices


def _some_prices(lengths: FloatArray) -> FloatArray | None:
    """The shortest paths from anywhere; None if a cycle is negative."""
    np.fill_diagonal(lengths, 0.0)
    prices = np.zeros(len(lengths))
    least = lengths.min(axis=1).sum()  # of a path that meets each site once
    for sweep, sites in enumerate(_back_and_forth(len(prices), _MOST_SWEEPS)):
        before = prices.copy()
        for site in sites:
            prices[site] = (prices + lengths[site]).min()
        shortened = (before - prices).max()
        if shortened == 0:
            return prices
        rounded = sweep > _FEWEST_SWEEPS and shortened <= _CYCLE * np.abs(prices).max()
        if rounded or prices.min() < least:
            return None
    return None


def _back_and_forth(count: int, sweeps: int) -> Iterator[Iterable[int]]:
    """The numbers of sites, forwards and backwards in turn: so they pass on much in few sweeps."""
    for sweep in range(sweeps):
        yield range(count) if sweep % 2 == 0 else range(count - 1, -1, -1)
