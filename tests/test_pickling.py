"""Objects that go to other processes and come back: the same bits, read-only, and checked."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.problems import random_sites

from sdot import (
    Box,
    ConvergenceError,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    SumOfWeightedDiracs,
    distance,
    driver,
    optimal_transport_plan,
)

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
torch = pytest.importorskip("torch")

SITES = random_sites(30)
WEIGHTS = np.linspace(1.0, 2.0, 30)
VALUES = 1.0 + np.random.default_rng(0).uniform(size=(5, 4))
KNOTS = (np.array([0, 0.1, 0.5, 0.6, 0.9, 1]), np.array([0, 0.3, 0.4, 0.5, 1.3]))
CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]]

DENSITIES = {
    "grid": lambda: PolynomialGrid(VALUES, domain=((-0.3, 0.1), (1.7, 0.9))),
    "knots": lambda: PolynomialGrid(VALUES, knots=KNOTS, mass=1),
    "domain": lambda: PolynomialGrid(VALUES, torch.tensor([[0.0, 0.0], [1.0, 1.3]])),
    "torch": lambda: PolynomialGrid(torch.tensor(VALUES, requires_grad=True)),
    "jax": lambda: PolynomialGrid(jnp.asarray(VALUES)),
    "list": lambda: PolynomialGrid(VALUES.tolist()),
    "spline": lambda: SplineGrid(VALUES, continuity=2, domain=((0.1, 0.2), (0.9, 1.7))),
    "clipped": lambda: SplineGrid(np.eye(6), negative="clip"),
    "mesh": lambda: Mesh(CORNERS, [[0, 1, 2], [1, 2, 3]], [1, 2, 3, 4]),
    "polygon": lambda: Polygon([[0, 0], [0, 2], [1, 2], [1, 1], [2, 1], [2, 0]]),
    "box": lambda: Box(((0, 0), (2, 1))),
    "mixture": lambda: SumOfGaussians([[0.2, 0.3], [0.8, 0.7]], [0.02, 0.03], [1, 2]),
    "cut": lambda: SumOfGaussians([[0.2, 0.3]], [0.02], domain=((0, 0), (1, 1))),
    "restricted": lambda: PolynomialGrid(torch.tensor(VALUES)).restricted(
        [[0.1, 0], [1, 0], [0.5, 0.9]], holes=[[[0.5, 0.1], [0.6, 0.1], [0.5, 0.3]]]
    ),
    "sum": lambda: 0.25 * Box() + 0.75 * SumOfGaussians([[0.2, 0.3]], [[0.02, 0.1]]),
}


def _through_torch(value: Any) -> Any:
    file = BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "torch": _through_torch,
}


@pytest.fixture(params=DENSITIES)
def density(request: pytest.FixtureRequest) -> Any:
    return DENSITIES[request.param]()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    return WAYS[request.param]


def _bits(value: Any) -> bytes:
    return np.asarray(value.detach() if torch.is_tensor(value) else value).tobytes()


def _solved(diracs: Any, density: Any) -> list[bytes]:
    plan = optimal_transport_plan(diracs, density, warm_start=False)
    return _results(plan)


def _results(plan: Any) -> list[bytes]:
    diagram = plan.power_diagram
    parts = [plan.distance, plan.barycenters, plan.cell_masses, plan.potentials, diagram.edges]
    return [_bits(part) for part in (*parts, diagram.areas)] + [repr(plan).encode()]


@pytest.mark.parametrize("is_solved", [False, True])
def test_densities_come_back(density: Any, way: Any, is_solved: bool) -> None:
    diracs = SumOfDiracs(SITES, WEIGHTS)
    if is_solved:
        distance(diracs, density)
    again = way(density)
    assert type(again) is type(density)
    assert repr(again) == repr(density)
    points = random_sites(50)
    assert _bits(again.evaluate(points)) == _bits(density.evaluate(points))
    assert _solved(diracs, again) == _solved(diracs, density)
    assert again.memory.last(len(SITES)) is None
    if is_solved:
        assert density.memory.last(len(SITES)) is not None


@pytest.mark.parametrize("is_solved", [False, True])
def test_diracs_come_back(face: Any, way: Any, is_solved: bool) -> None:
    density = Box()
    for diracs in (
        SumOfDiracs(face.array(SITES), face.array(WEIGHTS), mass=1),
        SumOfWeightedDiracs(face.array(SITES), WEIGHTS.tolist()),
    ):
        if is_solved:
            distance(diracs, density)
        again = way(diracs)
        assert type(again) is type(diracs)
        assert face.owns(again.positions)
        assert _solved(again, density) == _solved(diracs, density)
        assert again.memory.last(len(SITES)) is None


def test_plans_come_back(density: Any, way: Any) -> None:
    plan = optimal_transport_plan(SumOfDiracs(SITES), density)
    fresh = way(plan)
    expected = _results(plan)
    assert _results(fresh) == expected
    again = way(plan)  # after what follows from it has been computed
    assert _results(again) == expected
    assert again.status == plan.status
    assert again.error_bound == plan.error_bound
    assert not again._solution.positions.flags.writeable
    assert _bits(again.hessian() @ np.ones(60)) == _bits(plan.hessian() @ np.ones(60))


def test_diagrams_come_back(way: Any) -> None:
    diagram = PowerDiagram(SITES, 0.01 * WEIGHTS, ((0, 0), (1, 1)))
    areas = diagram.areas
    again = way(diagram)
    assert _bits(again.areas) == _bits(areas)
    assert _bits(again.edges) == _bits(diagram.edges)
    assert not again.positions.flags.writeable


def test_errors_come_back_with_their_plan(way: Any) -> None:
    with pytest.raises(ConvergenceError) as caught:
        optimal_transport_plan(SumOfDiracs(SITES), PolynomialGrid(VALUES), max_iterations=1)
    again = way(caught.value)
    assert str(again) == str(caught.value)
    assert again.plan is not None
    assert _results(again.plan) == _results(caught.value.plan)


def test_plans_of_a_jax_device_come_back() -> None:
    driver.framework, driver.device = "jax", "cpu:0"
    plan = optimal_transport_plan(SumOfDiracs(SITES), Box())
    again = pickle.loads(pickle.dumps(plan))
    assert isinstance(again.barycenters, jax.Array)
    assert _results(again) == _results(plan)


def test_containers_of_gradients_come_back() -> None:
    gradient = jax.grad(distance)(SumOfDiracs(jnp.asarray(SITES), jnp.asarray(WEIGHTS)), Box())
    again = copy.deepcopy(gradient)
    assert _bits(again.positions) == _bits(gradient.positions)
    assert _bits(again.weights) == _bits(gradient.weights)


def test_sizes_are_close_to_those_of_the_arrays() -> None:
    values = np.random.default_rng(0).uniform(1, 2, (200, 200))
    density, diracs = PolynomialGrid(values), SumOfDiracs(random_sites(3000))
    plan = optimal_transport_plan(diracs, density)
    plan.power_diagram.areas, plan.barycenters  # noqa: B018
    assert len(pickle.dumps(density)) < values.nbytes + 5000
    assert len(pickle.dumps(diracs)) < 3000 * 16 + 1000
    # Sites and results, and a diagram of three edges and two corners a site.
    assert len(pickle.dumps(plan)) < values.nbytes + 3000 * 8 * 30


def _tampered(value: Any, old: np.ndarray, new: np.ndarray) -> bytes:
    data = pickle.dumps(value)
    assert data.count(old.tobytes()) >= 1
    return data.replace(old.tobytes(), new.tobytes())


def test_tampered_data_is_refused() -> None:
    wrong = SITES.copy()
    wrong[3, 1] = np.nan
    with pytest.raises(ValueError, match="positions"):
        pickle.loads(_tampered(SumOfDiracs(SITES), SITES, wrong))
    with pytest.raises(ValueError, match="positions"):
        pickle.loads(_tampered(PowerDiagram(SITES), SITES, wrong))
    with pytest.raises(ValueError, match="below zero"):
        pickle.loads(_tampered(PolynomialGrid(VALUES), VALUES, -VALUES))
    with pytest.raises(ValueError, match="simple"):
        pentagon = np.array([[0.0, 0], [2, 0], [2, 2], [1, 3], [0, 2]])
        pickle.loads(_tampered(Polygon(pentagon), pentagon, pentagon[[0, 2, 1, 3, 4]]))
    plan = optimal_transport_plan(SumOfDiracs(SITES), Box())
    edges = plan._solution.diagram.edge_sites
    with pytest.raises(ValueError, match="edge_sites"):
        pickle.loads(_tampered(plan, edges, edges + 1000))
    masses = plan._solution.potentials
    with pytest.raises(ValueError, match="potentials"):
        pickle.loads(_tampered(plan, masses, np.full_like(masses, np.inf)))


def test_missing_parts_are_refused() -> None:
    plan = optimal_transport_plan(SumOfDiracs(SITES), Box())
    for record in (plan, plan._solution, plan._solution.diagram, PowerDiagram(SITES)):
        for name in record.__getstate__():
            if hasattr(type(record), name):  # it has a default
                continue
            state = record.__getstate__()
            del state[name]
            with pytest.raises(ValueError, match="parts"):
                type(record).__new__(type(record)).__setstate__(state)


def test_settings_come_back() -> None:
    driver.framework, driver.dtype, driver.threads = "torch", "FP32", 3
    again = pickle.loads(pickle.dumps(driver))
    assert (again.framework, again.dtype, again.device, again.threads) == ("torch", "FP32", None, 3)
    state = again.__getstate__()
    state["threads"] = 0
    with pytest.raises(ValueError, match="threads"):
        again.__setstate__(state)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_other_processes_solve_the_same(method: str) -> None:
    problems = [[SumOfDiracs(SITES), SumOfDiracs(SITES)], [Box(), PolynomialGrid(VALUES)]]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        values = list(pool.map(distance, *problems))
        plans = list(pool.map(optimal_transport_plan, *problems))
    assert values == list(map(distance, *problems))
    expected = map(optimal_transport_plan, *problems)
    assert list(map(_results, plans)) == list(map(_results, expected))


class _Problems(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.density = PolynomialGrid(torch.tensor(VALUES))
        self.diracs = [SumOfDiracs(torch.tensor(SITES * scale)) for scale in (0.25, 0.5, 1.0)]

    def __len__(self) -> int:
        return len(self.diracs)

    def __getitem__(self, k: int) -> tuple[Any, float]:
        return self.diracs[k], float(distance(self.diracs[k], self.density))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_workers_of_a_data_loader_solve_the_same() -> None:
    problems = _Problems()
    loader = torch.utils.data.DataLoader(
        problems, batch_size=None, num_workers=2, multiprocessing_context="fork"
    )
    for k, (diracs, value) in enumerate(loader):
        assert torch.equal(diracs.positions, problems.diracs[k].positions)
        assert value == float(distance(problems.diracs[k], problems.density, warm_start=False))


def test_joblib(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    plan = optimal_transport_plan(SumOfDiracs(SITES), Box())
    joblib.dump(plan, tmp_path / "plan")
    assert _results(joblib.load(tmp_path / "plan")) == _results(plan)
    # Its workers import what they call by name, which a test's own functions do not have.
    solve = joblib.delayed(optimal_transport_plan)
    found = joblib.Parallel(2)(solve(SumOfDiracs(SITES), Box()) for _ in range(2))
    assert [_results(each) for each in found] == [_results(plan)] * 2
