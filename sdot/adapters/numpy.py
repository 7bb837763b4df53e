# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sdot.frameworks import to_numpy
from sdot.results import ResultFormat
from sdot.transport_map import LocatesPoints

__all__ = ["converted", "default_format", "from_numpy", "located", "without_derivative"]


def default_format(dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
    """Return dtype and device of results; NumPy has no devices."""
    return dtype, None


def from_numpy(array: Any, dtype: Any, device: Any) -> Any:
    """Return an array of a dtype, or a NumPy scalar."""
    result = np.asarray(array, dtype=dtype)
    return result[()] if result.ndim == 0 else result


def converted(array: Any, result: ResultFormat) -> Any:
    """Return an array in a format."""
    return np.asarray(to_numpy(array), dtype=result.dtype)


def without_derivative(array: Any) -> Any:
    """Return an array as a constant, which it is."""
    return array


def located(
    source: LocatesPoints, arguments: Sequence[Any], points: Any, result: ResultFormat
) -> tuple[Any, Any]:
    """Return the sites of points and the potential there."""
    sites, values = source.located((), to_numpy(points))
    return sites[()], from_numpy(values, result.dtype, None)
