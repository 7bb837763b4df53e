# SPDX-License-Identifier: GPL-3.0-or-later
"""The entropic start on a torus: `entropic.py`, with sums over copies of the grids.

Copies are those within half a period of the domain: the nearest ones, and they alone count once
epsilon is small.
"""

from __future__ import annotations

import numpy as np

from sdot.cgal_wrap.entropic.entropic_transport import log_sum
from sdot.solver.starts.entropic import EntropicTransport
from sdot.validation import FloatArray

__all__ = ["TorusEntropicTransport"]


class TorusEntropicTransport(EntropicTransport):
    """Weights to start from on a torus."""

    @property
    def _site_box(self) -> FloatArray:
        return self._box

    def _sweep(
        self,
        log_sites: FloatArray,
        log_density: FloatArray,
        on_density: FloatArray,
        epsilons: FloatArray,
        sweeps: int,
    ) -> tuple[FloatArray, FloatArray]:
        on_sites = on_density
        for epsilon in epsilons.tolist():
            for _ in range(sweeps):
                on_sites = self._transform(log_density + on_density / epsilon, epsilon)
                on_density = self._transform(log_sites + on_sites / epsilon, epsilon)
        return on_sites, on_density

    def _transform(self, values: FloatArray, epsilon: float) -> FloatArray:
        """The soft c-transform of values on a grid, on the same grid."""
        around, box = self._around(values, self._box)
        threads = self._problem.execution.threads
        return -epsilon * np.asarray(
            log_sum(around, box, self._box, values.shape, epsilon, threads)
        )

    def _around(self, values: FloatArray, box: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (k, k) on the domain as such (2 k, 2 k) on one with half a period around it."""
        low, high = box
        margin = 0.5 * (high - low)
        around = np.pad(values, len(values) // 2, mode="wrap")
        return around, np.array([low - margin, high + margin])
