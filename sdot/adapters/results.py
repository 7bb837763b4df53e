"""In which framework, dtype and device to answer, and the conversion of NumPy results."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdot.driver import driver
from sdot.frameworks import Framework, common_framework, framework_of

__all__ = ["ResultFormat", "result_format"]


@dataclass(frozen=True)
class ResultFormat:
    """Framework, dtype and device of a call's results."""

    framework: Framework
    dtype: Any
    device: Any = None

    def convert(self, array: Any) -> Any:
        """Return a NumPy array or float in this format."""
        if self.framework == "torch":
            torch = importlib.import_module("torch")
            return torch.tensor(np.asarray(array), dtype=self.dtype, device=self.device)
        if self.framework == "jax":
            jax = importlib.import_module("jax")
            return jax.device_put(np.asarray(array, dtype=self.dtype), self.device)
        result = np.asarray(array, dtype=self.dtype)
        return result[()] if result.ndim == 0 else result


def result_format(*arrays: Any) -> ResultFormat:
    """Return the format of the arguments; where they have none, that of `sdot.driver`.

    Of several arrays of one framework the dtype is the promoted one.
    """
    framework = common_framework(*arrays)
    own = [array for array in arrays if framework is not None and framework_of(array) == framework]
    if framework == "torch":
        return _torch_format(own)
    if framework == "jax":
        return _jax_format(own)
    return _driver_format(own)


def _torch_format(tensors: list[Any]) -> ResultFormat:
    torch = importlib.import_module("torch")
    floating = [tensor for tensor in tensors if tensor.is_floating_point()]
    dtype = _torch_dtype(torch)
    for k, tensor in enumerate(floating):
        dtype = tensor.dtype if k == 0 else torch.promote_types(dtype, tensor.dtype)
    return ResultFormat("torch", dtype, tensors[0].device)


def _jax_format(arrays: list[Any]) -> ResultFormat:
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    floating = [array for array in arrays if jnp.issubdtype(array.dtype, jnp.floating)]
    dtype = jnp.result_type(*floating) if floating else _numpy_dtype()
    return ResultFormat("jax", jax.dtypes.canonicalize_dtype(dtype))


def _driver_format(arrays: list[Any]) -> ResultFormat:
    floating = [array.dtype for array in arrays if array.dtype.kind == "f"]
    dtype = np.result_type(*floating) if floating else np.dtype(_numpy_dtype())
    if driver.framework == "torch":
        torch = importlib.import_module("torch")
        torch_dtype = torch.float32 if dtype == np.float32 else torch.float64
        return ResultFormat("torch", torch_dtype, driver.device)
    if driver.framework == "jax":
        jax = importlib.import_module("jax")
        device = None if driver.device is None else _jax_device(jax, driver.device)
        return ResultFormat("jax", jax.dtypes.canonicalize_dtype(dtype), device)
    return ResultFormat("numpy", dtype)


def _numpy_dtype() -> type[np.floating[Any]]:
    return np.float32 if driver.dtype == "FP32" else np.float64


def _torch_dtype(torch: Any) -> Any:
    return torch.float32 if driver.dtype == "FP32" else torch.float64


def _jax_device(jax: Any, name: str) -> Any:
    platform, _, number = name.partition(":")
    return jax.devices(platform)[int(number or 0)]
