"""Telling arrays of the three libraries apart."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face

from sdot.frameworks import common_framework, framework_of, has_no_values, is_jax_tracer, to_numpy

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")


def test_framework_of_an_array(face: Face) -> None:
    assert framework_of(face.array([1.0, 2.0])) == face.name
    assert framework_of(face.array(3)) == face.name


@pytest.mark.parametrize("value", [1, 1.5, [1, 2], (1.0,), None, "abc"])
def test_lists_and_scalars_have_none(value: object) -> None:
    assert framework_of(value) is None


def test_numpy_mixes_with_either() -> None:
    n, j, t = np.ones(2), jax.numpy.ones(2), torch.ones(2)
    assert common_framework(n, [1], None) == "numpy"
    assert common_framework(n, j) == common_framework(j, n) == common_framework([1], j) == "jax"
    assert common_framework(n, t) == common_framework(t, n) == common_framework([1], t) == "torch"
    assert common_framework([1], None) is None
    assert common_framework() is None


def test_jax_and_torch_do_not_mix() -> None:
    with pytest.raises(TypeError, match="JAX and PyTorch"):
        common_framework(jax.numpy.ones(2), np.ones(2), torch.ones(2))


def test_to_numpy_keeps_the_values(face: Face) -> None:
    values = np.random.default_rng(0).random((3, 2))
    result = to_numpy(face.array(values))
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, values)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint8", "int16", "bool"])
def test_to_numpy_of_short_types(dtype: str) -> None:
    expected = np.array([0.0, 1.0])
    for array in (
        torch.tensor([0, 1], dtype=getattr(torch, dtype)),
        jax.numpy.array([0, 1], dtype=dtype),
    ):
        result = to_numpy(array)
        assert result.dtype.kind in "fiub"
        np.testing.assert_array_equal(result.astype(np.float64), expected)


def test_to_numpy_of_a_tensor_in_a_graph() -> None:
    tensor = torch.ones(2, requires_grad=True) * 2
    np.testing.assert_array_equal(to_numpy(tensor), [2.0, 2.0])


def test_traced_arrays_are_recognised_and_refused() -> None:
    seen = []

    @jax.jit
    def function(x):  # type: ignore[no-untyped-def]
        seen.append(is_jax_tracer(x))
        with pytest.raises(TypeError, match="traced"):
            to_numpy(x)
        return x

    function(jax.numpy.ones(2))
    assert seen == [True]
    assert not is_jax_tracer(jax.numpy.ones(2))
    assert not is_jax_tracer(np.ones(2))


def test_arrays_under_transformations_have_no_values() -> None:
    seen = []

    def function(x):  # type: ignore[no-untyped-def]
        seen.append(has_no_values(x))
        return x.sum()

    jax.grad(function)(jax.numpy.ones(2))
    torch.func.grad(function)(torch.ones(2))
    torch.func.jvp(function, (torch.ones(2),), (torch.ones(2),))
    assert seen == [True, True, True]
    for array in (np.ones(2), jax.numpy.ones(2), torch.ones(2), torch.ones(2, requires_grad=True)):
        assert not has_no_values(array)
