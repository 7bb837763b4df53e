"""`sdot.distance` under JAX's transformations.

The value, its gradients and products with its Hessian are three calls on the host, each the
derivative of the one before.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sdot.adapters.failures import report_failure
from sdot.adapters.jax_primitives import Type, host_call, linear_call
from sdot.adapters.jax_types import aligned
from sdot.driver import driver
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap, refuse_third_order
from sdot.validation import FloatArray

__all__ = ["default_format", "differentiable_distance", "format_of", "from_numpy"]


def format_of(arrays: Sequence[Any]) -> tuple[Any, Any]:
    """Return dtype and device of results for JAX arrays; the device is left to JAX."""
    floating = [array for array in arrays if jnp.issubdtype(array.dtype, jnp.floating)]
    dtype = jnp.result_type(*floating) if floating else driver.numpy_dtype
    return jax.dtypes.canonicalize_dtype(dtype), None


def default_format(dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
    """Return dtype and device of results for arguments without a framework."""
    _device(device)  # fails now if there is none
    return jax.dtypes.canonicalize_dtype(dtype), device


def from_numpy(array: Any, dtype: Any, device: Any) -> jax.Array:
    """Return a NumPy array or float as a JAX array."""
    place = _device(device)
    return jax.device_put(np.asarray(array, dtype=dtype), place)  # type: ignore[no-any-return]


def _device(name: str | None) -> Any:
    """Return a device by its name, which can be sent to another process."""
    if name is None:
        return None
    platform, _, number = name.partition(":")
    return jax.devices(platform)[int(number or 0)]


def differentiable_distance(
    solution_map: SolutionMap, arguments: Sequence[Any], result: ResultFormat
) -> jax.Array:
    """Return the distance as a scalar that JAX can differentiate in every argument."""
    floating = [_as_floating(argument, result.dtype) for argument in arguments]
    value: jax.Array = host_call(_Value(solution_map, result.dtype), floating)[0]
    return value


def _as_floating(argument: Any, dtype: Any) -> jax.Array:
    array = argument if isinstance(argument, jax.Array) else jnp.asarray(argument)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(dtype)


@dataclass(frozen=True)
class _OfMap:
    """A call of a solution map."""

    solution_map: SolutionMap

    def report(self, failure: Exception) -> None:
        """Take note of a failure that cannot be raised."""
        report_failure(self.solution_map, failure)


@dataclass(frozen=True)
class _Value(_OfMap):
    dtype: Any

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        return [Type((), self.dtype)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        return [self.solution_map.value(operands)]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        call = _ValueAndGradients(self.solution_map, self.dtype, moving)
        value, *gradients = host_call(call, primals)
        return [value], [_change(value, gradients, _only(tangents, moving))]


@dataclass(frozen=True)
class _ValueAndGradients(_OfMap):
    dtype: Any
    needed: tuple[bool, ...]

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        return [Type((), self.dtype), *_only(operands, self.needed)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        value = self.solution_map.value(operands)
        return [value, *self.solution_map.gradients(operands, self.needed)]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        both = tuple(one or other for one, other in zip(moving, self.needed, strict=True))
        value, *found = host_call(replace(self, needed=both), primals)
        gradients = dict(zip(_places(both), found, strict=True))
        directions = _only(tangents, moving)
        change = _change(value, [gradients[k] for k in _places(moving)], directions)
        product = _HessianProduct(self.solution_map, moving, self.needed)
        changes = linear_call(product, [*primals, *directions])
        return [value, *(gradients[k] for k in _places(self.needed))], [change, *changes]


@dataclass(frozen=True)
class _HessianProduct(_OfMap):
    """From directions along some arrays to the changes of the gradients that are needed."""

    along: tuple[bool, ...]
    needed: tuple[bool, ...]

    @property
    def fixed(self) -> int:
        return len(self.along)

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        return _only(operands[: self.fixed], self.needed)

    def __call__(self, *operands: FloatArray) -> list[Any]:
        arrays, rest = operands[: self.fixed], iter(operands[self.fixed :])
        directions = [next(rest) if moves else None for moves in self.along]
        return self.solution_map.hessian_product(arrays, directions, self.needed)

    def transposed(self, given: Sequence[bool], wanted: Sequence[bool]) -> _HessianProduct:
        return replace(self, along=_kept(self.needed, given), needed=_kept(self.along, wanted))

    def refuse_derivative(self) -> None:
        refuse_third_order()


def _places(wanted: Sequence[bool]) -> list[int]:
    return [k for k, is_wanted in enumerate(wanted) if is_wanted]


def _kept(flags: Sequence[bool], kept: Sequence[bool]) -> tuple[bool, ...]:
    """Return flags of which only some that are set stay set."""
    rest = iter(kept)
    return tuple(flag and next(rest) for flag in flags)


def _only(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    return [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]


def _change(value: Any, gradients: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the change of the value along tangents.

    In primitives: outside of `jax.jit` those of `jax.numpy` would take longer than a small solve.
    """
    products = []
    for gradient, tangent in zip(gradients, tangents, strict=True):
        product = lax.mul(*aligned([gradient, lax.convert_element_type(tangent, gradient.dtype)]))
        total = lax.reduce_sum(product, range(product.ndim))
        products.append(lax.convert_element_type(total, value.dtype))
    return functools.reduce(lax.add, products)
