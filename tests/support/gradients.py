"""Gradients against finite differences, and of one framework against the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from support.faces import Face, jax_x64

Array = npt.NDArray[Any]
Function = Callable[..., Any]

STEP = 1e-5


def central_differences(function: Callable[[Array], float], x: Array, step: float = STEP) -> Array:
    """Return the gradient of a function of one array by differences in each of its numbers."""
    result = np.empty_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        result[index] = (function(x + shift) - function(x - shift)) / (2 * step)
    return result


def check_in_torch(
    function: Function, arrays: Sequence[Array], atol: float = 1e-7, rtol: float = 1e-6
) -> None:
    """Check derivatives in forward and reverse mode by PyTorch's gradcheck."""
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    assert torch.autograd.gradcheck(
        function, tensors, eps=STEP, atol=atol, rtol=rtol, check_forward_ad=True
    )


def check_in_jax(
    function: Function, arrays: Sequence[Array], atol: float = 1e-7, rtol: float = 1e-6
) -> None:
    """Check derivatives of the compiled function in both modes by JAX's check_grads."""
    jax = pytest.importorskip("jax")
    check_grads = pytest.importorskip("jax.test_util").check_grads
    with jax_x64():
        arguments = [jax.numpy.asarray(array) for array in arrays]
        options = {"modes": ["fwd", "rev"], "atol": atol, "rtol": rtol, "eps": STEP}
        check_grads(jax.jit(function), arguments, order=1, **options)


def assert_same_bits_in_both(function: Function, *arrays: Array) -> None:
    """Check that JAX and PyTorch have the same float64 gradients to the last bit."""
    found = []
    for name in ("jax", "torch"):
        face = Face(name)  # type: ignore[arg-type]
        with face.double_precision():
            found.append(face.gradients(function, *arrays))
    for one, two in zip(*found, strict=True):
        assert one.dtype == two.dtype == np.float64
        np.testing.assert_array_equal(one, two)
