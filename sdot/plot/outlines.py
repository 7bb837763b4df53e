# SPDX-License-Identifier: GPL-3.0-or-later
"""The borders of cells as paths of matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from sdot.plot.figure import import_matplotlib
from sdot.power_diagram import PowerDiagram
from sdot.validation import FloatArray

__all__ = ["box_around", "path_around", "places_of"]

_MARGIN = 0.1  # around the sites of a diagram without a domain, in units of their extent


def path_around(rings: Iterable[FloatArray]) -> Any:
    """Return one path of closed rings (k, 2)."""
    path = import_matplotlib("matplotlib.path").Path
    rings = list(rings)
    sizes = np.array([len(ring) + 1 for ring in rings], dtype=np.int64)
    vertices = np.concatenate([np.empty((0, 2)), *(part for r in rings for part in (r, r[:1]))])
    codes = np.full(len(vertices), path.LINETO, dtype=path.code_type)
    ends = np.cumsum(sizes)
    codes[ends - sizes], codes[ends - 1] = path.MOVETO, path.CLOSEPOLY
    return path(vertices, codes)


def places_of(diagram: PowerDiagram) -> FloatArray:
    """Return where to draw the sites (n, 2): on a torus in the domain."""
    return diagram.positions if diagram.torus is None else diagram.torus.wrap(diagram.positions)


def box_around(positions: FloatArray) -> FloatArray:
    """Return a box around sites, with a margin."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float((high - low).max())
    margin = _MARGIN * (extent if extent > 0 else 1.0)
    return np.array([low - margin, high + margin])
