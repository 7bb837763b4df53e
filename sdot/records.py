# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that travel between processes: pickled, copied, saved and sent to workers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Record", "check_part", "frozen_arrays"]


class Record:
    """An object of arrays and values, which is pickled and copied without what follows from them.

    Its arrays are read-only afterwards too, and `check_parts` refuses what cannot be one: native
    code reads these arrays without another look.
    """

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self)
        return {
            name: value
            for name, value in self.__dict__.items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: frozen_arrays(value) for name, value in state.items()})
        try:
            for name in getattr(self, "__dataclass_fields__", ()):
                getattr(self, name)
            self.check_parts()
        except (AttributeError, IndexError, TypeError) as error:
            raise ValueError(f"expected the parts of a {type(self).__name__}: {error}") from error

    def check_parts(self) -> None:
        """Raise ValueError if the parts do not belong together."""


def frozen_arrays(value: Any) -> Any:
    """Make arrays read-only, also those in tuples and dictionaries, and return the value."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, tuple):
        for item in value:
            frozen_arrays(item)
    elif isinstance(value, dict):
        for item in value.values():
            frozen_arrays(item)
    return value


def check_part(
    array: Any,
    name: str,
    shape: tuple[int | None, ...],
    *,
    dtype: npt.DTypeLike = np.float64,
    is_finite: bool = True,
    limits: tuple[int, int] | None = None,
) -> None:
    """Refuse a part of a record that is not an array of this dtype and shape (None: any length).

    Indices have to be from the first of the limits to below the second.
    """
    expected = np.dtype(dtype)
    if not isinstance(array, np.ndarray) or array.dtype != expected:
        raise ValueError(f"{name}: expected an array of dtype {expected}, not {array!r}")
    fits = len(shape) == array.ndim and all(
        wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected an array of the shape {shape}, not {array.shape}")
    if is_finite and not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    if (
        limits is not None
        and array.size
        and not (limits[0] <= array.min() <= array.max() < limits[1])
    ):
        raise ValueError(f"{name}: expected indices from {limits[0]} to {limits[1] - 1}")
