# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of a density over the cells of a given power diagram, and their derivatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from sdot.diagrams import DiagramArrays, IndexArray
from sdot.distributions.density import Density, EdgeMoments
from sdot.distributions.regions import overlay, segments_of
from sdot.driver import driver
from sdot.errors import NotDifferentiableError
from sdot.execution import SERIAL, Execution
from sdot.placed_diagram import Offsets, PlacedDiagram
from sdot.validation import FloatArray, freeze

__all__ = [
    "CellIntegrals",
    "EdgeIntegrals",
    "MassJacobian",
    "cell_integrals",
    "edge_integrals",
    "mass_jacobian",
]

Region = tuple[FloatArray, ...] | None


class CellIntegrals(NamedTuple):
    """A density's moments over the cells of a power diagram.

    Attributes
    ----------
    masses : the integral over each cell (n,), 0 for those without one.
    centroids : the barycentres (n, 2), NaN without mass.
    second_moments : integrals of ``(x - centroid) (x - centroid)^T`` (n, 2, 2), 0 without mass.

    Examples
    --------
    >>> from sdot import Box, PowerDiagram
    >>> square = Box(((0, 0), (1, 1)))
    >>> PowerDiagram([[0.25, 0.5], [0.75, 0.5]], domain=square.domain).moments(square).masses
    array([0.5, 0.5])
    """

    masses: FloatArray
    centroids: FloatArray
    second_moments: FloatArray


class MassJacobian(NamedTuple):
    """How the masses of the cells of a power diagram change with its sites.

    Attributes
    ----------
    weights : sparse (n, n), entry (i, j) the derivative of mass i with respect to weight j.
    positions : sparse (n, 2 n), entries (i, 2 j) and (i, 2 j + 1) those with respect to the
        coordinates of site j.

    Examples
    --------
    >>> from sdot import Box, PowerDiagram
    >>> square = Box(((0, 0), (1, 1)))
    >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], domain=square.domain)
    >>> diagram.mass_jacobian(square).weights.toarray().tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """

    weights: scipy.sparse.csr_array
    positions: scipy.sparse.csr_array


class EdgeIntegrals(NamedTuple):
    """A density's moments along the edges between the cells of a power diagram.

    Attributes
    ----------
    sites : the pairs of sites (e, 2) whose cells meet in an edge with mass, the smaller first.
    weights : the integral along each edge over twice the distance of its sites (e,): the mass that
        passes to a site for each unit of its weight.
    centroids : the barycentres of the edges (e, 2).
    spreads : the variances along the edges (e,).

    Examples
    --------
    >>> from sdot import Box, PowerDiagram
    >>> square = Box(((0, 0), (1, 1)))
    >>> edges = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], domain=square.domain).edge_moments(square)
    >>> edges.sites.tolist(), edges.weights.tolist()
    ([[0, 1]], [1.0])
    """

    sites: IndexArray
    weights: FloatArray
    centroids: FloatArray
    spreads: FloatArray


def cell_integrals(
    placed: PlacedDiagram, density: Density, domain: FloatArray | None, region: Region
) -> CellIntegrals:
    """Return moments over cells cut to a convex domain."""
    cells: DiagramArrays | _Cut = placed.arrays
    if region is not None:
        _check_same_region(region, density)
    elif domain is not None and not placed.arrays.is_periodic:
        cells = _Cut(placed.arrays, placed.frame.apply(domain))
    # Kernels ask a diagram for its cells as polygons, and no more.
    own = density.kernel(placed.frame, driver.execution).moments(cells)  # type: ignore[arg-type]
    scale, mass = placed.frame.scale, density.total_mass
    masses, second = np.zeros(placed.count), np.zeros((placed.count, 2, 2))
    centroids = np.full((placed.count, 2), np.nan)
    masses[placed.owners] = mass * own.masses
    centroids[placed.owners] = placed.to_plane(own.centroids)
    xx, xy, yy = mass * own.second_moments.T
    second[placed.owners] = np.array([[xx, xy], [xy, yy]]).transpose(2, 0, 1) * np.outer(
        scale, scale
    )
    return CellIntegrals(freeze(masses), freeze(centroids), freeze(second))


def mass_jacobian(
    placed: PlacedDiagram,
    positions: FloatArray,
    density: Density,
    domain: FloatArray | None,
    region: Region,
) -> MassJacobian:
    """Return the derivatives of the masses with respect to weights and positions.

    With a_ij and c_ij the density's integral over twice the sites' distance and its mean along
    the edge of cells i and j, the mass that a weight w_j takes from cell i is a_ij, and a position
    y_j ``2 a_ij (c_ij - y_j)`` (mathematics page).
    """
    found = _edge_moments(placed, density, domain, region)
    filled = found.weights != 0
    a = density.total_mass * placed.weight_scale * found.weights[filled]
    centres = [
        placed.to_plane(placed.arrays.edge_points(found.centroids, side)[filled]) for side in (1, 0)
    ]
    i, j = placed.owners[placed.arrays.edge_sites[filled]].T
    rows, taken_by = np.concatenate([i, j]), np.concatenate([j, i])
    values = np.concatenate([a, a])
    moves = 2.0 * values[:, None] * (np.concatenate(centres) - positions[taken_by])
    n = placed.count
    by_weights = _jacobian(rows, taken_by, -values, n)
    by_positions = [_jacobian(rows, taken_by, -moves[:, k], n) for k in range(2)]
    both = scipy.sparse.hstack(by_positions, format="csc")
    interleaved = np.arange(2 * n).reshape(2, n).T.ravel()
    return MassJacobian(by_weights, scipy.sparse.csr_array(both[:, interleaved]))


def edge_integrals(
    placed: PlacedDiagram, density: Density, domain: FloatArray | None, region: Region
) -> EdgeIntegrals:
    """Return moments along the edges, in the plane."""
    found = _edge_moments(placed, density, domain, region)
    filled = np.flatnonzero(found.weights != 0)
    # The variance along the edge grows with the length of the edge, which is across the sites.
    scale, (x, y) = placed.frame.scale, placed.arrays.edge_normals[filled].T
    growth = ((scale[0] * y) ** 2 + (scale[1] * x) ** 2) / (x**2 + y**2)
    return EdgeIntegrals(
        freeze(np.sort(placed.edge_sites[filled], axis=1)),
        freeze(density.total_mass * placed.weight_scale * found.weights[filled]),
        freeze(placed.to_plane(found.centroids[filled])),
        freeze(growth * found.spreads[filled]),
    )


def _edge_moments(
    placed: PlacedDiagram, density: Density, domain: FloatArray | None, region: Region
) -> EdgeMoments:
    """Moments along the edges in the frame, if the density has any there."""
    if region is not None:
        _check_same_region(region, density)
    elif domain is not None and not placed.arrays.is_periodic:
        _check_inside(domain, density)
    found = density.kernel(placed.frame, driver.execution).edge_moments(placed.arrays)
    if np.isnan(found.weights).any():
        raise NotDifferentiableError(
            "the masses of the cells are not differentiable, an edge of the diagram lies along a "
            "jump of the density; move the sites or weights a little"
        )
    return found


def _jacobian(
    rows: np.ndarray, columns: np.ndarray, values: FloatArray, count: int
) -> scipy.sparse.csr_array:
    """Return what sites take from others, and the opposite, which they gain, on the diagonal."""
    gained = -np.bincount(columns, values, count)
    everything = np.arange(count)
    entries = np.concatenate([values, gained])
    indices = np.concatenate([rows, everything]), np.concatenate([columns, everything])
    return scipy.sparse.csr_array((entries, indices), shape=(count, count))


class _Cut:
    """Cells within a convex domain, as far as a density's moments ask for them."""

    def __init__(self, arrays: DiagramArrays, domain: FloatArray) -> None:
        self._arrays, self._domain = arrays, domain

    def polygons(
        self, domain: FloatArray, execution: Execution = SERIAL
    ) -> tuple[FloatArray, Offsets]:
        """Corners and offsets of the cells in both this domain and another."""
        rings = overlay([segments_of([self._domain]), segments_of([domain])], all)
        if not rings:
            return np.empty((0, 2)), np.zeros(len(self._arrays.positions) + 1, dtype=np.int64)
        return self._arrays.polygons(rings[0], execution)


def _check_same_region(region: tuple[FloatArray, ...], density: Density) -> None:
    other = density.region
    same = other is not None and len(other) == len(region)
    if not same or not all(map(np.array_equal, region, other or ())):
        raise ValueError(
            "density: expected the one to whose region, which is not convex, the cells are cut; "
            "use a diagram in a convex domain or the plane for others"
        )


def _check_inside(domain: FloatArray, density: Density) -> None:
    if density.domain is not None:
        sides = np.roll(domain, -1, axis=0) - domain
        gaps = density.domain[:, None] - domain
        turns = sides[:, 0] * gaps[..., 1] - sides[:, 1] * gaps[..., 0]
        if (turns >= -1e-12 * np.abs(sides).max() * np.abs(gaps).max()).all():
            return
    raise ValueError(
        "density: expected one that is zero outside of the domain to which the cells are cut; use "
        "a diagram without a domain, or a larger one"
    )
