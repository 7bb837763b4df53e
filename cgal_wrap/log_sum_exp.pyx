# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Log-domain matrix products."""

import numpy as np

cdef extern from "log_sum_exp.hpp" namespace "sdot" nogil:
    void c_log_sum_product "sdot::log_sum_product"(
        const double*, const double*, size_t, size_t, size_t, int, double*) except +


def log_sum_product(const double[:, ::1] values, const double[:, ::1] costs, int threads):
    """``out[i, k] = log sum_j exp(values[i, j] - costs[k, j])``; -inf where there is no term."""
    cdef size_t rows = values.shape[0]
    cdef size_t terms = values.shape[1]
    cdef size_t columns = costs.shape[0]
    if costs.shape[1] != values.shape[1] or rows * terms * columns == 0:
        raise ValueError("values and costs must have rows of the same length, at least 1")
    out = np.empty((rows, columns))
    cdef double[:, ::1] view = out
    with nogil:
        c_log_sum_product(&values[0, 0], &costs[0, 0], rows, terms, columns, threads, &view[0, 0])
    return out
