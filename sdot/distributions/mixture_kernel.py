# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of a Gaussian mixture in the coordinates of a frame."""

from __future__ import annotations

import weakref

import numpy as np

from sdot.cached_property import cached_property
from sdot.cgal_wrap.gaussian.mixture_integrals import MixtureKernel
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    EdgeMoments,
    Rounding,
    SolvedCells,
)
from sdot.distributions.density_derivatives import CellMatrix
from sdot.execution import SERIAL, Execution
from sdot.memo import Latest
from sdot.validation import FloatArray, freeze

__all__ = ["UNDERFLOW", "MixtureDensityKernel", "cholesky_factors"]

# Beyond so many standard deviations the density is zero in doubles.
UNDERFLOW = 39.0

# Roundings in the moments of a component over a cell. They come from the sides of the cell, if it
# is wider than a fifth of a standard deviation: the fluxes through these are up to ten times the
# difference that they leave. And in second moments, per variance of the component: what the sides
# of all such cells give sums up to a length, which times the density there is up to forty.
_COMPONENT = 160.0
# Mass of the whole mixture, if that in the domain is one, up to which it is taken for all inside.
_MOSTLY_INSIDE = 2.0
_VARIANCE = 320.0


class MixtureDensityKernel:
    """Integrals of a Gaussian mixture over power cells (see `DensityKernel`)."""

    def __init__(
        self,
        masses: FloatArray,
        means: FloatArray,
        factors: FloatArray,
        domain: FloatArray,
        *,
        is_cut: bool,
        box: FloatArray,
        execution: Execution = SERIAL,
    ) -> None:
        self._kernel = MixtureKernel(masses, means, factors)
        self._masses, self._means, self._factors = masses, means, factors
        self._execution = execution
        # The derivatives ask for those of the solution's diagram once more.
        self._moments: Latest[CellMoments] = Latest()
        self._domain = np.ascontiguousarray(domain)
        self._is_cut = is_cut
        self._box = box

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        return self._box

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        masses, edge_weights = self._kernel.masses_and_edge_weights(
            diagram.edges,
            diagram.is_hidden,
            self._domain,
            not self._is_cut,
            self._execution.threads,
        )
        if masses is None:
            polygons = diagram.polygons(self._domain, self._execution)
            masses = self._kernel.polygon_masses(*polygons, self._execution.threads)
        return masses, edge_weights

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return self._moments.get(weakref.ref(diagram), lambda: self._moments_of(diagram))

    def _moments_of(self, diagram: DiagramArrays) -> CellMoments:
        polygons = diagram.polygons(self._domain, self._execution)
        moments = CellMoments(*self._kernel.polygon_moments(*polygons, self._execution.threads))
        for array in moments:
            freeze(array)
        return moments

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge."""
        return EdgeMoments(
            *self._kernel.edge_moments(diagram.edges, self._domain, self._execution.threads)
        )

    def cell_matrix(self, cells: SolvedCells) -> CellMatrix:
        """What the whitened parameters of every component add to masses and first moments."""
        polygons = cells.diagram.polygons(self._domain, self._execution)
        cells_of, columns, blocks = self._kernel.cell_blocks(
            *polygons, cells.centres, self._execution.threads
        )
        shape = (len(cells.centres), len(self._masses))
        return CellMatrix(cells_of, columns, blocks, shape)

    def hermite_integrals(self, cells: SolvedCells) -> FloatArray:
        """Integrals (k, 15) of the potential, less its mean, against Hermite polynomials."""
        polygons = cells.diagram.polygons(self._domain, self._execution)
        potential = cells.potential.recentred(self.moments(cells.diagram))
        return self._kernel.hermite_integrals(  # type: ignore[no-any-return]
            *polygons, potential.parts, self._execution.threads
        )

    @cached_property
    def rounding(self) -> Rounding:
        """Roundings in the moments of a cell, and in second moments as parts of the variances."""
        xx, yx, yy = self._factors.T
        variances = np.array([xx**2, yx**2 + yy**2])
        # Corners at the domain's border are rounded, and with them a side as it passes a component.
        displaced = np.abs(self._domain).max() * np.sqrt(xx**2 + yx**2 + yy**2) / (xx * yy)
        if self._masses.sum() < _MOSTLY_INSIDE:
            displaced, variances = displaced @ self._masses, variances @ self._masses
        else:  # the domain has a tail of the mixture: take the worst, and distances from the means
            gaps = self._domain[:, None] - self._means
            displaced, variances = displaced.max(), (gaps**2).max(axis=(0, 1))
        return Rounding(
            _COMPONENT + float(displaced) + len(xx) / 2, np.asarray(_VARIANCE * variances)
        )

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid."""
        lines = [np.linspace(box[0, k], box[1, k], count + 1) for k in range(2)]
        x, y = np.meshgrid(*lines, indexing="ij")
        corners = np.stack([x, y], axis=-1)
        polygons = np.stack(
            [corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]], axis=2
        )
        masses = self._kernel.polygon_masses(
            polygons.reshape(-1, 2), 4 * np.arange(count**2 + 1), self._execution.threads
        )
        return np.asarray(masses.reshape(count, count))

    def pull_back(
        self, diagram: DiagramArrays, potential: CellPotential, has_border: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives with respect to masses, means, and xx, xy, yy of the covariances."""
        polygons = diagram.polygons(self._domain, self._execution)
        return self._kernel.pull_back(  # type: ignore[no-any-return]
            *polygons, potential.parts, has_border, self._execution.threads
        )


def cholesky_factors(covariances: FloatArray) -> FloatArray:
    """Return the entries xx, yx, yy (k, 3) of lower triangular factors of matrices (k, 2, 2)."""
    # Powers of two that bring the variances near one: exact, and products are doubles.
    x, y = np.frexp(np.diagonal(covariances, axis1=1, axis2=2))[1].T // 2
    first, second = np.ldexp(covariances[:, 0, 0], -2 * x), np.ldexp(covariances[:, 1, 1], -2 * y)
    mixed = np.ldexp(covariances[:, 1, 0], -x - y)
    xx = np.sqrt(first)
    yx = mixed / xx
    # The Schur complement from the determinant, which loses the least digits.
    yy = np.sqrt(first * second - mixed**2) / xx
    return np.ascontiguousarray(
        np.stack([np.ldexp(xx, x), np.ldexp(yx, y), np.ldexp(yy, y)], axis=1)
    )
