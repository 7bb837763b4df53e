"""`sdot.distance` as a PyTorch autograd function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from sdot.adapters.results import ResultFormat
from sdot.frameworks import to_numpy
from sdot.validation import FloatArray

__all__ = ["differentiable_distance"]

# Maps NumPy arguments, and which of them to differentiate, to the value and those gradients.
ValueAndGradients = Callable[
    [Sequence[FloatArray], Sequence[bool]], tuple[float, Sequence[FloatArray]]
]


def differentiable_distance(
    value_and_gradients: ValueAndGradients, arguments: Sequence[torch.Tensor], result: ResultFormat
) -> torch.Tensor:
    """Return the distance as a scalar that autograd can differentiate once in every argument."""
    output: torch.Tensor = _Distance.apply(value_and_gradients, result, *arguments)[0]
    return output


class _Distance(torch.autograd.Function):
    # The gradients come with the value at no cost, so forward returns them as further
    # outputs for setup_context to keep.

    @staticmethod
    def forward(
        value_and_gradients: ValueAndGradients, result: ResultFormat, *arguments: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        value, gradients = value_and_gradients(
            [to_numpy(argument) for argument in arguments], [True] * len(arguments)
        )
        kept = [
            torch.as_tensor(gradient, device=argument.device).to(_floating(argument, result))
            for gradient, argument in zip(gradients, arguments, strict=True)
        ]
        return (result.convert(value), *kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        gradients = output[1:]
        ctx.mark_non_differentiable(*gradients)
        ctx.save_for_backward(*gradients)
        ctx.save_for_forward(*gradients)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gradients = ctx.saved_tensors
        return (None, None, *(cotangents[0].to(g) * g for g in gradients))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        gradients = ctx.saved_tensors
        change = sum(
            (g * t).sum() for g, t in zip(gradients, tangents[2:], strict=True) if t is not None
        )
        return (change, *(None for _ in gradients))


def _floating(argument: torch.Tensor, result: ResultFormat) -> torch.dtype:
    dtype: torch.dtype = argument.dtype if argument.is_floating_point() else result.dtype
    return dtype
