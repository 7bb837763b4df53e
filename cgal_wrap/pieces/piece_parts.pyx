# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Parts of power cells and their edges inside convex pieces."""

from libc.stdint cimport int8_t, int64_t
from libc.string cimport memcpy
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

import numpy as np

from cgal_wrap.base.interruption cimport check_finished, pending_signal
from cgal_wrap.base.runtime cimport join_process
from cgal_wrap.diagram.diagrams cimport (
    ConvexPolygons,
    DiagramEdges,
    Point,
    convex_polygons,
    diagram_edges,
)

join_process()

cdef extern from "pieces/convex_pieces.hpp" namespace "sdot::pieces" nogil:
    cdef struct ConvexPieces:
        size_t count
        const double* points
        const int64_t* offsets
        const double* affine

cdef extern from "pieces/search.hpp" namespace "sdot::pieces" nogil:
    cdef cppclass PieceTree:
        PieceTree(const ConvexPieces&) except +

cdef extern from "pieces/parts.hpp" namespace "sdot::pieces" nogil:
    cdef cppclass CellParts:
        vector[Point] points
        vector[int64_t] ends
        vector[int64_t] owners

    cdef cppclass EdgeParts:
        vector[Point] ends
        vector[int64_t] owners
        vector[int8_t] sides

    bint c_cell_parts "sdot::pieces::cell_parts"(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, int, int (*)() noexcept,
        CellParts&) except +
    bint c_edge_parts "sdot::pieces::edge_parts"(
        const ConvexPieces&, const PieceTree&, const DiagramEdges&, int, int (*)() noexcept,
        EdgeParts&) except +
    void c_cut_to_domain "sdot::pieces::cut_to_domain"(
        const ConvexPolygons&, const vector[Point]&, CellParts&) except +


cdef class PartsFinder:
    """Convex pieces that cut polygons and edges; immutable, for any number of threads.

    Piece k has the corners ``points[offsets[k]:offsets[k + 1]]``, counter-clockwise.
    """

    cdef ConvexPieces pieces
    cdef unique_ptr[PieceTree] tree
    cdef object arrays  # keeps alive what `pieces` points to

    def __init__(self, points, offsets):
        cdef double[:, ::1] points_view = np.array(points, dtype=np.float64, order="C")
        cdef int64_t[::1] offsets_view = np.array(offsets, dtype=np.int64)
        sizes = np.diff(offsets_view)
        if (
            points_view.shape[0] == 0 or points_view.shape[1] != 2 or len(sizes) == 0
            or offsets_view[0] != 0 or sizes.min() < 3 or sizes.sum() != points_view.shape[0]
        ):
            raise ValueError("points and offsets must describe at least one piece")
        self.pieces = ConvexPieces(len(sizes), &points_view[0, 0], &offsets_view[0], NULL)
        self.arrays = np.asarray(points_view), np.asarray(offsets_view)
        with nogil:
            self.tree.reset(new PieceTree(self.pieces))

    def cell_parts(self, const double[:, ::1] points, const int64_t[::1] offsets, int threads):
        """Parts of convex polygons in the pieces: their corners (p, 2), offsets (m + 1,), and of
        which polygon each is (m,)."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef CellParts parts
        cdef bint finished
        with nogil:
            finished = c_cell_parts(
                self.pieces, self.tree.get()[0], polygons, threads, pending_signal, parts)
        check_finished(finished)
        return polygon_arrays(parts) + (integers(parts.owners),)

    def edge_parts(self, tuple edges, int threads):
        """Parts of a diagram's edges in the pieces: their ends (m, 2, 2), of which edge each is,
        and whether it is along a side of a piece to its left, 1, or right, -1, or inside, 0.

        ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef EdgeParts parts
        cdef bint finished
        with nogil:
            finished = c_edge_parts(
                self.pieces, self.tree.get()[0], diagram, threads, pending_signal, parts)
        check_finished(finished)
        sides = np.empty(parts.sides.size(), dtype=np.int8)
        cdef int8_t[::1] sides_view = sides
        if parts.sides.size():
            memcpy(&sides_view[0], parts.sides.data(), parts.sides.size())
        return points_array(parts.ends).reshape(-1, 2, 2), integers(parts.owners), sides


def cut_to_domain(
    const double[:, ::1] points, const int64_t[::1] offsets, const double[:, ::1] domain
):
    """Convex polygons cut to a convex, counter-clockwise one: corners and offsets of as many."""
    cdef ConvexPolygons polygons = convex_polygons(points, offsets)
    cdef vector[Point] corners
    cdef Py_ssize_t k
    for k in range(domain.shape[0]):
        corners.push_back(Point(domain[k, 0], domain[k, 1]))
    cdef CellParts parts
    with nogil:
        c_cut_to_domain(polygons, corners, parts)
    return polygon_arrays(parts)


cdef polygon_arrays(const CellParts& parts):
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), integers(parts.ends)])
    return points_array(parts.points), offsets


cdef points_array(const vector[Point]& points):
    result = np.empty((points.size(), 2))
    cdef double[:, ::1] view = result
    if points.size():
        memcpy(&view[0, 0], points.data(), points.size() * sizeof(Point))
    return result


cdef integers(const vector[int64_t]& values):
    result = np.empty(values.size(), dtype=np.int64)
    cdef int64_t[::1] view = result
    if values.size():
        memcpy(&view[0], values.data(), values.size() * sizeof(int64_t))
    return result
