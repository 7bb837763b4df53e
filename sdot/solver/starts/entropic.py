# SPDX-License-Identifier: GPL-3.0-or-later
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

import math
from dataclasses import dataclass

import numpy as np

from sdot.cached_property import cached_property
from sdot.cgal_wrap.entropic.entropic_transport import log_sum, sinkhorn, soft_c_transform
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray

__all__ = ["EntropicTransport"]

_COOLING = 0.6  # factor between successive values of epsilon
# Sweeps at each of them, for problems whose usual grids have at least so many bins: the more the
# dearer Newton steps are.
_SWEEPS = ((256, 20), (32, 10), (0, 2))
# But on grids with more bins than this, which start close to the solution, at most so many, and
# without a lower epsilon.
_FINE_BINS = 256
_FINE_SWEEPS = 8
_COARSEST_BINS = 8


class EntropicTransport:
    """A Sinkhorn iteration on ever finer grids, of which every one gives weights to start from.

    A grid takes over what the one half as fine has found, so that all together cost hardly more
    than the finest. How many sweeps are worth their time depends on the grid that is likely to do,
    of ``usual_bins``.
    """

    _final_epsilon = 2.0  # in units of the squared bin size

    def __init__(self, problem: TransportProblem, usual_bins: int) -> None:
        self._problem = problem
        self._sweeps = next(sweeps for least, sweeps in _SWEEPS if usual_bins >= least)
        self._box = problem.kernel.box
        self._solved: dict[int, _OnGrid] = {}

    @cached_property
    def _site_box(self) -> FloatArray:
        return np.array([self._problem.sites.min(axis=0), self._problem.sites.max(axis=0)])

    @cached_property
    def _width(self) -> float:
        sides = np.concatenate([np.diff(self._box, axis=0), np.diff(self._site_box, axis=0)])
        return float(sides.max())

    def weights(self, bins: int) -> FloatArray:
        """Return weights (n,) from grids of ``bins`` x ``bins``, a power of two.

        Time is O(bins**3 + n).
        """
        found = self._on_grid(bins)
        values = found.log_density + found.on_density / found.epsilon
        values, box = self._around(values, self._box)
        weights: FloatArray = soft_c_transform(
            self._problem.sites,
            values,
            box,
            found.epsilon,
            min(self._width / bins, math.sqrt(found.epsilon)),
            self._problem.execution.threads,
        )
        return weights

    def _around(self, values: FloatArray, box: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values on a grid over a box, with their copies, if there are any, and a box around."""
        return values, box

    def _on_grid(self, bins: int) -> _OnGrid:
        if bins not in self._solved:
            log_sites = _log(_binned_masses(self._problem, self._site_box, bins))
            log_density = _log(self._problem.kernel.coarsened(self._box, bins))
            epsilon, on_density = self._start(bins)
            final = self._final_epsilon * (self._width / min(bins, _FINE_BINS)) ** 2
            epsilons = _cooled(epsilon, final)
            sweeps = self._sweeps if bins <= _FINE_BINS else min(self._sweeps, _FINE_SWEEPS)
            on_sites, on_density = self._sweep(log_sites, log_density, on_density, epsilons, sweeps)
            self._solved[bins] = _OnGrid(
                float(epsilons[-1]), log_sites, log_density, on_sites, on_density
            )
        return self._solved[bins]

    def _sweep(
        self,
        log_sites: FloatArray,
        log_density: FloatArray,
        on_density: FloatArray,
        epsilons: FloatArray,
        sweeps: int,
    ) -> tuple[FloatArray, FloatArray]:
        """Potentials on sites and density after sweeps at each epsilon, which may be in place."""
        on_sites = np.empty_like(log_sites)
        sinkhorn(
            (self._site_box, log_sites),
            (self._box, log_density),
            on_sites,
            on_density,
            epsilons,
            sweeps,
            self._problem.execution.threads,
        )
        return on_sites, on_density

    def _is_coarsest(self, bins: int) -> bool:
        return bins <= _COARSEST_BINS

    def _start(self, bins: int) -> tuple[float, FloatArray]:
        """Epsilon and the density's potential: a soft c-transform from the coarser grid."""
        if self._is_coarsest(bins):
            return self._width**2, np.zeros((bins, bins))
        coarser = self._on_grid(bins // 2)
        epsilon = coarser.epsilon
        values = coarser.log_sites + coarser.on_sites / epsilon
        threads = self._problem.execution.threads
        values, box = self._around(values, self._site_box)
        sums = log_sum(values, box, self._box, (bins, bins), epsilon, threads)
        return epsilon, -epsilon * sums


@dataclass(frozen=True, eq=False)
class _OnGrid:
    """Logarithms of masses in bins (k, k), and potentials at their centres for one epsilon."""

    epsilon: float
    log_sites: FloatArray
    log_density: FloatArray
    on_sites: FloatArray
    on_density: FloatArray


def _cooled(epsilon: float, last: float) -> FloatArray:
    """Decreasing values of epsilon (k,), k >= 1, from the one before to the last."""
    values = [max(last, epsilon * _COOLING)]
    while values[-1] > last:
        values.append(max(last, values[-1] * _COOLING))
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
