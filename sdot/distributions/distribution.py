"""What Diracs and densities have in common: arrays that can be differentiated, and options.

The arrays may be of any framework, and inside a traced function they have no values. So a
distribution keeps its arguments as they came and computes everything else from them when asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from sdot.distributions.memory import Memory
from sdot.frameworks import attend_imports, has_no_values, needs_derivative, to_numpy

__all__ = ["Distribution"]


class Distribution:
    """Named parameters (arrays, None, or further distributions) and options (all the rest)."""

    kinds: ClassVar[list[type[Distribution]]] = []

    _parameters: Mapping[str, Any]
    _options: Mapping[str, Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Distribution.kinds.append(cls)
        attend_imports()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an instance; see the class."""
        attend_imports()
        return super().__new__(cls)

    @classmethod
    def assembled(
        cls, parameters: Mapping[str, Any], options: Mapping[str, Any], memory: Memory
    ) -> Self:
        """Put together what `parameters` and `options` took apart, without any check."""
        result = cls.__new__(cls)
        result._parameters, result._options = parameters, options
        result.__dict__["memory"] = memory
        return result

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters by name, as the caller gave them."""
        return self._parameters

    @property
    def options(self) -> Mapping[str, Any]:
        """What is not differentiated, by name."""
        return self._options

    @cached_property
    def memory(self) -> Memory:
        """The last solutions with this object, for solves that start from them."""
        return Memory()

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The caller's arrays in order, those of nested distributions included."""
        attend_imports()  # a framework may have been imported after this object was made
        return tuple(_leaves(self._parameters.values()))

    @property
    def has_values(self) -> bool:
        """False while a framework traces one of the arrays."""
        return not any(has_no_values(array) for array in self.arrays)

    def with_arrays(self, arrays: Sequence[Any]) -> Self:
        """Return the same with other `arrays`, unchecked, sharing the memory."""
        rest = iter(arrays)
        parameters = {name: _refilled(value, rest) for name, value in self._parameters.items()}
        return self.assembled(parameters, self._options, self.memory)

    @property
    def present(self) -> Self:
        """The same with the values that tensors have now.

        What is computed from arrays is kept; but an optimiser writes to the tensors it trains.
        """
        if not any(needs_derivative(array) for array in self.arrays):
            return self
        return self.with_arrays([to_numpy(array) for array in self.arrays])


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Distribution):
            yield from value.arrays
        elif value is not None:
            yield value


def _refilled(value: Any, rest: Iterator[Any]) -> Any:
    if isinstance(value, Distribution):
        return value.with_arrays([next(rest) for _ in value.arrays])
    return None if value is None else next(rest)


def array_or_none(value: Any) -> Any:
    """Return an array of any framework as it is, and lists as NumPy arrays."""
    return value if value is None or hasattr(value, "shape") else np.asarray(value)
