# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a diagram on a torus, in the pieces that the sides of the domain cut them into."""

from __future__ import annotations

import numpy as np

from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.distributions.box import Box
from sdot.driver import driver
from sdot.periodic_diagrams import PeriodicDiagram, Torus
from sdot.placed_diagram import Offsets, PlacedDiagram
from sdot.validation import FloatArray, box_corners

__all__ = ["edges_on_torus", "moments_on_torus", "pieces_on_torus"]


def pieces_on_torus(placed: PlacedDiagram, torus: Torus) -> tuple[FloatArray, Offsets, np.ndarray]:
    """Return corners, in the frame, and offsets of all pieces, and the sites that they are of.

    In increasing order of the sites.
    """
    diagram = _periodic(placed)
    points, offsets = _polygons(diagram, placed, torus)
    sizes, owners = np.diff(offsets), placed.owners[diagram.site_of]
    order = np.argsort(owners, kind="stable")
    order = order[sizes[order] > 0]
    sizes, starts = sizes[order], offsets[:-1][order]
    ends = np.cumsum(sizes)
    source = np.arange(sizes.sum()) + np.repeat(starts - (ends - sizes), sizes)
    return points[source], np.concatenate([[0], ends]).astype(np.int64), owners[order]


def moments_on_torus(placed: PlacedDiagram, torus: Torus) -> tuple[FloatArray, FloatArray]:
    """Return areas and centroids, in the frame and as seen from sites in the domain."""
    diagram = _periodic(placed)
    polygons = _polygons(diagram, placed, torus)
    own, points, _ = polygon_kernels.polygon_moments(*polygons, driver.threads)
    filled = np.flatnonzero(own > 0)
    site, count = placed.owners[diagram.site_of[filled]], placed.count
    areas = np.bincount(site, own[filled], count).astype(np.float64)
    shares = own[filled] / areas[site]
    seen = (points[filled] - diagram.shifts[filled]) * shares[:, None]
    columns = [np.bincount(site, column, count) for column in seen.T]
    centroids = np.stack(columns, axis=1).astype(np.float64)
    centroids[~(areas > 0)] = np.nan
    return areas, centroids


def edges_on_torus(placed: PlacedDiagram, torus: Torus) -> np.ndarray:
    """Return the pairs (e, 2) of different sites whose cells share an edge, each once, sorted."""
    kernel = Box(torus.box, periodic=True).kernel(placed.frame, driver.execution)
    lengths = kernel.masses_and_edge_weights(placed.arrays)[1]
    pairs = np.sort(placed.edge_sites[lengths > 0], axis=1)
    return np.unique(pairs, axis=0)


def _periodic(placed: PlacedDiagram) -> PeriodicDiagram:
    assert isinstance(placed.arrays, PeriodicDiagram)
    return placed.arrays


def _polygons(
    diagram: PeriodicDiagram, placed: PlacedDiagram, torus: Torus
) -> tuple[FloatArray, Offsets]:
    return diagram.polygons(placed.frame.apply(box_corners(torus.box)), driver.execution)
