# SPDX-License-Identifier: GPL-3.0-or-later
"""How integrals over given cells change with the parameters of a density.

Where the parameters are normalised to the mass M, the density is ``rho = (M / Q) q`` with Q the
integral of q, which depends on them in a simpler way. Its derivatives follow from those of q:

    d rho = (M / Q) dq - rho dQ / Q,
    integral of phi d2rho = (M / Q) integral of phi d2q - dQ g(d') / Q - dQ' g(d) / Q,

for a potential phi whose integral against rho is zero, with g the first derivative of the integral
of phi against rho.

The integrals of dq over the cells, times 1 and times x - centre, are a sparse matrix of blocks: one
for each cell and each pixel, piece or component that it meets. So what a density does to the cells
and what functions on the cells do to it are transposed to each other, to the last digit but one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import scipy

from sdot.cached_property import cached_property
from sdot.validation import FloatArray

__all__ = [
    "AffineFunction",
    "CellMatrix",
    "Gradients",
    "NoDerivative",
    "NormalisedDerivative",
    "ScalableDerivative",
    "Tangents",
]

Tangents = Sequence[FloatArray | None]
# None for an array by which no second derivative is available.
Gradients = tuple[FloatArray | None, ...]


class AffineFunction(NamedTuple):
    """A function on cells, ``values_i + slopes_i . (x - centres_i)`` on the cell of site i.

    Also the integrals of something over the cells, times 1 and times ``x - centres_i``.
    """

    values: FloatArray  # (n,)
    slopes: FloatArray  # (n, 2)

    def scaled(self, factor: float) -> AffineFunction:
        """The function times a number."""
        return AffineFunction(factor * self.values, factor * self.slopes)

    def plus(self, other: AffineFunction) -> AffineFunction:
        """The sum of two functions."""
        return AffineFunction(self.values + other.values, self.slopes + other.slopes)

    def inner(self, other: AffineFunction) -> float:
        """The integral of a function, against integrals."""
        return float((self.values * other.values).sum() + (self.slopes * other.slopes).sum())


class CellMatrix:
    """Integrals over cells of what each of several parameters adds to a density.

    Parameters
    ----------
    cells, columns : integer arrays, (b,)
        Which cell and which group of parameters each block is of, in any order.
    blocks : (b, 3, k)
        The integrals times 1, x - centre.x and y - centre.y.
    shape : the numbers of cells and of groups of k parameters.
    """

    def __init__(
        self,
        cells: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        blocks: FloatArray,
        shape: tuple[int, int],
    ) -> None:
        order = np.argsort(cells, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=shape[0]))])
        width = blocks.shape[2]
        in_blocks = scipy.sparse.bsr_array(
            (blocks[order], columns[order], starts), shape=(3 * shape[0], width * shape[1])
        )
        # To be transposed without a copy.
        self._matrix = in_blocks.tocsr()

    def of_cells(self, parameters: FloatArray) -> AffineFunction:
        """The integrals over the cells of the density with these parameters (p,)."""
        rows = (self._matrix @ parameters).reshape(-1, 3)
        return AffineFunction(rows[:, 0], rows[:, 1:])

    def of_parameters(self, function: AffineFunction) -> FloatArray:
        """The integrals (p,) of a function against what each parameter adds."""
        rows = np.column_stack([function.values, function.slopes]).ravel()
        return np.asarray(self._matrix.T @ rows)

    @cached_property
    def masses(self) -> FloatArray:
        """The mass (p,) that each parameter adds to all cells together."""
        count = self._matrix.shape[0] // 3
        return self.of_parameters(AffineFunction(np.ones(count), np.zeros((count, 2))))


@runtime_checkable
class ScalableDerivative(Protocol):
    """A derivative (see `DensityDerivative`) that can be one with the mass in its cells fixed."""

    @property
    def is_normalised(self) -> bool:
        """Whether the density is scaled to its mass."""

    def normalised_to(self, total_mass: float) -> Self:
        """The same of the density that is scaled to have this mass, which it has, in the cells."""

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """As of any derivative."""

    def pull_back(self, function: AffineFunction) -> Gradients:
        """As of any derivative."""

    def curvature(self, tangents: Tangents) -> Gradients:
        """As of any derivative."""


class NormalisedDerivative(ABC):
    """How the integrals of a density change with its arrays (see `DensityDerivative`).

    For one kind of density the three abstract methods say how raw parameters, those of ``M q / Q``
    with M / Q as it is, depend on the arrays.
    """

    def __init__(self, matrix: CellMatrix, total_mass: float, *, is_normalised: bool) -> None:
        self._matrix, self._total_mass, self._is_normalised = matrix, total_mass, is_normalised

    @property
    def is_normalised(self) -> bool:
        """Whether the density is scaled to its mass."""
        return self._is_normalised

    def normalised_to(self, total_mass: float) -> Self:
        """The same of the density that is scaled to have this mass, which it has, in the cells."""
        result = copy(self)
        result._total_mass, result._is_normalised = total_mass, True
        return result

    @property
    @abstractmethod
    def density(self) -> FloatArray:
        """The raw parameters' changes (p,) that add the density once more."""

    @abstractmethod
    def raw(self, tangents: Tangents) -> FloatArray:
        """The changes (p,) of the raw parameters with the arrays."""

    @abstractmethod
    def from_raw(self, gradient: FloatArray) -> Gradients:
        """The transpose of `raw`."""

    @abstractmethod
    def gradient(self) -> Gradients:
        """The first derivative of the potential's integral."""

    def raw_curvature(self, tangents: Tangents) -> Gradients | None:
        """The integral of phi d2q, None if q is linear in the arrays."""
        return None

    @cached_property
    def own(self) -> AffineFunction:
        """Integrals of the density itself over the cells."""
        return self._matrix.of_cells(self.density)

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Integrals of d rho over the cells."""
        change = self._matrix.of_cells(self.raw(tangents))
        if not self._is_normalised:
            return change
        growth = float(change.values.sum()) / self._total_mass
        return change.plus(self.own.scaled(-growth))

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Integrals of a function on the cells against d rho."""
        raw = self._matrix.of_parameters(function)
        if self._is_normalised:
            raw -= self._matrix.masses * (function.inner(self.own) / self._total_mass)
        return self.from_raw(raw)

    def curvature(self, tangents: Tangents) -> Gradients:
        """The derivative of `gradient` at fixed cells and potential."""
        found = self.raw_curvature(tangents)
        gradient, growth = self._gradient_found, self._growth
        if found is None:
            found = tuple(None if part is None else np.zeros_like(part) for part in growth)
        if not self._is_normalised:
            return found
        along, grown = _inner(gradient, tangents), _inner(growth, tangents)
        return tuple(
            None
            if part is None or by_gradient is None or by_growth is None
            else part - along * by_growth - grown * by_gradient
            for part, by_gradient, by_growth in zip(found, gradient, growth, strict=True)
        )

    @cached_property
    def _gradient_found(self) -> Gradients:
        return self.gradient()

    @cached_property
    def _growth(self) -> Gradients:
        """``dQ / Q`` by the arrays."""
        return tuple(
            None if part is None else part / self._total_mass
            for part in self.from_raw(self._matrix.masses)
        )


class NoDerivative:
    """Of a density without arrays."""

    def __init__(self, cells: int) -> None:
        self._cells = cells

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Nothing changes."""
        return AffineFunction(np.zeros(self._cells), np.zeros((self._cells, 2)))

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Return nothing."""
        return ()

    def curvature(self, tangents: Tangents) -> Gradients:
        """Return nothing."""
        return ()


def _inner(gradients: Gradients, tangents: Tangents) -> float:
    return sum(
        float((gradient * tangent).sum())
        for gradient, tangent in zip(gradients, tangents, strict=True)
        if gradient is not None and tangent is not None
    )
