# SPDX-License-Identifier: GPL-3.0-or-later
"""How integrals over cells change with the parameters of a Gaussian mixture.

In whitened coordinates z of a component, ``x = mean + A z`` with ``A A^T`` its covariance, the
derivatives of its density N with respect to its mean and covariance are N times Hermite
polynomials: with ``dmean = A dm`` and ``dcovariance = A dS A^T``,

    dN = (dm . z + tr(dS (z z^T - I)) / 2) N,

and the second derivatives those of degree two, three and four. So the integrals of the potential
against N times all Hermite polynomials up to degree four are all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sdot.cached_property import cached_property
from sdot.distributions.density_derivatives import (
    CellMatrix,
    Gradients,
    NormalisedDerivative,
    Tangents,
)
from sdot.validation import FloatArray

__all__ = ["MixtureDerivative", "MixtureParameters"]


class MixtureParameters:
    """Between the caller's parameters and those of the components in whitened coordinates.

    Whitened ones are (k, 6): the mass, the mean, and the entries xx, xy, yy of the covariance.

    Parameters
    ----------
    factors : Cholesky factors A (k, 2, 2) of the covariances, in the caller's coordinates.
    masses : masses (k,) of the components.
    rank : the number of dimensions of the caller's covariances.
    mass_per_weight : the change of a component's mass with its weight; None without weights.
    """

    def __init__(
        self, factors: FloatArray, masses: FloatArray, rank: int, mass_per_weight: float | None
    ) -> None:
        self._inverses = np.linalg.inv(factors)
        self._masses, self._rank, self._mass_per_weight = masses, rank, mass_per_weight

    @property
    def masses(self) -> FloatArray:
        """The masses (k,) of the components."""
        return self._masses

    def whitened(self, tangents: Tangents) -> FloatArray:
        """Changes (k, 6) of mass, mean and covariance, for a component of mass one."""
        result = np.zeros((len(self._masses), 6))
        means, covs, *weights = tangents
        if weights and weights[0] is not None and self._mass_per_weight is not None:
            result[:, 0] = self._mass_per_weight * weights[0]
        if means is not None:
            result[:, 1:3] = np.einsum("kab,kb->ka", self._inverses, means)
        if covs is not None:
            full = self._full(covs)
            inner = np.einsum("kab,kbc,kdc->kad", self._inverses, full, self._inverses)
            result[:, 3:] = np.stack([inner[:, 0, 0], inner[:, 0, 1], inner[:, 1, 1]], axis=1)
        return result

    def transposed(self, gradient: FloatArray) -> Gradients:
        """The transpose of `whitened`: derivatives by means, covariances and weights if given."""
        means = np.einsum("kab,ka->kb", self._inverses, gradient[:, 1:3])
        xx, xy, yy = gradient[:, 3:].T
        inner = np.array([[xx, 0.5 * xy], [0.5 * xy, yy]]).transpose(2, 0, 1)
        full = np.einsum("kab,kac,kcd->kbd", self._inverses, inner, self._inverses)
        found: list[FloatArray] = [means, self._reduced(full)]
        if self._mass_per_weight is not None:
            found.append(self._mass_per_weight * gradient[:, 0])
        return tuple(found)

    def _full(self, covs: FloatArray) -> FloatArray:
        if self._rank == 1:
            return np.asarray(covs[:, None, None] * np.eye(2))
        if self._rank == 2:
            return np.asarray(covs[:, :, None] * np.eye(2))
        return np.asarray(0.5 * (covs + covs.transpose(0, 2, 1)))

    def _reduced(self, full: FloatArray) -> FloatArray:
        diagonal = np.diagonal(full, axis1=1, axis2=2)
        if self._rank == 1:
            return np.asarray(diagonal.sum(axis=1))
        if self._rank == 2:
            return np.asarray(diagonal.copy())
        return np.asarray(0.5 * (full + full.transpose(0, 2, 1)))


class MixtureDerivative(NormalisedDerivative):
    """Of a `SumOfGaussians`.

    Parameters
    ----------
    matrix : integrals over the cells of a component of mass one by its whitened parameters.
    total_mass : of the density.
    parameters : MixtureParameters
    gradient : returns the first derivatives.
    potential_integrals : returns those (k, 15) of the potential against a component of mass one
        times the Hermite polynomials ``He_a(z.x) He_b(z.y)``, for each degree with a descending.
    """

    def __init__(
        self,
        matrix: CellMatrix,
        total_mass: float,
        parameters: MixtureParameters,
        gradient: Callable[[], Gradients],
        potential_integrals: Callable[[], FloatArray],
    ) -> None:
        super().__init__(matrix, total_mass, is_normalised=True)
        self._parameters, self._gradient = parameters, gradient
        self._potential_integrals = potential_integrals

    @property
    def density(self) -> FloatArray:
        """The masses of the components, at the places of the raw parameters."""
        result = np.zeros((len(self._parameters.masses), 6))
        result[:, 0] = self._parameters.masses
        return result.ravel()

    def gradient(self) -> Gradients:
        """The first derivatives."""
        return self._gradient()

    def raw(self, tangents: Tangents) -> FloatArray:
        """Changes of the components, those of means and covariances times their masses."""
        return self._with_masses(self._parameters.whitened(tangents)).ravel()

    def from_raw(self, gradient: FloatArray) -> Gradients:
        """The transpose of `raw`."""
        return self._parameters.transposed(self._with_masses(gradient.reshape(-1, 6)))

    def _with_masses(self, whitened: FloatArray) -> FloatArray:
        result = whitened.copy()
        result[:, 1:] *= self._parameters.masses[:, None]
        return result

    @cached_property
    def _second(self) -> FloatArray:
        """Second derivatives (k, 6, 6) of the potential's integral, by whitened parameters.

        By a mass they are those of a component of mass one.
        """
        h = self._potential_integrals()
        by_order = [h[:, start : start + size] for start, size in ((1, 2), (3, 3), (6, 4), (10, 5))]
        one, two, three, four = by_order
        masses = self._parameters.masses[:, None]
        result = np.zeros((len(h), 6, 6))
        # Of xx and yy one half, of xy the whole: it is two entries.
        halves = np.array([0.5, 1.0, 0.5])
        first = np.concatenate([one, halves * two], axis=1)
        result[:, 0, 1:] = result[:, 1:, 0] = first
        for a in range(2):
            result[:, 1 + a, 1:3] = masses * two[:, a : a + 2]
            mixed = masses * halves * three[:, a : a + 3]
            result[:, 1 + a, 3:] = result[:, 3:, 1 + a] = mixed
        for a in range(3):
            result[:, 3 + a, 3:] = masses * halves[a] * halves * four[:, a : a + 3]
        return result

    def raw_curvature(self, tangents: Tangents) -> Gradients:
        """The integral of phi d2q, where q is the mixture before it is normalised."""
        changes = self._parameters.whitened(tangents)
        return self._parameters.transposed(np.einsum("kab,kb->ka", self._second, changes))
