# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks made at the public door, and the conversion of arguments to float64 arrays.

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.frameworks import has_no_values, needs_derivative, to_numpy
from sdot.limits import check_extent, check_lengths, check_size, check_sizes

FloatArray = npt.NDArray[np.float64]

# A diagram has up to two triangles a site, and their corners are numbered by 32 bits.
_MOST_SITES = (2**31 - 1) // 6

__all__ = [
    "FloatArray",
    "box_corners",
    "check_box",
    "check_convex_domain",
    "check_finite",
    "check_iterations",
    "check_mass",
    "check_number_of_sites",
    "check_points",
    "check_positions",
    "check_positive",
    "check_real_array",
    "check_tolerance",
    "check_weights",
    "freeze",
    "refuse_derivatives",
    "refuse_unreadable",
    "transpose_hint",
]


def refuse_unreadable(array: Any, name: str) -> None:
    """Refuse arrays that have more to them than numbers: masks and fields."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected a plain array, not a masked one, whose mask would be lost; fill it "
            "with values that mean what you want, such as array.filled(0)"
        )
    dtype = getattr(array, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.names is not None:
        raise TypeError(
            f"{name}: expected a plain array of real numbers, not a structured one with the "
            f"fields {', '.join(dtype.names)}; pass them as columns of one array, for instance "
            "numpy.lib.recfunctions.structured_to_unstructured(array)"
        )


def check_real_array(array: Any, name: str) -> FloatArray:
    """Return a float64, C-ordered NumPy copy of a real array without NaN or infinities."""
    refuse_unreadable(array, name)
    values = to_numpy(array)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected an array of real numbers, not {_what(array, values)}")
    result = np.array(values, dtype=np.float64, order="C")
    check_finite(result, name)
    return result


def _what(array: Any, values: npt.NDArray[Any]) -> str:
    """Describe what is not an array of real numbers, with a remedy where there is one."""
    if array is None or isinstance(array, str | bytes | dict | set):
        return repr(array)
    if values.dtype.kind == "c":
        return f"dtype {values.dtype}; pass real and imaginary parts as two columns"
    if values.dtype.kind in "USO":
        return f"dtype {values.dtype}, entries such as {values.reshape(-1)[:1].tolist()}"
    return f"dtype {values.dtype}; convert it to float64 first"


def transpose_hint(shape: tuple[int, ...]) -> str:
    """Return a hint for points that are columns."""
    is_turned = len(shape) == 2 and shape[0] == 2 and shape[1] != 2
    return "; transpose it?" if is_turned else ""


def check_points(points: Any, name: str = "points") -> FloatArray:
    """Return points of the plane (..., 2)."""
    result = check_real_array(points, name)
    if result.ndim == 0 or result.shape[-1] != 2:
        raise ValueError(
            f"{name}: expected an array of shape (..., 2), not {result.shape}"
            f"{transpose_hint(result.shape)}"
        )
    check_lengths(result, name)
    return result


def refuse_derivatives(array: Any, name: str) -> None:
    """Refuse geometry with respect to which a framework may ask for derivatives."""
    parts = array if isinstance(array, list | tuple) else (array,)
    if any(has_no_values(part) or needs_derivative(part) for part in parts):
        raise TypeError(
            f"{name}: expected an array of fixed numbers, not one that JAX traces or that requires "
            "a gradient; there are no derivatives in this geometry: make the density outside of "
            "the transformed function, or pass tensor.detach()"
        )


def check_finite(values: FloatArray, name: str) -> None:
    """Refuse NaN and infinities, naming the first."""
    finite = np.isfinite(values)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name}: expected finite numbers, not {values[index]} at index {index}; "
            "remove or replace such entries"
        )


def check_positive(values: FloatArray, name: str) -> None:
    """Refuse zero and negative entries, naming the first."""
    wrong = np.flatnonzero(values <= 0)
    if wrong.size:
        raise ValueError(
            f"{name}: expected positive numbers, not {values[wrong[0]]} at index {wrong[0]}; "
            "leave out sites without mass"
        )


def check_mass(mass: Any, name: str = "mass") -> float | None:
    """Return a positive total mass, or None for "as is"."""
    if mass is None:
        return None
    if isinstance(mass, bool) or not isinstance(mass, numbers.Real):
        raise TypeError(f"{name}: expected a positive number or None, not {mass!r}")
    value = float(mass)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a positive finite number or None, not {mass!r}")
    check_size(value, name)
    return value


def check_tolerance(tol: Any) -> float:
    """Return a tolerance between 0 and 1."""
    if isinstance(tol, bool) or not isinstance(tol, numbers.Real):
        raise TypeError(f"tol: expected a number, not {tol!r}")
    if not 0 < float(tol) < 1:
        raise ValueError(f"tol: expected a relative mass error between 0 and 1, not {tol!r}")
    return float(tol)


def check_iterations(max_iterations: Any) -> int:
    """Return a nonnegative number of iterations."""
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, numbers.Integral):
        raise TypeError(f"max_iterations: expected a whole number, not {max_iterations!r}")
    if max_iterations < 0:
        raise ValueError(f"max_iterations: expected 0 or more, not {max_iterations!r}")
    return int(max_iterations)


def check_box(domain: Any, name: str = "domain") -> FloatArray:
    """Return ``[[x_min, y_min], [x_max, y_max]]`` with positive area."""
    box = check_real_array(domain, name)
    if box.shape != (2, 2):
        raise ValueError(
            f"{name}: expected ((x_min, y_min), (x_max, y_max)), not an array of shape {box.shape}"
            f"{_extent_hint(box)}"
        )
    if not (box[1] > box[0]).all():
        raise ValueError(
            f"{name}: expected ((x_min, y_min), (x_max, y_max)) with x_min < x_max and "
            f"y_min < y_max, not {box.tolist()}{_extent_hint(box) or '; a domain needs an area'}"
        )
    check_lengths(box, name)
    for side in range(2):
        check_extent(box[:, side, None], name)
    return box


def _extent_hint(box: FloatArray) -> str:
    """Say how to give what looks like (x_min, x_max, y_min, y_max), in pairs or not."""
    if box.size != 4:
        return ""
    x0, x1, y0, y1 = box.ravel().tolist()
    if not (x0 < x1 and y0 < y1):
        return ""
    return (
        "; that looks like matplotlib's extent (x_min, x_max, y_min, y_max), of which the domain "
        f"is (({x0:g}, {y0:g}), ({x1:g}, {y1:g}))"
    )


def check_number_of_sites(positions: Any, name: str = "positions") -> None:
    """Refuse an array of more sites than compiled code can number, before anything is copied."""
    shape: tuple[int, ...] = getattr(positions, "shape", ())
    if len(shape) == 2 and shape[0] > _MOST_SITES:
        raise ValueError(
            f"{name}: expected at most {_MOST_SITES} sites, as many as 32 bits can number the "
            f"corners of, not {shape[0]}; solve for a part of them or for their clusters"
        )


def check_positions(positions: Any, name: str = "positions") -> FloatArray:
    """Return sites as a float64 copy of shape (n, 2), n >= 1."""
    check_number_of_sites(positions, name)
    result = check_real_array(positions, name)
    if result.ndim != 2 or result.shape[1] != 2 or len(result) == 0:
        raise ValueError(
            f"{name}: expected an array of shape (n, 2) with n >= 1, not {result.shape}"
            f"{transpose_hint(result.shape)}"
        )
    check_lengths(result, name)
    check_extent(result, name)
    return result


def check_weights(weights: Any, count: int, name: str = "weights") -> FloatArray:
    """Return one float64 number per site, zeros for None."""
    if weights is None:
        return np.zeros(count)
    result = check_real_array(weights, name)
    if result.shape != (count,):
        raise ValueError(
            f"{name}: expected one number per site, shape ({count},), not {result.shape}"
        )
    check_sizes(result, name)
    return result


def check_convex_domain(domain: Any) -> FloatArray:
    """Return the corners (k, 2) of a box or of a convex, counter-clockwise polygon."""
    corners = check_real_array(domain, "domain")
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2:
        raise ValueError(
            "domain: expected ((x_min, y_min), (x_max, y_max)) or the corners (k, 2) of a convex "
            f"polygon, not an array of shape {corners.shape}"
        )
    if len(corners) == 2:
        corners = box_corners(check_box(corners))
    check_lengths(corners, "domain")
    check_extent(corners, "domain")
    sides = np.roll(corners, -1, axis=0) - corners
    turns = _turns(sides)
    total_turn = np.arctan2(turns, (sides * np.roll(sides, -1, axis=0)).sum(axis=1)).sum()
    if not ((turns >= 0).all() and (turns > 0).any() and abs(total_turn - 2 * np.pi) < 1e-6):
        raise ValueError(
            "domain: expected a convex polygon with positive area and corners in counter-clockwise "
            "order; reorder the corners or take their convex hull"
        )
    return corners


def box_corners(box: FloatArray) -> FloatArray:
    """Return the corners (4, 2) of ``[[x_min, y_min], [x_max, y_max]]``, counter-clockwise."""
    (x0, y0), (x1, y1) = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def freeze(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Make an array read-only and return it."""
    array.setflags(write=False)
    return array


def _turns(sides: FloatArray) -> FloatArray:
    following = np.roll(sides, -1, axis=0)
    turns: FloatArray = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return turns
