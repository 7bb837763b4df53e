# SPDX-License-Identifier: GPL-3.0-or-later
"""What `torch.compile` is told of sdot: it breaks its graph here, and leaves what is called alone.

Otherwise it would trace NumPy code, in which it fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from types import FunctionType
from typing import Any

import torch

__all__ = ["leave_alone"]

_REMEDY = "sdot solves in NumPy; sdot.torch.W2Loss can be part of a graph without breaks"

_left_alone: set[Any] = set()


def leave_alone(objects: Iterable[Any]) -> None:
    """Keep `torch.compile` out of functions, and of the methods of classes, and all they call."""
    for thing in objects:
        if thing not in _left_alone:
            _left_alone.add(thing)
            for function in _functions(thing):
                _keep_out(function)


def _functions(thing: Any) -> Iterator[FunctionType]:
    if isinstance(thing, type):
        for member in vars(thing).values():
            yield from _functions(member)
    elif isinstance(thing, property):
        yield from _functions(thing.fget)
    elif isinstance(thing, cached_property):
        yield from _functions(thing.func)
    elif isinstance(thing, classmethod | staticmethod):
        yield from _functions(thing.__func__)
    elif isinstance(thing, FunctionType):
        yield thing


def _keep_out(function: FunctionType) -> None:
    """What `torch.compiler.disable` does, but without another function around each.

    That would have to be there before torch is imported, and takes seconds to import.
    """
    function.__dict__["_torchdynamo_disable"] = True  # breaks the graph of a caller
    function.__dict__["_torchdynamo_disable_msg"] = _REMEDY
    frames: Any = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    if hasattr(frames, "set_code_exec_strategy"):  # torch 2.7 or newer; older ones trace and warn
        skip = frames._FrameAction.SKIP
        frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(skip, skip))
