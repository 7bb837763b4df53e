# SPDX-License-Identifier: GPL-3.0-or-later
"""A start in which no cell is empty, at whatever scales the sites are: by an assignment.

Points that stand for equal shares of the density are assigned to the sites, so many to each as its
mass asks for but one at least, with the greatest sum of ``z . y``. Optimal prices psi of the sites
then exist (linear programming duality), with which every site sees its points:

    z . y_i - psi_i >= z . y_j - psi_j   for all j and all points z of i,
    that is psi_i - psi_j <= d_ij = min over the points z of i of z . (y_i - y_j).

Prices in the middle of all that satisfy this (see `prices`) leave room for each of them.

On a torus costs are not products any more. There the same holds for w in place of -psi and the
costs c of points and sites: w_j - w_i <= min over the points z of i of c(z, y_j) - c(z, y_i).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.distributions.density import CellMoments
from sdot.periodic_diagrams import Torus
from sdot.solver.problem import TransportProblem
from sdot.solver.starts.prices import central_prices
from sdot.validation import FloatArray

__all__ = ["assigned_weights"]

_BINS = 16  # per side of the grid from which cells of the density are split
_HEAVY = 1.5  # points' worth of mass, for a cell to be split
_SPLITS = 6  # times at most; each reaches the scale of what is in the cell
_STEP = 1.2  # deviations from the centroid to the parts of a cell: a third of a square's side
# For every site, on average: two give a cell a length; more show which sites have mass in several
# parts of a density, where that is cheap. One each for many sites: that is eight times as quick,
# and Newton's method takes two or three steps more.
_POINTS, _MORE_POINTS, _MANY_POINTS = 2, 8, 400


def assigned_weights(problem: TransportProblem) -> FloatArray | None:
    """Return weights (n,); None if rounding hides an order between sites. Time is O(n**3)."""
    count = len(problem.sites)
    points = _points(problem, count * _points_per_site(count))
    if problem.torus is not None:
        return _on_torus(problem, problem.torus, points)
    middle = points.mean(axis=0)
    points -= middle
    # About the site with the closest neighbour, so that small offsets keep their digits.
    reference = problem.sites[_closest(problem.sites)]
    offsets = problem.sites - reference
    owners = np.repeat(np.arange(count), _shares(problem.masses, len(points)))
    site_slots, point_of = scipy.optimize.linear_sum_assignment(
        offsets[owners] @ points.T, maximize=True
    )
    owner_of = owners[site_slots]
    prices = _central_prices(offsets, points[point_of], owner_of)
    if prices is None:
        return None
    prices += offsets @ middle
    # |y|**2 - 2 psi, without |reference|**2.
    return np.asarray(2 * (offsets @ reference) + (offsets**2).sum(axis=1) - 2 * prices)


def _points_per_site(count: int) -> int:
    if count > _MANY_POINTS:
        return 1
    return max(_POINTS, min(_MORE_POINTS, _MANY_POINTS // count))


def _on_torus(problem: TransportProblem, torus: Torus, points: FloatArray) -> FloatArray | None:
    costs = (torus.nearest(points[:, None] - problem.sites) ** 2).sum(axis=-1)
    owners = np.repeat(np.arange(len(problem.sites)), _shares(problem.masses, len(points)))
    slots, point_of = scipy.optimize.linear_sum_assignment(costs.T[owners])
    owner_of, costs = owners[slots], costs[point_of]
    own = costs[np.arange(len(owner_of)), owner_of]
    prices = central_prices(costs - own[:, None], owner_of)
    return None if prices is None else -prices


def _closest(sites: FloatArray) -> int:
    if len(sites) < 2:
        return 0
    distances, _ = scipy.spatial.cKDTree(sites).query(sites, k=2)
    return int(distances[:, 1].argmin())


def _shares(masses: FloatArray, total: int) -> npt.NDArray[np.intp]:
    """Whole numbers (n,) that sum to the total: one, and the rest in proportion to the masses."""
    ends = np.round(np.cumsum(masses) / masses.sum() * (total - len(masses))).astype(np.intp)
    shares: npt.NDArray[np.intp] = 1 + np.diff(ends, prepend=0)
    return shares


def _points(problem: TransportProblem, count: int) -> FloatArray:
    """Points (count, 2) that stand for equal shares of the density, along a Hilbert curve.

    They are centroids of cells that are split where the mass is, whatever its scale.
    """
    sites = _grid(problem.kernel.box)
    moments = _moments(problem, sites)
    for _ in range(_SPLITS):
        heavy = moments.masses * count > _HEAVY
        if not heavy.any():
            break
        sites = np.concatenate([sites[(moments.masses > 0) & ~heavy], _parts(moments, heavy)])
        sites = np.ascontiguousarray(sites[hilbert_order(sites)])
        moments = _moments(problem, sites)
    filled = np.flatnonzero(moments.masses > 0)
    filled = filled[hilbert_order(np.ascontiguousarray(moments.centroids[filled]))]
    ends = np.cumsum(moments.masses[filled])
    shares = (np.arange(count) + 0.5) / count * ends[-1]
    return np.asarray(moments.centroids[filled[np.searchsorted(ends, shares)]])


def _grid(box: FloatArray) -> FloatArray:
    low, high = box
    lines = (np.arange(_BINS) + 0.5) / _BINS
    centres = np.stack(np.meshgrid(lines, lines), axis=-1).reshape(-1, 2)
    return np.asarray(low + centres * (high - low))


def _moments(problem: TransportProblem, sites: FloatArray) -> CellMoments:
    stage = problem.as_stage(sites=sites, masses=np.full(len(sites), 1 / len(sites)))
    return problem.kernel.moments(stage.builder.build(np.zeros(len(sites))))


def _parts(moments: CellMoments, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """The centroids of cells, and two points each to both sides along their principal axes."""
    centroids, masses = moments.centroids[chosen], moments.masses[chosen]
    xx, xy, yy = (moments.second_moments[chosen] / masses[:, None]).T
    matrices = np.stack([xx, xy, xy, yy], axis=-1).reshape(-1, 2, 2)
    variances, axes = np.linalg.eigh(matrices)
    steps = _STEP * np.sqrt(np.maximum(variances, 0.0))[:, None, :] * axes
    sides = [centroids + sign * steps[:, :, k] for k in range(2) for sign in (-1, 1)]
    return np.concatenate([centroids, *sides])


def _central_prices(
    offsets: FloatArray, points: FloatArray, owner_of: npt.NDArray[np.intp]
) -> FloatArray | None:
    gains = (points * offsets[owner_of]).sum(axis=1)[:, None] - points @ offsets.T
    return central_prices(gains, owner_of)
