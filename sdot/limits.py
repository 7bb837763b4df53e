# SPDX-License-Identifier: GPL-3.0-or-later
"""How large and how small numbers may be, so that what is computed from them are doubles.

Squares of lengths are costs and potentials, their products with masses are distances, and some
intermediate results are of degree four in lengths. With lengths between 1e-75 and 1e75 and all
else between 1e-150 and 1e150, none of these overflows or loses digits to underflow. What is beyond
is refused by name: in other units it is the same problem.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "check_extent",
    "check_factor",
    "check_lengths",
    "check_ratio",
    "check_size",
    "check_sizes",
]

_FloatArray = npt.NDArray[np.float64]

_LARGEST_LENGTH = 1e75
_SMALLEST_LENGTH = 1e-75
_LARGEST = 1e150
_SMALLEST = 1e-150
_SMALLEST_RATIO = 1e-290


def check_lengths(values: _FloatArray, name: str) -> None:
    """Refuse coordinates that are too large, naming the first."""
    _check_largest(values, _LARGEST_LENGTH, name, "coordinates")


def check_extent(points: _FloatArray, name: str) -> None:
    """Refuse points (n, 2) that are not all the same, but too close to each other."""
    if len(points) == 0:
        return
    extent = float((points.max(axis=0) - points.min(axis=0)).max())
    if 0 < extent < _SMALLEST_LENGTH:
        raise ValueError(
            f"{name}: expected an extent of at least {_SMALLEST_LENGTH:g}, whose square is a "
            f"double, not {extent:g}; rescale all coordinates"
        )


def check_sizes(values: _FloatArray, name: str) -> None:
    """Refuse numbers of which the greatest, if not zero, is too large or too small."""
    greatest = _check_largest(values, _LARGEST, name, "numbers")
    if 0 < greatest < _SMALLEST:
        raise ValueError(
            f"{name}: expected numbers of which the greatest is at least {_SMALLEST:g}, "
            f"not {greatest:g}; rescale"
        )


def check_size(value: float, name: str) -> None:
    """Refuse one number if it is too large or too small, and not zero."""
    if not _SMALLEST <= value <= _LARGEST:
        check_sizes(np.array(value), name)


def check_factor(total: float, mass: float | None) -> float:
    """Return what scales a density of this total to a mass, which None leaves as it is."""
    factor = 1.0 if mass is None else mass / total
    if mass is None and not _SMALLEST <= total <= _LARGEST:
        raise ValueError(
            f"values: expected a density whose integral is from {_SMALLEST:g} to {_LARGEST:g}, "
            f"not {total:g}; rescale, or give a mass"
        )
    if not _SMALLEST**2 <= factor <= _LARGEST**2:
        raise ValueError(
            f"values: expected a density whose integral is nearer to its mass, {mass:g}, than "
            f"{total:g}; rescale"
        )
    return factor


def check_ratio(values: _FloatArray, name: str) -> None:
    """Refuse nonnegative numbers that are next to nothing beside the greatest but not zero."""
    least = float(np.min(values, initial=np.inf, where=values > 0))
    greatest = float(np.max(values, initial=0.0))
    if least < _SMALLEST_RATIO * greatest:
        raise ValueError(
            f"{name}: expected zeros or at least {_SMALLEST_RATIO:g} times the greatest, "
            f"{greatest:g}, not {least:g}; make it larger or zero"
        )


def _check_largest(values: _FloatArray, largest: float, name: str, what: str) -> float:
    """Refuse numbers that are too large, naming the first; return the greatest absolute value."""
    greatest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if not greatest > largest:
        return greatest
    index = tuple(int(i) for i in np.argwhere(np.abs(values) > largest)[0])
    where = f" at index {index}" if index else ""
    raise ValueError(
        f"{name}: expected {what} of at most {largest:g} in absolute value, "
        f"not {values[index]:g}{where}; rescale"
    )
