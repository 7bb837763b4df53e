# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the sites of points as a call on the host; see `sdot.transport_map`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sdot.adapters.calls import Type
from sdot.adapters.failures import report_failure
from sdot.transport_map import LocatesPoints
from sdot.validation import FloatArray

__all__ = ["Location"]


@dataclass(frozen=True)
class Location:
    """Sites of points, the last operand, and the potential there; none of it has derivatives."""

    is_pointwise: ClassVar[bool] = True

    source: LocatesPoints
    site_dtype: Any
    dtype: Any

    @property
    def fixed(self) -> int:
        """The number of operands that describe the problem."""
        return self.source.arguments

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        shape = tuple(operands[-1].shape[:-1])
        return [Type(shape, self.site_dtype), Type(shape, self.dtype)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        return list(self.source.located(operands[:-1], operands[-1]))

    def prepare(self, operands: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Solve the problem at a place of a batch; see `SolutionMap.prepare`."""
        self.source.prepare(operands[: self.fixed], place)

    def report(self, failure: Exception) -> None:
        """Take note of a failure that cannot be raised."""
        report_failure(self.source, failure)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """Refuse: operands come without derivatives."""
        raise NotImplementedError("sites of points have no derivatives")
