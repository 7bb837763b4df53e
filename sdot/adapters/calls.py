# SPDX-License-Identifier: GPL-3.0-or-later
"""What the frameworks call on the host: outputs of a solution map, and their linear derivatives.

A call takes float64 NumPy arrays: first the map's arguments, in which it is not linear, then
directions or cotangents, in which it is. Calls are hashable, and equal if of equal content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from sdot.adapters.failures import report_failure
from sdot.derivatives import PlanOutputs
from sdot.solution_map import SolutionMap
from sdot.validation import FloatArray

__all__ = [
    "HessianProduct",
    "MapCall",
    "Outputs",
    "PullBack",
    "PushForward",
    "Type",
    "Value",
    "ValueAndGradients",
    "only",
    "places",
    "spread",
]

Flags = tuple[bool, ...]


class Type(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class MapCall:
    """A call of a solution map."""

    is_pointwise: ClassVar[bool] = False

    solution_map: SolutionMap

    @property
    def fixed(self) -> int:
        """The number of arguments of the map."""
        return self.solution_map.arguments

    def prepare(self, operands: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Solve the problem at a place of a batch; see `SolutionMap.prepare`."""
        self.solution_map.prepare(operands, place)

    def report(self, failure: Exception) -> None:
        """Take note of a failure that cannot be raised."""
        report_failure(self.solution_map, failure)


@dataclass(frozen=True)
class Value(MapCall):
    """W2^2, a scalar of some dtype."""

    dtype: Any

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        return [Type((), self.dtype)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        return [self.solution_map.value(operands)]


@dataclass(frozen=True)
class ValueAndGradients(MapCall):
    """W2^2 and its gradients in those of the arguments that are needed."""

    dtype: Any
    needed: Flags

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        return [Type((), self.dtype), *(_type(x) for x in only(operands, self.needed))]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        value = self.solution_map.value(operands)
        return [value, *self.solution_map.gradients(operands, self.needed)]


@dataclass(frozen=True)
class Outputs(MapCall):
    """Potentials, barycentres and cell masses of the plan."""

    dtype: Any

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        return _output_types(self.solution_map, self.dtype, operands)

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        return list(self.solution_map.outputs(operands)[1:])


@dataclass(frozen=True)
class HessianProduct(MapCall):
    """From directions along some arguments to the changes of gradients that are needed."""

    along: Flags
    needed: Flags

    def __post_init__(self) -> None:
        """Refuse what has no second derivatives while it can still be told to the caller."""
        self.solution_map.check_second_order()

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        return [_type(x) for x in only(operands[: self.fixed], self.needed)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        arrays, directions = operands[: self.fixed], operands[self.fixed :]
        return self.solution_map.hessian_product(
            arrays, spread(directions, self.along), self.needed
        )

    def transposed(self, given: Sequence[bool], wanted: Sequence[bool]) -> HessianProduct:
        """Return the call from those cotangents that are given to those that are wanted."""
        along, needed = _kept(self.needed, given), _kept(self.along, wanted)
        return replace(self, along=along, needed=needed)


@dataclass(frozen=True)
class PushForward(MapCall):
    """From directions along some arguments to the changes of those `Outputs` that are needed."""

    dtype: Any
    along: Flags
    needed: Flags

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        types = _output_types(self.solution_map, self.dtype, operands[: self.fixed])
        return only(types, self.needed)

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        arrays, directions = operands[: self.fixed], operands[self.fixed :]
        found = self.solution_map.push_forward(arrays, spread(directions, self.along))
        return only(found[1:], self.needed)

    def transposed(self, given: Sequence[bool], wanted: Sequence[bool]) -> PullBack:
        """Return the call from those cotangents that are given to those that are wanted."""
        given, needed = _kept(self.needed, given), _kept(self.along, wanted)
        return PullBack(self.solution_map, self.dtype, given, needed)


@dataclass(frozen=True)
class PullBack(MapCall):
    """From cotangents of those `Outputs` that are given to gradients that are needed."""

    dtype: Any
    given: Flags
    needed: Flags

    def result_types(self, operands: Sequence[Any]) -> list[Type]:
        """Return the types of the results."""
        return [_type(x) for x in only(operands[: self.fixed], self.needed)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        """Return the results."""
        arrays, cotangents = operands[: self.fixed], operands[self.fixed :]
        outputs = PlanOutputs(None, *spread(cotangents, self.given))
        return self.solution_map.pull_back(arrays, outputs, self.needed)

    def transposed(self, given: Sequence[bool], wanted: Sequence[bool]) -> PushForward:
        """Return the call from those directions that are given to those that are wanted."""
        along, needed = _kept(self.needed, given), _kept(self.given, wanted)
        return PushForward(self.solution_map, self.dtype, along, needed)


def only(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Return those items that are wanted."""
    return [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]


def spread(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Return items at the places that are wanted, None at the others."""
    rest = iter(items)
    return [next(rest) if is_wanted else None for is_wanted in wanted]


def places(wanted: Sequence[bool]) -> list[int]:
    """Return the places that are wanted."""
    return [k for k, is_wanted in enumerate(wanted) if is_wanted]


def _kept(flags: Flags, kept: Sequence[bool]) -> Flags:
    """Return flags of which only some that are set stay set."""
    rest = iter(kept)
    return tuple(flag and next(rest) for flag in flags)


def _type(array: Any) -> Type:
    return Type(tuple(array.shape), array.dtype)


def _output_types(solution_map: SolutionMap, dtype: Any, operands: Sequence[Any]) -> list[Type]:
    count = solution_map.sites([tuple(operand.shape) for operand in operands])
    return [Type((count,), dtype), Type((count, 2), dtype), Type((count,), dtype)]
