# SPDX-License-Identifier: GPL-3.0-or-later
"""Type variables for the arrays of the caller's framework, for static checks only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    # Without a parameter a class is that of any array.
    from typing_extensions import TypeVar

    Array_co = TypeVar("Array_co", covariant=True, default=Any)
    Scalar_co = TypeVar("Scalar_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    Array_co = TypeVar("Array_co", covariant=True)
    Scalar_co = TypeVar("Scalar_co", covariant=True)

__all__ = ["Array_co", "Lists", "NumpyArray", "Scalar_co"]

NumpyArray: TypeAlias = npt.NDArray[Any]
NumpyScalar: TypeAlias = np.floating[Any]
Lists: TypeAlias = Sequence[Any]
