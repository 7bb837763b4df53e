# SPDX-License-Identifier: GPL-3.0-or-later
"""What a density on a grid may be given: coefficients, grid lines, images."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from sdot.distributions.nonnegativity import find_negative_pixel
from sdot.distributions.pictures import opened_picture
from sdot.frameworks import to_numpy
from sdot.limits import check_extent, check_lengths, check_sizes
from sdot.periodic_diagrams import Torus, torus_of
from sdot.validation import (
    FloatArray,
    check_box,
    check_real_array,
    freeze,
    refuse_derivatives,
    refuse_unreadable,
)

__all__ = [
    "beware_of_pictures",
    "check_box_shape",
    "check_coefficients",
    "check_periodic",
    "coefficients_shape",
    "describe_frame",
    "frame_arguments",
    "grey_levels",
    "grid_lines_of",
    "grid_shape",
    "is_large",
    "row_blocks",
    "torus_from",
]

# Pixels per side from which on four numbers in [0, 1] are likelier a picture than polynomials.
_SMALLEST_PICTURE = 16
# Numbers in an array from which on copies of it are made block by block, and not kept.
_LARGE = 2**22


def is_large(values: Any) -> bool:
    """Tell whether an array is too large for copies of it to be kept."""
    return bool(prod(np.shape(values)) > _LARGE)


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return slices of the rows of an array; of one that is not large, one with all of them."""
    rows = max(1, _LARGE // max(1, prod(shape[1:])))
    return (slice(first, first + rows) for first in range(0, shape[0], rows))


def grid_shape(values: Any) -> tuple[int, int]:
    """Return (nx, ny) of an array that may have no values yet."""
    shape = np.shape(values)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            "values: expected shape (nx, ny) or (nx, ny, (k + 1)**2) without empty axes, "
            f"not {tuple(shape)}"
        )
    count = shape[2] if len(shape) == 3 else 1
    if round(count**0.5) ** 2 != count:
        raise ValueError(
            "values: expected (k + 1)**2 coefficients per pixel (1, 4, 9, 16, 25, ...), "
            f"not {count}"
        )
    return shape[0], shape[1]


def beware_of_pictures(values: Any) -> None:
    """Refuse, or warn of, four numbers a pixel that look like red, green, blue and opacity."""
    shape = np.shape(values)
    if len(shape) != 3 or shape[2] != 4:
        return
    array = to_numpy(values)
    if array.dtype.kind in "ub":
        raise ValueError(
            f"values: expected coefficients of polynomials of degree 1, not shape {shape} of dtype "
            f"{array.dtype}, which looks like a picture with red, green, blue and opacity; make "
            "that a density with PolynomialGrid.from_image(array[..., :3]), or pass floats, "
            "array.astype(float), if these are coefficients"
        )
    if min(shape[:2]) < _SMALLEST_PICTURE or not ((array >= 0) & (array <= 1)).all():
        return
    warnings.warn(
        f"values of shape {shape}, all of them in [0, 1], are taken as coefficients of polynomials "
        "of degree 1; if they are a picture with red, green, blue and opacity, use "
        "PolynomialGrid.from_image(array[..., :3])",
        stacklevel=3,
    )


def check_coefficients(values: Any) -> FloatArray:
    """Return nonnegative polynomial coefficients (nx, ny, k + 1, k + 1)."""
    given = check_real_array(values, "values")
    check_sizes(given, "values")
    coefficients = given.reshape(coefficients_shape(given))
    negative = find_negative_pixel(coefficients)
    if negative is not None:
        raise ValueError(
            f"values: expected a nonnegative density, not one below zero on pixel {negative}; "
            "clip it or add a constant"
        )
    return coefficients


def coefficients_shape(values: Any) -> tuple[int, int, int, int]:
    """Return (nx, ny, k + 1, k + 1) of an array that may have no values yet."""
    shape = np.shape(values)
    terms = round((shape[2] if len(shape) == 3 else 1) ** 0.5)
    return *grid_shape(values), terms, terms


def grid_lines_of(shape: tuple[int, ...], domain: Any, knots: Any) -> tuple[FloatArray, FloatArray]:
    """Return read-only grid lines for a grid of pixels, from a box or as they are given."""
    if knots is None:
        box = check_box(((0, 0), (1, 1)) if domain is None else domain)
        lines = [np.linspace(box[0, k], box[1, k], shape[k] + 1) for k in range(2)]
    else:
        if domain is not None:
            raise ValueError("knots: expected either domain or knots, not both; leave out one")
        if not hasattr(knots, "__len__"):
            raise TypeError(f"knots: expected (x_lines, y_lines), not {knots!r}")
        if len(knots) != 2:
            raise ValueError(f"knots: expected (x_lines, y_lines), not {len(knots)} arrays")
        for k in range(2):
            refuse_derivatives(knots[k], f"knots[{k}]")
        lines = [check_real_array(knots[k], f"knots[{k}]") for k in range(2)]
        for k in range(2):
            check_lengths(lines[k], f"knots[{k}]")
            check_extent(lines[k][:, None], f"knots[{k}]")
    for k in range(2):
        if lines[k].shape != (shape[k] + 1,):
            raise ValueError(
                f"knots[{k}]: expected {shape[k] + 1} grid lines for {shape[k]} pixels, "
                f"not shape {lines[k].shape}"
            )
        if not (np.diff(lines[k]) > 0).all():
            name = "domain" if knots is None else f"knots[{k}]"
            raise ValueError(
                f"{name}: expected increasing grid lines, each pixel wider than rounding"
            )
    return freeze(lines[0]), freeze(lines[1])


def check_box_shape(domain: Any) -> None:
    """Refuse an array that cannot be a box, though it may have no values yet."""
    if tuple(domain.shape) != (2, 2):
        raise ValueError(
            "domain: expected ((x_min, y_min), (x_max, y_max)), not an array of shape "
            f"{tuple(domain.shape)}"
        )


def check_periodic(periodic: Any, is_parameter: bool = False) -> bool:
    """Return whether a density is periodic; on a domain that moves it cannot be."""
    if not isinstance(periodic, bool | np.bool_):
        raise TypeError(f"periodic: expected True or False, not {periodic!r}")
    if periodic and is_parameter:
        raise ValueError(
            "domain: expected numbers with periodic=True, not a JAX array or tensor: the distance "
            "is not differentiated with respect to the period; pass a tuple or NumPy array"
        )
    return bool(periodic)


def torus_from(options: Mapping[str, Any]) -> Torus | None:
    """Return the torus of a density with these options; they have values in traced functions."""
    if not options["periodic"]:
        return None
    x, y = options["grid_lines"]
    return torus_of(np.array([[x[0], y[0]], [x[-1], y[-1]]]))


def frame_arguments(parameters: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``domain`` and ``knots`` from which the same grid lines follow."""
    if options["grid_lines"] is None:
        return {"domain": parameters["domain"]}
    x, y = options["grid_lines"]
    if options["is_uniform"]:
        return {"domain": ((x[0], y[0]), (x[-1], y[-1]))}
    return {"knots": (x, y)}


def describe_frame(
    lines: tuple[FloatArray, FloatArray] | None, mass: float | None, periodic: bool
) -> str:
    """Return "on [0, 1] x [0, 1], mass 1", without lines or mass if they are parameters."""
    where = "on a domain given as an array"
    if lines is not None:
        x, y = lines
        where = f"on [{x[0]:g}, {x[-1]:g}] x [{y[0]:g}, {y[-1]:g}]"
    given = "mass as given" if mass is None else f"mass {mass:g}"
    return f"{where}, {given}{', periodic' if periodic else ''}"


def grey_levels(array: Any, invert: bool) -> FloatArray:
    """Return the luminance (height, width) of an image, 1 for white or, inverted, for black."""
    refuse_unreadable(array, "array")
    image = to_numpy(opened_picture(array))
    white = float(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else 1.0
    if image.dtype.kind in "iu" and image.ndim == 3 and is_large(image):
        levels = np.concatenate(
            [_luminance(image[rows], white) for rows in row_blocks(image.shape)]
        )
    else:
        levels = _luminance(image, white)
    if levels.ndim != 2 or levels.size == 0:
        raise ValueError(
            "array: expected a (height, width) or (height, width, 3) image, not shape "
            f"{image.shape}; put an opacity on a background first, such as white, or drop it"
        )
    if not invert:
        return levels
    if levels.max() > 1:
        raise ValueError(
            f"array: expected floats of at most 1 with invert=True, not {levels.max()}; "
            "divide by the white level first"
        )
    return np.asarray(np.subtract(1.0, levels, out=levels))


def _luminance(image: Any, white: float) -> FloatArray:
    """Return what is grey, or the luminance of red, green and blue."""
    levels = check_real_array(image, "array")
    levels /= white
    if levels.ndim == 3 and levels.shape[2] == 3:
        levels = levels @ np.array([0.2126, 0.7152, 0.0722])
    return levels
