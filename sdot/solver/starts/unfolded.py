# SPDX-License-Identifier: GPL-3.0-or-later
"""From solved clusters of sites to what they are made of.

A cluster that is small against its distance from others does not change what they have.
Within its own cell it is a problem of its own, and the scale of the sites is of no account there.
So a cluster is made as small as need be first: its sites share the cell like the Voronoi cells of a
copy of the cluster that is blown up to the size of the cell, and Newton's method makes that right.
Then it grows to its own size, in steps after which no cell is empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdot.distributions.density import CellMoments
from sdot.solver.newton import damped_newton
from sdot.solver.problem import Evaluation, TransportProblem, sum_of_two
from sdot.validation import FloatArray

__all__ = ["Labels", "unfolded", "unfolded_at_once"]

Labels = npt.NDArray[np.intp]

# Sizes to begin with, relative to the clusters' own: the lighter those around, the smaller.
_FIRST_SIZES = tuple(8.0**-k for k in range(11))
# Factor between two sizes: the first to be tried, and the least. Where it is too great its square
# root is tried next, and the square of what was not.
_GROWTH, _LEAST_GROWTH = 8.0, 1.01
# Mass error to which each size is solved, for the next one to start from.
_TOLERANCE, _PATIENCE = 0.3, 60


def unfolded_at_once(
    merged: TransportProblem, solution: Evaluation, problem: TransportProblem, cluster_of: Labels
) -> Evaluation | None:
    """Cells for a problem's sites from those of the clusters they form; None if one is empty."""
    moments = problem.kernel.moments(solution.diagram)
    if not (moments.masses > 0).all():
        return None
    offsets = problem.sites - merged.sites[cluster_of]
    start = problem.evaluate(*_copied_into_cells(merged, solution, moments, offsets, cluster_of))
    return start if start.masses.min() > 0 else None


def unfolded(
    merged: TransportProblem, solution: Evaluation, problem: TransportProblem, cluster_of: Labels
) -> Evaluation | None:
    """The same in steps, to cells of about the right masses.

    None if a cluster has no cell, or if there are no steps that leave each site one.
    """
    moments = problem.kernel.moments(solution.diagram)
    if not (moments.masses > 0).all():
        return None
    pivots = merged.sites[cluster_of]
    clusters = _Clusters(problem, pivots, problem.sites - pivots, cluster_of)
    for size in _FIRST_SIZES:
        offsets = size * clusters.offsets
        weights = _copied_into_cells(merged, solution, moments, offsets, cluster_of)
        found = clusters.solved(size, weights)
        if found is not None:
            return clusters.grown(found, size)
    return None


@dataclass(frozen=True, eq=False)
class _Clusters:
    """The sites of a problem, in clusters of any size relative to their own."""

    problem: TransportProblem
    pivots: FloatArray  # (n, 2): where the cluster of each site is
    offsets: FloatArray  # (n, 2): of each site from there
    cluster_of: Labels

    def grown(self, found: Evaluation, size: float) -> Evaluation | None:
        """Let clusters of a size grow to their own."""
        growth = _GROWTH
        while size < 1:
            growth = min(growth, 1 / size)
            weights = _enlarged(found, self.pivots, growth, self.cluster_of)
            larger = self.solved(growth * size, weights)
            if larger is not None:
                found, size = larger, growth * size
                growth = min(_GROWTH, growth**2)
            elif growth < _LEAST_GROWTH or self.problem.budget.is_spent:
                return None
            else:
                growth = math.sqrt(growth)
        return found

    def solved(self, size: float, weights: tuple[FloatArray, FloatArray]) -> Evaluation | None:
        """Solve for one size; None if a site has no cell at the start."""
        sites = self.problem.sites if size >= 1 else self.pivots + size * self.offsets
        stage = self.problem.as_stage(sites=sites, masses=self.problem.masses)
        start = stage.evaluate(*weights)
        if start.masses.min() <= 0:
            return None
        until = self.problem.budget.until(_PATIENCE)
        return damped_newton(stage, start, _TOLERANCE, until).evaluation


def _copied_into_cells(
    merged: TransportProblem,
    solution: Evaluation,
    moments: CellMoments,
    offsets: FloatArray,
    cluster_of: Labels,
) -> tuple[FloatArray, FloatArray]:
    """Weights of sites at offsets from clusters whose cells they share like blown-up copies.

    In a cluster with the site y, weight w and centroid b the cells shall be those of copies
    z = b + offset / k of its sites. They maximise x . z - |z|**2 / 2: times k, and without what
    all its sites share, x . offset - b . offset - |offset|**2 / (2 k). Cells of weights maximise
    x . offset - y . offset - |offset|**2 / 2 + (weight - w) / 2.
    """
    spreads = _least_deviations(moments)
    lengths = np.hypot(*offsets.T)
    radii = np.zeros(len(merged.sites))
    np.maximum.at(radii, cluster_of, lengths)
    shrink = np.divide(radii, spreads, out=np.zeros_like(radii), where=spreads > 0)[cluster_of]
    moved = 2 * ((merged.sites - moments.centroids)[cluster_of] * offsets).sum(axis=1)
    blown_up = np.divide(lengths**2, shrink, out=np.zeros_like(shrink), where=shrink > 0)
    # Of almost coincident sites the weights differ by less than an ulp.
    high, low = solution.weights, solution.diagram.low_weights
    return sum_of_two(high[cluster_of], low[cluster_of] + (moved + lengths**2 - blown_up))


def _least_deviations(moments: CellMoments) -> FloatArray:
    """Least standard deviation, over all directions, of the mass in each cell (n,).

    A disc of this radius around the centroid is inside of the cell if that is convex with a
    density of one, and so are the copies of all its sites (Kannan, Lovasz and Simonovits, Discrete
    Comput. Geom. 13, 1995: a convex body in isotropic position contains the ball of radius
    sqrt((d + 1) / d)).
    """
    xx, xy, yy = moments.second_moments.T
    greatest = 0.5 * (xx + yy) + np.hypot(0.5 * (xx - yy), xy)
    determinant = np.maximum(xx * yy - xy**2, 0.0)
    least = np.divide(determinant, greatest, out=np.zeros_like(xx), where=greatest > 0)
    return np.asarray(np.sqrt(least / moments.masses))


def _enlarged(
    solution: Evaluation, pivots: FloatArray, factor: float, cluster_of: Labels
) -> tuple[FloatArray, FloatArray]:
    """Weights with which clusters that grow about their pivots share their cells as before.

    Cells maximise ``x . y - psi``, that is, with y = p + o and without what all sites of a cluster
    share, ``x . o - (psi - s)`` for any s: o and ``psi - s`` grow by the factor. The mean of psi is
    a good s. For it the differences are formed from those of ``2 psi = |p + o|**2 - w`` to the
    first site of the cluster.
    """
    offsets = solution.diagram.positions - pivots
    high, low = solution.weights, solution.diagram.low_weights
    reference = np.unique(cluster_of, return_index=True)[1][cluster_of]
    doubled = _squares_beyond(pivots, offsets)
    doubled -= (high - high[reference]) + (low - low[reference])
    masses = solution.targets
    means = np.bincount(cluster_of, masses * doubled) / np.bincount(cluster_of, masses)
    mean = means[cluster_of]
    grown = _squares_beyond(pivots, factor * offsets) - factor * (doubled - mean)
    return sum_of_two(high[reference], low[reference] + (grown - mean))


def _squares_beyond(pivots: FloatArray, offsets: FloatArray) -> FloatArray:
    """``|p + o|**2 - |p|**2``."""
    return np.asarray(((2 * pivots + offsets) * offsets).sum(axis=1))
