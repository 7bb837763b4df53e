# SPDX-License-Identifier: GPL-3.0-or-later
"""Piecewise constant and piecewise linear densities on triangles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast, overload

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.convex_pieces import Pieces, PiecesDensityKernel, PiecewiseAffineDensity
from sdot.distributions.density import CellPotential, Frame, SolvedCells
from sdot.distributions.density_derivatives import Gradients, NormalisedDerivative, Tangents
from sdot.distributions.description import describes
from sdot.distributions.distribution import kept
from sdot.distributions.regions import cancelled, overlay
from sdot.execution import SERIAL, Execution
from sdot.frameworks import to_numpy
from sdot.limits import check_extent, check_factor, check_lengths, check_sizes
from sdot.validation import (
    FloatArray,
    check_mass,
    check_real_array,
    freeze,
    refuse_derivatives,
    refuse_unreadable,
)

__all__ = ["Mesh"]

IndexArray = npt.NDArray[np.int64]
Per = Literal["triangle", "vertex", "corner"]


class Mesh(PiecewiseAffineDensity[Array_co]):
    """A density on triangles: one value for each, or linear between values at their corners.

    Parameters
    ----------
    vertices : array_like, (v, 2)
        The corners of the triangles.
    triangles : array_like of int, (t, 3)
        Indices of each triangle's vertices, in either orientation. Triangles need not be
        connected. Where they overlap their densities add up.
    values : array_like, (t,), (v,) or (t, 3)
        Nonnegative: the density on each triangle; or at each vertex, and linear in between; or at
        each corner of each triangle, in the order of ``triangles``, linear in between and
        with jumps from one triangle to the next.
        NumPy, JAX (traced too) or PyTorch; `distance` is differentiable with respect to them.
        Computations are in float64.
    mass : float or None, optional
        The density is scaled to this total mass, 1 by default; None leaves it as it is.
    per : {"triangle", "vertex", "corner"}, optional
        What the values belong to. Told by their number unless t = v.

    Attributes
    ----------
    values : the ``values`` argument; of a NumPy array a read-only copy, while a tensor is read at
        every call.
    vertices, triangles, per : read-only arrays, and what the values belong to. Triangles are
        turned counter-clockwise, unless values per corner go with their order.
    domain : the corners of the convex hull.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers, or the triangles are not of integers.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, an index is out of range, a triangle
        has no area, a value is negative, or the density is zero everywhere.

    Notes
    -----
    All integrals are exact up to rounding: cells are cut by the triangles that they meet, found
    in a tree of bounding boxes.

    Examples
    --------
    >>> from sdot import Mesh, SumOfDiracs, distance
    >>> triangle = Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [1.0])
    >>> print(f"{distance(SumOfDiracs([[1 / 3, 1 / 3]]), triangle):.6f}")
    0.111111
    """

    @overload
    def __init__(
        self: Mesh[NumpyArray],
        vertices: Any,
        triangles: Any,
        values: Lists,
        mass: float | None = ...,
        per: Per | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        vertices: Any,
        triangles: Any,
        values: Array_co | Lists,
        mass: float | None = ...,
        per: Per | None = ...,
    ) -> None: ...

    def __init__(
        self,
        vertices: Any,
        triangles: Any,
        values: Any,
        mass: float | None = 1,
        per: Per | None = None,
    ) -> None:
        refuse_derivatives(vertices, "vertices")
        corners = freeze(_check_vertices(vertices))
        indices = _check_triangles(triangles, corners)
        kind = _check_per(per, np.shape(values), len(indices), len(corners))
        if kind != "corner":
            indices = np.take_along_axis(indices, _order(corners[indices]), axis=1)
        self._parameters = {"values": kept(values, "values")}
        self._options = {
            "vertices": corners,
            "triangles": freeze(indices),
            "per": kind,
            "mass": check_mass(mass),
        }
        if self.has_values:
            self.pieces  # noqa: B018  (checks the values)

    @property
    def values(self) -> Any:
        """The ``values`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["values"]

    @property
    def vertices(self) -> FloatArray:
        """The vertices (v, 2)."""
        return np.asarray(self._options["vertices"])

    @property
    def triangles(self) -> IndexArray:
        """The vertices' indices (t, 3), counter-clockwise unless values are per corner."""
        return np.asarray(self._options["triangles"])

    @property
    def per(self) -> Per:
        """Whether the values are those of triangles or vertices."""
        per: Per = self._options["per"]
        return per

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        mass: float | None = self._options["mass"]
        return self._given_mass if mass is None else mass

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {**self._parameters, **self._options}

    @describes(values=(1, 2))
    def __repr__(self) -> str:
        return (
            f"Mesh({len(self.triangles)} triangles, values per {self.per}, "
            f"mass {self.total_mass:g})"
        )

    @computed
    def region(self) -> tuple[FloatArray, ...]:
        """The rings around all triangles, those without mass too; holes are clockwise."""
        sides = np.stack([self._corners, np.roll(self._corners, -1, axis=1)], axis=2)
        border = cancelled(sides.reshape(-1, 2, 2))
        return tuple(freeze(ring) for ring in overlay([border], any))

    @computed
    def pieces(self) -> Pieces:
        """The triangles, with the density scaled to its total mass."""
        corners, factor = self._corners, self.total_mass / self._given_mass
        at_corners = self._values_at_corners * factor
        slopes = np.zeros((len(corners), 2))
        if self.per != "triangle":
            slopes = _slopes(corners, at_corners)
        offsets = 3 * np.arange(len(corners) + 1, dtype=np.int64)
        return Pieces(corners.reshape(-1, 2), offsets, at_corners[:, 0], slopes)

    @computed
    def _corners(self) -> FloatArray:
        """The corners (t, 3, 2), counter-clockwise."""
        given = self.vertices[self.triangles]
        return np.asarray(np.take_along_axis(given, _order(given)[:, :, None], axis=1))

    def _at_corners(self, values: FloatArray) -> FloatArray:
        """What values, or changes of them, are at the corners (t, 3) in that order."""
        if self.per == "triangle":
            return np.repeat(values[:, None], 3, axis=1)
        if self.per == "vertex":
            return np.asarray(values[self.triangles])
        order = _order(self.vertices[self.triangles])
        return np.asarray(np.take_along_axis(values, order, axis=1))

    @computed
    def _values_at_corners(self) -> FloatArray:
        values = check_real_array(self.values, "values")
        check_sizes(values, "values")
        negative = np.argwhere(values < 0)
        if negative.size:
            index = tuple(negative[0].tolist())
            raise ValueError(
                f"values: expected a nonnegative density, not {values[index]} at index "
                f"{index[0] if len(index) == 1 else index}; clip it or add a constant"
            )
        return self._at_corners(values)

    @computed
    def _given_mass(self) -> float:
        """The integral of the values as they were given."""
        total = float((_twice_areas(self._corners) / 6) @ self._values_at_corners.sum(axis=1))
        if not total > 0:
            raise ValueError("values: expected a density with positive mass, not zero everywhere")
        check_factor(total, self._options["mass"])
        return total

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the values."""
        if self._options["mass"] is not None:
            potential = potential.recentred(self.kernel(frame, execution).moments(diagram))
        integrals = self.whole_kernel(frame, execution).potential_integrals(diagram, potential)
        return (self.from_affine(self.factor(frame) * integrals, frame),)

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return those of `pull_back` for a potential that is zero outside discs."""
        kernel = self.whole_kernel(frame, execution)
        integrals = kernel.potential_integrals_in_discs(diagram, squared_radii, potential)
        if self._options["mass"] is not None:
            own = cast(PiecesDensityKernel, self.kernel(frame, execution))
            mean = potential.integral(own.disc_moments(diagram, squared_radii))
            integrals -= mean * _integrals_of_one(frame.apply(self._corners))
        return (self.from_affine(self.factor(frame) * integrals, frame),)

    def factor(self, frame: Frame) -> float:
        """What values are multiplied with to be the density in a frame."""
        return float(np.prod(frame.scale)) * (self.total_mass / self._given_mass)

    def whole_kernel(self, frame: Frame, execution: Execution) -> PiecesDensityKernel:
        """That of all triangles: those without mass have derivatives as well."""
        kernel = cast(PiecesDensityKernel, self.kernel(frame, execution))
        if len(kernel.pieces.heights) < len(self.triangles):
            return PiecesDensityKernel(self.pieces.in_frame(frame, 1.0), execution)
        return kernel

    def to_affine(self, values: FloatArray, frame: Frame) -> FloatArray:
        """Height at the first corner and slope in a frame (t, 3), on each triangle."""
        result = np.zeros((len(self.triangles), 3))
        if self.per == "triangle":
            result[:, 0] = values
            return result
        at_corners = self._at_corners(values)
        result[:, 0] = at_corners[:, 0]
        result[:, 1:] = _slopes(frame.apply(self._corners), at_corners)
        return result

    def from_affine(self, integrals: FloatArray, frame: Frame) -> FloatArray:
        """The transpose of `to_affine`."""
        if self.per == "triangle":
            return np.asarray(integrals[:, 0])
        by_corner = _barycentric_parts(frame.apply(self._corners), integrals)
        if self.per == "corner":  # turning a triangle around is its own inverse
            order = _order(self.vertices[self.triangles])
            return np.asarray(np.take_along_axis(by_corner, order, axis=1))
        count = len(self.vertices)
        return np.bincount(self.triangles.ravel(), by_corner.ravel(), count).astype(np.float64)

    def derivative(self, cells: SolvedCells) -> MeshDerivative:
        """Return how integrals over the cells change with the values, on all triangles."""
        return MeshDerivative(self, cells)


class MeshDerivative(NormalisedDerivative):
    """Of a `Mesh`, whose density is its values times a factor."""

    def __init__(self, mesh: Mesh, cells: SolvedCells) -> None:
        matrix = mesh.whole_kernel(cells.frame, cells.execution).cell_matrix(cells)
        is_normalised = mesh.options["mass"] is not None
        super().__init__(matrix, mesh.total_mass, is_normalised=is_normalised)
        self._mesh, self._cells, self._factor = mesh, cells, mesh.factor(cells.frame)

    @property
    def density(self) -> FloatArray:
        """The density itself."""
        return self.raw([check_real_array(self._mesh.values, "values")])

    def gradient(self) -> Gradients:
        """The first derivatives."""
        cells = self._cells
        return self._mesh.pull_back(cells.diagram, cells.frame, cells.potential, cells.execution)

    def raw(self, tangents: Tangents) -> FloatArray:
        """Changes of heights and slopes in the frame."""
        (values,) = tangents
        if values is None:
            return np.zeros(3 * len(self._mesh.triangles))
        affine = self._mesh.to_affine(values, self._cells.frame)
        return np.asarray(self._factor * affine.ravel())

    def from_raw(self, gradient: FloatArray) -> Gradients:
        """The transpose of `raw`."""
        integrals = self._factor * gradient.reshape(-1, 3)
        return (self._mesh.from_affine(integrals, self._cells.frame),)


def _integrals_of_one(corners: FloatArray) -> FloatArray:
    """Integrals of 1 and x - first corner (t, 3) over triangles (t, 3, 2)."""
    areas = _twice_areas(corners)[:, None] / 2
    gaps = (corners - corners[:, :1]).sum(axis=1) / 3
    return np.concatenate([areas, areas * gaps], axis=1)


def _check_vertices(vertices: Any) -> FloatArray:
    result = check_real_array(vertices, "vertices")
    if result.ndim != 2 or result.shape[1] != 2:
        raise ValueError(f"vertices: expected an array of shape (v, 2), not {result.shape}")
    check_lengths(result, "vertices")
    check_extent(result, "vertices")
    return result


def _check_triangles(triangles: Any, vertices: FloatArray) -> IndexArray:
    """Return the triangles (t, 3), in either orientation."""
    refuse_unreadable(triangles, "triangles")
    given = to_numpy(triangles)
    if given.dtype.kind not in "iu":
        raise TypeError(
            f"triangles: expected an array of integers, the indices of vertices, not dtype "
            f"{given.dtype}"
        )
    if given.ndim != 2 or given.shape[1] != 3 or len(given) == 0:
        raise ValueError(
            f"triangles: expected an array of shape (t, 3) with t >= 1, not {given.shape}"
        )
    wrong = np.argwhere((given < 0) | (given >= len(vertices)))
    if wrong.size:
        raise ValueError(
            f"triangles: expected indices from 0 to {len(vertices) - 1}, not "
            f"{given[tuple(wrong[0])]} in triangle {wrong[0][0]}"
        )
    result = given.astype(np.int64)
    twice = _twice_areas(vertices[result])
    flat = np.flatnonzero(twice == 0)
    if flat.size:
        raise ValueError(
            f"triangles: expected triangles with an area, but triangle {flat[0]} with vertices "
            f"{result[flat[0]].tolist()} has none; leave it out"
        )
    return result


def _order(corners: FloatArray) -> IndexArray:
    """Return the order (t, 3) in which corners (t, 3, 2) are counter-clockwise."""
    clockwise = _twice_areas(corners) < 0
    return np.where(clockwise[:, None], [2, 1, 0], [0, 1, 2]).astype(np.int64)


def _check_per(per: Any, shape: tuple[int, ...], triangles: int, vertices: int) -> Per:
    if per not in (None, "triangle", "vertex", "corner"):
        raise ValueError(f'per: expected "triangle", "vertex", "corner" or None, not {per!r}')
    if per is None and triangles == vertices and shape == (vertices,):
        raise ValueError(
            f"per: there are as many triangles as vertices, {vertices}; say what the values "
            'belong to, per="triangle" or per="vertex"'
        )
    kinds: tuple[tuple[Per, tuple[int, ...]], ...] = (
        ("triangle", (triangles,)),
        ("vertex", (vertices,)),
        ("corner", (triangles, 3)),
    )
    for kind, wanted in kinds:
        if per in (None, kind) and shape == wanted:
            return kind
    expected = " or ".join(f"{wanted} per {kind}" for kind, wanted in kinds if per in (None, kind))
    raise ValueError(f"values: expected an array of shape {expected}, not {tuple(shape)}")


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _twice_areas(corners: FloatArray) -> FloatArray:
    return _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _slopes(corners: FloatArray, values: FloatArray) -> FloatArray:
    """The gradients (t, 2) of the affine functions with these values (t, 3) at the corners."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    along_a, along_b = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    # Of g with g.a and g.b given, by Cramer's rule.
    g = np.stack(
        [along_a * b[:, 1] - along_b * a[:, 1], along_b * a[:, 0] - along_a * b[:, 0]], axis=1
    )
    return np.asarray(g / _cross(a, b)[:, None])


def _barycentric_parts(corners: FloatArray, integrals: FloatArray) -> FloatArray:
    """Integrals (t, 3) of f times barycentric coordinates, from those of f and f (x - corner 0).

    With a and b the sides from corner 0, x - corner 0 = l_1 a + l_2 b.
    """
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    twice = _cross(a, b)
    first, second = _cross(integrals[:, 1:], b) / twice, _cross(a, integrals[:, 1:]) / twice
    return np.stack([integrals[:, 0] - first - second, first, second], axis=1)
