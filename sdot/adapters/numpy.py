"""Results as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["default_format", "from_numpy"]


def default_format(dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
    """Return dtype and device of results; NumPy has no devices."""
    return dtype, None


def from_numpy(array: Any, dtype: Any, device: Any) -> Any:
    """Return an array of a dtype, or a NumPy scalar."""
    result = np.asarray(array, dtype=dtype)
    return result[()] if result.ndim == 0 else result
