"""Errors that a person can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def refused(error: type[Exception] | tuple[type[Exception], ...], *parts: str) -> Iterator[None]:
    """Expect an error whose message contains all the parts."""
    with pytest.raises(error) as caught:
        yield
    for part in parts:
        assert part in str(caught.value), (part, str(caught.value))
