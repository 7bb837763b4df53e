# SPDX-License-Identifier: GPL-3.0-or-later
"""How integrals over cells change with the values of a polynomial grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sdot.distributions.density_derivatives import (
    CellMatrix,
    Gradients,
    NormalisedDerivative,
    Tangents,
)
from sdot.errors import NotDifferentiableError
from sdot.validation import FloatArray

__all__ = ["GridDerivative"]


class GridDerivative(NormalisedDerivative):
    """Of a `PolynomialGrid`, whose density is its values times a factor.

    Parameters
    ----------
    matrix : integrals over the cells of every pixel's monomials.
    total_mass, is_normalised : of the density.
    coefficients : the density's own, as the matrix takes them.
    factor : what values are multiplied with to be such.
    shape : that of the values.
    has_domain : whether the domain is an array too.
    gradient : returns the first derivatives.
    """

    def __init__(
        self,
        matrix: CellMatrix,
        total_mass: float,
        *,
        is_normalised: bool,
        coefficients: FloatArray,
        factor: float,
        shape: tuple[int, ...],
        has_domain: bool,
        gradient: Callable[[], Gradients],
    ) -> None:
        super().__init__(matrix, total_mass, is_normalised=is_normalised)
        self._coefficients, self._factor = coefficients, factor
        self._shape, self._has_domain, self._gradient = shape, has_domain, gradient

    @property
    def density(self) -> FloatArray:
        """The coefficients."""
        return self._coefficients.ravel()

    def gradient(self) -> Gradients:
        """The first derivatives."""
        return self._gradient()

    def raw(self, tangents: Tangents) -> FloatArray:
        """Changes of the coefficients."""
        if self._has_domain and tangents[1] is not None and np.any(tangents[1]):
            raise NotDifferentiableError(
                "domain: second derivatives with respect to a grid's domain are not available; "
                "pass it as a NumPy array or tuple, or differentiate by the values only"
            )
        if tangents[0] is None:
            return np.zeros(self._coefficients.size)
        return np.asarray(self._factor * tangents[0].ravel())

    def from_raw(self, gradient: FloatArray) -> Gradients:
        """Derivatives by the values, None by the domain."""
        by_values = (self._factor * gradient).reshape(self._shape)
        return (by_values, None) if self._has_domain else (by_values,)
