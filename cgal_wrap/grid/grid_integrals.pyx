# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Integrals of a piecewise polynomial density on a grid over power cells and their edges."""

from libc.stdint cimport int64_t, uint8_t
from libcpp cimport bool as cpp_bool

import numpy as np

from cgal_wrap.base.runtime cimport join_process
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

from sdot.cgal_wrap.base.gauss_rules import cut_rules, gauss_rule

join_process()

cdef extern from "grid/polynomial_grid.hpp" namespace "sdot::grid" nogil:
    cdef struct GridAxis:
        int pixels
        const double* lines
        cpp_bool uniform

    cdef cppclass PolynomialGrid:
        GridAxis x
        GridAxis y
        int terms
        const double* values
        const double* row_prefix
        const double* row_totals

cdef extern from "grid/edges.hpp" namespace "sdot::grid" nogil:
    void c_masses_and_edge_weights "sdot::grid::masses_and_edge_weights"(
        const DiagramEdges&, const uint8_t*, const PolynomialGrid&, const GaussRule&, int,
        double*, double*) except +

cdef extern from "grid/moments.hpp" namespace "sdot::grid" nogil:
    void c_cell_moments "sdot::grid::cell_moments"(
        const PolynomialGrid&, const GaussRule&, const ConvexPolygons&, int,
        const MomentArrays&) except +

cdef extern from "grid/edge_moments.hpp" namespace "sdot::grid" nogil:
    void c_edge_moments "sdot::grid::edge_moments"(
        const DiagramEdges&, const PolynomialGrid&, const GaussRule&, int,
        const EdgeMomentArrays&) except +

cdef extern from "grid/disc_masses.hpp" namespace "sdot::grid" nogil:
    void c_disc_masses "sdot::grid::disc_masses"(
        const DiagramEdges&, const uint8_t*, const ConvexPolygons&, const Discs&,
        const PolynomialGrid&, const CutRules&, int, const DiscMassArrays&) except +

cdef extern from "grid/disc_moments.hpp" namespace "sdot::grid" nogil:
    void c_disc_moments "sdot::grid::disc_moments"(
        const ConvexPolygons&, const Discs&, const PolynomialGrid&, const CutRules&, int,
        const MomentArrays&) except +

cdef extern from "grid/arc_moments.hpp" namespace "sdot::grid" nogil:
    void c_disc_edge_moments "sdot::grid::disc_edge_moments"(
        const DiagramEdges&, const Discs&, const PolynomialGrid&, const GaussRule&, int,
        const EdgeMomentArrays&) except +
    void c_arc_moments "sdot::grid::arc_moments"(
        const ConvexPolygons&, const Discs&, const PolynomialGrid&, const CutRules&, int,
        const MomentArrays&) except +

cdef extern from "grid/disc_pull_back.hpp" namespace "sdot::grid" nogil:
    void c_disc_pull_back "sdot::grid::disc_pull_back"(
        const PolynomialGrid&, const CutRules&, const ConvexPolygons&, const Discs&,
        const CellPotential&, int, double*) except +

cdef extern from "grid/cell_blocks.hpp" namespace "sdot::grid" nogil:
    CellBlocks c_cell_blocks "sdot::grid::cell_blocks"(
        const PolynomialGrid&, const GaussRule&, const ConvexPolygons&, const Point*, int) except +

cdef extern from "grid/pull_back.hpp" namespace "sdot::grid" nogil:
    void c_grid_pull_back "sdot::grid::grid_pull_back"(
        const PolynomialGrid&, const GaussRule&, const ConvexPolygons&, const CellPotential&, int,
        double*) except +


cdef class GridKernel:
    """A piecewise polynomial density; immutable, so any number of threads may share it.

    ``values`` is (nx, ny, terms, terms), the coefficient of s**p t**q on pixel (ix, iy) at
    ``values[ix, iy, p, q]`` with s, t local coordinates in [0, 1]. It is kept, not copied.
    """

    cdef PolynomialGrid grid
    cdef object arrays  # keeps alive what `grid` and the rules point to
    cdef GaussRule edge_rule
    cdef GaussRule moment_rule

    def __init__(self, x_lines, y_lines, values, bint x_uniform, bint y_uniform):
        cdef double[::1] x_view = np.array(x_lines, dtype=np.float64)
        cdef double[::1] y_view = np.array(y_lines, dtype=np.float64)
        values = np.ascontiguousarray(values, dtype=np.float64)
        cdef const double[:, :, :, ::1] values_view = values
        if (
            values_view.shape[0] != x_view.shape[0] - 1
            or values_view.shape[1] != y_view.shape[0] - 1
            or values_view.shape[2] != values_view.shape[3]
        ):
            raise ValueError("values must have shape (nx, ny, terms, terms) to match the lines")
        cdef int terms = values_view.shape[2]
        prefix, totals = integrals_along_rows(x_view, values)
        cdef double[:, :, ::1] prefix_view = prefix
        cdef double[:, ::1] totals_view = totals
        self.grid.x = GridAxis(x_view.shape[0] - 1, &x_view[0], x_uniform)
        self.grid.y = GridAxis(y_view.shape[0] - 1, &y_view[0], y_uniform)
        self.grid.terms = terms
        self.grid.values = &values_view[0, 0, 0, 0]
        self.grid.row_prefix = &prefix_view[0, 0, 0]
        self.grid.row_totals = &totals_view[0, 0]
        # Along an edge F has degree 2 terms - 1; for the moments see moments.hpp.
        for_edges, for_moments = gauss_rule(terms), gauss_rule(terms + 1)
        self.edge_rule = gauss_rule_of(for_edges[0], for_edges[1])
        self.moment_rule = gauss_rule_of(for_moments[0], for_moments[1])
        self.arrays = (
            np.asarray(x_view), np.asarray(y_view), values, prefix, totals,
            for_edges, for_moments)

    def masses_and_edge_weights(self, tuple edges, const uint8_t[::1] is_hidden, int threads):
        """Masses of the cells (n,), and the integral of the density along each edge
        divided by twice the distance of its two sites (e,). ``edges``: see diagrams.pxd."""
        cdef DiagramEdges diagram = diagram_edges(edges)
        masses = np.empty(diagram.sites.count)
        edge_weights = np.empty(diagram.count)
        cdef double[::1] masses_view = masses
        cdef double[::1] edge_weights_view = edge_weights
        with nogil:
            c_masses_and_edge_weights(
                diagram, &is_hidden[0], self.grid, self.edge_rule, threads, &masses_view[0],
                &edge_weights_view[0] if diagram.count else NULL)
        return masses, edge_weights

    def edge_moments(self, tuple edges, int threads):
        """Of the density along each edge: its integral divided by twice the distance of the two
        sites (e,), NaN on a line where it jumps; its centroid (e, 2) and variance (e,).

        ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        weights, spreads = np.empty(diagram.count), np.empty(diagram.count)
        centroids = np.empty((diagram.count, 2))
        cdef EdgeMomentArrays moments = edge_moment_arrays(weights, centroids, spreads)
        with nogil:
            c_edge_moments(diagram, self.grid, self.moment_rule, threads, moments)
        return weights, centroids, spreads

    def cell_moments(self, const double[:, ::1] points, const int64_t[::1] offsets, int threads):
        """Masses (n,), centroids (n, 2; NaN without mass) and central second moments
        xx, xy, yy (n, 3) of the density over polygons inside the grid."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        masses = np.empty(polygons.count)
        centroids = np.empty((polygons.count, 2))
        second_moments = np.empty((polygons.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        with nogil:
            c_cell_moments(self.grid, self.moment_rule, polygons, threads, moments)
        return masses, centroids, second_moments

    def disc_masses(
        self,
        tuple edges,
        const uint8_t[::1] is_hidden,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple discs,
        int threads,
    ):
        """Masses of cells cut by discs (n,), the integrals of the density along the edges in the
        discs over twice the sites' distances (e,), and half of those over the angle along arcs
        (n,).

        ``edges``: see diagrams.pxd; ``points`` and ``offsets``: cells near the discs, inside of the
        grid; ``discs``: see discs.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        rules = cut_rules(2 * self.grid.terms - 2)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses, arc_weights = np.empty(cells.count), np.empty(cells.count)
        edge_weights = np.empty(diagram.count)
        cdef DiscMassArrays result = disc_mass_arrays(masses, edge_weights, arc_weights)
        with nogil:
            c_disc_masses(
                diagram, &is_hidden[0], cells, around, self.grid, on_parts, threads, result)
        return masses, edge_weights, arc_weights

    def disc_moments(
        self, const double[:, ::1] points, const int64_t[::1] offsets, tuple discs, int threads
    ):
        """Those of `cell_moments` for cells cut by discs; arguments are those of `disc_masses`."""
        cdef ConvexPolygons cells = convex_polygons(points, offsets)
        cdef Discs around = discs_of(discs)
        rules = cut_rules(2 * self.grid.terms)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses = np.empty(cells.count)
        centroids = np.empty((cells.count, 2))
        second_moments = np.empty((cells.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        with nogil:
            c_disc_moments(cells, around, self.grid, on_parts, threads, moments)
        return masses, centroids, second_moments

    def disc_edge_moments(self, tuple edges, tuple discs, int threads):
        """Those of `edge_moments` for what of the edges is in discs: see `disc_masses`."""
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef Discs around = discs_of(discs)
        weights, spreads = np.empty(diagram.count), np.empty(diagram.count)
        centroids = np.empty((diagram.count, 2))
        cdef EdgeMomentArrays moments = edge_moment_arrays(weights, centroids, spreads)
        with nogil:
            c_disc_edge_moments(diagram, around, self.grid, self.moment_rule, threads, moments)
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
        rules = cut_rules(2 * self.grid.terms)
        cdef CutRules on_parts = cut_rules_of(rules)
        masses = np.empty(cells.count)
        centroids = np.empty((cells.count, 2))
        second_moments = np.empty((cells.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        with nogil:
            c_arc_moments(cells, around, self.grid, on_parts, threads, moments)
        return masses, centroids, second_moments


def cell_blocks(
    const double[::1] x_lines,
    const double[::1] y_lines,
    bint is_uniform,
    int terms,
    const double[:, ::1] points,
    const int64_t[::1] offsets,
    const double[:, ::1] centres,
    int threads,
):
    """Integrals of s**p t**q of each pixel over each polygon, times 1 and u - centre.

    Returns the polygon and the pixel of each block (b,), and the blocks (b, 3, terms**2).
    """
    cdef PolynomialGrid grid = grid_without_values(x_lines, y_lines, is_uniform, terms)
    nodes, weights = gauss_rule(terms + 1)
    cdef GaussRule rule = gauss_rule_of(nodes, weights)
    cdef ConvexPolygons polygons = convex_polygons(points, offsets)
    cdef const Point* centre = <const Point*> &centres[0, 0]
    cdef CellBlocks blocks
    with nogil:
        blocks = c_cell_blocks(grid, rule, polygons, centre, threads)
    return block_arrays(blocks, terms * terms)


cdef PolynomialGrid grid_without_values(
    const double[::1] x_lines, const double[::1] y_lines, bint is_uniform, int terms
) noexcept:
    cdef PolynomialGrid grid
    grid.x = GridAxis(x_lines.shape[0] - 1, &x_lines[0], is_uniform)
    grid.y = GridAxis(y_lines.shape[0] - 1, &y_lines[0], is_uniform)
    grid.terms = terms
    grid.values = NULL
    grid.row_prefix = NULL
    grid.row_totals = NULL
    return grid


def pull_back(
    const double[::1] x_lines,
    const double[::1] y_lines,
    bint is_uniform,
    int terms,
    const double[:, ::1] points,
    const int64_t[::1] offsets,
    tuple potential,
    int threads,
):
    """Integrals (nx, ny, terms, terms) of a potential times s**p t**q over each pixel.

    Polygons must lie inside the grid; elsewhere the potential (see diagrams.pxd) is zero.
    """
    cdef PolynomialGrid grid = grid_without_values(x_lines, y_lines, is_uniform, terms)
    nodes, weights = gauss_rule(terms + 1)
    cdef GaussRule rule = gauss_rule_of(nodes, weights)
    cdef ConvexPolygons polygons = convex_polygons(points, offsets)
    cdef CellPotential on_cells = cell_potential(potential)
    result = np.empty((grid.x.pixels, grid.y.pixels, terms, terms))
    cdef double[:, :, :, ::1] result_view = result
    with nogil:
        c_grid_pull_back(
            grid, rule, polygons, on_cells, threads, &result_view[0, 0, 0, 0])
    return result


def disc_pull_back(
    const double[::1] x_lines,
    const double[::1] y_lines,
    bint is_uniform,
    int terms,
    const double[:, ::1] points,
    const int64_t[::1] offsets,
    tuple discs,
    tuple potential,
    int threads,
):
    """Those of `pull_back` for a potential that is zero outside discs.

    ``points`` and ``offsets``: cells near the discs, inside of the grid; ``discs``: see discs.pxd.
    """
    cdef PolynomialGrid grid = grid_without_values(x_lines, y_lines, is_uniform, terms)
    rules = cut_rules(2 * terms)
    cdef CutRules on_parts = cut_rules_of(rules)
    cdef ConvexPolygons cells = convex_polygons(points, offsets)
    cdef Discs around = discs_of(discs)
    cdef CellPotential on_cells = cell_potential(potential)
    result = np.empty((grid.x.pixels, grid.y.pixels, terms, terms))
    cdef double[:, :, :, ::1] result_view = result
    with nogil:
        c_disc_pull_back(
            grid, on_parts, cells, around, on_cells, threads, &result_view[0, 0, 0, 0])
    return result


cdef integrals_along_rows(x_lines, values):
    """Integrals over x as polynomials in t: of each row up to each pixel, and of whole rows."""
    moments, widths = 1.0 / np.arange(1, values.shape[2] + 1), np.diff(x_lines)
    cdef int last = len(values) - 1
    before = np.zeros(values.shape[:3])
    np.einsum("xypq,p,x->xyq", values[:last], moments, widths[:last], out=before[1:])
    np.cumsum(before[1:], axis=0, out=before[1:])
    end = np.einsum("xypq,p,x->xyq", values[last:], moments, widths[last:])[0]
    return before, before[last] + end
