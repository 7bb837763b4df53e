# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dtype PyTorch's results have."""

from __future__ import annotations

from collections.abc import Iterable

import torch

__all__ = ["at_least_single_in_autocast", "promoted"]


def promoted(tensors: Iterable[torch.Tensor], default: torch.dtype) -> torch.dtype:
    """Return the dtype of the result for tensors: in autocast float32 at least, as of any loss."""
    tensors = list(tensors)
    floating = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    dtype = floating[0] if floating else default
    for other in floating[1:]:
        dtype = torch.promote_types(dtype, other)
    return torch.promote_types(dtype, torch.float32) if _in_autocast(tensors[0]) else dtype


def at_least_single_in_autocast(tensor: torch.Tensor) -> torch.Tensor:
    """Return a floating tensor in float32 at least where that is asked for."""
    if not (tensor.is_floating_point() and _in_autocast(tensor)):
        return tensor
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _in_autocast(tensor: torch.Tensor) -> bool:
    return bool(torch.is_autocast_enabled(tensor.device.type))
