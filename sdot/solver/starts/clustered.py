# SPDX-License-Identifier: GPL-3.0-or-later
"""A start for sites at many scales: clusters first, then clusters inside of them, then the sites.

Where sites are closer to each other than to others (two swarms far apart, groups of almost
coincident sites, sites at all distances around a point), a start that is good for the clusters is
blind inside of them. So the clusters, each merged into one site, are solved first; then each
unfolds (see `unfolded`) into what it is made of, clusters again or sites.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import scipy

from sdot.diagrams import DiagramArrays
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.starts.unfolded import Labels, unfolded, unfolded_at_once

__all__ = ["clustered_start"]

# Clusters are told apart down to distances this many times smaller than the greatest one between
# what is one yet.
_ZOOM = 8.0
# There is nothing to gain without so large a ratio between distances, or with more clusters a site.
_SCALES = 50.0
_MOST_CLUSTERS = 0.5
# It begins with clusters that are so many times further from each other than their sites, for these
# are a problem of their own; else with as many as there are good and quick starts for.
_APART = 50.0
_FEW_CLUSTERS = 400


def clustered_start(
    problem: TransportProblem,
    solve_merged: Callable[[TransportProblem], Evaluation],
) -> Evaluation | None:
    """Return cells of about the right masses; None if the sites have no clusters, or it fails.

    ``solve_merged`` solves for the coarsest clusters that are looked at.
    """
    levels = _levels(problem)
    if not levels:
        return None
    merged = _merged(problem, levels[0])
    solution = solve_merged(merged)
    start = unfolded_at_once(merged, solution, problem, levels[0])
    if start is not None:
        return start
    for coarse, fine in itertools.pairwise(levels):
        parts = _merged(problem, fine)
        cluster_of = np.empty(len(parts.sites), dtype=np.intp)
        cluster_of[fine] = coarse
        found = unfolded(merged, solution, parts, cluster_of)
        if found is None:
            return None
        merged, solution = parts, found
    found = unfolded(merged, solution, problem, levels[-1])
    # Once more by the problem's own builder, which goes on from its last diagram.
    return None if found is None else problem.evaluate(found.weights, found.diagram.low_weights)


def _levels(problem: TransportProblem) -> list[Labels]:
    """The cluster of each site (n,), for ever finer clusters, from those on with which to begin."""
    found = [*_all_levels(problem.builder.build(np.zeros(len(problem.sites))))]
    labels = [labels for labels, _ in found]
    if not labels or labels[0].max() >= _MOST_CLUSTERS * len(problem.sites):
        return []
    apart = [k for k, (_, ratio) in enumerate(found) if ratio > _APART]
    if apart:
        return labels[apart[0] :]
    few = sum(int(each.max()) < _FEW_CLUSTERS for each in labels)
    return labels[few - 1 :] if few and len(problem.sites) > _FEW_CLUSTERS else labels


def _all_levels(voronoi: DiagramArrays) -> Iterator[tuple[Labels, float]]:
    """The cluster of each site (n,), and how far they are apart relative to what is in them.

    They are what is left of a spanning tree when its long edges are cut. The minimum spanning tree
    is part of the Delaunay triangulation.
    """
    count = len(voronoi.positions)
    i, j = voronoi.edge_sites.T
    lengths = np.hypot(*(voronoi.positions[i] - voronoi.positions[j]).T)
    tree = scipy.sparse.csgraph.minimum_spanning_tree(
        scipy.sparse.csr_array((lengths, (i, j)), shape=(count, count))
    )
    if len(tree.data) < max(1, count - 1) or tree.data.max() <= _SCALES * tree.data.min():
        return
    while True:
        is_cut = tree.data > tree.data.max() / _ZOOM
        shortest_cut = tree.data[is_cut].min()
        tree.data[is_cut] = 0.0
        tree.eliminate_zeros()
        if len(tree.data) == 0:
            return
        _, labels = scipy.sparse.csgraph.connected_components(tree, directed=False)
        yield np.asarray(labels, dtype=np.intp), float(shortest_cut / tree.data.max())


def _merged(problem: TransportProblem, cluster_of: Labels) -> TransportProblem:
    masses = np.bincount(cluster_of, problem.masses).astype(np.float64)
    sites = np.stack(
        [np.bincount(cluster_of, problem.masses * problem.sites[:, k]) / masses for k in range(2)],
        axis=1,
    )
    return problem.as_stage(sites=sites, masses=masses)
