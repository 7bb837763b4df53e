# SPDX-License-Identifier: GPL-3.0-or-later
"""A call on the host for every element of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from sdot.adapters.calls import Type
from sdot.batches import run_batch
from sdot.validation import FloatArray

__all__ = ["BatchedCall", "Call", "as_double"]


class Call(Protocol):
    """A function of NumPy arrays; hashable, and equal if of equal content."""

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        """Return the types of the results."""

    def __call__(self, *operands: FloatArray) -> Sequence[Any]:
        """Return the results for float64 arrays."""

    @property
    def fixed(self) -> int:
        """The number of operands that describe the problem."""

    def prepare(self, operands: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Solve the problem at a place of a batch."""

    def report(self, failure: Exception) -> None:
        """Take note of a failure that cannot be raised."""


@dataclass(frozen=True)
class BatchedCall:
    """A call for every element of a batch, on the host; NaN where it fails."""

    call: Call
    depth: int

    def batch(self, operands: Sequence[Any]) -> tuple[int, ...]:
        """Return the shape of the batch: axes of operands without one are of length 1."""
        return np.broadcast_shapes(*(operand.shape[: self.depth] for operand in operands))

    def element_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of one element's results."""
        return self.call.result_types([Type(x.shape[self.depth :], x.dtype) for x in operands])

    def __call__(self, *operands: Any) -> list[Any]:
        """Return the results, with the axes of the batch in front."""
        batch, types = self.batch(operands), self.element_types(operands)
        operands = tuple(as_double(operand) for operand in operands)
        results = [_nothing((*batch, *kind.shape), kind.dtype) for kind in types]
        places = list(np.ndindex(batch))
        found = run_batch([partial(self._element, operands, place) for place in places])
        for place, values in zip(places, found, strict=True):
            if isinstance(values, Exception):
                self.call.report(values)
                continue
            for result, value in zip(results, values, strict=True):
                result[place] = value
        return results

    def _element(self, operands: Sequence[FloatArray], place: tuple[int, ...]) -> Sequence[Any]:
        arrays = [_element(operand, place) for operand in operands]
        if len(place) and any(
            operand.shape[: self.depth] != (1,) * self.depth
            for operand in operands[: self.call.fixed]
        ):
            self.call.prepare(arrays, place)
        return self.call(*arrays)


def _nothing(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.full(shape, -1 if np.issubdtype(dtype, np.integer) else np.nan, dtype)


def as_double(operand: Any) -> FloatArray:
    """Return an array as a float64 NumPy array, a copy."""
    return np.asarray(operand).astype(np.float64)


def _element(operand: FloatArray, index: tuple[int, ...]) -> FloatArray:
    place = tuple(k if size > 1 else 0 for k, size in zip(index, operand.shape, strict=False))
    return np.asarray(operand[place])
