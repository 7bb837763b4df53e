# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights to start from: entropic transport, with a way out of it that costs nothing.

What is unused goes to one more site, at distance zero from everything and of weight zero. So the
sum over sites in Sinkhorn's iteration (`solver/starts/entropic.py`) has one more term at every
point of the density,

    f(x) = -eps log(u exp(v / eps) + sum_y b(y) exp((g(y) - |x - y|**2) / eps)),
    v    = -eps log sum_x a(x) exp(f(x) / eps),

u the mass and v the potential of that site. Weights are soft c-transforms of f as there, minus v.

Where the density around sites is more than they need, their weights are squares of small discs'
radii, and entropic ones are off by some epsilon. So epsilon goes down to the area of a cell, and
`starts.py` lowers all discs by what it still is too much.
"""

from __future__ import annotations

import math

import numpy as np

from sdot.cgal_wrap.entropic.entropic_transport import log_sum
from sdot.solver.partial.problem import PartialProblem
from sdot.solver.starts.entropic import EntropicTransport
from sdot.validation import FloatArray

__all__ = ["PartialEntropicTransport", "usual_bins"]

# Bins per side for up to so many sites: about one for each site.
_BINS = ((60, 16), (1000, 64), (30_000, 128))
_MOST_BINS = 256
# Sweeps at each epsilon. With 3 a photograph's masses (n = 1e4, a tenth unused) took 57 diagrams
# from there, with 10 it takes 15: what has to go far had not arrived.
_SWEEPS = 10


def usual_bins(count: int) -> int:
    """Bins per side of the grids for so many sites."""
    return next((bins for limit, bins in _BINS if count <= limit), _MOST_BINS)


class PartialEntropicTransport(EntropicTransport):
    """Weights to start from where a part of the density is unused."""

    _final_epsilon = 0.5

    def __init__(self, problem: PartialProblem, bins: int) -> None:
        super().__init__(problem, bins)
        self._sweeps = _SWEEPS
        self._log_unused = math.log(problem.unused)

    def epsilon(self, bins: int) -> float:
        """The one at which the weights of a grid are found."""
        return self._on_grid(bins).epsilon

    def weights(self, bins: int) -> FloatArray:
        """Return weights (n,), zero for what is unused, from grids of ``bins`` x ``bins``."""
        found = self._on_grid(bins)
        unused = _unused_potential(found.log_density, found.on_density, found.epsilon)
        return super().weights(bins) - unused

    def _sweep(
        self,
        log_sites: FloatArray,
        log_density: FloatArray,
        on_density: FloatArray,
        epsilons: FloatArray,
        sweeps: int,
    ) -> tuple[FloatArray, FloatArray]:
        on_sites, boxes = log_sites, (self._site_box, self._box)
        for epsilon in epsilons.tolist():
            for _ in range(sweeps):
                unused = _unused_potential(log_density, on_density, epsilon)
                values = log_density + on_density / epsilon
                on_sites = -epsilon * self._log_sum(values, *boxes[::-1], len(log_sites), epsilon)
                values = log_sites + on_sites / epsilon
                on_density = self._on_density(values, unused, len(log_density), epsilon)
        return on_sites, on_density

    def _start(self, bins: int) -> tuple[float, FloatArray]:
        if self._is_coarsest(bins):
            return super()._start(bins)
        coarser = self._on_grid(bins // 2)
        epsilon = coarser.epsilon
        unused = _unused_potential(coarser.log_density, coarser.on_density, epsilon)
        values = coarser.log_sites + coarser.on_sites / epsilon
        return epsilon, self._on_density(values, unused, bins, epsilon)

    def _on_density(
        self, values: FloatArray, unused: float, bins: int, epsilon: float
    ) -> FloatArray:
        """The density's potential from terms of the sites and the potential of what is unused."""
        sums = self._log_sum(values, self._site_box, self._box, bins, epsilon)
        return -epsilon * np.logaddexp(sums, self._log_unused + unused / epsilon)

    def _log_sum(
        self, values: FloatArray, box: FloatArray, other: FloatArray, bins: int, epsilon: float
    ) -> FloatArray:
        threads = self._problem.execution.threads
        return np.asarray(log_sum(values, box, other, (bins, bins), epsilon, threads))


def _unused_potential(log_density: FloatArray, on_density: FloatArray, epsilon: float) -> float:
    exponents = log_density + on_density / epsilon
    largest = float(exponents.max())
    return -epsilon * (largest + math.log(float(np.exp(exponents - largest).sum())))
