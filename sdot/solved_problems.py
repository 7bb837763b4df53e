# SPDX-License-Identifier: GPL-3.0-or-later
"""The last solved problems, for derivatives that need a solution a second time.

A framework asks for a value, for its gradient and for products with its Hessian in calls of their
own, each with nothing but the arrays. All of them mean one solve. What is kept dies with its owner,
and of all that owners keep the oldest goes first.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

__all__ = ["SolvedProblems"]

# Sites of all the problems that are kept together: some hundred bytes each. The last problem is
# kept whatever its size.
_MAX_SITES = 400_000

T = TypeVar("T")


class SolvedProblems(Generic[T]):
    """Solved problems by the content of their arrays; any number of threads may use it."""

    def __init__(self) -> None:
        self._solved: dict[Hashable, T] = {}
        self._lock = Lock()

    def get(self, key: Hashable) -> T | None:
        """Return the problem kept under ``key``, if any."""
        with self._lock:
            return self._solved.get(key)

    def put(self, key: Hashable, solved: T, sites: int) -> None:
        """Keep a problem of so many sites."""
        with self._lock:
            is_new = key not in self._solved
            self._solved[key] = solved
        if is_new:
            _account.add(self, key, sites)

    def drop(self, key: Hashable) -> None:
        """Forget the problem kept under ``key``, if any."""
        with self._lock:
            self._solved.pop(key, None)

    def __len__(self) -> int:
        return len(self._solved)


class _Account:
    """What all owners keep, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[weakref.ref[SolvedProblems[Any]], Hashable, int]] = deque()
        self._sites = 0
        self._lock = Lock()

    def add(self, owner: SolvedProblems[Any], key: Hashable, size: int) -> None:
        dropped = []
        with self._lock:
            self._kept.append((weakref.ref(owner), key, size))
            self._sites += size
            while self._sites > _MAX_SITES and len(self._kept) > 1:
                dropped.append(self._kept.popleft())
                self._sites -= dropped[-1][2]
        for reference, old_key, _ in dropped:
            old = reference()
            if old is not None:
                old.drop(old_key)


_account = _Account()
