"""Weights to start Newton's method from: an entropic transport on a coarse grid.

Sinkhorn's algorithm in the log domain, between the sites binned on a coarse grid and the
coarsened density, gives a potential f on the density's side. The initial weight of a site y
is its soft c-transform

    w(y) = -eps log sum_x a(x) exp((f(x) - |x - y|**2) / eps),

with which every site has a cell: |y|**2 - w(y) is, up to a constant, the strictly convex
function eps log sum exp(2 x.y / eps + ...). It is smooth on the scale sqrt(eps), so it is
computed on a regular grid, where the kernel separates into its two axes, and interpolated.
(Sinkhorn in the log domain: Peyre and Cuturi, Computational Optimal Transport, 2019, 4.4.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RectBivariateSpline

from sdot.cgal_wrap.log_sum_exp import log_sum_product
from sdot.driver import driver
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray

__all__ = ["entropic_weights", "shrunk_sites_weights"]

_COOLING = 0.6  # factor between successive values of epsilon
_SWEEPS, _MORE_SWEEPS = 4, 10  # at each of them, the more where Newton steps are dearer
_MANY_BINS = 32
_COARSEST_BINS = 8
_NODES_PER_WIDTH = 12.0  # interpolation nodes per sqrt(epsilon)
_INTERPOLATED_FROM = 2000  # sites; below, the transform is evaluated at each of them


class _Axes(NamedTuple):
    """Bin centres along both axes."""

    x: FloatArray
    y: FloatArray

    @staticmethod
    def over(low: FloatArray, high: FloatArray, count: int) -> _Axes:
        centres = (np.arange(count) + 0.5) / count
        return _Axes(*(low[k] + centres * (high[k] - low[k]) for k in range(2)))


def entropic_weights(
    problem: TransportProblem, bins: int, final_epsilon: float = 2.0, exact: bool = False
) -> FloatArray:
    """Return weights (n,) from a Sinkhorn iteration on ``bins`` x ``bins`` grids.

    ``final_epsilon`` is in units of the squared bin size. ``exact`` evaluates the soft
    c-transform at each site: where the sites are degenerate (on a line, in clusters) it varies
    on a scale finer than sqrt(epsilon), and interpolation would hide sites. Time is
    O(bins**3 + n), or O(bins**3 + n bins**2) if exact.
    """
    low, high = box = problem.kernel.box
    site_low, site_high = problem.sites.min(axis=0), problem.sites.max(axis=0)
    width = float(max((high - low).max(), (site_high - site_low).max()))
    epsilon = width**2
    sweeps = _SWEEPS if bins < _MANY_BINS else _MORE_SWEEPS
    count = min(bins, _COARSEST_BINS)
    site_axes = _Axes.over(site_low, site_high, count)
    on_sites = np.zeros((count, count))  # the potential on the sites' side
    log_sites = _log(_binned_masses(problem, site_low, site_high, count))
    while True:
        # A grid twice as fine takes over with a soft c-transform of what the coarser one found.
        density_axes = _Axes.over(low, high, count)
        values = log_sites + on_sites / epsilon
        on_density = -epsilon * _Kernels(density_axes, site_axes, epsilon).log_sum(values)
        log_density = _log(problem.kernel.coarsened(box, count))
        site_axes = _Axes.over(site_low, site_high, count)
        log_sites = _log(_binned_masses(problem, site_low, site_high, count))
        last = final_epsilon * (width / count) ** 2
        while epsilon > last:
            epsilon = max(last, epsilon * _COOLING)
            to_sites = _Kernels(site_axes, density_axes, epsilon)
            to_density = to_sites.transposed()
            for _ in range(sweeps):
                on_sites = -epsilon * to_sites.log_sum(log_density + on_density / epsilon)
                on_density = -epsilon * to_density.log_sum(log_sites + on_sites / epsilon)
        if count == bins:
            break
        count = min(bins, 2 * count)
    values = log_density + on_density / epsilon
    if exact or len(problem.sites) < _INTERPOLATED_FROM:
        return _soft_c_transform(problem.sites, density_axes, values, epsilon)
    return _interpolated_c_transform(problem.sites, density_axes, values, epsilon)


class _Kernels:
    """The Gaussian kernel exp(-|y - x|**2 / epsilon), as a logarithm along each axis."""

    def __init__(self, outputs: _Axes, inputs: _Axes, epsilon: float) -> None:
        self._x = (outputs.x[:, None] - inputs.x[None, :]) ** 2 / epsilon
        self._y = (outputs.y[:, None] - inputs.y[None, :]) ** 2 / epsilon

    def transposed(self) -> _Kernels:
        """The same kernel from outputs to inputs."""
        result = object.__new__(_Kernels)
        result._x = np.ascontiguousarray(self._x.T)
        result._y = np.ascontiguousarray(self._y.T)
        return result

    def log_sum(self, values: FloatArray) -> FloatArray:
        """Log of the sum over inputs of exp(values) times the kernel."""
        along_y = log_sum_product(np.ascontiguousarray(values), self._y, driver.threads)
        return np.asarray(
            log_sum_product(np.ascontiguousarray(along_y.T), self._x, driver.threads).T
        )


def _log(values: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _binned_masses(
    problem: TransportProblem, low: FloatArray, high: FloatArray, bins: int
) -> FloatArray:
    width = np.where(high > low, high - low, 1.0)
    index = np.clip(((problem.sites - low) / width * bins).astype(np.intp), 0, bins - 1)
    flat = np.bincount(index[:, 0] * bins + index[:, 1], problem.masses, bins * bins)
    return np.asarray(flat.reshape(bins, bins), dtype=np.float64)


def _soft_c_transform(
    sites: FloatArray, axes: _Axes, log_values: FloatArray, epsilon: float
) -> FloatArray:
    weights = np.empty(len(sites))
    chunk = max(1, 2**20 // log_values.size)
    for begin in range(0, len(sites), chunk):
        x, y = sites[begin : begin + chunk].T
        costs = (x[:, None, None] - axes.x[:, None]) ** 2 + (y[:, None, None] - axes.y) ** 2
        exponents = (log_values - costs / epsilon).reshape(len(x), -1)
        top = exponents.max(axis=1)
        sums = np.exp(exponents - top[:, None]).sum(axis=1)
        weights[begin : begin + chunk] = -epsilon * (np.log(sums) + top)
    return weights


def _interpolated_c_transform(
    sites: FloatArray, axes: _Axes, log_values: FloatArray, epsilon: float
) -> FloatArray:
    low, high = sites.min(axis=0), sites.max(axis=0)
    high = np.where(high > low, high, low + np.sqrt(epsilon))
    counts = _node_counts(high - low, epsilon)
    nodes = _Axes(*(np.linspace(low[k], high[k], counts[k]) for k in range(2)))
    on_nodes = -epsilon * _Kernels(nodes, axes, epsilon).log_sum(log_values)
    # Not a spline that assumes symmetry or zero slope at the border: it would hide sites there.
    return np.asarray(RectBivariateSpline(*nodes, on_nodes, s=0).ev(*sites.T))


def _node_counts(sides: FloatArray, epsilon: float) -> tuple[int, int]:
    counts: npt.NDArray[np.intp] = np.ceil(sides / np.sqrt(epsilon) * _NODES_PER_WIDTH).astype(int)
    x, y = np.maximum(counts, 4)
    return int(x), int(y)


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
