# SPDX-License-Identifier: GPL-3.0-or-later
"""``functools.cached_property`` without the lock that it has in Python 3.11."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

__all__ = ["cached_property"]

if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801, RUF100
        """A property that is computed once for each object.

        Python 3.11 computes it under one lock for all objects of a class: threads wait for each
        other, and a child of ``fork`` for a thread that it does not have. Here, as from 3.12 on,
        two threads may compute it at once; the values are equal.
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            cache = instance.__dict__
            if self.attrname not in cache:
                cache[self.attrname] = self.func(instance)
            return cache[self.attrname]
