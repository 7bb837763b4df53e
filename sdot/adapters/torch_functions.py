# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls on the host as PyTorch autograd functions.

The value, its gradients and products with its Hessian are functions of their own, each called in
`backward` and `jvp` of the one before, so that PyTorch differentiates them in turn; the outputs of
a plan and their derivatives likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch

from sdot.adapters.calls import (
    HessianProduct,
    MapCall,
    Outputs,
    PullBack,
    PushForward,
    ValueAndGradients,
    spread,
)
from sdot.batches import run_batch
from sdot.errors import ConvergenceError
from sdot.frameworks import has_no_values, to_numpy
from sdot.solution_map import refuse_third_order
from sdot.validation import FloatArray

__all__ = ["distance_of", "held_fixed", "outputs_of", "over_batch"]

Tensors = Sequence[torch.Tensor]


def distance_of(call: ValueAndGradients, arguments: Tensors) -> torch.Tensor:
    """Return the distance; the call asks for the gradients in all arguments."""
    value: torch.Tensor = _Distance.apply(call, *arguments)[0]
    return value


def outputs_of(call: Outputs, arguments: Tensors) -> tuple[torch.Tensor, ...]:
    """Return potentials, barycentres and cell masses."""
    outputs: tuple[torch.Tensor, ...] = _Outputs.apply(call, *arguments)
    return outputs


def _results(call: Any, tensors: Tensors) -> tuple[torch.Tensor, ...]:
    """Call the host."""
    found = call(*(_as_double(tensor) for tensor in tensors))
    device = tensors[0].device
    return tuple(
        torch.tensor(np.asarray(result), dtype=_floating(kind.dtype), device=device)
        for result, kind in zip(found, call.result_types(tensors), strict=True)
    )


def _as_double(tensor: torch.Tensor) -> FloatArray:
    return to_numpy(tensor).astype("float64")


def _floating(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype.is_floating_point else torch.float64


class _Distance(torch.autograd.Function):
    """The value, and the gradients as outputs that only `_gradients` sees."""

    # The gradients come with the value at little cost, so forward returns them as further
    # outputs for setup_context to keep.

    @staticmethod
    def forward(call: ValueAndGradients, *arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return _results(call, arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        gradients = output[1:]
        ctx.call, *arguments = inputs
        ctx.mark_non_differentiable(*gradients)
        ctx.save_for_backward(*arguments, *gradients)
        ctx.save_for_forward(*arguments, *gradients)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return (None, *(cotangents[0].to(g) * g for g in _gradients(ctx)))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        gradients = _gradients(ctx)
        change = sum(
            (g * t).sum() for g, t in zip(gradients, tangents[1:], strict=True) if t is not None
        )
        return (change, *(None for _ in gradients))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        return over_batch(_Distance, info.batch_size, in_dims, inputs)


def _gradients(ctx: Any) -> tuple[torch.Tensor, ...]:
    gradients: tuple[torch.Tensor, ...] = _Gradients.apply(ctx.call, *ctx.saved_tensors)
    return gradients


class _Gradients(torch.autograd.Function):
    """From the arguments, and their gradients that are known, to the gradients."""

    generate_vmap_rule = True

    @staticmethod
    def forward(call: ValueAndGradients, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(gradient.clone() for gradient in tensors[len(tensors) // 2 :])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.call, arguments = inputs[0], inputs[1 : 1 + len(output)]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        needed = ctx.needs_input_grad[1 : 1 + len(arguments)]
        call = HessianProduct(ctx.call.solution_map, _present(cotangents), tuple(needed))
        changes = _linear(call, arguments, cotangents)
        return (None, *spread(changes, needed), *(None for _ in arguments))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        directions = tangents[1 : 1 + len(arguments)]
        everything = (True,) * len(arguments)
        call = HessianProduct(ctx.call.solution_map, _present(directions), everything)
        return _linear(call, arguments, directions)


class _Outputs(torch.autograd.Function):
    """Potentials, barycentres and cell masses."""

    @staticmethod
    def forward(call: Outputs, *arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return _results(call, arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.call, *arguments = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        needed = tuple(ctx.needs_input_grad[1:])
        call = PullBack(ctx.call.solution_map, ctx.call.dtype, _present(cotangents), needed)
        return (None, *spread(_linear(call, ctx.saved_tensors, cotangents), needed))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        along, everything = _present(tangents[1:]), (True,) * 3
        call = PushForward(ctx.call.solution_map, ctx.call.dtype, along, everything)
        return _linear(call, ctx.saved_tensors, tangents[1:])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        return over_batch(_Outputs, info.batch_size, in_dims, inputs)


def _present(tensors: Iterable[torch.Tensor | None]) -> tuple[bool, ...]:
    return tuple(tensor is not None for tensor in tensors)


def _linear(
    call: Any, arguments: Tensors, directions: Iterable[torch.Tensor | None]
) -> tuple[torch.Tensor, ...]:
    """Apply a linear call to those directions that are not None; in arguments it stays as it is."""
    given = [direction for direction in directions if direction is not None]
    fixed = [held_fixed(argument) for argument in arguments]
    results: tuple[torch.Tensor, ...] = _Linear.apply(call, *fixed, *given)
    return results


class _Linear(torch.autograd.Function):
    """A call that is linear in the tensors after the first `call.fixed`."""

    @staticmethod
    def forward(call: Any, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return _results(call, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.call, arguments = inputs[0], inputs[1 : 1 + inputs[0].fixed]
        ctx.results = [True] * len(output)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1 + len(arguments) :]
        call = ctx.call.transposed(_present(cotangents), wanted)
        found = spread(_linear(call, arguments, cotangents), wanted)
        # Whoever asks for these meets an error, see `_LastDerivative`.
        by_arguments = (torch.zeros_like(argument) for argument in arguments)
        return (None, *by_arguments, *found)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        directions = tangents[1 + len(arguments) :]
        moving = _present(directions)
        # The call of fewer directions is the transpose of the transpose to these.
        transposed = ctx.call.transposed(ctx.results, moving)
        call = transposed.transposed([True] * sum(moving), ctx.results)
        return _linear(call, arguments, directions)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        return over_batch(_Linear, info.batch_size, in_dims, inputs)


def held_fixed(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor with the same values; to differentiate in it is an error."""
    result: torch.Tensor = _LastDerivative.apply(tensor)
    return result


class _LastDerivative(torch.autograd.Function):
    """The identity, for arguments in which nothing is differentiated any more."""

    @staticmethod
    def forward(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> NoReturn:
        refuse_third_order()

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> NoReturn:
        refuse_third_order()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], tensor: torch.Tensor) -> tuple[Any, Any]:
        return _LastDerivative.apply(tensor), in_dims[0]


def over_batch(
    function: type[torch.autograd.Function],
    size: int,
    in_dims: Sequence[Any],
    inputs: Sequence[Any],
) -> tuple[Any, Any]:
    """Apply a function to every element of a batch; where it fails, but not everywhere, is NaN."""
    elements = [
        [_element(x, d, k) for x, d in zip(inputs, in_dims, strict=True)] for k in range(size)
    ]
    fixed = slice(1, 1 + inputs[0].fixed)
    if any(isinstance(axis, int) for axis in in_dims[fixed]):
        _prepare(inputs[0], [element[fixed] for element in elements])
    results: list[Any] = []
    for element in elements:
        try:
            results.append(function.apply(*element))
        except (ConvergenceError, ValueError, ArithmeticError) as failure:
            results.append(failure)
    good = next((result for result in results if not isinstance(result, Exception)), None)
    if good is None:
        raise results[0]
    for k, result in enumerate(results):
        if isinstance(result, Exception):
            inputs[0].report(result)
            results[k] = tuple(_nothing_like(part) for part in good)
    stacked = tuple(torch.stack(parts) for parts in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)


def _nothing_like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.full_like(tensor, torch.nan if tensor.is_floating_point() else -1)


def _prepare(call: MapCall, problems: Sequence[Tensors]) -> None:
    """Solve the problems of a batch on all cores, so that calls one after the other are quick."""
    if not any(has_no_values(tensor) for tensor in problems[0]):
        arrays = [[_as_double(tensor) for tensor in problem] for problem in problems]
        run_batch([partial(call.prepare, problem, (k,)) for k, problem in enumerate(arrays)])


def _element(value: Any, axis: Any, k: int) -> Any:
    """Return the k-th part along an axis of the batch; what has none is whole."""
    return value.select(axis, k) if isinstance(axis, int) else value
