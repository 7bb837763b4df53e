# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions on the host as JAX primitives, so that every transformation has its rule.

There are two. A `HostCall` is a function of arrays that says how its results change; a `LinearCall`
is linear in its last operands and says what its transpose is. `jax.vmap` adds leading axes, of
which a primitive knows the number.

Outside of `jax.jit` a call is made as it stands: nothing is compiled, and what it raises is raised.
Inside it is made by `jax.pure_callback`, where nothing of JAX may be called (it can deadlock) and
nothing may be raised (undefined behaviour): where it fails the results are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from sdot.adapters.batched_call import BatchedCall, Call, as_double
from sdot.adapters.jax_types import aligned, output_type
from sdot.solution_map import refuse_third_order

__all__ = ["HostCall", "LinearCall", "host_call", "linear_call"]


class HostCall(Call, Protocol):
    """A call that says how its results change."""

    @property
    def is_pointwise(self) -> bool:
        """Whether its last operand is an array of points of any shape, with a result for each."""

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return results and their changes for JAX arrays; a tangent of None is zero."""


class LinearCall(Call, Protocol):
    """A call that is linear in all operands after those that describe the problem."""

    def transposed(self, given: Sequence[bool], wanted: Sequence[bool]) -> LinearCall:
        """Return the call from those cotangents that are given to those that are wanted."""


def host_call(call: HostCall, operands: Sequence[Any], depth: int = 0) -> list[Any]:
    """Return the results of a call for JAX arrays, of which so many leading axes are of batches.

    They are of length 1 in arrays that are the same for all elements.
    """
    return list(_host_call.bind(*aligned(operands), call=call, depth=depth))


def linear_call(call: LinearCall, operands: Sequence[Any]) -> list[Any]:
    """Return the results of a call that is linear in its last operands, for JAX arrays."""
    return list(_linear_call.bind(*aligned(operands), call=call, depth=0))


def _evaluate(*operands: Any, call: Call, depth: int) -> list[Any]:
    """Outside of `jax.jit`."""
    batched = BatchedCall(call, depth)
    if depth:
        return [jnp.asarray(result) for result in batched(*operands)]
    types = batched.element_types(operands)
    found = call(*(as_double(operand) for operand in operands))
    return [
        jnp.asarray(np.asarray(value, kind.dtype)) for value, kind in zip(found, types, strict=True)
    ]


def _types(*operands: Any, call: Call, depth: int) -> list[Any]:
    batched = BatchedCall(call, depth)
    batch = batched.batch(operands)
    return [output_type(operands, batch, *kind) for kind in batched.element_types(operands)]


def _call_back(*operands: Any, call: Call, depth: int) -> list[Any]:
    """Inside of `jax.jit`."""
    batched = BatchedCall(call, depth)
    batch = batched.batch(operands)
    types = [
        jax.ShapeDtypeStruct((*batch, *kind.shape), kind.dtype)
        for kind in batched.element_types(operands)
    ]
    return jax.pure_callback(batched, types, *operands)  # type: ignore[no-any-return]


def _with_axis_in_front(operands: Sequence[Any], axes: Sequence[int | None]) -> list[Any]:
    """Return operands with the axis of a batch in front, of length 1 where there is none."""
    return [
        jnp.expand_dims(operand, 0) if axis is None else jnp.moveaxis(operand, axis, 0)
        for operand, axis in zip(operands, axes, strict=True)
    ]


def _batch_host_call(
    operands: Sequence[Any], axes: Sequence[int | None], *, call: HostCall, depth: int
) -> tuple[list[Any], list[int]]:
    *fixed, along = axes
    if call.is_pointwise and along is not None and all(axis is None for axis in fixed):
        points = jnp.moveaxis(operands[-1], along, depth)
        results = _host_call.bind(*operands[:-1], points, call=call, depth=depth)
        return results, [depth] * len(results)
    operands = _with_axis_in_front(operands, axes)
    results = _host_call.bind(*operands, call=call, depth=depth + 1)
    return results, [0] * len(results)


def _batch_linear_call(
    operands: Sequence[Any], axes: Sequence[int | None], *, call: LinearCall, depth: int
) -> tuple[list[Any], list[int]]:
    operands = _with_axis_in_front(operands, axes)
    size = max(operand.shape[0] for operand in operands)
    # What is transposed has the shape of the batch, so that cotangents have that of tangents.
    operands[call.fixed :] = [
        jnp.broadcast_to(operand, (size, *operand.shape[1:])) for operand in operands[call.fixed :]
    ]
    results = _linear_call.bind(*operands, call=call, depth=depth + 1)
    return results, [0] * len(results)


def _jvp_of_host_call(
    primals: Sequence[Any], tangents: Sequence[Any], *, call: HostCall, depth: int
) -> tuple[list[Any], list[Any]]:
    moving = [not isinstance(tangent, ad.Zero) for tangent in tangents]
    changes = [tangent for tangent, moves in zip(tangents, moving, strict=True) if moves]

    def jvp(*arrays: Any) -> tuple[list[Any], list[Any]]:
        rest = iter(arrays[len(primals) :])
        return call.jvp(arrays[: len(primals)], [next(rest) if moves else None for moves in moving])

    result: tuple[list[Any], list[Any]] = _mapped(jvp, depth)(*primals, *changes)
    return result


def _mapped(function: Callable[..., Any], depth: int) -> Callable[..., Any]:
    """Return a function of arrays with so many leading axes, of length 1 where one stays."""
    if not depth:
        return function

    def map_first_axis(*arrays: Any) -> Any:
        size = max(array.shape[0] for array in arrays)
        stays = [array.shape[0] < size for array in arrays]
        arrays = tuple(a[0] if s else a for a, s in zip(arrays, stays, strict=True))
        in_axes = tuple(None if s else 0 for s in stays)
        return jax.vmap(_mapped(function, depth - 1), in_axes)(*arrays)

    return map_first_axis


def _jvp_of_linear_call(
    primals: Sequence[Any], tangents: Sequence[Any], *, call: LinearCall, depth: int
) -> tuple[list[Any], list[Any]]:
    fixed = call.fixed
    if not all(isinstance(tangent, ad.Zero) for tangent in tangents[:fixed]):
        refuse_third_order()
    moved = [ad.instantiate_zeros(tangent) for tangent in tangents[fixed:]]
    results = _linear_call.bind(*primals, call=call, depth=depth)
    changes = _linear_call.bind(*aligned([*primals[:fixed], *moved]), call=call, depth=depth)
    return results, changes


def _transpose_linear_call(
    cotangents: Sequence[Any], *operands: Any, call: LinearCall, depth: int
) -> list[Any]:
    fixed, linear = operands[: call.fixed], operands[call.fixed :]
    given = [not isinstance(cotangent, ad.Zero) for cotangent in cotangents]
    wanted = [ad.is_undefined_primal(operand) for operand in linear]
    transposed = call.transposed(given, wanted)
    known = [c for c, is_given in zip(cotangents, given, strict=True) if is_given]
    found = iter(_linear_call.bind(*aligned([*fixed, *known]), call=transposed, depth=depth))
    return [None] * len(fixed) + [next(found) if is_wanted else None for is_wanted in wanted]


def _primitive(name: str) -> Primitive:
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(_evaluate)
    primitive.def_abstract_eval(_types)
    mlir.register_lowering(primitive, mlir.lower_fun(_call_back, multiple_results=True))
    return primitive


_host_call = _primitive("sdot_host_call")
ad.primitive_jvps[_host_call] = _jvp_of_host_call
batching.primitive_batchers[_host_call] = _batch_host_call

_linear_call = _primitive("sdot_linear_call")
ad.primitive_jvps[_linear_call] = _jvp_of_linear_call
ad.primitive_transposes[_linear_call] = _transpose_linear_call
batching.primitive_batchers[_linear_call] = _batch_linear_call
