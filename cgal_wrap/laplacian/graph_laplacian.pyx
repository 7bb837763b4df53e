# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Weighted graph Laplacians: solution by multigrid-preconditioned conjugate gradients."""

from libc.stdint cimport int32_t
from libcpp.memory cimport unique_ptr

import numpy as np

from cgal_wrap.base.interruption cimport check_finished, pending_signal
from cgal_wrap.base.runtime cimport join_process

join_process()

cdef extern from "laplacian/graph.hpp" namespace "sdot::laplacian" nogil:
    cdef cppclass Graph:
        @staticmethod
        Graph from_edges(size_t, size_t, const int32_t*, const double*) except +

cdef extern from "laplacian/multigrid.hpp" namespace "sdot::laplacian" nogil:
    cdef cppclass Multigrid:
        Multigrid(Graph, int) except +

cdef extern from "laplacian/graph_laplacian.hpp" namespace "sdot::laplacian" nogil:
    cdef struct LinearSolveReport:
        int iterations
        double relative_residual
        bint interrupted

    LinearSolveReport solve_graph_laplacian(
        Multigrid&, const double*, double, int, int (*)() noexcept, double*) except +


cdef class GraphLaplacian:
    """The Laplacian of a graph with ``weights`` on its ``edges``, ready for solves."""

    cdef unique_ptr[Multigrid] multigrid
    cdef size_t nodes

    def __init__(
        self, size_t nodes, const int32_t[:, ::1] edges, const double[::1] weights, int threads
    ):
        cdef size_t count = edges.shape[0]
        if weights.shape[0] != <Py_ssize_t>count:
            raise ValueError("edges and weights must have the same length")
        self.nodes = nodes
        with nogil:
            self.multigrid.reset(new Multigrid(Graph.from_edges(
                nodes, count, &edges[0, 0] if count else NULL, &weights[0] if count else NULL),
                threads))

    def __dealloc__(self):
        with nogil:
            self.multigrid.reset()

    def solve(self, const double[::1] right_side, double tolerance, int max_iterations):
        """Solve for a right side (n,) that sums to zero over each connected part.

        Returns the solution, the iterations, and the residual's norm over the right side's.
        Nodes without edges get zero. Not for several threads at once.
        """
        if right_side.shape[0] != <Py_ssize_t>self.nodes:
            raise ValueError("right_side must have one entry per node")
        solution = np.empty(self.nodes)
        cdef double[::1] view = solution
        cdef LinearSolveReport report
        with nogil:
            report = solve_graph_laplacian(
                self.multigrid.get()[0], &right_side[0], tolerance, max_iterations,
                pending_signal, &view[0])
        check_finished(not report.interrupted)
        return solution, report.iterations, report.relative_residual
