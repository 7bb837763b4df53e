# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""The dual of CGAL's 2D regular triangulation as flat arrays."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy
from libcpp cimport bool as cpp_bool
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

import numpy as np

from cgal_wrap.base.runtime cimport join_process
from cgal_wrap.diagram.diagrams cimport WeightedSites, weighted_sites

join_process()

cdef extern from "triangulation/faces.hpp" namespace "sdot::triangulation" nogil:
    cdef cppclass TriangulationFaces:
        vector[int32_t] hidden_sites
        cpp_bool planar()

cdef extern from "triangulation/hilbert_order.hpp" namespace "sdot::triangulation" nogil:
    void c_hilbert_order "sdot::triangulation::hilbert_order"(
        const double*, size_t, int32_t*) except +

cdef extern from "triangulation/regular_triangulation.hpp" namespace "sdot::triangulation" nogil:
    cdef cppclass RegularTriangulation:
        RegularTriangulation() except +
        void insert(const WeightedSites&, const int32_t*, size_t, size_t) except +
        TriangulationFaces faces() except +

cdef extern from "triangulation/repair.hpp" namespace "sdot::triangulation" nogil:
    cpp_bool repair_faces "sdot::triangulation::repair"(
        TriangulationFaces&, const WeightedSites&, int) except +

cdef extern from "diagram/power_diagram.hpp" namespace "sdot::diagram" nogil:
    cdef cppclass DualDiagram:
        DualDiagram(const TriangulationFaces&) except +
        size_t number_of_vertices()
        size_t number_of_edges()
        void write_vertices(const WeightedSites&, int, double*) except +
        void write_edges(int32_t*, int32_t*) except +

    void c_edges_around_sites "sdot::diagram::edges_around_sites"(
        const int32_t*, size_t, size_t, int32_t*, int32_t*) except +

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

# Sites between two looks at pending signals, so that Ctrl-C answers within a second.
cdef size_t SITES_PER_SIGNAL_CHECK = 1 << 16


def hilbert_order(const double[:, ::1] positions):
    """Permutation (int32) that visits the positions along a Hilbert curve."""
    cdef size_t count = positions.shape[0]
    order = np.empty(count, dtype=np.int32)
    cdef int32_t[::1] view = order
    if count:
        with nogil:
            c_hilbert_order(&positions[0, 0], count, &view[0])
    return order


def edges_around_sites(const int32_t[:, ::1] edge_sites, size_t sites):
    """Offsets (sites + 1,) and the edges around each site (2 e,), int32."""
    cdef size_t count = edge_sites.shape[0]
    offsets = np.empty(sites + 1, dtype=np.int32)
    edges = np.empty(2 * count + 1, dtype=np.int32)
    cdef int32_t[::1] offsets_view = offsets
    cdef int32_t[::1] edges_view = edges
    with nogil:
        c_edges_around_sites(
            &edge_sites[0, 0] if count else NULL, count, sites, &offsets_view[0], &edges_view[0])
    return offsets, edges[: 2 * count]


cdef class Triangulator:
    """Regular triangulations of one set of sites under changing weights.

    The sites are inserted in the given order. Not for several threads at once.
    """

    cdef const double[:, ::1] positions
    cdef const int32_t[::1] order
    cdef TriangulationFaces faces
    # Whether there is a triangulation of all the sites, which flips can repair. There is none if
    # the sites are collinear or the last diagram was built from scratch and hid some.
    cdef readonly bint is_complete

    def __init__(self, const double[:, ::1] positions, const int32_t[::1] order):
        if order.shape[0] != positions.shape[0] or positions.shape[0] == 0:
            raise ValueError("positions and order must have the same length, at least 1")
        if positions.shape[0] > 0x7fffffff // 6:
            raise ValueError("more sites than 32 bits can number the corners of")
        self.positions = positions
        self.order = order
        self.is_complete = False

    def power_diagram(
        self, const double[::1] weights, const double[::1] low_weights, int threads
    ):
        """Vertices, edges and hidden sites of the power diagram, from scratch.

        The weights are ``weights + low_weights``. Returns ``vertices`` (v, 2); ``edge_sites``
        (e, 2), the sites to the left and to the right of each edge; ``edge_vertices`` (e, 2), where
        it starts and ends, -1 at infinity; and ``hidden`` (h,), the sites without a cell.
        """
        cdef WeightedSites sites = weighted_sites(self.positions, weights, low_weights)
        self.rebuild(sites)
        return flat_arrays(self.faces, sites, threads)

    def repaired_power_diagram(
        self, const double[::1] weights, const double[::1] low_weights, int threads
    ):
        """The same from the last triangulation by flips; None if they do not suffice.

        They never do if a site has to be hidden.
        """
        cdef WeightedSites sites = weighted_sites(self.positions, weights, low_weights)
        if not self.is_complete or not self.repaired(sites, threads):
            return None
        return flat_arrays(self.faces, sites, threads)

    cdef bint repaired(self, const WeightedSites& sites, int threads) except -1:
        cdef bint regular
        with nogil:
            regular = repair_faces(self.faces, sites, threads)
        return regular

    cdef int rebuild(self, const WeightedSites& sites) except -1:
        cdef unique_ptr[RegularTriangulation] triangulation
        cdef size_t begin = 0
        cdef size_t end
        self.is_complete = False
        triangulation.reset(new RegularTriangulation())
        while begin < sites.count:
            end = min(begin + SITES_PER_SIGNAL_CHECK, sites.count)
            with nogil:
                triangulation.get().insert(sites, &self.order[0], begin, end)
            begin = end
            PyErr_CheckSignals()
        with nogil:
            self.faces = triangulation.get().faces()
            triangulation.reset()  # takes its time
        self.is_complete = self.faces.planar() and self.faces.hidden_sites.empty()
        return 0


cdef flat_arrays(const TriangulationFaces& faces, const WeightedSites& sites, int threads):
    cdef DualDiagram* dual
    with nogil:
        dual = new DualDiagram(faces)
    try:
        vertex_count, edge_count = dual.number_of_vertices(), dual.number_of_edges()
        # One row more than needed, so that the first element has an address if there is none.
        vertices = np.empty((vertex_count + 1, 2))
        edge_sites = np.empty((edge_count + 1, 2), dtype=np.int32)
        edge_vertices = np.empty((edge_count + 1, 2), dtype=np.int32)
        write_arrays(dual, sites, threads, vertices, edge_sites, edge_vertices)
    finally:
        del dual
    hidden = np.empty(faces.hidden_sites.size() + 1, dtype=np.int32)
    cdef int32_t[::1] hidden_view = hidden
    if faces.hidden_sites.size():
        memcpy(&hidden_view[0], faces.hidden_sites.data(), faces.hidden_sites.size() * 4)
    return (
        vertices[:vertex_count], edge_sites[:edge_count], edge_vertices[:edge_count],
        hidden[:faces.hidden_sites.size()])


cdef write_arrays(
    const DualDiagram* dual,
    const WeightedSites& sites,
    int threads,
    double[:, ::1] vertices,
    int32_t[:, ::1] edge_sites,
    int32_t[:, ::1] edge_vertices,
):
    with nogil:
        (<DualDiagram*>dual).write_vertices(sites, threads, &vertices[0, 0])
        (<DualDiagram*>dual).write_edges(&edge_sites[0, 0], &edge_vertices[0, 0])
