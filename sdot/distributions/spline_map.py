# SPDX-License-Identifier: GPL-3.0-or-later
"""From values at nodes to a nonnegative spline: maps that are linear near the values given.

Each is homogeneous, continuous and linear in pieces, so it is its own tangent, and `transposed`
belongs to the derivative of what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.distributions.bernstein import (
    bernstein_to_monomial,
    change_basis,
    monomial_to_bernstein,
)
from sdot.distributions.nonnegativity import ROUNDING, find_negative_pixel
from sdot.distributions.slope_limits import NodeData, SlopeLimits, find_limits
from sdot.distributions.splines import spline, spline_transposed
from sdot.validation import FloatArray, freeze

__all__ = ["NEGATIVE", "SplineMap", "spline_map"]

NEGATIVE = ("limit", "raise", "clip")
# Copies of the values around those of a periodic spline, by its continuity: of a cubic spline with
# continuous second derivatives slopes depend on values k nodes away as 0.27**k, of others on the
# next ones.
_MARGINS = (2, 3, 36)
BoolArray = npt.NDArray[np.bool_]


class SplineMap(Protocol):
    """The spline through values, as coefficients, and its derivative with respect to them."""

    @property
    def coefficients(self) -> FloatArray:
        """Those of the spline (nx - 1, ny - 1, k + 1, k + 1), read-only."""

    @property
    def limited_nodes(self) -> BoolArray:
        """Where slopes were limited (nx, ny)."""

    def tangent(self, direction: FloatArray) -> FloatArray:
        """Return how the coefficients change with the values (nx, ny)."""

    def transposed(self, gradient: FloatArray) -> FloatArray:
        """Return derivatives with respect to the values from those for the coefficients."""


def spline_map(
    values: FloatArray, continuity: int, negative: str, *, periodic: bool = False
) -> SplineMap:
    """Return the map that does about negative splines what is asked for, at values (nx, ny).

    A periodic spline has a pixel for every value.
    """
    if negative == "limit":
        _check_values(values)
    around = _Around(values.shape, _MARGINS[continuity]) if periodic else None
    nodes = values if around is None else around.extended(values)
    if negative == "clip":
        result = _clipped(nodes, continuity)
    elif negative == "limit":
        result = _limited(nodes, continuity)
    else:
        result = _Spline(nodes, continuity)
    if around is not None:
        result = _Periodic(result, around)
    if negative == "raise":
        _check_spline(result.coefficients)
    return result


def _check_spline(coefficients: FloatArray) -> None:
    pixel = find_negative_pixel(coefficients)
    if pixel is not None:
        raise ValueError(
            "values: expected a nonnegative spline, not one below zero between the nodes "
            f"{pixel} and {pixel[0] + 1, pixel[1] + 1}; raise the values there, lower "
            'continuity, or pass negative="limit" or negative="clip"'
        )


@dataclass(frozen=True, eq=False)
class _Spline:
    """The spline as it is."""

    values: FloatArray
    continuity: int

    @cached_property
    def coefficients(self) -> FloatArray:
        return freeze(self.tangent(self.values))

    @property
    def limited_nodes(self) -> BoolArray:
        return np.zeros(self.values.shape, dtype=bool)

    def tangent(self, direction: FloatArray) -> FloatArray:
        return spline(direction, self.continuity)

    def transposed(self, gradient: FloatArray) -> FloatArray:
        return spline_transposed(gradient, self.continuity)


class _Around:
    """Values on a torus, and around them their copies, as far as they matter to rounding."""

    def __init__(self, shape: tuple[int, ...], margin: int) -> None:
        self._shape = shape
        self._rows, self._columns = (np.arange(-margin, n + margin + 1) % n for n in shape)
        self._own = tuple(slice(margin, margin + n) for n in shape)

    def extended(self, values: FloatArray) -> FloatArray:
        """The values with their copies around."""
        return values[self._rows][:, self._columns]

    def own(self, items: Any) -> Any:
        """Those of the items for nodes or pixels that are no copies."""
        return items[self._own]

    def padded(self, items: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """The transpose of `own`."""
        result = np.zeros(shape)
        result[self._own] = items
        return result

    def folded(self, values: FloatArray) -> FloatArray:
        """The transpose of `extended`."""
        rows = np.zeros((self._shape[0], values.shape[1]))
        np.add.at(rows, self._rows, values)
        result = np.zeros(self._shape)
        np.add.at(result.T, self._columns, rows.T)
        return result


@dataclass(frozen=True, eq=False)
class _Periodic:
    """A spline through values with copies around them, on the pixels between the values."""

    spline: SplineMap
    around: _Around

    @cached_property
    def coefficients(self) -> FloatArray:
        return freeze(np.ascontiguousarray(self.around.own(self.spline.coefficients)))

    @property
    def limited_nodes(self) -> BoolArray:
        return np.array(self.around.own(self.spline.limited_nodes))

    def tangent(self, direction: FloatArray) -> FloatArray:
        change = self.spline.tangent(self.around.extended(direction))
        return np.ascontiguousarray(self.around.own(change))

    def transposed(self, gradient: FloatArray) -> FloatArray:
        padded = self.around.padded(gradient, self.spline.coefficients.shape)
        return self.around.folded(self.spline.transposed(padded))


@dataclass(frozen=True, eq=False)
class _Clipped(_Spline):
    """The spline without its negative Bernstein coefficients."""

    is_kept: BoolArray  # those that are not negative (nx - 1, ny - 1, k + 1, k + 1)

    def tangent(self, direction: FloatArray) -> FloatArray:
        back, forth = _bases(self.is_kept.shape[2])
        patches = change_basis(spline(direction, self.continuity), forth)
        return change_basis(np.where(self.is_kept, patches, 0.0), back)

    def transposed(self, gradient: FloatArray) -> FloatArray:
        back, forth = _bases(self.is_kept.shape[2])
        patches = np.where(self.is_kept, change_basis(gradient, back.T), 0.0)
        return spline_transposed(change_basis(patches, forth.T), self.continuity)


@dataclass(frozen=True, eq=False)
class _Limited(_Spline):
    """The spline with limited slopes; pixels around which there are none keep their bits."""

    limits: SlopeLimits

    @property
    def limited_nodes(self) -> BoolArray:
        return self.limits.nodes

    @cached_property
    def _pixels(self) -> BoolArray:
        """Pixels (nx - 1, ny - 1) with a limited slope at a corner."""
        n = self.limits.nodes
        return np.asarray(n[1:, 1:] | n[1:, :-1] | n[:-1, 1:] | n[:-1, :-1])

    def tangent(self, direction: FloatArray) -> FloatArray:
        patches = self.limits.apply(NodeData.of(direction, self.continuity)).patches()
        result = spline(direction, self.continuity)
        result[self._pixels] = change_basis(patches[self._pixels], _bases(4)[0])
        return result

    def transposed(self, gradient: FloatArray) -> FloatArray:
        limited = self._pixels[:, :, None, None]
        patches = change_basis(np.where(limited, gradient, 0.0), _bases(4)[0].T)
        data = self.limits.transposed(NodeData.of_patches(patches))
        free = spline_transposed(np.where(limited, 0.0, gradient), self.continuity)
        return np.asarray(free + data.to_values(self.continuity))


def _clipped(values: FloatArray, continuity: int) -> SplineMap:
    free = _Spline(values, continuity)
    forth = _bases(free.coefficients.shape[2])[1]
    is_kept = change_basis(free.coefficients, forth) >= 0
    return free if is_kept.all() else _Clipped(values, continuity, freeze(is_kept))


def _check_values(values: FloatArray) -> None:
    negative = np.argwhere(values < -ROUNDING * np.abs(values).max())
    if negative.size:
        node = tuple(negative[0].tolist())
        raise ValueError(
            f"values: expected nonnegative numbers, not {values[node]} at the node {node}; "
            'clip them or add a constant, or pass negative="clip"'
        )


def _limited(values: FloatArray, continuity: int) -> SplineMap:
    if continuity > 0:
        limits = find_limits(NodeData.of(values, continuity))
        if limits.nodes.any():
            return _Limited(values, continuity, limits)
    return _Spline(values, continuity)


def _bases(terms: int) -> tuple[FloatArray, FloatArray]:
    """Return the matrices from Bernstein to monomial coefficients and back."""
    return bernstein_to_monomial(terms), monomial_to_bernstein(terms)
