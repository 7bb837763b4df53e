"""`sdot.distance` under JAX's transformations.

The value, its gradients and products with its Hessian are three calls on the host, each the
derivative of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sdot.adapters.failures import report_failure
from sdot.adapters.jax_primitives import Type, host_call
from sdot.driver import driver
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap, refuse_second_order
from sdot.validation import FloatArray

__all__ = ["default_format", "differentiable_distance", "format_of", "from_numpy"]


def format_of(arrays: Sequence[Any]) -> tuple[Any, Any]:
    """Return dtype and device of results for JAX arrays; the device is left to JAX."""
    floating = [array for array in arrays if jnp.issubdtype(array.dtype, jnp.floating)]
    dtype = jnp.result_type(*floating) if floating else driver.numpy_dtype
    return jax.dtypes.canonicalize_dtype(dtype), None


def default_format(dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
    """Return dtype and device of results for arguments without a framework."""
    place = None
    if device is not None:
        platform, _, number = device.partition(":")
        place = jax.devices(platform)[int(number or 0)]
    return jax.dtypes.canonicalize_dtype(dtype), place


def from_numpy(array: Any, dtype: Any, device: Any) -> jax.Array:
    """Return a NumPy array or float as a JAX array."""
    return jax.device_put(np.asarray(array, dtype=dtype), device)  # type: ignore[no-any-return]


def differentiable_distance(
    solution_map: SolutionMap, arguments: Sequence[Any], result: ResultFormat
) -> jax.Array:
    """Return the distance as a scalar that JAX can differentiate in every argument."""
    floating = [_as_floating(argument, result.dtype) for argument in arguments]
    value: jax.Array = host_call(_Value(solution_map, result.dtype), floating)[0]
    return value


def _as_floating(argument: Any, dtype: Any) -> jax.Array:
    array = jnp.asarray(argument)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(dtype)


@dataclass(frozen=True)
class _Value:
    solution_map: SolutionMap
    dtype: Any

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        return [Type((), self.dtype)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        return [self.solution_map.value(operands)]

    def report(self, failure: Exception) -> None:
        report_failure(self.solution_map, failure)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        call = _ValueAndGradients(self.solution_map, self.dtype, moving)
        value, *gradients = host_call(call, primals)
        return [value], [_change(value, gradients, _only(tangents, moving))]


@dataclass(frozen=True)
class _ValueAndGradients:
    solution_map: SolutionMap
    dtype: Any
    needed: tuple[bool, ...]

    def result_types(self, operands: Sequence[Type]) -> list[Type]:
        return [Type((), self.dtype), *_only(operands, self.needed)]

    def __call__(self, *operands: FloatArray) -> list[Any]:
        value = self.solution_map.value(operands)
        return [value, *self.solution_map.gradients(operands, self.needed)]

    def report(self, failure: Exception) -> None:
        report_failure(self.solution_map, failure)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        refuse_second_order()


def _only(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    return [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]


def _change(value: Any, gradients: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the change of the value along tangents."""
    change = jnp.zeros_like(value)
    for gradient, tangent in zip(gradients, tangents, strict=True):
        product = jnp.sum(gradient * tangent.astype(gradient.dtype))
        change = change + product.astype(value.dtype)
    return change
