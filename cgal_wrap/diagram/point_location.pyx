# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Which cell of a power diagram holds a point."""

from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

from cgal_wrap.base.runtime cimport join_process
from cgal_wrap.diagram.diagrams cimport Point, WeightedSites, weighted_sites

join_process()

cdef extern from "triangulation/power_comparison.hpp" namespace "sdot::triangulation" nogil:
    cdef cppclass PowerComparison:
        PowerComparison(const WeightedSites&, Point, Point)

cdef extern from "diagram/point_location.hpp" namespace "sdot::diagram" nogil:
    cdef struct SiteGraph:
        const int32_t* offsets
        const int32_t* neighbors
        const uint8_t* is_hidden
        const int64_t* ranks

    void c_locate "sdot::diagram::locate"(
        const PowerComparison&, const SiteGraph&, const Point*, size_t, int, int64_t*) except +


def locate(
    tuple sites,
    tuple graph,
    tuple frame,
    const double[:, ::1] points,
    int threads,
):
    """The ranks (p,) of the sites in whose cells points (p, 2) are; the least of equally near ones.

    ``sites``: positions, weights and low_weights, in a ``frame`` of origin and scale, in which a
    point is ``(x - origin) / scale``; ``graph``: offsets (n + 1,) and neighbours of each site,
    flags of those without a cell, and ranks (n,). Not all may be without one.
    """
    cdef const double[:, ::1] positions
    cdef const double[::1] weights, low_weights, origin, scale
    cdef const int32_t[::1] offsets, neighbors
    cdef const uint8_t[::1] is_hidden
    cdef const int64_t[::1] ranks
    positions, weights, low_weights = sites
    offsets, neighbors, is_hidden, ranks = graph
    origin, scale = frame
    cdef SiteGraph around
    around.offsets = &offsets[0]
    around.neighbors = &neighbors[0] if neighbors.shape[0] else NULL
    around.is_hidden = &is_hidden[0]
    around.ranks = &ranks[0]
    cdef PowerComparison* powers = new PowerComparison(
        weighted_sites(positions, weights, low_weights),
        Point(origin[0], origin[1]),
        Point(scale[0], scale[1]),
    )
    cdef size_t count = points.shape[0]
    found = np.empty(count, dtype=np.int64)
    cdef int64_t[::1] view = found
    try:
        if count:
            with nogil:
                c_locate(powers[0], around, <const Point*> &points[0, 0], count, threads,
                         &view[0])
    finally:
        del powers
    return found
