"""From values at nodes to a nonnegative spline: maps that are linear near the values given.

Each is homogeneous, continuous and linear in pieces, so it is its own tangent, and `transposed`
belongs to the derivative of what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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


def spline_map(values: FloatArray, continuity: int, negative: str) -> SplineMap:
    """Return the map that does about negative splines what is asked for, at values (nx, ny)."""
    if negative == "clip":
        return _clipped(values, continuity)
    if negative == "limit":
        return _limited(values, continuity)
    result = _Spline(values, continuity)
    pixel = find_negative_pixel(result.coefficients)
    if pixel is not None:
        raise ValueError(
            "values: expected a nonnegative spline, not one below zero between the nodes "
            f"{pixel} and {pixel[0] + 1, pixel[1] + 1}; raise the values there, lower "
            'continuity, or pass negative="limit" or negative="clip"'
        )
    return result


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


def _limited(values: FloatArray, continuity: int) -> SplineMap:
    negative = np.argwhere(values < -ROUNDING * np.abs(values).max())
    if negative.size:
        node = tuple(negative[0].tolist())
        raise ValueError(
            f"values: expected nonnegative numbers, not {values[node]} at the node {node}; "
            'clip them or add a constant, or pass negative="clip"'
        )
    if continuity > 0:
        limits = find_limits(NodeData.of(values, continuity))
        if limits.nodes.any():
            return _Limited(values, continuity, limits)
    return _Spline(values, continuity)


def _bases(terms: int) -> tuple[FloatArray, FloatArray]:
    """Return the matrices from Bernstein to monomial coefficients and back."""
    return bernstein_to_monomial(terms), monomial_to_bernstein(terms)
