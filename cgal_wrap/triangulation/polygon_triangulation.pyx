# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Whether a polygon is simple, and its triangles."""

from libc.stdint cimport int64_t
from libcpp.pair cimport pair
from libcpp.vector cimport vector

import numpy as np

cdef extern from "triangulation/polygon_triangulation.hpp" namespace "sdot::triangulation" nogil:
    pair[int64_t, int64_t] c_meeting_sides "sdot::triangulation::meeting_sides"(
        const double*, size_t) except +
    vector[int64_t] c_polygon_triangles "sdot::triangulation::polygon_triangles"(
        const double*, size_t) except +


def meeting_sides(const double[:, ::1] corners):
    """The first two sides (i, j), i < j, that meet other than at a common end, or None.

    Side k goes from corner k to the next one, the last to corner 0. Exact.
    """
    cdef size_t count = corners.shape[0]
    cdef pair[int64_t, int64_t] found
    if count < 3 or corners.shape[1] != 2:
        raise ValueError("corners must have shape (k, 2), k >= 3")
    with nogil:
        found = c_meeting_sides(&corners[0, 0], count)
    return None if found.first < 0 else (found.first, found.second)


def polygon_triangles(const double[:, ::1] corners):
    """Corners (t, 3), counter-clockwise, of triangles that make up a simple polygon."""
    cdef size_t count = corners.shape[0]
    cdef vector[int64_t] found
    if count < 3 or corners.shape[1] != 2:
        raise ValueError("corners must have shape (k, 2), k >= 3")
    with nogil:
        found = c_polygon_triangles(&corners[0, 0], count)
    return np.array(found, dtype=np.int64).reshape(-1, 3)
