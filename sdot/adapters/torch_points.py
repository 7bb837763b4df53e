# SPDX-License-Identifier: GPL-3.0-or-later
"""Points and their sites in PyTorch; see `sdot.transport_map`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sdot.adapters.points import Location
from sdot.adapters.torch_functions import over_batch
from sdot.frameworks import to_numpy
from sdot.results import ResultFormat
from sdot.transport_map import LocatesPoints

__all__ = ["converted", "located", "without_derivative"]


def converted(array: Any, result: ResultFormat) -> torch.Tensor:
    """Return an array in a format, with its derivatives."""
    tensor = array if isinstance(array, torch.Tensor) else torch.tensor(np.asarray(array))
    return tensor.to(dtype=result.dtype, device=result.device)


def without_derivative(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor as a constant."""
    return tensor.detach()


def located(
    source: LocatesPoints, arguments: Sequence[Any], points: Any, result: ResultFormat
) -> Sequence[torch.Tensor]:
    """Return the sites of points and the potential there."""
    call = Location(source, torch.int64, result.dtype)
    operands = [
        x if isinstance(x, torch.Tensor) else torch.tensor(np.asarray(x))
        for x in (*arguments, points)
    ]
    found = _Location.apply(call, *(operand.detach() for operand in operands))
    return [part.to(device=result.device) for part in found]


class _Location(torch.autograd.Function):
    @staticmethod
    def forward(call: Location, *operands: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = call(*(to_numpy(operand).astype(np.float64) for operand in operands))
        dtypes, device = (call.site_dtype, call.dtype), operands[-1].device
        return tuple(
            torch.tensor(part, dtype=dtype, device=device)
            for part, dtype in zip(found, dtypes, strict=True)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[None, ...]:
        return (None,) * len(ctx.needs_input_grad)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], call: Location, *operands: Any) -> Any:
        *fixed, along = in_dims[1:]
        if any(axis is not None for axis in fixed):
            return over_batch(_Location, info.batch_size, in_dims, (call, *operands))
        points = operands[-1].movedim(along, 0)
        return _Location.apply(call, *operands[:-1], points), (0, 0)
