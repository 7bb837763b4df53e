"""`distance` in PyTorch: autograd, torch.func, modules and optimisers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.problems import gmm_image, random_image, random_sites, uniform
from support.subprocesses import run_python

import sdot
from sdot import (
    ConvergenceError,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)

torch = pytest.importorskip("torch")

SITES = random_sites(12)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 12)
DENSITY = PolynomialGrid(random_image())


def _cost(positions, weights=None):  # type: ignore[no-untyped-def]
    return distance(SumOfDiracs(positions, weights), DENSITY, tol=1e-12, warm_start=False)


def _tensor(values: np.ndarray, dtype=torch.float64, grad: bool = True):  # type: ignore[no-untyped-def]
    return torch.tensor(values, dtype=dtype, requires_grad=grad)


@pytest.mark.parametrize("forward", [False, True], ids=["reverse", "forward"])
def test_gradcheck(forward: bool) -> None:
    arguments = _tensor(SITES), _tensor(WEIGHTS)
    options = {
        "eps": 1e-5,
        "atol": 1e-8,
        "rtol": 1e-6,
        "check_forward_ad": forward,
        "check_backward_ad": not forward,
    }
    assert torch.autograd.gradcheck(_cost, arguments, **options)
    assert torch.autograd.gradcheck(_cost, arguments[:1], **options)


def test_backward_in_single_precision() -> None:
    y = _tensor(SITES, torch.float32)
    value = _cost(y)
    value.backward()
    assert value.dtype == y.grad.dtype == torch.float32
    rounded = y.detach().double().numpy()
    plan = optimal_transport_plan(SumOfDiracs(rounded), DENSITY, tol=1e-12)
    assert value.item() == np.float32(plan.distance)
    expected = 2 / 12 * (rounded - plan.barycenters)
    np.testing.assert_allclose(y.grad, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_and_out(dtype) -> None:  # type: ignore[no-untyped-def]
    y = _tensor(SITES, dtype)
    value = _cost(y)
    value.backward()
    assert value.dtype == y.grad.dtype == dtype
    exact = _cost(y.detach().double())
    assert value.item() == exact.to(dtype).item()


def test_of_two_precisions_the_higher_is_returned() -> None:
    value = _cost(_tensor(SITES, torch.float32), _tensor(WEIGHTS))
    assert value.dtype == torch.float64
    value.backward()


def test_gradients_accumulate_and_can_be_retained() -> None:
    y = _tensor(SITES)
    value = _cost(y)
    value.backward(retain_graph=True)
    once = y.grad.clone()
    value.backward()
    np.testing.assert_array_equal(y.grad, 2 * once)


def test_only_what_requires_grad_gets_one() -> None:
    y, u = _tensor(SITES, grad=False), _tensor(WEIGHTS)
    _cost(y, u).backward()
    assert y.grad is None
    assert u.grad.shape == (12,)
    assert not _cost(y).requires_grad


def test_no_grad_makes_no_graph() -> None:
    with torch.no_grad():
        assert _cost(_tensor(SITES)).grad_fn is None


def test_functional_transforms() -> None:
    y = _tensor(SITES, grad=False)
    reference = y.clone().requires_grad_()
    _cost(reference).backward()
    gradient = torch.func.grad(_cost)(y)
    np.testing.assert_array_equal(gradient, reference.grad)
    direction = torch.ones_like(y)
    value, change = torch.func.jvp(_cost, (y,), (direction,))
    assert value == _cost(y)
    assert change.item() == pytest.approx(reference.grad.sum().item(), rel=1e-13, abs=0)


def test_functional_transforms_of_the_weights() -> None:
    y, u = _tensor(SITES, grad=False), _tensor(WEIGHTS)
    _cost(y, u).backward()
    np.testing.assert_array_equal(torch.func.grad(_cost, 1)(y, u.detach()), u.grad)


@pytest.mark.parametrize("shape", [(3, 3), (3,), (0, 2)])
def test_functional_transforms_check_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"positions.*\(n, 2\)"):
        torch.func.grad(_cost)(torch.ones(shape))


class Quantizer(torch.nn.Module):
    """Sites as the parameters of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = torch.nn.Parameter(torch.tensor(random_sites(20)))
        self.logits = torch.nn.Parameter(torch.zeros(20, dtype=torch.float64))

    def forward(self, density: PolynomialGrid):  # type: ignore[no-untyped-def]
        weights = torch.softmax(self.logits, 0)
        return distance(SumOfDiracs(self.positions, weights), density)


def test_a_module_trained_by_adam() -> None:
    module = Quantizer()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = module(uniform())
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.75 * values[0]
    # 20 sites cannot do better than hexagons: 5 sqrt(3) / 54 per site and area (Fejes Toth).
    assert values[-1] > 5 * np.sqrt(3) / 54 / 20
    assert (torch.softmax(module.logits, 0).detach() != 0.05).any()


class Picture(torch.nn.Module):
    """A density whose values are a parameter, made once: an optimiser writes to them."""

    def __init__(self, make) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.values = torch.nn.Parameter(torch.ones(5, 5, dtype=torch.float64))
        self.density = make(self.values)

    def forward(self, diracs: SumOfDiracs):  # type: ignore[no-untyped-def]
        return distance(diracs, self.density)


@pytest.mark.parametrize(
    "make", [PolynomialGrid, lambda v: SplineGrid(v, 1, negative="clip")], ids=["grid", "spline"]
)
def test_a_density_with_a_parameter_trained_by_adam(make) -> None:  # type: ignore[no-untyped-def]
    module, diracs = Picture(make), SumOfDiracs(0.3 + 0.2 * random_sites(10))
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-2)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = module(diracs)
        value.backward()
        optimizer.step()
        with torch.no_grad():
            module.values.clamp_(min=1e-3)
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]
    # The plan and the value without a graph see what was written too.
    fresh = distance(diracs, make(module.values.detach().clone()))
    assert fresh.item() != pytest.approx(values[0], rel=0.1)
    with torch.no_grad():
        assert module(diracs).item() == pytest.approx(fresh.item(), rel=1e-12)
    plan = optimal_transport_plan(diracs, module.density)
    assert plan.distance.item() == pytest.approx(fresh.item(), rel=1e-12)


def test_plans_of_trained_sites_are_those_of_the_present_positions() -> None:
    sites = torch.nn.Parameter(torch.tensor(SITES))
    diracs = SumOfDiracs(sites)
    optimal_transport_plan(diracs, DENSITY)
    with torch.no_grad():
        sites.mul_(0.5)
    plan = optimal_transport_plan(diracs, DENSITY)
    expected = optimal_transport_plan(SumOfDiracs(0.5 * SITES), DENSITY)
    assert plan.distance.item() == expected.distance


def test_masses_are_compared_at_the_present_values() -> None:
    values = torch.nn.Parameter(torch.ones(2, 2, dtype=torch.float64))
    density = PolynomialGrid(values, mass=None)
    with torch.no_grad():
        values.mul_(3)
    for solve in (distance, optimal_transport_plan):
        with pytest.raises(ValueError, match="same total mass"):
            solve(SumOfDiracs(SITES), density)
        solve(SumOfDiracs(SITES, mass=3), density)


def test_functional_transforms_of_the_values_of_a_density() -> None:
    def cost(values):  # type: ignore[no-untyped-def]
        density = SplineGrid(values, 1)
        return distance(SumOfDiracs(SITES), density, tol=1e-12, warm_start=False)

    values = torch.tensor(5 + random_image())
    reference = values.clone().requires_grad_()
    cost(reference).backward()
    np.testing.assert_array_equal(torch.func.grad(cost)(values), reference.grad)


def test_numpy_sites_with_the_torch_driver() -> None:
    sdot.driver.framework = "torch"
    value = distance(SumOfDiracs(SITES), DENSITY)
    assert isinstance(value, torch.Tensor)
    assert value.dtype == torch.float64
    assert not value.requires_grad


def test_a_tensor_of_density_values_makes_results_tensors() -> None:
    density = PolynomialGrid(torch.tensor(random_image()))
    value = distance(SumOfDiracs(SITES), density)
    assert isinstance(value, torch.Tensor)
    assert value.item() == distance(SumOfDiracs(SITES), PolynomialGrid(random_image()))


def test_a_failure_raises() -> None:
    with pytest.raises(ConvergenceError, match="max_iterations") as caught:
        distance(SumOfDiracs(_tensor(SITES)), PolynomialGrid(gmm_image(16)), max_iterations=1)
    assert isinstance(caught.value.plan.distance, torch.Tensor)


def test_tensors_that_are_views() -> None:
    rows = torch.tensor(SITES.T.copy()).T
    assert not rows.is_contiguous()
    assert _cost(rows).item() == _cost(torch.tensor(SITES)).item()


def test_compiled_functions_break_at_sdot_and_are_right(tmp_path: Path) -> None:
    code = """
import sdot  # before torch: the harder order
import warnings
import numpy as np, torch, sdot

density = sdot.PolynomialGrid(np.random.default_rng(0).random((4, 4)) + 0.1)

def loss(y):
    value = sdot.distance(sdot.SumOfDiracs(1.0 * y), density, tol=1e-12, warm_start=False)
    plan = sdot.optimal_transport_plan(sdot.SumOfDiracs(y.detach()), density)
    return (2 * value).tanh() + plan.barycenters.sum()

def differentiated(function):
    y = torch.tensor(np.random.default_rng(1).random((7, 2)), requires_grad=True)
    value = function(y)
    value.backward()
    return value.item(), y.grad

expected = differentiated(loss)
torch.compile(lambda y: 2 * y, backend="aot_eager")(torch.ones(2))  # imports, which may warn
with warnings.catch_warnings():
    warnings.simplefilter("error")
    # That of torch, of any tensor that crosses a graph break.
    warnings.filterwarnings("ignore", message="The .grad attribute")
    found = differentiated(torch.compile(loss, backend="aot_eager"))
assert found[0] == expected[0]
assert (found[1] == expected[1]).all()
print("right")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "right\n", result.stderr
