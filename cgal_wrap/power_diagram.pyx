# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""The dual of CGAL's 2D regular triangulation as flat arrays."""

from libc.stdint cimport int32_t

import numpy as np

cdef extern from "power_diagram.hpp" namespace "sdot" nogil:
    void c_hilbert_order "sdot::hilbert_order"(const double*, size_t, int32_t*) except +

    cdef cppclass RegularTriangulation:
        RegularTriangulation() except +
        void insert(const double*, const double*, const int32_t*, size_t, size_t) except +
        size_t number_of_faces()
        size_t number_of_edges()
        size_t number_of_hidden_sites()
        void write_vertices(const double*, double*) except +
        void write_edges(int32_t*, int32_t*) except +
        void write_hidden_sites(int32_t*) except +

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


def power_diagram(
    const double[:, ::1] positions,
    const double[::1] weights,
    const double[::1] low_weights,
    const int32_t[::1] order,
):
    """Vertices, edges and hidden sites of a power diagram.

    The weights are ``weights + low_weights``, of which the low parts, below an ulp, move
    vertices only. The sites are inserted in the given order. Returns ``vertices`` (v, 2);
    ``edge_sites`` (e, 2), the sites to the left and to the right of each edge;
    ``edge_vertices`` (e, 2), where it starts and ends, -1 at infinity; and
    ``hidden`` (h,), the sites without a cell.
    """
    cdef size_t count = positions.shape[0]
    if not (weights.shape[0] == low_weights.shape[0] == order.shape[0] == <Py_ssize_t>count):
        raise ValueError("positions, weights, low_weights and order must have the same length")
    cdef RegularTriangulation triangulation
    cdef size_t begin = 0
    cdef size_t end
    while begin < count:
        end = min(begin + SITES_PER_SIGNAL_CHECK, count)
        with nogil:
            triangulation.insert(&positions[0, 0], &weights[0], &order[0], begin, end)
        begin = end
        if PyErr_CheckSignals() != 0:
            return None
    return flat_arrays(triangulation, low_weights)


cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1


cdef flat_arrays(RegularTriangulation& triangulation, const double[::1] low_weights):
    cdef size_t faces = triangulation.number_of_faces()
    cdef size_t edges = triangulation.number_of_edges()
    cdef size_t hidden_sites = triangulation.number_of_hidden_sites()
    # One row more than needed, so that the first element has an address when there is none.
    vertices = np.empty((faces + 1, 2))
    edge_sites = np.empty((edges + 1, 2), dtype=np.int32)
    edge_vertices = np.empty((edges + 1, 2), dtype=np.int32)
    hidden = np.empty(hidden_sites + 1, dtype=np.int32)
    cdef double[:, ::1] vertices_view = vertices
    cdef int32_t[:, ::1] edge_sites_view = edge_sites
    cdef int32_t[:, ::1] edge_vertices_view = edge_vertices
    cdef int32_t[::1] hidden_view = hidden
    with nogil:
        triangulation.write_vertices(&low_weights[0], &vertices_view[0, 0])
        triangulation.write_edges(&edge_sites_view[0, 0], &edge_vertices_view[0, 0])
        triangulation.write_hidden_sites(&hidden_view[0])
    return vertices[:faces], edge_sites[:edges], edge_vertices[:edges], hidden[:hidden_sites]
