# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Weighted graph Laplacians: solution by their factors."""

from libc.stdint cimport int32_t
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

import numpy as np

from cgal_wrap.base.runtime cimport join_process

join_process()

cdef extern from "laplacian/graph.hpp" namespace "sdot::laplacian" nogil:
    cdef cppclass Graph:
        @staticmethod
        Graph from_edges(size_t, size_t, const int32_t*, const double*) except +

cdef extern from "factor/laplacian_factor.hpp" namespace "sdot::factor" nogil:
    cdef cppclass Factor "sdot::factor::LaplacianFactor":
        Factor(Graph, const double*, int) except +
        size_t entries()
        double products()
        vector[int32_t] parts() except +
        void eliminate() except +
        void solve(const double*, double*) except +
        void multiply(const double*, double*) except +


cdef class LaplacianFactor:
    """The Laplacian of a planar graph with ``weights`` on its ``edges``.

    Positions (n, 2) say where its nodes are, for the order of elimination. They need not be right:
    where many straight edges cross each other, the factor has more entries.
    """

    cdef unique_ptr[Factor] factor
    cdef size_t nodes

    def __init__(
        self,
        const double[:, ::1] positions,
        const int32_t[:, ::1] edges,
        const double[::1] weights,
        int threads,
    ):
        cdef size_t count = edges.shape[0]
        if weights.shape[0] != <Py_ssize_t>count:
            raise ValueError("edges and weights must have the same length")
        self.nodes = positions.shape[0]
        with nogil:
            self.factor.reset(new Factor(Graph.from_edges(
                self.nodes, count, &edges[0, 0] if count else NULL,
                &weights[0] if count else NULL),
                &positions[0, 0] if self.nodes else NULL, threads))

    def __dealloc__(self):
        with nogil:
            self.factor.reset()

    @property
    def entries(self):
        """How many numbers the factor is, some of them zeros."""
        return self.factor.get().entries()

    @property
    def products(self):
        """How many of two numbers it takes to compute the factor."""
        return self.factor.get().products()

    @property
    def parts(self):
        """Numbers (n,) from 0 on for the connected parts that nodes are in."""
        cdef vector[int32_t] numbers
        with nogil:
            numbers = self.factor.get().parts()
        result = np.empty(self.nodes, dtype=np.int32)
        cdef int32_t[::1] view = result
        cdef size_t i
        for i in range(self.nodes):
            view[i] = numbers[i]
        return result

    def eliminate(self):
        """Compute the factor; before that nothing can be solved."""
        with nogil:
            self.factor.get().eliminate()

    def solve(self, const double[::1] right_side):
        """Return x (n,) for a right side that sums to zero over each connected part.

        It is right up to a constant on each of them. Several threads may solve at once.
        """
        self._check(right_side)
        solution = np.empty(self.nodes)
        cdef double[::1] view = solution
        if self.nodes:
            with nogil:
                self.factor.get().solve(&right_side[0], &view[0])
        return solution

    def multiply(self, const double[::1] values):
        """Return the product (n,) of the Laplacian with values (n,)."""
        self._check(values)
        product = np.empty(self.nodes)
        cdef double[::1] view = product
        if self.nodes:
            with nogil:
                self.factor.get().multiply(&values[0], &view[0])
        return product

    cdef int _check(self, const double[::1] values) except -1:
        if values.shape[0] != <Py_ssize_t>self.nodes:
            raise ValueError("expected one number per node")
        return 0
