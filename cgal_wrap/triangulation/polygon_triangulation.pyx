# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Whether a polygon with holes is simple, and its triangles."""

from libc.stdint cimport int64_t
from libcpp.pair cimport pair
from libcpp.vector cimport vector

import numpy as np

cdef extern from "triangulation/polygon_triangulation.hpp" namespace "sdot::triangulation" nogil:
    cdef cppclass PolygonRings:
        PolygonRings(const double*, const int64_t*, size_t) except +

    pair[int64_t, int64_t] c_meeting_sides "sdot::triangulation::meeting_sides"(
        const PolygonRings&) except +
    vector[int64_t] c_polygon_triangles "sdot::triangulation::polygon_triangles"(
        const PolygonRings&) except +


cdef check_rings(const double[:, ::1] corners, const int64_t[::1] offsets):
    if corners.shape[1] != 2 or offsets.shape[0] < 2:
        raise ValueError("corners must have shape (k, 2), and offsets at least two entries")
    if offsets[0] != 0 or offsets[offsets.shape[0] - 1] != corners.shape[0]:
        raise ValueError("offsets must begin with 0 and end with the number of corners")
    if np.diff(offsets).min() < 3:
        raise ValueError("corners must have shape (k, 2), at least three of each ring")


def meeting_sides(const double[:, ::1] corners, offsets=None):
    """The first two sides (i, j), i < j, that meet other than at a common end, or None.

    Side k goes from corner k to the next one of its ring, the last to the first. The corners of
    ring r are ``corners[offsets[r]:offsets[r + 1]]``, by default of one ring. Exact.
    """
    cdef const int64_t[::1] ends = offsets_of(corners, offsets)
    cdef pair[int64_t, int64_t] found
    cdef PolygonRings* rings
    with nogil:
        rings = new PolygonRings(&corners[0, 0], &ends[0], ends.shape[0] - 1)
        try:
            found = c_meeting_sides(rings[0])
        finally:
            del rings
    return None if found.first < 0 else (found.first, found.second)


def polygon_triangles(const double[:, ::1] corners, offsets=None):
    """Corners (t, 3), counter-clockwise, of triangles that make up a simple polygon.

    The rings after the first are holes in it.
    """
    cdef const int64_t[::1] ends = offsets_of(corners, offsets)
    cdef vector[int64_t] found
    cdef PolygonRings* rings
    with nogil:
        rings = new PolygonRings(&corners[0, 0], &ends[0], ends.shape[0] - 1)
        try:
            found = c_polygon_triangles(rings[0])
        finally:
            del rings
    return np.array(found, dtype=np.int64).reshape(-1, 3)


cdef offsets_of(const double[:, ::1] corners, offsets):
    if offsets is None:
        offsets = np.array([0, corners.shape[0]], dtype=np.int64)
    check_rings(corners, offsets)
    return offsets
