# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Integrals of a density that is affine on convex pieces over power cells and their edges."""

from libc.stdint cimport int64_t
from libcpp.memory cimport unique_ptr

import numpy as np

from cgal_wrap.diagram.diagrams cimport (
    CellBlocks,
    CellPotential,
    ConvexPolygons,
    DiagramEdges,
    EdgeMomentArrays,
    GaussRule,
    MomentArrays,
    Point,
    block_arrays,
    cell_potential,
    convex_polygons,
    diagram_edges,
    edge_moment_arrays,
    gauss_rule_of,
    moment_arrays,
)
from cgal_wrap.diagram.discs cimport (
    CutRules,
    DiscMassArrays,
    Discs,
    cut_rules_of,
    disc_mass_arrays,
    discs_of,
)
from cgal_wrap.base.interruption cimport check_finished, pending_signal
from cgal_wrap.base.runtime cimport join_process

from sdot.cgal_wrap.base.gauss_rules import cut_rules, gauss_rule

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

cdef extern from "pieces/moments.hpp" namespace "sdot::pieces" nogil:
    bint piece_masses(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, int, int (*)() noexcept,
        double*) except +
    bint piece_moments(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, int, int (*)() noexcept,
        const MomentArrays&) except +

cdef extern from "pieces/pull_back.hpp" namespace "sdot::pieces" nogil:
    bint add_potential_integrals(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const CellPotential&,
        const GaussRule&, int, int (*)() noexcept, double*) except +

cdef extern from "pieces/edges.hpp" namespace "sdot::pieces" nogil:
    bint piece_edge_weights(
        const ConvexPieces&, const PieceTree&, const DiagramEdges&, int, int (*)() noexcept,
        double*) except +

cdef extern from "pieces/edge_moments.hpp" namespace "sdot::pieces" nogil:
    bint c_edge_moments "sdot::pieces::edge_moments"(
        const ConvexPieces&, const PieceTree&, const DiagramEdges&, int, int (*)() noexcept,
        const EdgeMomentArrays&) except +

cdef extern from "pieces/discs.hpp" namespace "sdot::pieces" nogil:
    bint piece_disc_masses(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const Discs&,
        const CutRules&, int, int (*)() noexcept, const DiscMassArrays&) except +
    bint piece_disc_edge_weights(
        const ConvexPieces&, const PieceTree&, const DiagramEdges&, const Discs&, int,
        int (*)() noexcept, double*) except +
    bint piece_disc_moments(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const Discs&,
        const CutRules&, int, int (*)() noexcept, const MomentArrays&) except +
    bint add_disc_potential_integrals(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const Discs&,
        const CellPotential&, const CutRules&, int, int (*)() noexcept, double*) except +
    bint c_disc_edge_moments "sdot::pieces::disc_edge_moments"(
        const ConvexPieces&, const PieceTree&, const DiagramEdges&, const Discs&, int,
        int (*)() noexcept, const EdgeMomentArrays&) except +
    bint c_arc_moments "sdot::pieces::arc_moments"(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const Discs&,
        const CutRules&, int, int (*)() noexcept, const MomentArrays&) except +

cdef extern from "pieces/cell_blocks.hpp" namespace "sdot::pieces" nogil:
    bint c_cell_blocks "sdot::pieces::cell_blocks"(
        const ConvexPieces&, const PieceTree&, const ConvexPolygons&, const Point*, int,
        int (*)() noexcept, CellBlocks&) except +

cdef extern from "pieces/densities.hpp" namespace "sdot::pieces" nogil:
    bint piece_densities(
        const ConvexPieces&, const PieceTree&, const double*, size_t, int, int (*)() noexcept,
        double*) except +


cdef class PiecesKernel:
    """A density on convex pieces; immutable, so any number of threads may share it.

    Piece k has the corners ``points[offsets[k]:offsets[k + 1]]``, counter-clockwise, and the
    density ``affine[k, 0] + affine[k, 1:] . (x - its first corner)``. Pieces that overlap add up.
    """

    cdef ConvexPieces pieces
    cdef unique_ptr[PieceTree] tree
    cdef object arrays  # keeps alive what `pieces` points to

    def __init__(self, points, offsets, affine):
        cdef double[:, ::1] points_view = np.array(points, dtype=np.float64, order="C")
        cdef int64_t[::1] offsets_view = np.array(offsets, dtype=np.int64)
        cdef double[:, ::1] affine_view = np.array(affine, dtype=np.float64, order="C")
        sizes = np.diff(offsets_view)
        if (
            points_view.shape[0] == 0 or points_view.shape[1] != 2 or affine_view.shape[1] != 3
            or offsets_view.shape[0] != affine_view.shape[0] + 1 or offsets_view[0] != 0
            or sizes.min(initial=3) < 3 or sizes.sum() != points_view.shape[0]
        ):
            raise ValueError("points, offsets and affine must describe at least one piece")
        self.pieces = ConvexPieces(
            affine_view.shape[0], &points_view[0, 0], &offsets_view[0], &affine_view[0, 0])
        self.arrays = np.asarray(points_view), np.asarray(offsets_view), np.asarray(affine_view)
        with nogil:
            self.tree.reset(new PieceTree(self.pieces))

    def masses(self, const double[:, ::1] points, const int64_t[::1] offsets, int threads):
        """Masses (n,) of the density over convex polygons."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        masses = np.empty(polygons.count)
        cdef double[::1] masses_view = masses
        cdef bint finished
        with nogil:
            finished = piece_masses(
                self.pieces, self.tree.get()[0], polygons, threads, pending_signal,
                &masses_view[0])
        check_finished(finished)
        return masses

    def moments(self, const double[:, ::1] points, const int64_t[::1] offsets, int threads):
        """Masses (n,), centroids (n, 2; NaN without mass) and central second moments
        xx, xy, yy (n, 3) of the density over convex polygons."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        masses = np.empty(polygons.count)
        centroids = np.empty((polygons.count, 2))
        second_moments = np.empty((polygons.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        cdef bint finished
        with nogil:
            finished = piece_moments(
                self.pieces, self.tree.get()[0], polygons, threads, pending_signal, moments)
        check_finished(finished)
        return masses, centroids, second_moments

    def potential_integrals(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple potential,
        int threads,
    ):
        """Integrals over each piece (pieces, 3) of a potential, times 1 and x - first corner.

        ``potential``: see diagrams.pxd.
        """
        integrals = np.zeros((self.pieces.count, 3))
        cdef double[:, ::1] integrals_view = integrals
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef CellPotential on_cells = cell_potential(potential)
        nodes, weights = gauss_rule(3)
        cdef GaussRule rule = gauss_rule_of(nodes, weights)
        cdef bint finished
        with nogil:
            finished = add_potential_integrals(
                self.pieces, self.tree.get()[0], polygons, on_cells, rule, threads,
                pending_signal, &integrals_view[0, 0])
        check_finished(finished)
        return integrals

    def edge_weights(self, tuple edges, int threads):
        """The integral of the density along each edge of a diagram (e,), divided by twice the
        distance of its two sites. On a side that two pieces share their mean counts.

        ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        edge_weights = np.empty(diagram.count)
        cdef double[::1] edge_weights_view = edge_weights
        cdef bint finished
        with nogil:
            finished = piece_edge_weights(
                self.pieces, self.tree.get()[0], diagram, threads, pending_signal,
                &edge_weights_view[0])
        check_finished(finished)
        return edge_weights

    def disc_masses(
        self,
        tuple edges,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple discs,
        int threads,
    ):
        """Masses of cells cut by discs (n,), the integrals of the density along the edges in the
        discs over twice the sites' distances (e,), and half of those over the angle along arcs
        (n,).

        ``edges``: see diagrams.pxd; ``points`` and ``offsets``: cells near the discs; ``discs``:
        see discs.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        rules = cut_rules(1)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses, arc_weights = np.empty(cells.count), np.empty(cells.count)
        edge_weights = np.empty(diagram.count)
        cdef DiscMassArrays result = disc_mass_arrays(masses, edge_weights, arc_weights)
        cdef bint finished
        with nogil:
            finished = piece_disc_masses(
                self.pieces, self.tree.get()[0], cells, around, on_parts, threads,
                pending_signal, result
            ) and piece_disc_edge_weights(
                self.pieces, self.tree.get()[0], diagram, around, threads, pending_signal,
                result.edge_weights)
        check_finished(finished)
        return masses, edge_weights, arc_weights

    def disc_moments(
        self, const double[:, ::1] points, const int64_t[::1] offsets, tuple discs, int threads
    ):
        """Those of `moments` for cells cut by discs; arguments are those of `disc_masses`."""
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        rules = cut_rules(3)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses = np.empty(cells.count)
        centroids = np.empty((cells.count, 2))
        second_moments = np.empty((cells.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        cdef bint finished
        with nogil:
            finished = piece_disc_moments(
                self.pieces, self.tree.get()[0], cells, around, on_parts, threads,
                pending_signal, moments)
        check_finished(finished)
        return masses, centroids, second_moments

    def disc_potential_integrals(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple discs,
        tuple potential,
        int threads,
    ):
        """Those of `potential_integrals` for a potential that is zero outside discs; arguments are
        those of `disc_masses`."""
        integrals = np.zeros((self.pieces.count, 3))
        cdef double[:, ::1] integrals_view = integrals
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        cdef CellPotential on_cells = cell_potential(potential)
        rules = cut_rules(3)
        cdef CutRules on_parts = cut_rules_of(rules)
        cdef bint finished
        with nogil:
            finished = add_disc_potential_integrals(
                self.pieces, self.tree.get()[0], cells, around, on_cells, on_parts, threads,
                pending_signal, &integrals_view[0, 0])
        check_finished(finished)
        return integrals

    def disc_edge_moments(self, tuple edges, tuple discs, int threads):
        """Those of `edge_moments` for what of the edges is in discs: see `disc_masses`."""
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef Discs around = discs_of(discs)
        weights, spreads = np.empty(diagram.count), np.empty(diagram.count)
        centroids = np.empty((diagram.count, 2))
        cdef EdgeMomentArrays moments = edge_moment_arrays(weights, centroids, spreads)
        cdef bint finished
        with nogil:
            finished = c_disc_edge_moments(
                self.pieces, self.tree.get()[0], diagram, around, threads, pending_signal, moments)
        check_finished(finished)
        return weights, centroids, spreads

    def arc_moments(
        self, const double[:, ::1] points, const int64_t[::1] offsets, tuple discs, int threads
    ):
        """Along the arcs of cells cut by discs half of the integrals of the density over the angle
        (n,), the centroids (n, 2; NaN without mass), and central second moments xx, xy, yy (n, 3).

        Arguments are those of `disc_masses`.
        """
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        rules = cut_rules(3)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses = np.empty(cells.count)
        centroids = np.empty((cells.count, 2))
        second_moments = np.empty((cells.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        cdef bint finished
        with nogil:
            finished = c_arc_moments(
                self.pieces, self.tree.get()[0], cells, around, on_parts, threads,
                pending_signal, moments)
        check_finished(finished)
        return masses, centroids, second_moments

    def edge_moments(self, tuple edges, int threads):
        """Of the density along each edge: its integral divided by twice the distance of the two
        sites (e,), NaN on a side where it jumps; its centroid (e, 2) and variance (e,).

        ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        weights, spreads = np.empty(diagram.count), np.empty(diagram.count)
        centroids = np.empty((diagram.count, 2))
        cdef EdgeMomentArrays moments = edge_moment_arrays(weights, centroids, spreads)
        cdef bint finished
        with nogil:
            finished = c_edge_moments(
                self.pieces, self.tree.get()[0], diagram, threads, pending_signal, moments)
        check_finished(finished)
        return weights, centroids, spreads

    def cell_blocks(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        const double[:, ::1] centres,
        int threads,
    ):
        """Integrals of 1 and x - first corner of each piece over each polygon, times 1 and
        x - centre.

        Returns the polygon and the piece of each block (b,), and the blocks (b, 3, 3).
        """
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef const Point* centre = <const Point*> &centres[0, 0]
        cdef CellBlocks blocks
        cdef bint finished
        with nogil:
            finished = c_cell_blocks(
                self.pieces, self.tree.get()[0], polygons, centre, threads, pending_signal, blocks)
        check_finished(finished)
        return block_arrays(blocks, 3)

    def densities(self, const double[:, ::1] points, int threads):
        """The density (n,) at points; on a common side that of the piece to the right or above."""
        cdef size_t count = points.shape[0]
        densities = np.empty(count)
        cdef double[::1] densities_view = densities
        cdef bint finished
        with nogil:
            finished = piece_densities(
                self.pieces, self.tree.get()[0], &points[0, 0] if count else NULL, count, threads,
                pending_signal, &densities_view[0])
        check_finished(finished)
        return densities
