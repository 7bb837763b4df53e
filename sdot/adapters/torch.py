# SPDX-License-Identifier: GPL-3.0-or-later
"""The distance and plans in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sdot.adapters.calls import Outputs, ValueAndGradients
from sdot.adapters.torch_formats import promoted
from sdot.adapters.torch_functions import distance_of, outputs_of
from sdot.adapters.torch_points import converted, located, without_derivative
from sdot.batches import prepare_all
from sdot.driver import driver
from sdot.frameworks import has_no_values
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


def format_of(arrays: Sequence[torch.Tensor]) -> tuple[Any, Any]:
    """Return dtype and device of results for tensors."""
    return promoted(arrays, _torch_dtype(driver.numpy_dtype)), arrays[0].device


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
    call = ValueAndGradients(solution_map, result.dtype, (True,) * len(arguments))
    return distance_of(call, arguments)


def differentiable_distances(
    maps: Sequence[SolutionMap], arguments: Sequence[Sequence[torch.Tensor]], result: ResultFormat
) -> torch.Tensor:
    """Return the distances of a batch."""
    if not any(has_no_values(tensor) for own in arguments for tensor in own):
        prepare_all(maps, arguments)
    return torch.stack(
        [
            differentiable_distance(one, own, result) if own else result.convert(one.value([]))
            for one, own in zip(maps, arguments, strict=True)
        ]
    )


def differentiable_plan(
    solution_map: SolutionMap, arguments: Sequence[torch.Tensor], result: ResultFormat
) -> PlanArrays:
    """Return the outputs of a plan as tensors that autograd can differentiate."""
    distance = differentiable_distance(solution_map, arguments, result)
    outputs = outputs_of(Outputs(solution_map, result.dtype), arguments)
    return PlanArrays(torch.isnan(distance).to(torch.int8), distance, *outputs)


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
