# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Power cells as convex polygons (CSR), and the moments of such polygons."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

import numpy as np

from cgal_wrap.base.runtime cimport join_process
from cgal_wrap.diagram.diagrams cimport (
    ConvexPolygons,
    DiagramEdges,
    MomentArrays,
    Point,
    convex_polygons,
    diagram_edges,
    moment_arrays,
)

join_process()

cdef extern from "diagram/cell_polygons.hpp" namespace "sdot::diagram" nogil:
    cdef struct DiagramCells:
        DiagramEdges edges
        const int32_t* cell_offsets
        const int32_t* cell_edges

    vector[Point] c_cell_polygons "sdot::diagram::cell_polygons"(
        const DiagramCells&, const uint8_t*, const vector[Point]&, int, int64_t*) except +
    void c_polygon_moments "sdot::diagram::polygon_moments"(
        const ConvexPolygons&, int, const MomentArrays&) except +

cdef extern from "diagram/discs.hpp" namespace "sdot::diagram" nogil:
    vector[Point] c_cells_near_discs "sdot::diagram::cells_near_discs"(
        const ConvexPolygons&, const double*, const double*, int, int64_t*, uint8_t*) except +

cdef extern from "diagram/cell_boxes.hpp" namespace "sdot::diagram" nogil:
    void c_cell_boxes "sdot::diagram::cell_boxes"(
        const double*, const int32_t*, const int32_t*, size_t, size_t, double*)


def cell_polygons(
    tuple edges,
    const int32_t[::1] cell_offsets,
    const int32_t[::1] cell_edges,
    const uint8_t[::1] is_hidden,
    const double[:, ::1] domain,
    int threads,
):
    """Cells cut to the convex, counter-clockwise polygon ``domain``.

    ``edges``: see diagrams.pxd; ``cell_offsets`` and ``cell_edges``: those around each site.
    Returns ``points`` (p, 2) and ``offsets`` (n + 1,) with the corners of cell i in
    ``points[offsets[i]:offsets[i + 1]]``, counter-clockwise.
    """
    cdef DiagramCells diagram
    diagram.edges = diagram_edges(edges)
    diagram.cell_offsets = &cell_offsets[0]
    diagram.cell_edges = &cell_edges[0] if cell_edges.shape[0] else NULL
    offsets = np.empty(diagram.edges.sites.count + 1, dtype=np.int64)
    cdef int64_t[::1] offsets_view = offsets
    cdef vector[Point] corners
    cdef Py_ssize_t k
    for k in range(domain.shape[0]):
        corners.push_back(Point(domain[k, 0], domain[k, 1]))
    cdef vector[Point] points
    with nogil:
        points = c_cell_polygons(diagram, &is_hidden[0], corners, threads, &offsets_view[0])
    return point_array(points), offsets


cdef point_array(const vector[Point]& points):
    result = np.empty((points.size(), 2))
    cdef double[:, ::1] view = result
    if points.size():
        memcpy(&view[0, 0], points.data(), points.size() * sizeof(Point))
    return result


def cells_near_discs(
    const double[:, ::1] points,
    const int64_t[::1] offsets,
    const double[:, ::1] centres,
    const double[::1] squared_radii,
    int threads,
):
    """Cells near discs: those within their discs as they are, others cut to boxes around them.

    Returns points and offsets, as of `cell_polygons`, and flags (n,) that are 0 for cells within
    their discs. There is no disc where the squared radius is not positive.
    """
    cdef ConvexPolygons cells = convex_polygons(points, offsets)
    if not (centres.shape[0] == squared_radii.shape[0] == <Py_ssize_t>cells.count):
        raise ValueError("every cell must have a centre and a squared radius")
    near_offsets = np.zeros(cells.count + 1, dtype=np.int64)
    is_cut = np.zeros(cells.count, dtype=np.uint8)
    cdef int64_t[::1] offsets_view = near_offsets
    cdef uint8_t[::1] is_cut_view = is_cut
    cdef vector[Point] near
    if cells.count:
        with nogil:
            near = c_cells_near_discs(
                cells, &centres[0, 0], &squared_radii[0], threads, &offsets_view[0],
                &is_cut_view[0])
    return point_array(near), near_offsets, is_cut


def polygon_moments(const double[:, ::1] points, const int64_t[::1] offsets, int threads):
    """Areas (n,), centroids (n, 2; NaN without area) and central second moments (n, 3)."""
    cdef ConvexPolygons polygons = convex_polygons(points, offsets)
    areas = np.empty(polygons.count)
    centroids = np.empty((polygons.count, 2))
    second_moments = np.empty((polygons.count, 3))
    cdef MomentArrays moments = moment_arrays(areas, centroids, second_moments)
    with nogil:
        c_polygon_moments(polygons, threads, moments)
    return areas, centroids, second_moments


def cell_boxes(
    const double[:, ::1] vertices,
    const int32_t[:, ::1] edge_sites,
    const int32_t[:, ::1] edge_vertices,
    size_t sites,
):
    """Boxes (n, 4) around the cells of a diagram: x and y of their lower and upper corners.

    Infinite where a cell is open; from infinity to minus infinity without one.
    """
    cdef size_t edges = edge_sites.shape[0]
    boxes = np.empty((sites, 4))
    cdef double[:, ::1] view = boxes
    if sites:
        with nogil:
            c_cell_boxes(
                &vertices[0, 0] if vertices.shape[0] else NULL,
                &edge_sites[0, 0] if edges else NULL,
                &edge_vertices[0, 0] if edges else NULL,
                edges, sites, &view[0, 0])
    return boxes
