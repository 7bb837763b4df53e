# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of contents: hashable, and equal exactly where the contents are."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from sdot.frameworks import to_numpy

__all__ = ["array_digest", "content_key"]


def content_key(value: Any) -> Hashable:
    """Return a key of nested options: mappings, sequences, arrays and hashable values."""
    if isinstance(value, Mapping):
        return tuple((name, content_key(item)) for name, item in value.items())
    if isinstance(value, tuple | list):
        return tuple(content_key(item) for item in value)
    if isinstance(value, np.ndarray):
        return array_digest(value)
    key: Hashable = value
    return key


def array_digest(array: Any) -> Hashable:
    """Return a key of an array of any framework: its type, shape, and a digest of its bytes."""
    values = np.ascontiguousarray(to_numpy(array))
    digest = hashlib.blake2b(values.view(np.uint8).data if values.size else b"", digest_size=16)
    return str(values.dtype), values.shape, digest.digest()
