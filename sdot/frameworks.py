# SPDX-License-Identifier: GPL-3.0-or-later
"""Which array library an argument belongs to, found without importing that library.

An argument can only be a JAX or PyTorch array if its library is imported already, so a
look at ``sys.modules`` is enough and ``import sdot`` needs neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Framework = Literal["numpy", "jax", "torch"]

__all__ = [
    "Framework",
    "attend_imports",
    "check_device",
    "common_framework",
    "framework_of",
    "has_no_values",
    "is_jax_tracer",
    "needs_derivative",
    "refuse_recording",
    "to_numpy",
    "when_imported",
]

_actions: dict[str, Callable[[], None]] = {}


def when_imported(framework: Framework, action: Callable[[], None]) -> None:
    """Have an action done whenever `attend_imports` finds that a framework has been imported."""
    _actions[framework] = action


def attend_imports() -> None:
    """Do what waits for frameworks that have been imported; actions see to it that it is once."""
    for framework, action in _actions.items():
        if sys.modules.get(framework) is not None:
            action()


def check_device(framework: Framework, name: str | None) -> None:
    """Refuse a device that a framework does not have, if that has been imported to tell."""
    library = sys.modules.get(framework)
    if name is None or library is None or framework == "numpy":
        return
    kind, _, number = name.partition(":")
    known = _jax_devices(library, kind) if framework == "jax" else _torch_devices(library, kind)
    if int(number or 0) >= known:
        raise ValueError(
            f"driver.device: expected a device that {framework} has, not {name!r}; it has "
            f"{known or 'none'} of that kind"
        )


def _jax_devices(jax: Any, kind: str) -> int:
    try:
        return len(jax.devices(kind))
    except RuntimeError:  # no such platform
        return 0


def _torch_devices(torch: Any, kind: str) -> int:
    if kind == "cuda":
        return int(torch.cuda.device_count())
    return int(kind == "cpu" or (kind == "mps" and torch.backends.mps.is_available()))


def framework_of(array: Any) -> Framework | None:
    """Return the library of an array; None for lists, scalars and the like."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        return "torch"
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(array, jax.Array):
        return "jax"
    return "numpy" if isinstance(array, np.ndarray | np.generic) else None


def is_jax_tracer(array: Any) -> bool:
    """Tell whether the value of a JAX array is unknown because a function is being traced."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(array, jax.core.Tracer)


def has_no_values(array: Any) -> bool:
    """Tell whether JAX traces an array, or torch.func has wrapped it: values come later."""
    if framework_of(array) == "torch":
        torch = sys.modules["torch"]
        return bool(torch._C._functorch.is_functorch_wrapped_tensor(array))
    return is_jax_tracer(array)


def needs_derivative(array: Any) -> bool:
    """Tell whether a framework may ask for derivatives with respect to an array."""
    if framework_of(array) != "torch":
        return is_jax_tracer(array)
    if array.requires_grad or has_no_values(array):
        return True
    forward_ad = sys.modules["torch"].autograd.forward_ad
    return forward_ad.unpack_dual(array).tangent is not None


def refuse_recording(*arrays: Any) -> None:
    """Refuse tensors while `torch.jit.trace` records, which would keep a result as a constant."""
    if not any(framework_of(array) == "torch" for array in arrays):
        return
    if sys.modules["torch"].jit.is_tracing():
        raise TypeError(
            "expected tensors outside of torch.jit.trace, which cannot record a solve and would "
            "keep its result as a constant; use torch.compile, or call sdot outside of what is "
            "traced or exported"
        )


def common_framework(*arrays: Any) -> Framework | None:
    """Return the one library of all arrays.

    NumPy arrays and lists mix with either of the others; None where nothing but lists came.

    Raises
    ------
    TypeError
        If JAX and PyTorch arrays are mixed.
    """
    found = {framework_of(array) for array in arrays} - {None}
    if {"jax", "torch"} <= found:
        raise TypeError(
            "expected arrays of one framework, not JAX and PyTorch arrays in one call; "
            "convert the ones to the other"
        )
    for framework in ("jax", "torch", "numpy"):
        if framework in found:
            return framework
    return None


def to_numpy(array: Any) -> npt.NDArray[Any]:
    """Return the values of any array as a NumPy array (shared with the caller's if possible)."""
    if framework_of(array) == "torch":
        _refuse_without_entries(array)
        # Inside of torch.func operations wrap even tensors that it does not transform.
        with sys.modules["torch"]._C._DisableFuncTorch():
            tensor = array.detach().cpu()
            return _tensor_to_numpy(tensor)
    if is_jax_tracer(array):
        raise TypeError(
            "expected a concrete array, not one that is being traced by JAX; "
            "build this object outside of the jitted function"
        )
    values = np.asarray(array)
    if (
        values.dtype.kind == "V" and values.dtype.names is None
    ):  # JAX's bfloat16 and other extension types
        values = values.astype(np.float32)
    return values


def _refuse_without_entries(tensor: Any) -> None:
    """Refuse tensors that keep no entry, or not every one."""
    if tensor.is_meta:
        raise TypeError(
            "expected a tensor with values, not one on the meta device; move its module to a "
            "device with to_empty(device=...) and fill it first"
        )
    if tensor.layout != sys.modules["torch"].strided:
        raise TypeError(
            f"expected a dense tensor, not one of layout {tensor.layout}; pass tensor.to_dense()"
        )


def _tensor_to_numpy(tensor: Any) -> npt.NDArray[Any]:
    if tensor.element_size() <= 2 and tensor.is_floating_point():
        tensor = tensor.float()  # NumPy has no bfloat16
    try:
        values: npt.NDArray[Any] = tensor.numpy()
    except (RuntimeError, TypeError) as error:
        raise TypeError(
            f"expected a tensor with values, not {type(tensor).__name__}; in what torch.export "
            "records use the module sdot.torch.W2Loss, and call the rest of sdot outside of it"
        ) from error
    return values
