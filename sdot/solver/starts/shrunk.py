# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights whose diagram is the Voronoi diagram of the sites shrunk into the box."""

from __future__ import annotations

import numpy as np

from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray

__all__ = ["shrunk_sites_weights"]

# Share of the box that the shrunk sites take: the outermost cells reach beyond their sites.
_FILLED = 0.9


def shrunk_sites_weights(problem: TransportProblem) -> FloatArray:
    """Weights (n,) whose diagram is the Voronoi diagram of the sites shrunk into the box.

    For a centre c and 0 < r <= 1, ``w_i = (1 - r) |y_i - c|**2`` does it, up to a shift of the
    shrunk sites that puts them around the middle of the box: no cell is empty there.
    """
    low, high = problem.kernel.box
    middle = (low + high) / 2
    site_low, site_high = problem.sites.min(axis=0), problem.sites.max(axis=0)
    widths = np.maximum(site_high - site_low, np.finfo(float).tiny)
    shrink = min(1.0, _FILLED * float(((high - low) / widths).min()))
    # Cells of x maximise x . y - psi. Sites z = middle + shrink (y - centre) have
    # x . z - |z|**2 / 2, which divided by `shrink` is x . y - |z|**2 / (2 shrink) + ...
    shrunk = middle + shrink * (problem.sites - (site_low + site_high) / 2)
    return np.asarray((problem.sites**2).sum(axis=1) - (shrunk**2).sum(axis=1) / shrink)
