"""`sdot.distance` as a PyTorch autograd function.

The value, its gradients and products with its Hessian are functions of their own, each called in
`backward` and `jvp` of the one before, so that PyTorch differentiates them in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from sdot.driver import driver
from sdot.frameworks import to_numpy
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap, refuse_third_order
from sdot.validation import FloatArray

__all__ = ["default_format", "differentiable_distance", "format_of", "from_numpy"]


def format_of(arrays: Sequence[torch.Tensor]) -> tuple[Any, Any]:
    """Return dtype and device of results for tensors."""
    floating = [tensor.dtype for tensor in arrays if tensor.is_floating_point()]
    dtype = floating[0] if floating else _torch_dtype(driver.numpy_dtype)
    for other in floating[1:]:
        dtype = torch.promote_types(dtype, other)
    return dtype, arrays[0].device


def default_format(dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
    """Return dtype and device of results for arguments without a framework."""
    return _torch_dtype(dtype), device


def from_numpy(array: Any, dtype: Any, device: Any) -> torch.Tensor:
    """Return a NumPy array or float as a tensor."""
    return torch.tensor(np.asarray(array), dtype=dtype, device=device)


def _torch_dtype(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.float32 if dtype == np.float32 else torch.float64


def differentiable_distance(
    solution_map: SolutionMap, arguments: Sequence[torch.Tensor], result: ResultFormat
) -> torch.Tensor:
    """Return the distance as a scalar that autograd can differentiate in every argument."""
    _refuse_forward_over_forward()
    output: torch.Tensor = _Distance.apply(solution_map, result, *arguments)[0]
    return output


def _refuse_forward_over_forward() -> None:
    # The second of two nested forward modes sees no dependence in what an autograd.Function saved
    # and would, without a word, be zero. (Any function with save_for_forward shows it.)
    levels = torch._C._functorch.get_interpreter_stack() or ()
    forward = torch._C._functorch.TransformType.Jvp
    if sum(level.key() == forward for level in levels) > 1:
        raise NotImplementedError(
            "distance: PyTorch cannot differentiate an autograd function twice in forward mode; "
            "use torch.func.hessian, or jvp or jacfwd of grad"
        )


class _Distance(torch.autograd.Function):
    # The gradients come with the value at little cost, so forward returns them as further
    # outputs for setup_context to keep.

    @staticmethod
    def forward(
        solution_map: SolutionMap, result: ResultFormat, *arguments: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        arrays = _as_double(arguments)
        value = solution_map.value(arrays)
        gradients = solution_map.gradients(arrays, [True] * len(arguments))
        kept = [
            torch.as_tensor(gradient, device=argument.device).to(_floating(argument))
            for gradient, argument in zip(gradients, arguments, strict=True)
        ]
        return (result.convert(value), *kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        gradients = output[1:]
        ctx.solution_map, arguments = inputs[0], inputs[2:]
        ctx.mark_non_differentiable(*gradients)
        ctx.save_for_backward(*arguments, *gradients)
        ctx.save_for_forward(*arguments, *gradients)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gradients = _gradients(ctx)
        return (None, None, *(cotangents[0].to(g) * g for g in gradients))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        gradients = _gradients(ctx)
        change = sum(
            (g * t).sum() for g, t in zip(gradients, tangents[2:], strict=True) if t is not None
        )
        return (change, *(None for _ in gradients))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        return _each(_Distance, info.batch_size, in_dims, inputs)


def _gradients(ctx: Any) -> tuple[torch.Tensor, ...]:
    gradients: tuple[torch.Tensor, ...] = _Gradients.apply(ctx.solution_map, *ctx.saved_tensors)
    return gradients


class _Gradients(torch.autograd.Function):
    """From the arguments, and their gradients that are known, to the gradients."""

    generate_vmap_rule = True

    @staticmethod
    def forward(solution_map: SolutionMap, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(gradient.clone() for gradient in tensors[len(tensors) // 2 :])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.solution_map, arguments = inputs[0], inputs[1 : 1 + len(output)]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        needed = ctx.needs_input_grad[1 : 1 + len(arguments)]
        changes = _hessian_product(ctx.solution_map, arguments, cotangents, needed)
        return (None, *changes, *(None for _ in arguments))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments = ctx.saved_tensors
        directions = tangents[1 : 1 + len(arguments)]
        everything = [True] * len(arguments)
        return _hessian_product(ctx.solution_map, arguments, directions, everything)


def _hessian_product(
    solution_map: SolutionMap,
    arguments: Sequence[torch.Tensor],
    directions: Sequence[torch.Tensor | None],
    needed: Sequence[bool],
) -> tuple[torch.Tensor | None, ...]:
    """Return the changes of the gradients that are needed, None for the rest."""
    along = tuple(direction is not None for direction in directions)
    if not any(along) or not any(needed):
        return tuple(None for _ in needed)
    given = [direction for direction in directions if direction is not None]
    fixed = [_LastDerivative.apply(argument) for argument in arguments]
    found = iter(_HessianProduct.apply(solution_map, along, tuple(needed), *fixed, *given))
    return tuple(next(found) if is_needed else None for is_needed in needed)


class _HessianProduct(torch.autograd.Function):
    """Linear in the directions, which follow the arguments; its own transpose."""

    @staticmethod
    def forward(
        solution_map: SolutionMap,
        along: tuple[bool, ...],
        needed: tuple[bool, ...],
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        arguments, given = tensors[: len(along)], iter(_as_double(tensors[len(along) :]))
        directions = [next(given) if moves else None for moves in along]
        found = solution_map.hessian_product(_as_double(arguments), directions, needed)
        wanted = [x for x, is_needed in zip(arguments, needed, strict=True) if is_needed]
        return tuple(
            torch.as_tensor(change, device=argument.device).to(_floating(argument))
            for change, argument in zip(found, wanted, strict=True)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.solution_map, ctx.along, ctx.needed, *tensors = inputs
        arguments = tensors[: len(ctx.along)]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments, rest = ctx.saved_tensors, iter(cotangents)
        directions = [next(rest) if is_needed else None for is_needed in ctx.needed]
        changes = _hessian_product(ctx.solution_map, arguments, directions, ctx.along)
        given = [change for change, moves in zip(changes, ctx.along, strict=True) if moves]
        # Whoever asks for these meets an error, see `_LastDerivative`.
        by_arguments = (torch.zeros_like(argument) for argument in arguments)
        return (None, None, None, *by_arguments, *given)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        arguments, rest = ctx.saved_tensors, iter(tangents[3 + len(ctx.along) :])
        directions = [next(rest) if moves else None for moves in ctx.along]
        changes = _hessian_product(ctx.solution_map, arguments, directions, ctx.needed)
        return tuple(c for c, is_needed in zip(changes, ctx.needed, strict=True) if is_needed)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        return _each(_HessianProduct, info.batch_size, in_dims, inputs)


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


def _each(
    function: type[torch.autograd.Function],
    size: int,
    in_dims: Sequence[Any],
    inputs: Sequence[Any],
) -> tuple[Any, Any]:
    """Apply a function to every element of a batch."""
    results = [
        function.apply(*(_element(x, d, k) for x, d in zip(inputs, in_dims, strict=True)))
        for k in range(size)
    ]
    stacked = tuple(torch.stack(parts) for parts in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)


def _element(value: Any, axis: Any, k: int) -> Any:
    """Return the k-th part along an axis of the batch; what has none, tuples say, is whole."""
    return value.select(axis, k) if isinstance(axis, int) else value


def _as_double(arguments: Sequence[torch.Tensor]) -> list[FloatArray]:
    return [to_numpy(argument).astype("float64") for argument in arguments]


def _floating(argument: torch.Tensor) -> torch.dtype:
    dtype: torch.dtype = argument.dtype if argument.is_floating_point() else torch.float64
    return dtype
