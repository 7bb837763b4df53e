"""A start for sites of very unlike distances: clusters first, then the sites inside of them.

Where the sites fall into clusters that are small against the distances between them (two swarms
far apart, groups of almost coincident sites), a start that is good for the clusters is blind
inside of them. So the clusters, each merged into one site, are solved first; then the sites of a
cluster share its cell like the Voronoi cells of a copy of the cluster that is blown up to the
size of the cell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments
from sdot.solver.problem import Evaluation, TransportProblem, sum_of_two
from sdot.validation import FloatArray

__all__ = ["clustered_weights"]

# Clusters are parted by gaps this many times longer than those inside of them: else
# their cells reach into each other.
_GAP = 50.0


def clustered_weights(
    problem: TransportProblem,
    solve_merged: Callable[[TransportProblem], Evaluation],
) -> tuple[FloatArray, FloatArray] | None:
    """Return weights (n,) for a start and their low parts; None if the sites have no clusters."""
    cluster_of = _clusters(problem.builder.build(np.zeros(len(problem.sites))))
    if cluster_of is None:
        return None
    merged = _merged(problem, cluster_of)
    solution = solve_merged(merged)
    moments = problem.kernel.moments(solution.diagram)
    if not (moments.masses > 0).all():
        return None
    spreads = _least_deviations(moments)
    offsets = problem.sites - merged.sites[cluster_of]
    lengths = np.hypot(*offsets.T)
    radii = np.zeros(len(merged.sites))
    np.maximum.at(radii, cluster_of, lengths)
    shrink = np.divide(radii, spreads, out=np.zeros_like(radii), where=spreads > 0)[cluster_of]
    # In a cluster with the site y, weight w and centroid b the cells shall be those of copies
    # z = b + offset / k of its sites. They maximise x . z - |z|**2 / 2: times k, and without what
    # all its sites share, x . offset - b . offset - |offset|**2 / (2 k). Cells of weights maximise
    # x . offset - y . offset - |offset|**2 / 2 + (weight - w) / 2.
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


def _clusters(voronoi: DiagramArrays) -> npt.NDArray[np.intp] | None:
    """The cluster of each site (n,), by the first great gap between lengths of a spanning tree.

    The minimum spanning tree is part of the Delaunay triangulation.
    """
    count = len(voronoi.positions)
    i, j = voronoi.edge_sites.T
    lengths = np.hypot(*(voronoi.positions[i] - voronoi.positions[j]).T)
    tree = scipy.sparse.csgraph.minimum_spanning_tree(
        scipy.sparse.csr_array((lengths, (i, j)), shape=(count, count))
    )
    ordered = np.sort(tree.data)
    gaps = np.flatnonzero(ordered[1:] > _GAP * ordered[:-1])
    if len(gaps) == 0 or len(ordered) < count - 1:
        return None
    tree.data[tree.data > ordered[gaps[0]]] = 0.0
    tree.eliminate_zeros()
    _, labels = scipy.sparse.csgraph.connected_components(tree, directed=False)
    return np.asarray(labels, dtype=np.intp)


def _merged(problem: TransportProblem, cluster_of: npt.NDArray[np.intp]) -> TransportProblem:
    masses: FloatArray = np.bincount(cluster_of, problem.masses).astype(np.float64)
    sites = np.stack(
        [np.bincount(cluster_of, problem.masses * problem.sites[:, k]) / masses for k in range(2)],
        axis=1,
    )
    return problem.as_stage(sites=sites, masses=masses)
