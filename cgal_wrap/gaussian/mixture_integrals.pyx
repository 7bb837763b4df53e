# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Integrals of a Gaussian mixture over power cells and their edges."""

from libc.stdint cimport int64_t, uint8_t
from libcpp cimport bool as cpp_bool
from libcpp.vector cimport vector

import numpy as np

from cgal_wrap.diagram.diagrams cimport (
    CellBlocks,
    CellPotential,
    ConvexPolygons,
    DiagramEdges,
    EdgeMomentArrays,
    GaussRules,
    MomentArrays,
    Point,
    block_arrays,
    cell_potential,
    convex_polygons,
    diagram_edges,
    edge_moment_arrays,
    moment_arrays,
)
from cgal_wrap.base.interruption cimport check_finished, pending_signal
from cgal_wrap.base.runtime cimport join_process

from sdot.cgal_wrap.base.gauss_rules import gauss_rules

join_process()

cdef extern from "gaussian/mixture.hpp" namespace "sdot::gaussian" nogil:
    cdef struct Triangular:
        double xx
        double yx
        double yy

    cdef struct Gaussian:
        double mass
        Point mean
        Triangular factor
        Triangular whitening

cdef extern from "gaussian/segments.hpp" namespace "sdot::gaussian" nogil:
    cdef const int kMostNodes

cdef extern from "gaussian/edges.hpp" namespace "sdot::gaussian" nogil:
    bint c_masses_and_edge_weights "sdot::gaussian::masses_and_edge_weights"(
        const vector[Gaussian]&, const GaussRules&, const DiagramEdges&, const uint8_t*,
        const vector[Point]&, int, int (*)() noexcept, double*, double*) except +

cdef extern from "gaussian/integrals.hpp" namespace "sdot::gaussian" nogil:
    bint c_polygon_masses "sdot::gaussian::polygon_masses"(
        const vector[Gaussian]&, const GaussRules&, const ConvexPolygons&, int, int (*)() noexcept,
        double*) except +
    bint c_polygon_moments "sdot::gaussian::polygon_moments"(
        const vector[Gaussian]&, const GaussRules&, const ConvexPolygons&, int, int (*)() noexcept,
        const MomentArrays&) except +

cdef extern from "gaussian/pull_back.hpp" namespace "sdot::gaussian" nogil:
    cdef struct ComponentDerivatives:
        double mass
        Point mean
        double xx
        double xy
        double yy

    vector[ComponentDerivatives] c_pull_back "sdot::gaussian::pull_back"(
        const vector[Gaussian]&, const GaussRules&, const ConvexPolygons&, const CellPotential&,
        cpp_bool, int, int (*)() noexcept) except +

cdef extern from "gaussian/edge_moments.hpp" namespace "sdot::gaussian" nogil:
    bint c_edge_moments "sdot::gaussian::edge_moments"(
        const vector[Gaussian]&, const GaussRules&, const DiagramEdges&, const vector[Point]&,
        int, int (*)() noexcept, const EdgeMomentArrays&) except +

cdef extern from "gaussian/cell_blocks.hpp" namespace "sdot::gaussian" nogil:
    cdef const int kParameters
    bint c_cell_blocks "sdot::gaussian::cell_blocks"(
        const vector[Gaussian]&, const GaussRules&, const ConvexPolygons&, const Point*, int,
        int (*)() noexcept, CellBlocks&) except +

cdef extern from "gaussian/potential_integrals.hpp" namespace "sdot::gaussian" nogil:
    cdef const int kHermites
    vector[double] c_potential_integrals "sdot::gaussian::potential_integrals"(
        const vector[Gaussian]&, const GaussRules&, const ConvexPolygons&, const CellPotential&,
        int, int (*)() noexcept) except +


# The Gauss-Legendre rules on [0, 1] with 1, 2, ... nodes, one after the other.
GAUSS_RULES = gauss_rules(kMostNodes)
cdef const double[::1] RULE_NODES = GAUSS_RULES[0]
cdef const double[::1] RULE_WEIGHTS = GAUSS_RULES[1]


cdef class MixtureKernel:
    """A mixture of k Gaussians; immutable, so any number of threads may share it.

    ``factors`` (k, 3) are the entries xx, yx, yy of the Cholesky factors of the covariances.
    """

    cdef vector[Gaussian] mixture
    cdef GaussRules rules

    def __init__(
        self,
        const double[::1] masses,
        const double[:, ::1] means,
        const double[:, ::1] factors,
    ):
        cdef Gaussian component
        cdef Py_ssize_t c
        for c in range(masses.shape[0]):
            component.mass = masses[c]
            component.mean = Point(means[c, 0], means[c, 1])
            component.factor = Triangular(factors[c, 0], factors[c, 1], factors[c, 2])
            component.whitening = Triangular(
                1 / factors[c, 0], -factors[c, 1] / (factors[c, 0] * factors[c, 2]),
                1 / factors[c, 2])
            self.mixture.push_back(component)
        self.rules = GaussRules(&RULE_NODES[0], &RULE_WEIGHTS[0])

    def polygon_masses(self, const double[:, ::1] points, const int64_t[::1] offsets, int threads):
        """Masses (n,) of convex polygons."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        masses = np.empty(polygons.count)
        cdef double[::1] view = masses
        cdef bint finished = True
        if polygons.count:
            with nogil:
                finished = c_polygon_masses(
                    self.mixture, self.rules, polygons, threads, pending_signal, &view[0])
        check_finished(finished)
        return masses

    def masses_and_edge_weights(
        self,
        tuple edges,
        const uint8_t[::1] is_hidden,
        const double[:, ::1] domain,
        bint on_the_plane,
        int threads,
    ):
        """Masses of the cells (n,), and the integral of the density along each edge inside a
        convex polygon, divided by twice the distance of its two sites (e,).

        The masses are those on the whole plane, for which the density has to be zero outside of
        the polygon; None unless ``on_the_plane``. ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef vector[Point] corners = points_of(domain)
        masses = np.empty(diagram.sites.count)
        edge_weights = np.empty(diagram.count)
        cdef double[::1] masses_view = masses
        cdef double[::1] edge_weights_view = edge_weights
        cdef bint finished
        with nogil:
            finished = c_masses_and_edge_weights(
                self.mixture, self.rules, diagram, &is_hidden[0], corners, threads,
                pending_signal, &masses_view[0] if on_the_plane else NULL,
                &edge_weights_view[0] if diagram.count else NULL)
        check_finished(finished)
        return (masses if on_the_plane else None), edge_weights

    def edge_moments(self, tuple edges, const double[:, ::1] domain, int threads):
        """Of the density along each edge inside a convex polygon: its integral divided by twice the
        distance of the two sites (e,), its centroid (e, 2) and variance (e,).

        ``edges``: see diagrams.pxd.
        """
        cdef DiagramEdges diagram = diagram_edges(edges)
        cdef vector[Point] corners = points_of(domain)
        weights, spreads = np.empty(diagram.count), np.empty(diagram.count)
        centroids = np.empty((diagram.count, 2))
        cdef EdgeMomentArrays moments = edge_moment_arrays(weights, centroids, spreads)
        cdef bint finished
        with nogil:
            finished = c_edge_moments(
                self.mixture, self.rules, diagram, corners, threads, pending_signal, moments)
        check_finished(finished)
        return weights, centroids, spreads

    def cell_blocks(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        const double[:, ::1] centres,
        int threads,
    ):
        """What the parameters of each component, as if of mass one, change over each polygon, times
        1 and x - centre.

        The parameters are the mass, the mean, and the entries xx, xy, yy of the covariance in
        coordinates in which that is the identity. Returns the polygon and the component of each
        block (b,), and the blocks (b, 3, 6).
        """
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef const Point* centre = <const Point*> &centres[0, 0]
        cdef CellBlocks blocks
        cdef bint finished
        with nogil:
            finished = c_cell_blocks(
                self.mixture, self.rules, polygons, centre, threads, pending_signal, blocks)
        check_finished(finished)
        return block_arrays(blocks, kParameters)

    def hermite_integrals(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple potential,
        int threads,
    ):
        """Integrals (k, 15) of a potential against each component, as if of mass one, times the
        Hermite polynomials He_a(z.x) He_b(z.y), a + b = 0 ... 4, for each degree a descending.

        ``potential``: see diagrams.pxd.
        """
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef CellPotential on_cells = cell_potential(potential)
        cdef vector[double] found
        with nogil:
            found = c_potential_integrals(
                self.mixture, self.rules, polygons, on_cells, threads, pending_signal)
        check_finished(found.size() > 0)
        return np.array(<double[:found.size()]> found.data()).reshape(-1, kHermites)

    def polygon_moments(
        self, const double[:, ::1] points, const int64_t[::1] offsets, int threads
    ):
        """Masses (n,), centroids (n, 2; NaN without mass) and central second moments
        xx, xy, yy (n, 3) over convex polygons."""
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        masses = np.empty(polygons.count)
        centroids = np.empty((polygons.count, 2))
        second_moments = np.empty((polygons.count, 3))
        cdef MomentArrays moments = moment_arrays(masses, centroids, second_moments)
        cdef bint finished
        with nogil:
            finished = c_polygon_moments(
                self.mixture, self.rules, polygons, threads, pending_signal, moments)
        check_finished(finished)
        return masses, centroids, second_moments

    def pull_back(
        self,
        const double[:, ::1] points,
        const int64_t[::1] offsets,
        tuple potential,
        bint has_border,
        int threads,
    ):
        """Derivatives of the integral of a potential with respect to the masses (k,), the means
        (k, 2) and the entries xx, xy, yy of the covariances (k, 3).

        ``potential``: see diagrams.pxd; ``has_border``: whether the polygons do not fill the plane.
        """
        cdef ConvexPolygons polygons = convex_polygons(points, offsets)
        cdef CellPotential on_cells = cell_potential(potential)
        cdef vector[ComponentDerivatives] found
        with nogil:
            found = c_pull_back(
                self.mixture, self.rules, polygons, on_cells, has_border, threads,
                pending_signal)
        check_finished(found.size() > 0)
        result = np.array([(d.mass, d.mean.x, d.mean.y, d.xx, d.xy, d.yy) for d in found])
        return result[:, 0], result[:, 1:3], result[:, 3:]


cdef vector[Point] points_of(const double[:, ::1] polygon) noexcept:
    cdef vector[Point] points
    cdef Py_ssize_t k
    for k in range(polygon.shape[0]):
        points.push_back(Point(polygon[k, 0], polygon[k, 1]))
    return points
