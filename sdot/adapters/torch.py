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
from sdot.solution_map import SolutionMap, refuse_second_order
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
    output: torch.Tensor = _Distance.apply(solution_map, result, *arguments)[0]
    return output


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
            torch.as_tensor(gradient, device=argument.device).to(_floating(argument, result))
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


def _gradients(ctx: Any) -> tuple[torch.Tensor, ...]:
    gradients: tuple[torch.Tensor, ...] = _Gradients.apply(ctx.solution_map, *ctx.saved_tensors)
    return gradients


class _Gradients(torch.autograd.Function):
    """From the arguments, and their gradients that are known, to the gradients."""

    @staticmethod
    def forward(solution_map: SolutionMap, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(gradient.clone() for gradient in tensors[len(tensors) // 2 :])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.solution_map = inputs[0]

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> NoReturn:
        refuse_second_order()

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> NoReturn:
        refuse_second_order()


def _as_double(arguments: Sequence[torch.Tensor]) -> list[FloatArray]:
    return [to_numpy(argument).astype("float64") for argument in arguments]


def _floating(argument: torch.Tensor, result: ResultFormat) -> torch.dtype:
    dtype: torch.dtype = argument.dtype if argument.is_floating_point() else result.dtype
    return dtype
