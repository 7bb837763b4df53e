"""How PyTorch programs use `distance` and `W2Loss`: workers, inner loops, penalties and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.problems import random_image, random_sites
from support.subprocesses import run_python

from sdot import PolynomialGrid, SumOfDiracs, distance

torch = pytest.importorskip("torch")
W2Loss = pytest.importorskip("sdot.torch").W2Loss

SITES = random_sites(8)
DENSITY = PolynomialGrid(random_image())
OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


def _loss(y: Any) -> Any:
    return distance(SumOfDiracs(y), DENSITY, **OPTIONS)


def test_workers_of_a_data_loader(tmp_path: Path) -> None:
    dataset = """
import numpy as np, torch, sdot

class Clouds(torch.utils.data.Dataset):
    def __init__(self):
        self.density = sdot.PolynomialGrid(np.arange(1.0, 13.0).reshape(3, 4))
        self.loss = sdot.torch.W2Loss(self.density, warm_start=False)
    def __len__(self):
        return 4
    def __getitem__(self, k):
        y = torch.tensor(np.random.default_rng(k).random((6, 2)))
        direct = sdot.distance(sdot.SumOfDiracs(y), self.density, warm_start=False)
        return torch.stack([self.loss(y), direct])
"""
    (tmp_path / "clouds.py").write_text(dataset)
    code = """
import sys; sys.path.insert(0, ".")
import torch, clouds
data = clouds.Clouds()
def load(**options):
    return next(iter(torch.utils.data.DataLoader(data, 4, **options)))
assert torch.equal(load(), load(num_workers=1, multiprocessing_context="spawn"))
print("equal")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "equal\n", result.stderr


def test_functional_call_with_other_values() -> None:
    loss = W2Loss(PolynomialGrid(torch.nn.Parameter(torch.tensor(random_image()))), **OPTIONS)
    y, other = torch.tensor(SITES), torch.tensor(random_image(7))

    def cost(values: Any) -> Any:
        return torch.func.functional_call(loss, {"values": values}, (y,))

    def direct(values: Any) -> Any:
        return distance(SumOfDiracs(y), PolynomialGrid(values), **OPTIONS)

    before = loss(y)
    assert cost(other) == direct(other)
    np.testing.assert_array_equal(torch.func.grad(cost)(other), torch.func.grad(direct)(other))
    stacked = torch.stack([other, loss.values.detach()])
    np.testing.assert_array_equal(torch.func.vmap(cost)(stacked), [cost(v) for v in stacked])
    assert loss(y) == before


def test_an_inner_loop_is_differentiated_as_differences_say() -> None:
    """As in MAML: steps of descent whose length is learnt, by way of second derivatives."""
    start = torch.tensor(SITES)

    def after(rate: Any) -> Any:
        y = start.clone().requires_grad_()
        for _ in range(2):
            (gradient,) = torch.autograd.grad(_loss(y), y, create_graph=True)
            y = y - rate * gradient
        return _loss(y)

    rate = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    after(rate).backward()
    step = 1e-3
    ends = [after(torch.tensor(1.3 + s * step, dtype=torch.float64)).item() for s in (-2, -1, 1, 2)]
    expected = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
    assert rate.grad.item() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    "function",
    [
        lambda y: torch.autograd.grad(_loss(y), y, create_graph=True)[0].square().sum(),
        lambda y: (3 * _loss(y)).tanh(),
    ],
    ids=["a gradient penalty", "tanh of it"],
)
def test_functions_of_it(function: Any) -> None:
    y = torch.tensor(SITES, requires_grad=True)
    tolerances = {"eps": 1e-5, "atol": 1e-8, "rtol": 1e-6}
    assert torch.autograd.gradcheck(function, y, **tolerances)


def test_tanh_twice() -> None:
    y = torch.tensor(SITES, requires_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda y: (3 * _loss(y)).tanh(), y, eps=1e-5, atol=1e-7, rtol=1e-5
    )


def test_inference_mode_leaves_nothing_that_harms_training() -> None:
    loss, y = W2Loss(DENSITY, **OPTIONS), torch.tensor(SITES, requires_grad=True)
    with torch.inference_mode():
        value = loss(y)
        assert value.is_inference()
    loss(y).backward()
    assert value.item() == loss(y).item()
    with torch.inference_mode():
        inside = W2Loss(DENSITY, **OPTIONS)  # its buffers are inference tensors
        assert inside(y.detach()).item() == value.item()
