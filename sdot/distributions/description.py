# SPDX-License-Identifier: GPL-3.0-or-later
"""Descriptions of distributions whose arrays may be anything.

Frameworks put tracers, batches, shapes, None or objects of their own in the places of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

__all__ = ["describes", "listing"]

T = TypeVar("T")


def describes(
    **dimensions: int | Sequence[int],
) -> Callable[[Callable[[T], str]], Callable[[T], str]]:
    """Return a decorator of a ``__repr__`` that is right for arrays of so many dimensions.

    For others, and for what are no arrays, the parameters are listed by type and shape.
    """
    allowed = {name: np.atleast_1d(counts).tolist() for name, counts in dimensions.items()}

    def decorate(describe: Callable[[T], str]) -> Callable[[T], str]:
        @wraps(describe)
        def description(self: T) -> str:
            parameters: Mapping[str, Any] = self.parameters  # type: ignore[attr-defined]
            for name, value in parameters.items():
                known = name in allowed and value is not None
                if known and np.ndim(value) not in allowed[name]:
                    return listing(self, parameters)
            try:
                return describe(self)
            except (TypeError, ValueError, IndexError, AttributeError):
                return listing(self, parameters)

        return description

    return decorate


def listing(distribution: Any, parameters: Mapping[str, Any]) -> str:
    """Return a distribution's class, and the types and shapes of its parameters."""
    parts = (f"{name}={_kind(value)}" for name, value in parameters.items() if value is not None)
    return f"{type(distribution).__name__}({', '.join(parts)})"


def _kind(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"{dtype}[{', '.join(map(str, shape))}]"
    return type(value).__name__
