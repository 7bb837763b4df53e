"""Weights to start Newton's method from: an entropic transport on a coarse grid.

Sinkhorn's algorithm in the log domain, between the sites binned on a coarse grid and the
coarsened density, gives a potential f on the density's side. The initial weight of a site y
is its soft c-transform

    w(y) = -eps log sum_x a(x) exp((f(x) - |x - y|**2) / eps),

with which every site has a cell: |y|**2 - w(y) is, up to a constant, the strictly convex
function eps log sum exp(2 x.y / eps + ...).
(Sinkhorn in the log domain: Peyre and Cuturi, Computational Optimal Transport, 2019, 4.4.)
"""

from __future__ import annotations

import numpy as np

from sdot.cgal_wrap.entropic_transport import log_sum, sinkhorn, soft_c_transform
from sdot.driver import driver
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray

__all__ = ["entropic_weights", "shrunk_sites_weights"]

_COOLING = 0.6  # factor between successive values of epsilon
# Sweeps at each of them, on grids with at least so many bins: the more the dearer Newton steps are.
_SWEEPS = ((256, 20), (32, 10), (0, 2))
_COARSEST_BINS = 8
_FINAL_EPSILON = 2.0  # in units of the squared bin size


def entropic_weights(problem: TransportProblem, bins: int) -> FloatArray:
    """Return weights (n,) from a Sinkhorn iteration on ``bins`` x ``bins`` grids.

    Time is O(bins**3 + n).
    """
    box = problem.kernel.box
    site_box = np.array([problem.sites.min(axis=0), problem.sites.max(axis=0)])
    width = float(max(np.diff(box, axis=0).max(), np.diff(site_box, axis=0).max()))
    epsilon = width**2
    sweeps = next(sweeps for least, sweeps in _SWEEPS if bins >= least)
    count = min(bins, _COARSEST_BINS)
    on_density = np.zeros((count, count))  # the potential on the density's side
    while True:
        log_sites = _log(_binned_masses(problem, site_box, count))
        log_density = _log(problem.kernel.coarsened(box, count))
        on_sites = np.empty((count, count))
        epsilons = _cooled(epsilon, _FINAL_EPSILON * (width / count) ** 2)
        sinkhorn(
            (site_box, log_sites),
            (box, log_density),
            on_sites,
            on_density,
            epsilons,
            sweeps,
            driver.threads,
        )
        epsilon = float(epsilons[-1])
        if count == bins:
            break
        # A grid twice as fine takes over with a soft c-transform of what the coarser one found.
        count = min(bins, 2 * count)
        values = log_sites + on_sites / epsilon
        shape = (count, count)
        on_density = -epsilon * log_sum(values, site_box, box, shape, epsilon, driver.threads)
    values = log_density + on_density / epsilon
    weights: FloatArray = soft_c_transform(
        problem.sites, values, box, epsilon, width / bins, driver.threads
    )
    return weights


def _cooled(epsilon: float, last: float) -> FloatArray:
    """Decreasing values of epsilon (k,), k >= 1, from the one before to the last."""
    values = []
    while epsilon > last:
        epsilon = max(last, epsilon * _COOLING)
        values.append(epsilon)
    return np.array(values)


def _log(values: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _binned_masses(problem: TransportProblem, box: FloatArray, bins: int) -> FloatArray:
    low, high = box
    width = np.where(high > low, high - low, 1.0)
    index = np.clip(((problem.sites - low) / width * bins).astype(np.intp), 0, bins - 1)
    flat = np.bincount(index[:, 0] * bins + index[:, 1], problem.masses, bins * bins)
    return np.asarray(flat.reshape(bins, bins), dtype=np.float64)


def shrunk_sites_weights(problem: TransportProblem) -> FloatArray:
    """Weights (n,) whose diagram is the Voronoi diagram of the sites shrunk into the box.

    For a centre c and 0 < r <= 1, ``w_i = (1 - r) |y_i - c|**2`` does it, up to a shift of the
    shrunk sites that puts them around the middle of the box: no cell is empty there.
    """
    low, high = problem.kernel.box
    middle = (low + high) / 2
    site_low, site_high = problem.sites.min(axis=0), problem.sites.max(axis=0)
    widths = np.maximum(site_high - site_low, np.finfo(float).tiny)
    shrink = min(1.0, 0.9 * float(((high - low) / widths).min()))
    # Cells of x maximise x . y - psi. Sites z = middle + shrink (y - centre) have
    # x . z - |z|**2 / 2, which divided by `shrink` is x . y - |z|**2 / (2 shrink) + ...
    shrunk = middle + shrink * (problem.sites - (site_low + site_high) / 2)
    return np.asarray((problem.sites**2).sum(axis=1) - (shrunk**2).sum(axis=1) / shrink)
