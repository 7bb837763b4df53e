# SPDX-License-Identifier: GPL-3.0-or-later
"""Slopes at the nodes of a bicubic spline, limited so that it is nowhere negative.

With f, a, b, c the value, a third of each slope and a ninth of the mixed derivative at a node, the
four Bernstein coefficients of a patch next to it are

    f,   f + p a,   f + q b,   f + p a + q b + p q c,   p, q = 1 or -1 towards the patch,

so a spline with all of these nonnegative is nonnegative. As they belong to the node, and not to one
of the patches around it, first derivatives stay continuous whatever a, b and c are. They are
moved as little as possible, one after the other:

    a and b into [-f, f],   c into [|a + b| - f, f - |a - b|],

which is not empty then; next to the sides only what patches there are asks for. What comes out is
continuous in the values and linear in pieces, so that on each piece it is a matrix, given by the
bounds that were met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.distributions.splines import slope_operator
from sdot.validation import FloatArray

__all__ = ["NodeData", "SlopeLimits", "find_limits"]

Signs = npt.NDArray[np.int8]

_SLOPE_SIGNS = (0, 1, -1, 0)  # of the Bernstein coefficients along a side
_PATCHES = ((1, 1), (1, -1), (-1, 1), (-1, -1))


class NodeData(NamedTuple):
    """What a bicubic spline follows from: arrays (nx, ny) f, a, b, c of one number per node."""

    values: FloatArray
    along_x: FloatArray
    along_y: FloatArray
    mixed: FloatArray

    @classmethod
    def of(cls, values: FloatArray, continuity: int) -> NodeData:
        """Take the slopes of the spline through values (nx, ny)."""
        x, y = (slope_operator(nodes, continuity) for nodes in values.shape)
        along_x = (x @ values) / 3.0
        return cls(values, along_x, (y @ values.T).T / 3.0, (y @ along_x.T).T / 3.0)

    def to_values(self, continuity: int) -> FloatArray:
        """Apply the transpose of `of`."""
        x, y = (slope_operator(nodes, continuity) for nodes in self.values.shape)
        along_x = self.along_x + (y.T @ self.mixed.T).T / 3.0
        return np.asarray(self.values + (x.T @ along_x) / 3.0 + (y.T @ self.along_y.T).T / 3.0)

    def patches(self) -> FloatArray:
        """Return the Bernstein coefficients (nx - 1, ny - 1, 4, 4)."""
        nx, ny = self.values.shape
        result = np.empty((nx - 1, ny - 1, 4, 4))
        for p, u in enumerate(_SLOPE_SIGNS):
            for q, v in enumerate(_SLOPE_SIGNS):
                f, a, b, c = (array[_nodes(p, nx), _nodes(q, ny)] for array in self)
                result[:, :, p, q] = f + u * a + v * b + u * v * c
        return result

    @classmethod
    def of_patches(cls, patches: FloatArray) -> NodeData:
        """Apply the transpose of `patches`."""
        nx, ny = patches.shape[0] + 1, patches.shape[1] + 1
        result = cls(*np.zeros((4, nx, ny)))
        for p, u in enumerate(_SLOPE_SIGNS):
            for q, v in enumerate(_SLOPE_SIGNS):
                for array, factor in zip(result, (1, u, v, u * v), strict=True):
                    if factor:
                        array[_nodes(p, nx), _nodes(q, ny)] += factor * patches[:, :, p, q]
        return result


@dataclass(frozen=True, eq=False)
class SlopeLimits:
    """Which bounds were met at each node, and the linear map that they make.

    Attributes
    ----------
    along_x, along_y : 1 where a slope is f, -1 where it is -f, 0 where it is as it was (nx, ny).
    corner_x, corner_y : towards which patch the mixed derivative was limited, 0 where it was not.
    """

    along_x: Signs
    along_y: Signs
    corner_x: Signs
    corner_y: Signs

    @property
    def nodes(self) -> npt.NDArray[np.bool_]:
        """Where something was limited (nx, ny)."""
        return np.asarray((self.along_x != 0) | (self.along_y != 0) | (self.corner_x != 0))

    def apply(self, data: NodeData) -> NodeData:
        """Return the limited slopes of values on the same piece, or tangents of them."""
        f = data.values
        a = np.where(self.along_x == 0, data.along_x, self.along_x * f)
        b = np.where(self.along_y == 0, data.along_y, self.along_y * f)
        p, q = self.corner_x, self.corner_y
        c = np.where(p == 0, data.mixed, -(p * q * f + q * a + p * b))
        return NodeData(f, a, b, c)

    def transposed(self, data: NodeData) -> NodeData:
        """Apply the transpose of `apply`."""
        p, q = self.corner_x, self.corner_y
        a = data.along_x - q * data.mixed
        b = data.along_y - p * data.mixed
        f = data.values - p * q * data.mixed + self.along_x * a + self.along_y * b
        a, b = np.where(self.along_x == 0, a, 0.0), np.where(self.along_y == 0, b, 0.0)
        return NodeData(f, a, b, np.where(p == 0, data.mixed, 0.0))


def find_limits(data: NodeData) -> SlopeLimits:
    """Return the bounds that slopes meet where values are nonnegative."""
    f = data.values
    x_sides, y_sides = _sides(f.shape)
    along_x, along_y = _met(data.along_x, f, x_sides), _met(data.along_y, f, y_sides)
    corner_x, corner_y = np.zeros((2, *f.shape), dtype=np.int8)
    limits = SlopeLimits(along_x, along_y, corner_x, corner_y)
    for p, q in _PATCHES:  # of two opposite ones the one that asks for more comes out
        _, a, b, c = limits.apply(data)
        outside = (f + p * a + q * b + p * q * c < 0) & x_sides[p] & y_sides[q]
        corner_x[outside], corner_y[outside] = p, q
    return limits


def _met(slopes: FloatArray, values: FloatArray, sides: dict[int, npt.NDArray[np.bool_]]) -> Signs:
    below, above = (slopes < -values) & sides[1], (slopes > values) & sides[-1]
    return (above.astype(np.int8) - below).astype(np.int8)


def _sides(shape: tuple[int, ...]) -> list[dict[int, npt.NDArray[np.bool_]]]:
    """Tell for each axis which nodes have patches before and behind them."""
    x, y = np.indices(shape)
    return [
        {-1: place > 0, 1: place < nodes - 1} for place, nodes in zip((x, y), shape, strict=True)
    ]


def _nodes(coefficient: int, nodes: int) -> slice:
    """The nodes to which a Bernstein coefficient along a side of each patch belongs."""
    return slice(0, nodes - 1) if coefficient < 2 else slice(1, nodes)
