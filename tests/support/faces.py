"""The three frameworks behind one interface, so that one test runs through all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

FACES = ("numpy", "jax", "torch")

FaceName = Literal["numpy", "jax", "torch"]
Array = npt.NDArray[Any]


class Face:
    """One framework: makes its arrays, reads them back, differentiates."""

    def __init__(self, name: FaceName) -> None:
        self.name = name
        self.module: Any = np if name == "numpy" else pytest.importorskip(name)

    def double_precision(self) -> AbstractContextManager[Any]:
        """For JAX a context in which float64 exists; the configuration is put back."""
        return jax_x64() if self.name == "jax" else contextlib.nullcontext()

    def array(self, values: Any, dtype: str = "float64") -> Any:
        """Return values as an array of the framework."""
        copy = np.array(values, dtype=dtype)
        if self.name == "torch":
            return self.module.from_numpy(copy)
        return self.module.numpy.asarray(copy) if self.name == "jax" else copy

    def owns(self, array: Any) -> bool:
        """Tell whether an array or scalar belongs to the framework."""
        if self.name == "torch":
            return isinstance(array, self.module.Tensor)
        if self.name == "jax":
            return isinstance(array, self.module.Array)
        return isinstance(array, np.ndarray | np.generic)

    @staticmethod
    def dtype_name(array: Any) -> str:
        """Return "float32" or the like."""
        return str(array.dtype).removeprefix("torch.")

    @staticmethod
    def numpy(array: Any) -> Array:
        """Return the values as a NumPy array of the same precision."""
        return np.asarray(array.detach() if hasattr(array, "detach") else array)

    def gradients(self, function: Callable[..., Any], *arguments: Array) -> list[Array]:
        """Differentiate a scalar function of float64 arrays; not for NumPy."""
        inputs = [self.array(argument) for argument in arguments]
        if self.name == "jax":
            positions = tuple(range(len(inputs)))
            return [self.numpy(g) for g in self.module.grad(function, positions)(*inputs)]
        for tensor in inputs:
            tensor.requires_grad_()
        function(*inputs).backward()
        return [self.numpy(tensor.grad) for tensor in inputs]


def jax_x64() -> AbstractContextManager[Any]:
    """Return JAX's context manager for float64, wherever this release keeps it."""
    jax = pytest.importorskip("jax")
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)  # type: ignore[no-any-return]
    from jax.experimental import enable_x64  # noqa: PLC0415  (only where it exists)

    return enable_x64(True)  # type: ignore[no-any-return]
