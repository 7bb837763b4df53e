# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums of weighted Dirac masses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, overload

import numpy as np

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.distributions.computed import computed
from sdot.distributions.description import describes
from sdot.distributions.distribution import Distribution, array_or_none, kept
from sdot.drawing import Drawn
from sdot.frameworks import common_framework
from sdot.limits import check_ratio
from sdot.notebook import box_text
from sdot.validation import (
    FloatArray,
    check_mass,
    check_number_of_sites,
    check_positions,
    check_weights,
    freeze,
    transpose_hint,
)

__all__ = ["SumOfDiracs", "SumOfWeightedDiracs"]


class SumOfDiracs(Drawn, Distribution[Array_co]):
    """Point masses ``sum_i m_i delta(y_i)`` in the plane.

    Parameters
    ----------
    positions : array_like, (n, 2)
        The points y_i, NumPy, JAX (traced too) or PyTorch. Coincident points are allowed.
    weights : array_like, (n,), optional
        Relative masses, all equal by default: ``m_i = mass * weights_i / sum(weights)``. A site of
        weight zero has no cell and no mass: its potential is the greatest weight at which its cell
        is still empty, so that ``d W2^2 / d weights`` is the derivative from above; its barycentre
        is where the cell would appear; and the gradient in its position is zero.
    mass : float, optional
        The total mass, 1 by default.

    Attributes
    ----------
    positions, weights : the arguments; ``weights`` may be None. NumPy and JAX arrays and lists are
        snapshots: what is done to the caller's array afterwards changes nothing. A tensor is read
        at every call.
    mass : the total mass.

    Raises
    ------
    TypeError
        If an argument is not of real numbers, or JAX and PyTorch arrays are mixed.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, a weight is negative, or all are zero. Of
        arrays that JAX is tracing only shapes and types can be checked.

    Examples
    --------
    >>> from sdot import SumOfDiracs
    >>> sites = SumOfDiracs([[0.2, 0.3], [0.7, 0.6]], weights=[1.0, 3.0])
    >>> sites
    SumOfDiracs(2 points, given weights, mass 1)
    """

    plotter = "plot_diracs"

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of them."""
        known = {"sites": str(len(self)), "mass": f"{self.mass:.6g}"}
        if self.has_values:
            known["box"] = box_text(self.numpy_positions)
        return {**known, **self._array_facts}

    @overload
    def __init__(
        self: SumOfDiracs[NumpyArray],
        positions: Lists,
        weights: Lists | None = ...,
        mass: float = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        positions: Array_co | Lists,
        weights: Array_co | Lists | None = ...,
        mass: float = ...,
    ) -> None: ...

    def __init__(self, positions: Any, weights: Any = None, mass: float = 1) -> None:
        common_framework(positions, weights)
        check_number_of_sites(positions)
        total = check_mass(mass)
        if total is None:
            raise TypeError("mass: expected a positive number, not None")
        self._parameters = {
            "positions": kept(positions, "positions"),
            "weights": kept(weights, "weights"),
        }
        self._options = {"mass": total}
        if self.has_values:
            self.numpy_positions, self.numpy_weights  # noqa: B018  (checks the values)
        else:
            self._check_traced()

    @classmethod
    def batch(cls, positions: Any, weights: Any = None, mass: float = 1) -> list[Self]:
        """Return the Diracs of a batch, for `sdot.distance` and `sdot.optimal_transport_plan`.

        Parameters
        ----------
        positions : array_like, (B, n, 2)
            One set of points per element, of any framework; gradients reach the whole array.
        weights : array_like, (B, n) or (n,), optional
            Relative masses, all equal by default.
        mass : float, optional
            The total mass of each element.

        Returns
        -------
        list of SumOfDiracs, B of them

        Raises
        ------
        TypeError, ValueError
            As for one element, which the message names; or if the shapes are not those.

        Examples
        --------
        >>> from sdot import SumOfDiracs
        >>> SumOfDiracs.batch([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
        [SumOfDiracs(2 points, equal weights, mass 1), SumOfDiracs(2 points, equal weights, mass 1)]
        """
        positions, weights = array_or_none(positions), array_or_none(weights)
        shape = tuple(np.shape(positions))
        if len(shape) != 3 or shape[2] != 2 or 0 in shape:
            raise ValueError(
                f"positions: expected shape (B, n, 2) with B and n >= 1, not {shape}; one set of "
                "points is SumOfDiracs(positions)"
            )
        if weights is not None and tuple(np.shape(weights)) not in (shape[:2], shape[1:2]):
            raise ValueError(
                f"weights: expected shape {shape[:2]} or {shape[1:2]}, not {np.shape(weights)}"
            )
        result = []
        for k in range(shape[0]):
            own = weights[k] if np.ndim(weights) == 2 else weights
            try:
                result.append(cls(positions[k], own, mass))
            except (TypeError, ValueError) as error:
                raise type(error)(f"element {k}: {error}") from error
        return result

    @property
    def positions(self) -> Any:
        """The ``positions`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["positions"]

    @property
    def weights(self) -> Any:
        """The ``weights`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["weights"]

    @property
    def mass(self) -> float:
        """The total mass."""
        return float(self._options["mass"])

    @computed
    def numpy_positions(self) -> FloatArray:
        """The positions as a float64 NumPy copy (n, 2)."""
        return freeze(check_positions(self.positions))

    @computed
    def numpy_weights(self) -> FloatArray | None:
        """The weights as a float64 NumPy copy (n,), or None."""
        return (
            None if self.weights is None else freeze(check_dirac_weights(self.weights, len(self)))
        )

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {**self._parameters, **self._options}

    def __len__(self) -> int:
        return len(self.positions)

    @describes(positions=2, weights=1)
    def __repr__(self) -> str:
        kind = "equal" if self.weights is None else "given"
        return f"SumOfDiracs({len(self)} points, {kind} weights, mass {self.mass:g})"

    def _check_traced(self) -> None:
        shape = getattr(self.positions, "shape", None)
        if shape is not None and (len(shape) != 2 or shape[1] != 2 or shape[0] == 0):
            raise ValueError(
                f"positions: expected shape (n, 2) with n >= 1, not {shape}{transpose_hint(shape)}"
            )
        weights_shape = getattr(self.weights, "shape", None)
        if weights_shape is not None and weights_shape != (len(self),):
            raise ValueError(
                f"weights: expected one number per site, shape ({len(self)},), not {weights_shape}"
            )


class SumOfWeightedDiracs(SumOfDiracs[Array_co]):
    """`SumOfDiracs` with the weights spelt out: ``SumOfWeightedDiracs(positions, weights)``.

    Examples
    --------
    >>> from sdot import SumOfWeightedDiracs
    >>> SumOfWeightedDiracs([[0.2, 0.3], [0.7, 0.6]], [1.0, 3.0]).weights
    (1.0, 3.0)
    """

    @overload
    def __init__(
        self: SumOfWeightedDiracs[NumpyArray],
        positions: Lists,
        weights: Lists,
        mass: float = ...,
    ) -> None: ...

    @overload
    def __init__(
        self, positions: Array_co | Lists, weights: Array_co | Lists, mass: float = ...
    ) -> None: ...

    def __init__(self, positions: Any, weights: Any, mass: float = 1) -> None:
        if weights is None:
            raise TypeError("weights: expected one number per site, not None; use SumOfDiracs")
        super().__init__(positions, weights, mass)


def check_dirac_weights(weights: Any, count: int) -> FloatArray:
    """Return nonnegative float64 weights (n,), not all of them zero."""
    result = check_weights(weights, count)
    negative = np.flatnonzero(result < 0)
    if negative.size:
        raise ValueError(
            f"weights: expected nonnegative numbers, not {result[negative[0]]} at index "
            f"{negative[0]}"
        )
    if not result.any():
        raise ValueError("weights: expected at least one positive number, not zeros only")
    check_ratio(result, "weights")
    return result
