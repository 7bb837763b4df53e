# SPDX-License-Identifier: GPL-3.0-or-later
"""What is computed from the arrays of a distribution."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Generic, TypeVar, overload

__all__ = ["computed"]

Value_co = TypeVar("Value_co", covariant=True)


class computed(cached_property[Value_co], Generic[Value_co]):
    """A property that is kept, but for tensors only as long as they have the same values.

    An optimiser writes to the tensors it trains, so what follows from them belongs to a
    `snapshot`. Objects without tensors are their own, and this is `functools.cached_property`.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> computed[Value_co]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Value_co: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        """Return the value for the instance's snapshot."""
        if instance is None:
            return self
        snapshot, name = instance.snapshot, str(self.attrname)
        if name not in snapshot.__dict__:
            snapshot.__dict__[name] = self.func(snapshot)
        return snapshot.__dict__[name]
