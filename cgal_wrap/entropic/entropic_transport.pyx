# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Entropic transport between two uniform grids: Sinkhorn's iteration and soft c-transforms.

A grid is given by its corners ``low`` and ``high`` (2,) and an array (nx, ny) of values at the
middles of its boxes.
"""

import numpy as np

from cgal_wrap.base.interruption cimport check_finished, pending_signal
from cgal_wrap.base.runtime cimport join_process

join_process()

cdef extern from "entropic/uniform_grid.hpp" namespace "sdot::entropic" nogil:
    cdef struct UniformAxis:
        double first
        double step
        size_t count

    cdef struct UniformGrid:
        UniformAxis x
        UniformAxis y

cdef extern from "entropic/grid_log_sum.hpp" namespace "sdot::entropic" nogil:
    cdef cppclass GridLogSum:
        GridLogSum(const UniformGrid&, const UniformGrid&, double) except +
        void apply "operator()"(const double*, int, double*) except +

cdef extern from "entropic/sinkhorn.hpp" namespace "sdot::entropic" nogil:
    cdef struct Marginal:
        UniformGrid grid
        const double* log_masses
        double* potential

    bint c_sinkhorn "sdot::entropic::sinkhorn"(
        const Marginal&, const Marginal&, const double*, size_t, int, int,
        int (*)() noexcept) except +

cdef extern from "entropic/soft_c_transform.hpp" namespace "sdot::entropic" nogil:
    cdef cppclass SoftCTransform:
        SoftCTransform(
            const UniformGrid&, const double*, const UniformGrid&, double, int) except +
        void at(const double*, size_t, int, double*) except +


cdef UniformAxis middles(double low, double high, size_t count):
    cdef double step = (high - low) / count
    return UniformAxis(low + step / 2, step, count)


cdef UniformGrid grid_of_middles(box, size_t nx, size_t ny):
    low, high = box
    return UniformGrid(middles(low[0], high[0], nx), middles(low[1], high[1], ny))


cdef check_values(const double[:, ::1] values, double epsilon):
    if values.shape[0] * values.shape[1] == 0 or not epsilon > 0:
        raise ValueError("values must not be empty, and epsilon must be positive")


cdef check_shapes(const double[:, ::1] potential, const double[:, ::1] log_masses):
    cdef size_t nx = potential.shape[0], ny = potential.shape[1]
    if nx != log_masses.shape[0] or ny != log_masses.shape[1] or nx * ny == 0:
        raise ValueError("potentials and masses must have the same shape, and not be empty")


def log_sum(const double[:, ::1] values, box, output_box, shape, double epsilon, int threads):
    """``log sum_x exp(values(x) - |y - x|**2 / epsilon)`` at the middles y of another grid.

    -inf where there is no term; ``shape`` is that of the result.
    """
    check_values(values, epsilon)
    out = np.empty(shape)
    cdef double[:, ::1] view = out
    cdef UniformGrid inputs = grid_of_middles(box, values.shape[0], values.shape[1])
    cdef UniformGrid outputs = grid_of_middles(output_box, view.shape[0], view.shape[1])
    cdef GridLogSum* sums
    with nogil:
        sums = new GridLogSum(outputs, inputs, epsilon)
        try:
            sums.apply(&values[0, 0], threads, &view[0, 0])
        finally:
            del sums
    return out


def sinkhorn(
    sites,
    density,
    double[:, ::1] on_sites,
    double[:, ::1] on_density,
    const double[::1] epsilons,
    int sweeps,
    int threads,
):
    """Sweeps of Sinkhorn's iteration at each epsilon, of the potentials in place.

    ``sites`` and ``density`` are pairs of a box and the logarithms of masses (nx, ny). The
    first half sweep computes the potential ``on_sites`` from that ``on_density``.
    """
    cdef const double[:, ::1] log_sites = sites[1]
    cdef const double[:, ::1] log_density = density[1]
    check_shapes(on_sites, log_sites)
    check_shapes(on_density, log_density)
    cdef Marginal site_side, density_side
    site_side.grid = grid_of_middles(sites[0], log_sites.shape[0], log_sites.shape[1])
    site_side.log_masses, site_side.potential = &log_sites[0, 0], &on_sites[0, 0]
    density_side.grid = grid_of_middles(density[0], log_density.shape[0], log_density.shape[1])
    density_side.log_masses, density_side.potential = &log_density[0, 0], &on_density[0, 0]
    cdef size_t count = epsilons.shape[0]
    cdef bint finished = True
    if count:
        with nogil:
            finished = c_sinkhorn(
                site_side, density_side, &epsilons[0], count, sweeps, threads, pending_signal)
    check_finished(finished)


def soft_c_transform(
    const double[:, ::1] sites,
    const double[:, ::1] values,
    box,
    double epsilon,
    double spacing,
    int threads,
):
    """``-epsilon log sum_x exp(values(x) - |y - x|**2 / epsilon)`` at the sites y (n, 2).

    Exact up to rounding. For speed sites that are within about ``spacing`` of each other share
    work, if they follow each other; it must not exceed some sqrt(epsilon).
    """
    check_values(values, epsilon)
    cdef size_t count = sites.shape[0]
    if count == 0:
        raise ValueError("there must be a site")
    low, high = np.min(sites, axis=0), np.max(sites, axis=0)
    nx, ny = (int(np.ceil((high[k] - low[k]) / spacing)) for k in range(2))
    cdef UniformGrid references = UniformGrid(
        UniformAxis(low[0], (high[0] - low[0]) / max(nx, 1), nx + 1),
        UniformAxis(low[1], (high[1] - low[1]) / max(ny, 1), ny + 1))
    cdef UniformGrid inputs = grid_of_middles(box, values.shape[0], values.shape[1])
    out = np.empty(count)
    cdef double[::1] view = out
    cdef SoftCTransform* transform
    with nogil:
        transform = new SoftCTransform(inputs, &values[0, 0], references, epsilon, threads)
        try:
            transform.at(&sites[0, 0], count, threads, &view[0])
        finally:
            del transform
    return out
