# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The C++ structures that several extension modules share, and how they are made of arrays."""

from libc.stdint cimport int32_t, int64_t
from libcpp.vector cimport vector

import numpy as np

cdef extern from "base/geometry.hpp" namespace "sdot" nogil:
    cdef struct Point:
        double x
        double y

    cdef struct WeightedSites:
        size_t count
        const double* positions
        const double* weights
        const double* low_weights

cdef extern from "diagram/edges.hpp" namespace "sdot::diagram" nogil:
    cdef struct DiagramEdges:
        WeightedSites sites
        size_t count
        const double* vertices
        const int32_t* edge_sites
        const int32_t* edge_vertices

cdef extern from "base/convex_polygons.hpp" namespace "sdot" nogil:
    cdef struct ConvexPolygons:
        size_t count
        const Point* points
        const int64_t* offsets

cdef extern from "base/moments.hpp" namespace "sdot" nogil:
    cdef struct MomentArrays:
        double* masses
        double* centroids
        double* second_moments

cdef extern from "diagram/cell_potential.hpp" namespace "sdot::diagram" nogil:
    cdef struct CellPotential:
        Point metric
        const double* sites
        const double* slopes
        const double* constants

cdef extern from "diagram/edge_moments.hpp" namespace "sdot::diagram" nogil:
    cdef struct EdgeMomentArrays:
        double* weights
        double* centroids
        double* spreads

cdef extern from "diagram/cell_blocks.hpp" namespace "sdot::diagram" nogil:
    cdef struct CellBlocks:
        vector[int64_t] cells
        vector[int64_t] columns
        vector[double] entries

cdef extern from "base/gauss_rules.hpp" namespace "sdot" nogil:
    cdef struct GaussRule:
        int count
        const double* nodes
        const double* weights

    cdef struct GaussRules:
        const double* nodes
        const double* weights


cdef inline WeightedSites weighted_sites(
    const double[:, ::1] positions, const double[::1] weights, const double[::1] low_weights
) except *:
    cdef size_t count = positions.shape[0]
    if not (weights.shape[0] == low_weights.shape[0] == <Py_ssize_t>count and count > 0):
        raise ValueError("positions, weights and low_weights must have the same length, at least 1")
    return WeightedSites(count, &positions[0, 0], &weights[0], &low_weights[0])


cdef inline DiagramEdges diagram_edges(tuple edges) except *:
    """``edges``: positions, weights and low_weights of the sites, vertices, edge_sites and
    edge_vertices. It must outlive the result."""
    cdef const double[:, ::1] positions, vertices
    cdef const double[::1] weights, low_weights
    cdef const int32_t[:, ::1] edge_sites, edge_vertices
    positions, weights, low_weights, vertices, edge_sites, edge_vertices = edges
    cdef DiagramEdges diagram
    diagram.sites = weighted_sites(positions, weights, low_weights)
    diagram.count = edge_sites.shape[0]
    diagram.vertices = &vertices[0, 0] if vertices.shape[0] else NULL
    diagram.edge_sites = &edge_sites[0, 0] if diagram.count else NULL
    diagram.edge_vertices = &edge_vertices[0, 0] if diagram.count else NULL
    return diagram


cdef inline ConvexPolygons convex_polygons(
    const double[:, ::1] points, const int64_t[::1] offsets
) noexcept:
    cdef ConvexPolygons polygons
    polygons.count = offsets.shape[0] - 1
    polygons.points = <const Point*> &points[0, 0] if points.shape[0] else NULL
    polygons.offsets = &offsets[0]
    return polygons


cdef inline MomentArrays moment_arrays(
    double[::1] masses, double[:, ::1] centroids, double[:, ::1] second_moments
) noexcept:
    if masses.shape[0] == 0:
        return MomentArrays(NULL, NULL, NULL)
    return MomentArrays(&masses[0], &centroids[0, 0], &second_moments[0, 0])


cdef inline GaussRule gauss_rule_of(const double[::1] nodes, const double[::1] weights) noexcept:
    return GaussRule(nodes.shape[0], &nodes[0], &weights[0])


cdef inline CellPotential cell_potential(
    tuple parts
) except *:
    """``parts``: metric (2,), sites and slopes (n, 2), constants (n,). It must outlive the result.

    On cell i it is the sum over both axes k of ``metric[k] * g[k]**2 + slopes[i, k] * g[k]``, with
    ``g = x - sites[i]``, minus ``constants[i]``.
    """
    cdef const double[::1] metric, constants
    cdef const double[:, ::1] sites, slopes
    metric, sites, slopes, constants = parts
    cdef CellPotential potential
    potential.metric = Point(metric[0], metric[1])
    potential.sites = &sites[0, 0]
    potential.slopes = &slopes[0, 0]
    potential.constants = &constants[0]
    return potential


cdef inline EdgeMomentArrays edge_moment_arrays(
    double[::1] weights, double[:, ::1] centroids, double[::1] spreads
) noexcept:
    if weights.shape[0] == 0:
        return EdgeMomentArrays(NULL, NULL, NULL)
    return EdgeMomentArrays(&weights[0], &centroids[0, 0], &spreads[0])


cdef inline tuple block_arrays(const CellBlocks& blocks, Py_ssize_t width):
    """Cells (b,), columns (b,) and entries (b, 3, width) of the blocks."""
    cdef Py_ssize_t count = blocks.cells.size()
    if count == 0:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty((0, 3, width))
    cells = np.array(<int64_t[:count]> <int64_t*> blocks.cells.data())
    columns = np.array(<int64_t[:count]> <int64_t*> blocks.columns.data())
    entries = np.array(<double[:3 * width * count]> <double*> blocks.entries.data())
    return cells, columns, entries.reshape(count, 3, width)
