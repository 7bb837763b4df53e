# SPDX-License-Identifier: GPL-3.0-or-later
"""What Diracs and densities have in common: arrays that can be differentiated, and options.

The arrays may be of any framework, and inside a traced function they have no values. So a
distribution keeps its arguments and computes everything else from them when asked. One rule holds
for all frameworks: NumPy and JAX arrays (and lists) are snapshots, taken when the object is made; a
tensor is read at every call, whether or not it requires a gradient.
"""

from __future__ import annotations

import numbers
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self

import numpy as np

from sdot.array_types import Array_co
from sdot.cached_property import cached_property
from sdot.distributions.memory import Memory
from sdot.frameworks import (
    attend_imports,
    framework_of,
    has_no_values,
    needs_derivative,
    to_numpy,
)
from sdot.records import frozen_arrays
from sdot.validation import freeze, refuse_unreadable

__all__ = ["Distribution", "array_or_none", "kept"]


class Distribution(Generic[Array_co]):
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
        result.__dict__["_is_assembled"] = True
        return result

    @property
    @abstractmethod
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object, to the bit."""

    def __reduce__(self) -> Any:
        """Pickle and copy by the arguments, which are checked again; the memory stays behind.

        Containers that JAX has filled, perhaps with gradients, cannot be checked.
        """
        if self.__dict__.get("_is_assembled", False):
            return _assembled, (type(self), dict(self._parameters), dict(self._options))
        return _constructed, (type(self), dict(self.arguments))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters by name: what is kept of the caller's arguments (see `kept`)."""
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

    @cached_property
    def _has_tensors(self) -> bool:
        return any(framework_of(array) == "torch" for array in self.arrays)

    @property
    def _array_facts(self) -> Mapping[str, str]:
        """Names of array parameters, and what they are, for notebooks."""
        found = {}
        for name, value in self._parameters.items():
            framework = framework_of(value)
            if value is not None and not isinstance(value, Distribution):
                kind = {"jax": "JAX", "torch": "PyTorch"}.get(framework or "", "NumPy")
                shape = " x ".join(map(str, np.shape(value))) or "a number"
                found[name] = f"{shape}, {kind}"
        return found

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
    def snapshot(self) -> Self:
        """The same with the values that tensors have now; itself if it has no tensors.

        An optimiser writes to the tensors it trains. As long as it does not, the snapshot is the
        same object, with all that has been computed from it.
        """
        if not self._has_tensors:
            return self
        if any(has_no_values(array) for array in self.arrays):
            raise TypeError(
                "expected a concrete tensor, not one that torch.func has wrapped; build this "
                "object, or ask for its values, outside of the transformed function"
            )
        last: Self | None = self.__dict__.get("_last_snapshot")
        known = {} if last is None else last.parameters
        parameters = {
            name: _now(value, known.get(name)) for name, value in self._parameters.items()
        }
        if last is not None and all(value is known[name] for name, value in parameters.items()):
            return last
        snapshot = self.assembled(parameters, self._options, self.memory)
        snapshot.__dict__["_is_assembled"] = self.__dict__.get("_is_assembled", False)
        self.__dict__["_last_snapshot"] = snapshot
        return snapshot


def _constructed(kind: type[Distribution], arguments: Mapping[str, Any]) -> Distribution:
    return kind(**arguments)


def _assembled(
    kind: type[Distribution], parameters: Mapping[str, Any], options: Mapping[str, Any]
) -> Distribution:
    return kind.assembled(frozen_arrays(parameters), frozen_arrays(options), Memory())


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


def _now(value: Any, last: Any) -> Any:
    """What a parameter is now: the last snapshot's if it is the same."""
    if isinstance(value, Distribution):
        return value.snapshot
    if framework_of(value) != "torch":
        return value
    values = to_numpy(value)
    if last is not None and values.dtype == last.dtype and np.array_equal(values, last):
        return last
    return freeze(values.copy())


def kept(value: Any, name: str) -> Any:
    """Return what an object keeps of an array argument.

    A tensor is kept as it is, and read at every call; JAX arrays cannot change. Of everything else
    a read-only copy is kept: the object does not change with the caller's array.
    """
    if value is None or framework_of(value) in ("jax", "torch"):
        return value
    if isinstance(value, list | tuple):
        return tuple(_kept_item(item, name) for item in value)
    if isinstance(value, numbers.Number | str):
        return value
    refuse_unreadable(value, name)
    return freeze(np.array(value))


def _kept_item(item: Any, name: str) -> Any:
    if framework_of(item) not in ("jax", "torch"):
        return kept(item, name)
    if has_no_values(item) or needs_derivative(item):
        raise TypeError(
            f"{name}: expected one array, not a list of arrays that are to be differentiated; "
            "stack them first (jnp.stack, torch.stack)"
        )
    return freeze(to_numpy(item).copy())


def array_or_none(value: Any) -> Any:
    """Return an array of any framework as it is, and lists as NumPy arrays."""
    return value if value is None or hasattr(value, "shape") else np.asarray(value)
