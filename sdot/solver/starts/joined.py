# SPDX-License-Identifier: GPL-3.0-or-later
"""Mass exchange between groups of cells that zeros of the density keep apart.

Where no edge between two groups of cells has mass, the Newton matrix has a constant per group in
its kernel, and Newton's method cannot move mass between them. Raising the weights of all of a
group moves its frontier through the zeros, without a change of any mass, until it has reached
mass beyond them. From there on an edge joins the two groups.
"""

from __future__ import annotations

import numpy as np
import scipy

from sdot.solver.problem import Evaluation, TransportProblem

__all__ = ["joined_groups"]

_BISECTIONS = 60  # halve the span of all weights down to its rounding
# Share of its mass that the smallest cell must keep, and of what the group lacks that is enough:
# Newton's method does the rest, in a few steps from any value between.
_KEPT = 0.5
_ENOUGH = 0.5


def joined_groups(problem: TransportProblem, evaluation: Evaluation) -> Evaluation | None:
    """Raise the group that lacks most until it has some of it; None if that is not possible."""
    count = len(problem.sites)
    heavy = evaluation.edge_weights > 0
    edges = evaluation.diagram.edge_sites[heavy].T
    graph = scipy.sparse.csr_array((evaluation.edge_weights[heavy], edges), shape=(count, count))
    groups, group_of = scipy.sparse.csgraph.connected_components(graph, directed=False)
    if groups == 1 or evaluation.smallest_share <= 0:
        return None
    lacking = np.bincount(group_of, evaluation.residual)
    raised = (group_of == lacking.argmax()).astype(np.float64)
    # Beyond this the raised cells have everything.
    corners = np.concatenate([problem.kernel.box, problem.sites])
    span = float(((corners.max(axis=0) - corners.min(axis=0)) ** 2).sum())
    low, high = 0.0, 4 * span + float(np.ptp(evaluation.weights))
    best = None
    for _ in range(_BISECTIONS):
        shift = (low + high) / 2
        trial = problem.moved(evaluation, shift * raised)
        gained = 0.0 if trial is None else float(raised @ (trial.masses - evaluation.masses))
        if (
            trial is None
            or gained > lacking.max()
            or trial.smallest_share < _KEPT * min(1.0, evaluation.smallest_share)
        ):
            high = shift
            continue
        low = shift
        joined = trial.edge_weights[raised[trial.diagram.edge_sites].sum(axis=1) == 1]
        if (joined > 0).any():
            best = trial
        if gained >= _ENOUGH * lacking.max():
            break
    return best
