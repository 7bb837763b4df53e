# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that is asked for again and again with the same key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Latest"]

Value = TypeVar("Value")


class Latest(Generic[Value]):
    """The last value of a function, kept with the key that it was computed for.

    Keys are compared by ``==``: a weak reference as a key keeps nothing alive and is equal to
    another one to the same object. Any number of threads may ask at once; at worst they compute
    the same twice.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, Value] | None = None

    def __reduce__(self) -> Any:
        return Latest, ()  # what is remembered does not travel

    def get(self, key: Any, compute: Callable[[], Value]) -> Value:
        """Return the value for a key."""
        last = self._last
        if last is not None and last[0] == key:
            return last[1]
        value = compute()
        self._last = (key, value)
        return value
