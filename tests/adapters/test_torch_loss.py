"""`sdot.torch.W2Loss`: a module like any other, and part of graphs."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.densities import DENSITIES
from support.problems import gmm_image, random_image, random_sites
from support.refusals import refused
from support.subprocesses import run_python

from sdot import Box, ConvergenceError, PolynomialGrid, SumOfDiracs, SumOfGaussians, distance

torch = pytest.importorskip("torch")
W2Loss = pytest.importorskip("sdot.torch").W2Loss

SITES = random_sites(12)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 12)
OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


@pytest.fixture
def captured() -> Iterator[Callable[..., Any]]:
    """`torch.compile` of graphs without breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch imports for it
        yield lambda function: torch.compile(function, fullgraph=True, backend="aot_eager")
    torch._dynamo.reset()


def _tensors() -> tuple[Any, Any]:
    return torch.tensor(SITES, requires_grad=True), torch.tensor(WEIGHTS, requires_grad=True)


def _mixed() -> W2Loss:
    """One part is trained, the other is not."""
    image = PolynomialGrid(torch.nn.Parameter(torch.tensor(random_image())))
    mixture = SumOfGaussians([[0.3, 0.4], [0.8, 0.6]], np.array([0.02, 0.05]))
    return W2Loss(0.5 * image + 0.5 * mixture, **OPTIONS)


def _with_gradients(function: Any, *tensors: Any) -> list[Any]:
    value = function(*tensors)
    return [value.detach(), *torch.autograd.grad(value, tensors)]


@pytest.mark.parametrize("kind", ["cubic grid", "limited spline", "mesh, per corner", "sum"])
def test_it_is_the_distance_in_eager_code_and_in_graphs(kind: str, captured: Any) -> None:
    density = DENSITIES[kind](np.random.default_rng(1))
    loss = W2Loss(density, **OPTIONS)
    y, u = _tensors()
    expected = distance(SumOfDiracs(SITES, WEIGHTS, density.total_mass), density, **OPTIONS)
    eager = _with_gradients(loss, y, u)
    assert eager[0].item() == expected
    for one, two in zip(eager, _with_gradients(captured(loss), y, u), strict=True):
        np.testing.assert_array_equal(one, two)
    assert captured(loss)(y.detach()).item() == loss(y.detach()).item()


def test_in_the_middle_of_a_graph(captured: Any) -> None:
    loss = _mixed()

    def penalty(y: Any, u: Any) -> Any:
        return (2 * loss(0.5 * y.sin(), torch.softmax(u, 0))).tanh()

    tensors = _tensors()
    found = _with_gradients(captured(penalty), *tensors)
    for one, two in zip(found, _with_gradients(penalty, *tensors), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-14, atol=1e-17)


def test_vmap_in_a_graph_and_other_transformations_around_it(captured: Any) -> None:
    loss = _mixed()
    batch = torch.tensor(np.stack([SITES, 0.5 * SITES]))
    expected = [loss(y).item() for y in batch]
    np.testing.assert_array_equal(captured(torch.func.vmap(loss))(batch).detach(), expected)
    # Without fullgraph the graph breaks there, and all is right.

    def gradient(y: Any) -> Any:
        return 1.0 * torch.func.grad(loss)(y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.compile(gradient, backend="aot_eager")(batch[0])
    np.testing.assert_array_equal(found.detach(), gradient(batch[0]).detach())
    with pytest.raises(Exception, match=r"W2Loss|disable"):
        captured(lambda y: 2.0 * torch.func.grad(loss)(y))(batch[1])


def test_a_failed_solve_raises_out_of_a_graph(captured: Any) -> None:
    loss = W2Loss(PolynomialGrid(gmm_image(16)), max_iterations=1)
    with pytest.raises(ConvergenceError, match="max_iterations"):
        captured(loss)(torch.tensor(SITES))
    with refused(ValueError, "positions", "finite"):
        captured(loss)(torch.full((3, 2), torch.nan))


def test_exported_saved_and_loaded() -> None:
    loss, (y, u) = _mixed(), _tensors()
    count = torch.export.Dim("n", min=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(loss, (y, u), dynamic_shapes=({0: count}, {0: count}))
        file = io.BytesIO()
        torch.export.save(program, file)
        file.seek(0)
        loaded = torch.export.load(file).module()
    expected = loss(y, u).item()
    del program
    for n in (12, 7):
        assert loaded(y[:n], u[:n]).item() == loss(y[:n], u[:n]).item()
    assert loaded(y, u).item() == expected


def test_the_distance_itself_refuses_to_be_exported() -> None:
    class Direct(torch.nn.Module):
        def forward(self, y: Any) -> Any:
            return distance(SumOfDiracs(y), Box())

    with refused(TypeError, "torch.export", "W2Loss"):
        torch.export.export(Direct(), (torch.tensor(SITES),))


def test_parameters_and_buffers_have_the_names_of_the_arguments() -> None:
    loss = _mixed()
    assert [name for name, _ in loss.named_parameters()] == ["part_0_values"]
    assert [name for name, _ in loss.named_buffers()] == ["part_1_means", "part_1_covs"]
    assert list(loss.state_dict()) == ["part_0_values", "part_1_means", "part_1_covs"]
    assert list(W2Loss(Box()).state_dict()) == []
    assert "PolynomialGrid" in repr(loss)


def test_a_state_is_loaded_and_gives_the_same_bits() -> None:
    loss, other = _mixed(), _mixed()
    with torch.no_grad():
        loss.part_0_values.mul_(torch.linspace(0.5, 2, 35).reshape(5, 7))
    y, u = _tensors()
    assert other(y, u) != loss(y, u)
    other.load_state_dict(loss.state_dict())
    assert other(y, u) == loss(y, u)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_on_their_own(copied: Any) -> None:
    loss, (y, u) = _mixed(), _tensors()
    before = loss(y, u).item()
    other = copied(loss)
    assert other(y, u).item() == before
    with torch.no_grad():
        other.part_0_values.mul_(torch.linspace(0.5, 2, 35).reshape(5, 7))
    assert other(y, u).item() != before
    assert loss(y, u).item() == before


def test_precisions() -> None:
    loss, y = _mixed(), torch.tensor(SITES)
    assert loss(y.float()).dtype == torch.float32
    assert loss(y).dtype == torch.float64
    exact = loss(y.float().double()).item()
    assert loss(y.float()).item() == np.float32(exact)
    assert loss.float().part_0_values.dtype == torch.float32
    assert loss(y).dtype == torch.float64
    assert loss(y.float()).item() == pytest.approx(exact, rel=1e-5)
    assert loss.to(torch.float64)(y.half()).dtype == torch.float16


def test_autocast_computes_it_in_single_precision_at_least(captured: Any) -> None:
    loss = W2Loss(PolynomialGrid(torch.tensor(random_image(), dtype=torch.bfloat16)), **OPTIONS)
    y = torch.tensor(SITES, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = [loss(y), captured(loss)(y), distance(SumOfDiracs(y), loss.density, **OPTIONS)]
    for value in values:
        assert value.dtype == torch.float32
        (gradient,) = torch.autograd.grad(value, y)
        assert gradient.dtype == torch.bfloat16
    expected = loss(y.detach().double()).item()
    assert [value.item() for value in values] == [np.float32(expected)] * 3
    assert loss(y).dtype == torch.bfloat16


def test_trained_by_an_optimiser_in_a_graph(captured: Any) -> None:
    values = torch.nn.Parameter(torch.ones(5, 5, dtype=torch.float64))
    loss = W2Loss(PolynomialGrid(values))
    step, y = captured(loss), torch.tensor(0.3 + 0.2 * random_sites(10))
    optimizer = torch.optim.Adam(loss.parameters(), lr=2e-2)
    found = []
    for _ in range(20):
        optimizer.zero_grad()
        value = step(y)
        value.backward()
        optimizer.step()
        with torch.no_grad():
            values.clamp_(min=1e-3)
        found.append(value.item())
    assert found[-1] < 0.8 * found[0]
    fresh = distance(SumOfDiracs(y), PolynomialGrid(values.detach().clone()), tol=1e-12)
    assert loss(y).item() == pytest.approx(fresh.item(), rel=1e-7)


def test_nothing_of_a_module_stays_behind() -> None:
    loss = _mixed()
    y = torch.tensor(SITES, requires_grad=True)
    loss(y).backward()
    torch.func.grad(loss)(y.detach())
    parts = [weakref.ref(loss), weakref.ref(loss.part_0_values)]
    del loss
    gc.collect()
    assert [part() for part in parts] == [None, None]


def test_wrong_arguments() -> None:
    with refused(TypeError, "density", "SumOfDiracs"):
        W2Loss(SumOfDiracs(SITES))
    with refused(ValueError, "tol"):
        W2Loss(Box(), tol=2)
    loss = W2Loss(Box())
    with refused(ValueError, "positions", "(n, 2)"):
        loss(torch.ones(3, 3))
    with refused(ValueError, "weights", "(3,)"):
        loss(torch.ones(3, 2), torch.ones(4))


def test_it_is_imported_on_demand(tmp_path: Path) -> None:
    code = """
import sys, sdot
assert "torch" not in sys.modules and "torch" in dir(sdot)
loss = sdot.torch.W2Loss(sdot.Box())
import torch
print(loss(torch.tensor([[0.5, 0.5]], dtype=torch.float64)).item())
"""
    result = run_python(code, tmp_path)
    assert float(result.stdout) == pytest.approx(1 / 6), result.stderr
