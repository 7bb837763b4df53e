# SPDX-License-Identifier: GPL-3.0-or-later
"""The distance and its derivatives as operators of PyTorch's graphs.

`torch.compile` and `torch.export` want them. An operator is opaque to what captures graphs: its
arguments are tensors, numbers, and text, which is the problem without its arrays (`problem_text`),
and it has rules for shapes, derivatives and batches. Axes of batches are the leading ones of all
tensors, of length 1 where there is none, as many as ``depth`` says. A problem that fails raises; in
a batch it is NaN.

Reverse mode only, as these operators have no rule for forward mode; the autograd functions in
`torch_functions` have one, but cannot be captured in a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.library import custom_op, register_autograd, register_fake, register_vmap

from sdot.adapters.batched_call import BatchedCall
from sdot.adapters.calls import HessianProduct, Value, ValueAndGradients, only, spread
from sdot.adapters.problem_text import solution_map_of
from sdot.adapters.torch_functions import held_fixed
from sdot.frameworks import to_numpy

__all__ = ["distance"]

Tensors = Sequence[torch.Tensor]
Axes = Sequence[int | None]


@custom_op(
    "sdot::distance", mutates_args=(), schema="(Tensor[] arrays, str problem, int depth) -> Tensor"
)
def distance(arrays: Tensors, problem: str, depth: int) -> torch.Tensor:
    """Return W2^2 for the arrays of a problem."""
    (value,) = _results(Value(solution_map_of(problem), np.float64), arrays, depth)
    return _tensor(value, arrays[0], _dtype(arrays))


@custom_op(
    "sdot::distance_gradients",
    mutates_args=(),
    schema="(Tensor[] arrays, str problem, bool[] needed, int depth) -> Tensor[]",
)
def _gradients(
    arrays: Tensors, problem: str, needed: Sequence[bool], depth: int
) -> list[torch.Tensor]:
    call = ValueAndGradients(solution_map_of(problem), np.float64, tuple(needed))
    found = _results(call, arrays, depth)[1:]
    return [_tensor(x, a, a.dtype) for x, a in zip(found, only(arrays, needed), strict=True)]


@custom_op(
    "sdot::distance_hessian_product",
    mutates_args=(),
    schema="(Tensor[] arrays, Tensor[] directions, str problem, bool[] along, bool[] needed,"
    " int depth) -> Tensor[]",
)
def _hessian_product(  # noqa: PLR0917  (of the schema)
    arrays: Tensors,
    directions: Tensors,
    problem: str,
    along: Sequence[bool],
    needed: Sequence[bool],
    depth: int,
) -> list[torch.Tensor]:
    call = HessianProduct(solution_map_of(problem), tuple(along), tuple(needed))
    found = _results(call, [*arrays, *directions], depth)
    return [_tensor(x, a, a.dtype) for x, a in zip(found, only(arrays, needed), strict=True)]


def _results(call: Any, tensors: Tensors, depth: int) -> Sequence[Any]:
    operands = [to_numpy(tensor).astype(np.float64) for tensor in tensors]
    return BatchedCall(call, depth)(*operands) if depth else call(*operands)


def _tensor(values: Any, like: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=dtype, device=like.device)


def _dtype(arrays: Tensors) -> torch.dtype:
    dtype = arrays[0].dtype
    for array in arrays[1:]:
        dtype = torch.promote_types(dtype, array.dtype)
    return dtype


def _batch(tensors: Tensors, depth: int) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(*(tensor.shape[:depth] for tensor in tensors)))


# ---- shapes


@register_fake("sdot::distance")
def _(arrays: Tensors, problem: str, depth: int) -> torch.Tensor:
    return arrays[0].new_empty(_batch(arrays, depth), dtype=_dtype(arrays))


@register_fake("sdot::distance_gradients")
def _(arrays: Tensors, problem: str, needed: Sequence[bool], depth: int) -> list[torch.Tensor]:
    return _like(only(arrays, needed), _batch(arrays, depth), depth)


@register_fake("sdot::distance_hessian_product")
def _(  # noqa: PLR0917
    arrays: Tensors,
    directions: Tensors,
    problem: str,
    along: Sequence[bool],
    needed: Sequence[bool],
    depth: int,
) -> list[torch.Tensor]:
    return _like(only(arrays, needed), _batch([*arrays, *directions], depth), depth)


def _like(arrays: Tensors, batch: tuple[int, ...], depth: int) -> list[torch.Tensor]:
    return [array.new_empty((*batch, *array.shape[depth:])) for array in arrays]


# ---- derivatives: each operator is that of the one before


def _keep_for_distance(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    arrays, ctx.problem, ctx.depth = inputs
    ctx.save_for_backward(*arrays)


def _distance_backward(ctx: Any, cotangent: torch.Tensor) -> tuple[Any, ...]:
    arrays, needed = list(ctx.saved_tensors), ctx.needs_input_grad[0]
    gradients = _gradients(arrays, ctx.problem, needed, ctx.depth)
    products = [
        cotangent.reshape(*cotangent.shape, *[1] * (g.ndim - ctx.depth)).to(g) * g
        for g in gradients
    ]
    return _summed(products, arrays, needed), None, None


def _keep_for_gradients(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    arrays, ctx.problem, ctx.along, ctx.depth = inputs
    ctx.save_for_backward(*arrays)


def _gradients_backward(ctx: Any, cotangents: list[torch.Tensor]) -> tuple[Any, ...]:
    arrays, needed = list(ctx.saved_tensors), ctx.needs_input_grad[0]
    fixed = [held_fixed(array) for array in arrays]
    changes = _hessian_product(fixed, cotangents, ctx.problem, ctx.along, needed, ctx.depth)
    return _summed(changes, arrays, needed), None, None, None


def _keep_for_hessian_product(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    arrays, directions, ctx.problem, ctx.along, ctx.needed, ctx.depth = inputs
    ctx.shapes = [direction.shape for direction in directions]
    ctx.count = len(arrays)
    ctx.save_for_backward(*arrays, *directions)


def _hessian_product_backward(ctx: Any, cotangents: list[torch.Tensor]) -> tuple[Any, ...]:
    arrays, directions = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
    # The Hessian is its own transpose.
    found = _hessian_product(
        list(arrays), cotangents, ctx.problem, ctx.needed, ctx.along, ctx.depth
    )
    everything = [True] * len(directions)
    # Whoever asks for the derivatives in the arrays meets an error, see `held_fixed`.
    by_arrays = [torch.zeros_like(array) for array in arrays]
    return by_arrays, _summed(found, directions, everything), None, None, None, None


def _summed(
    products: Tensors, arrays: Tensors, needed: Sequence[bool]
) -> list[torch.Tensor | None]:
    """Return gradients of the shapes of their arrays, which may be those of a whole batch."""
    found = [
        product.sum_to_size(array.shape)
        for product, array in zip(products, only(arrays, needed), strict=True)
    ]
    return spread(found, needed)


register_autograd("sdot::distance", _distance_backward, setup_context=_keep_for_distance)
register_autograd(
    "sdot::distance_gradients", _gradients_backward, setup_context=_keep_for_gradients
)
register_autograd(
    "sdot::distance_hessian_product",
    _hessian_product_backward,
    setup_context=_keep_for_hessian_product,
)


# ---- batches: one more axis in front


@register_vmap("sdot::distance")
def _(info: Any, axes: Any, arrays: Tensors, problem: str, depth: int) -> tuple[Any, Any]:
    return distance(_lifted(arrays, axes[0]), problem, depth + 1), 0


@register_vmap("sdot::distance_gradients")
def _(  # noqa: PLR0917
    info: Any, axes: Any, arrays: Tensors, problem: str, needed: Sequence[bool], depth: int
) -> tuple[Any, Any]:
    found = _gradients(_lifted(arrays, axes[0]), problem, needed, depth + 1)
    return found, [0] * len(found)


@register_vmap("sdot::distance_hessian_product")
def _(  # noqa: PLR0917
    info: Any,
    axes: Any,
    arrays: Tensors,
    directions: Tensors,
    problem: str,
    along: Sequence[bool],
    needed: Sequence[bool],
    depth: int,
) -> tuple[Any, Any]:
    arrays, directions = _lifted(arrays, axes[0]), _lifted(directions, axes[1])
    found = _hessian_product(arrays, directions, problem, along, needed, depth + 1)
    return found, [0] * len(found)


def _lifted(tensors: Tensors, axes: Axes) -> list[torch.Tensor]:
    return [
        tensor.unsqueeze(0) if axis is None else tensor.movedim(axis, 0)
        for tensor, axis in zip(tensors, axes, strict=True)
    ]
