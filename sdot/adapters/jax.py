# SPDX-License-Identifier: GPL-3.0-or-later
"""The distance and plans under JAX's transformations.

The value, its gradients and products with its Hessian are three calls on the host, each the
derivative of the one before; the outputs of a plan and their derivatives are two more.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sdot.adapters.calls import (
    HessianProduct,
    Outputs,
    PushForward,
    Value,
    ValueAndGradients,
    only,
    places,
)
from sdot.adapters.jax_points import converted, located, without_derivative
from sdot.adapters.jax_primitives import host_call, linear_call
from sdot.adapters.jax_types import aligned
from sdot.driver import driver
from sdot.results import PlanArrays, ResultFormat
from sdot.solution_map import SolutionMap

__all__ = [
    "converted",
    "default_format",
    "differentiable_distance",
    "differentiable_distances",
    "differentiable_plan",
    "format_of",
    "from_numpy",
    "located",
    "without_derivative",
]


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


def differentiable_distances(
    maps: Sequence[SolutionMap], arguments: Sequence[Sequence[Any]], result: ResultFormat
) -> jax.Array:
    """Return the distances of a batch, one call on the host if the problems are of one kind."""
    kinds = {(tuple(jnp.shape(x) for x in own)) for own in arguments}
    if arguments[0] and len(kinds) == 1 and all(other == maps[0] for other in maps[1:]):
        columns = [_stacked(column, result.dtype) for column in zip(*arguments, strict=True)]
        found: jax.Array = host_call(_Value(maps[0], result.dtype), columns, depth=1)[0]
        return jnp.broadcast_to(found, (len(maps),))
    return jnp.stack(
        [
            differentiable_distance(one, own, result) if own else jnp.asarray(one.value([]))
            for one, own in zip(maps, arguments, strict=True)
        ]
    ).astype(result.dtype)


def _stacked(arrays: Sequence[Any], dtype: Any) -> jax.Array:
    """Return arrays as one, with an axis in front, of length 1 if all are the same."""
    if all(array is arrays[0] for array in arrays):
        arrays = arrays[:1]
    return jnp.stack([_as_floating(array, dtype) for array in arrays])


def differentiable_plan(
    solution_map: SolutionMap, arguments: Sequence[Any], result: ResultFormat
) -> PlanArrays:
    """Return the outputs of a plan as arrays that JAX can differentiate."""
    floating = [_as_floating(argument, result.dtype) for argument in arguments]
    distance = host_call(_Value(solution_map, result.dtype), floating)[0]
    outputs = host_call(_Outputs(solution_map, result.dtype), floating)
    return PlanArrays(jnp.isnan(distance).astype(jnp.int8), distance, *outputs)


def _as_floating(argument: Any, dtype: Any) -> jax.Array:
    array = argument if isinstance(argument, jax.Array) else jnp.asarray(argument)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(dtype)


class _Value(Value):
    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        call = _ValueAndGradients(self.solution_map, self.dtype, moving)
        value, *gradients = host_call(call, primals)
        return [value], [_change(value, gradients, only(tangents, moving))]


class _ValueAndGradients(ValueAndGradients):
    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        both = tuple(one or other for one, other in zip(moving, self.needed, strict=True))
        value, *found = host_call(replace(self, needed=both), primals)
        gradients = dict(zip(places(both), found, strict=True))
        directions = only(tangents, moving)
        change = _change(value, [gradients[k] for k in places(moving)], directions)
        product = HessianProduct(self.solution_map, moving, self.needed)
        changes = linear_call(product, [*primals, *directions])
        return [value, *(gradients[k] for k in places(self.needed))], [change, *changes]


class _Outputs(Outputs):
    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        moving = tuple(tangent is not None for tangent in tangents)
        outputs = host_call(self, primals)
        call = PushForward(self.solution_map, self.dtype, moving, (True,) * len(outputs))
        return outputs, linear_call(call, [*primals, *only(tangents, moving)])


def _change(value: Any, gradients: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the change of the value along tangents.

    In primitives: outside of `jax.jit` those of `jax.numpy` would take longer than a small solve.
    """
    products = []
    for gradient, tangent in zip(gradients, tangents, strict=True):
        product = lax.mul(*aligned([gradient, lax.convert_element_type(tangent, gradient.dtype)]))
        total = _sum(product)
        products.append(lax.convert_element_type(total, value.dtype))
    return functools.reduce(lax.add, products)


def _sum(array: jax.Array) -> jax.Array:
    if hasattr(lax, "reduce_sum"):  # not in jax 0.4
        return lax.reduce_sum(array, range(array.ndim))  # type: ignore[no-any-return]
    return jnp.sum(array)
