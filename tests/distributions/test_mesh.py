"""Densities on triangles: against each other, grids, closed forms and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.faces import FACES, Face, jax_x64
from support.gradients import central_differences, check_in_jax, check_in_torch
from support.problems import annulus, random_image, random_mesh, random_sites

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
HALVES = [[0, 1, 2], [0, 2, 3]]
TIGHT = 1e-12

UNIFORM = {
    "box": Box,
    "polygon": lambda: Polygon(SQUARE),
    "per triangle": lambda: Mesh(SQUARE, HALVES, [2.0, 2.0]),
    "per vertex": lambda: Mesh(SQUARE, HALVES, [2.0] * 4),
    "other diagonal": lambda: Mesh(SQUARE, [[3, 1, 0], [1, 3, 2]], [1.0, 1.0]),
    "many triangles": lambda: Mesh(*random_mesh(60, 0), np.ones(64), per="vertex"),
    "pixels": lambda: PolynomialGrid(np.ones((3, 5))),
}


@pytest.mark.parametrize("n", [1, 30])
@pytest.mark.parametrize("name", UNIFORM)
def test_the_uniform_density_in_many_guises(name: str, n: int) -> None:
    sites = SumOfDiracs(random_sites(n), np.random.default_rng(n).uniform(0.5, 2, n))
    expected = optimal_transport_plan(sites, PolynomialGrid([[1.0]]), tol=TIGHT)
    plan = optimal_transport_plan(sites, UNIFORM[name](), tol=TIGHT)
    assert plan.distance == pytest.approx(expected.distance, rel=1e-13, abs=0)
    np.testing.assert_allclose(plan.potentials, expected.potentials, rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.barycenters, expected.barycenters, rtol=0, atol=1e-11)
    np.testing.assert_allclose(plan.cell_masses, expected.cell_masses, rtol=1e-11)
    np.testing.assert_allclose(plan.power_diagram.areas.sum(), 1.0, rtol=1e-14)


def test_constant_triangles_are_the_pixels_they_halve() -> None:
    image = random_image(0, (4, 6))
    grid = PolynomialGrid(image, ((-1, 0), (1, 3)))
    vertices, triangles = _grid_triangles(grid)
    mesh = Mesh(vertices, triangles, np.repeat(image.ravel(), 2))
    _same(mesh, grid)


def _grid_triangles(grid: PolynomialGrid) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (row by row) and two triangles per pixel."""
    nx, ny = len(grid.x_lines), len(grid.y_lines)
    vertices = np.stack(np.meshgrid(grid.x_lines, grid.y_lines, indexing="ij"), -1).reshape(-1, 2)
    corner = (np.arange(nx - 1)[:, None] * ny + np.arange(ny - 1)).ravel()
    lower = np.stack([corner, corner + ny, corner + ny + 1], axis=1)
    upper = np.stack([corner, corner + ny + 1, corner + 1], axis=1)
    return vertices, np.stack([lower, upper], axis=1).reshape(-1, 3)


def _same(one: Any, other: Any, n: int = 25) -> None:
    low, high = other.box
    sites = SumOfDiracs(low + (high - low) * random_sites(n))
    plan, expected = (optimal_transport_plan(sites, d, tol=TIGHT) for d in (one, other))
    size = float((high - low).max()) ** 2
    assert plan.distance == pytest.approx(expected.distance, rel=1e-12, abs=0)
    np.testing.assert_allclose(plan.potentials, expected.potentials, rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(plan.barycenters, expected.barycenters, rtol=0, atol=1e-11 * size)


def test_values_at_vertices_are_a_grid_of_degree_1() -> None:
    # 2 + s - t / 2 on the unit square; coefficients of 1, t, s, s t.
    grid = PolynomialGrid([[[2.0, -0.5, 1.0, 0.0]]])
    values = 2 + SQUARE[:, 0] - SQUARE[:, 1] / 2
    _same(Mesh(SQUARE, HALVES, values), grid)
    vertices, triangles = random_mesh(40, 1)
    values = 2 + vertices[:, 0] - vertices[:, 1] / 2
    mesh = Mesh(vertices, triangles, values)
    _same(mesh, grid)
    points = random_sites(200)
    np.testing.assert_allclose(mesh.evaluate(points), grid.evaluate(points), rtol=1e-12)


def test_one_site_has_a_closed_form() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b, c, y = rng.uniform(-1, 1, (4, 2))
        triangle = Mesh([a, b, c], [[0, 1, 2]], [1.0])
        centroid = (a + b + c) / 3
        # The central second moment of a triangle is the sum of squares of its sides over 36.
        spread = sum(((p - q) ** 2).sum() for p, q in ((a, b), (b, c), (c, a))) / 36
        expected = spread + ((y - centroid) ** 2).sum()
        assert distance(SumOfDiracs([y]), triangle) == pytest.approx(expected, rel=1e-12, abs=0)


def test_one_site_and_a_linear_density() -> None:
    # rho = 6 x on the triangle (0, 0), (1, 0), (0, 1): its mass is 1.
    mesh = Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [0.0, 6.0, 0.0], mass=None)
    assert mesh.total_mass == pytest.approx(1.0, rel=1e-15)
    # int x**2 rho = 6 * 3! / 5!, int y**2 rho = 6 * 2! / 5!.
    assert distance(SumOfDiracs([[0.0, 0.0]]), mesh) == pytest.approx(0.4, rel=1e-14, abs=0)


def test_orientation_does_not_matter() -> None:
    vertices, triangles = random_mesh(20, 0)
    values = np.random.default_rng(0).random(len(triangles))
    turned = np.where(np.arange(len(triangles))[:, None] % 2, triangles, triangles[:, ::-1])
    one, other = Mesh(vertices, triangles, values), Mesh(vertices, turned, values)
    np.testing.assert_array_equal(one.triangles, other.triangles)


def test_overlapping_triangles_add_up() -> None:
    twice = Mesh(SQUARE, [*HALVES, *HALVES], [1.0, 1.0, 2.0, 2.0], mass=None, per="triangle")
    assert twice.total_mass == 3.0
    np.testing.assert_allclose(twice.evaluate([[0.3, 0.6], [0.6, 0.3]]), 3.0)
    plan = optimal_transport_plan(SumOfDiracs(random_sites(9), mass=3), twice, tol=TIGHT)
    expected = distance(SumOfDiracs(random_sites(9)), Box(), tol=TIGHT)
    assert plan.distance == pytest.approx(3 * expected, rel=1e-13)


def test_mass_and_domain() -> None:
    mesh = Mesh(SQUARE * 2, HALVES, [1.0, 3.0], mass=None)
    assert mesh.total_mass == 8.0
    assert Mesh(SQUARE * 2, HALVES, [1.0, 3.0], mass=5).total_mass == 5.0
    np.testing.assert_array_equal(mesh.box, [[0, 0], [2, 2]])
    np.testing.assert_array_equal(mesh.domain, SQUARE * 2)
    np.testing.assert_array_equal(mesh.essential_box(0.1), [[0, 0], [2, 2]])
    half = Mesh([[0, 0], [1, 0], [0, 1], [5, 5]], [[0, 1, 2], [1, 2, 3]], [1.0, 0.0])
    np.testing.assert_array_equal(half.essential_box(0.1), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(half.box, [[0, 0], [5, 5]])
    assert repr(half) == "Mesh(2 triangles, values per triangle, mass 1)"


def test_evaluate_counts_a_common_side_once() -> None:
    mesh = Mesh(SQUARE, HALVES, [1.0, 3.0], mass=None)
    points = [[0.75, 0.25], [0.25, 0.75], [0.5, 0.5], [0.0, 0.0], [2.0, 0.5]]
    np.testing.assert_array_equal(mesh.evaluate(points), [1.0, 3.0, 3.0, 3.0, 0.0])
    assert mesh.evaluate([0.75, 0.25]).shape == ()


def test_the_callers_arrays_are_kept_and_not_written_to() -> None:
    vertices, triangles, values = SQUARE.copy(), np.array(HALVES)[:, ::-1].copy(), np.ones(2)
    mesh = Mesh(vertices, triangles, values)
    np.testing.assert_array_equal(mesh.values, values)
    assert not mesh.vertices.flags.writeable
    assert not mesh.triangles.flags.writeable
    vertices[:] = 9
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    np.testing.assert_array_equal(triangles, np.array(HALVES)[:, ::-1])


# Problems of which the gradients with respect to the values are checked.


def _problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]:
    """Vertices, triangles, values, sites, and what the values belong to."""
    rng = np.random.default_rng(seed)
    per = ("triangle", "vertex")[seed % 2]
    vertices, triangles = random_mesh(2, seed) if seed % 3 else annulus(5, 0.3)
    vertices = vertices * rng.uniform(0.5, 2, 2) + rng.uniform(-1, 1, 2)
    values = rng.uniform(0.5, 2, len(triangles) if per == "triangle" else len(vertices))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    sites = low + (high - low) * rng.random((int(rng.integers(1, 6)), 2))
    return vertices, triangles, values, sites, per


@pytest.mark.parametrize("seed", range(20))
def test_gradcheck_in_torch(seed: int) -> None:
    vertices, triangles, values, sites, per = _problem(seed)
    mass = (1, 2.5)[seed % 2]

    def cost(values, sites):  # type: ignore[no-untyped-def]
        density = Mesh(vertices, triangles, values, mass, per=per)
        return distance(SumOfDiracs(sites, mass=mass), density, tol=TIGHT)

    check_in_torch(cost, (values, sites), atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_check_grads_in_jax(seed: int) -> None:
    vertices, triangles, values, sites, per = _problem(seed)

    def cost(values, sites):  # type: ignore[no-untyped-def]
        return distance(SumOfDiracs(sites), Mesh(vertices, triangles, values, per=per), tol=TIGHT)

    check_in_jax(cost, (values, sites), atol=1e-7, rtol=1e-7)


def test_values_of_zero_have_their_derivative() -> None:
    vertices, triangles = random_mesh(6, 0)
    values = np.ones(len(triangles))
    values[[0, 3, 4]] = 0.0
    sites = SumOfDiracs(random_sites(5))

    def cost(values: np.ndarray) -> float:
        return float(distance(sites, Mesh(vertices, triangles, values), tol=TIGHT))

    (gradient,) = Face("torch").gradients(
        lambda v: distance(sites, Mesh(vertices, triangles, v), tol=TIGHT), values
    )
    h = 1e-5
    for k in (0, 3, 4):
        step = np.zeros(len(values))
        step[k] = h
        forward = (-3 * cost(values) + 4 * cost(values + step) - cost(values + 2 * step)) / (2 * h)
        assert gradient[k] == pytest.approx(forward, rel=0, abs=1e-6 * np.abs(gradient).max())


def test_a_common_factor_of_the_values_counts_only_without_mass() -> None:
    vertices, triangles, values, sites, per = _problem(2)
    face = Face("torch")
    (scaled,) = face.gradients(
        lambda v: distance(SumOfDiracs(sites), Mesh(vertices, triangles, v, per=per), tol=TIGHT),
        values,
    )
    assert values @ scaled == pytest.approx(0, abs=1e-14)
    total = Mesh(vertices, triangles, values, mass=None, per=per).total_mass
    value = distance(SumOfDiracs(sites), Mesh(vertices, triangles, values, per=per), tol=TIGHT)
    (plain,) = face.gradients(
        lambda v: distance(
            SumOfDiracs(sites, mass=total),
            Mesh(vertices, triangles, v, mass=None, per=per),
            tol=TIGHT,
        ),
        values,
    )
    # W2^2 is proportional to the mass of both.
    assert values @ plain == pytest.approx(total * value, rel=1e-10)


def test_all_faces_agree(face: Face) -> None:
    vertices, triangles, values, sites, per = _problem(3)
    expected = distance(SumOfDiracs(sites), Mesh(vertices, triangles, values, per=per))
    found = distance(
        SumOfDiracs(face.array(sites)),
        Mesh(face.array(vertices), triangles, face.array(values), per=per),
        warm_start=False,
    )
    assert face.owns(found)
    assert float(found) == float(expected)
    assert set(FACES) == {"numpy", "jax", "torch"}


def test_meshes_are_pytrees() -> None:
    jax = pytest.importorskip("jax")
    vertices, triangles, values, sites, per = _problem(4)
    with jax_x64():
        f = SumOfDiracs(jax.numpy.asarray(sites))
        g = Mesh(vertices, triangles, jax.numpy.asarray(values), per=per)
        by_diracs, by_mesh = jax.grad(distance, (0, 1))(f, g)
        assert isinstance(by_mesh, Mesh)
        assert by_mesh.values.shape == values.shape
        assert jax.tree.structure(by_mesh) == jax.tree.structure(g)
        assert by_diracs.positions.shape == sites.shape
        jitted = jax.jit(jax.grad(distance, 1))(f, g)
        np.testing.assert_allclose(jitted.values, by_mesh.values, rtol=0, atol=1e-9)


def _mesh(**changes: Any) -> Mesh:
    arguments = {"vertices": SQUARE, "triangles": HALVES, "values": [1.0, 1.0], **changes}
    return Mesh(**arguments)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"vertices": [[0, 0, 0]]}, ValueError, r"vertices: .*\(v, 2\), not \(1, 3\)"),
        ({"vertices": [[0, np.nan]] * 4}, ValueError, "vertices: expected finite"),
        ({"triangles": [[0.0, 1.0, 2.0]]}, TypeError, "triangles: .* integers"),
        ({"triangles": [[0, 1]]}, ValueError, r"triangles: .*\(t, 3\).*not \(1, 2\)"),
        ({"triangles": np.empty((0, 3), int)}, ValueError, "t >= 1"),
        ({"triangles": [[0, 1, 2], [0, 2, 4]]}, ValueError, "from 0 to 3, not 4 in triangle 1"),
        ({"triangles": [[0, 1, 2], [0, 2, -1]]}, ValueError, "from 0 to 3, not -1 in triangle 1"),
        ({"triangles": [[0, 1, 2], [0, 2, 2]]}, ValueError, r"triangle 1 with vertices \[0, 2, 2"),
        (
            {"values": [1.0, 1.0, 1.0]},
            ValueError,
            r"\(4,\) per vertex or \(2, 3\) per corner, not",
        ),
        ({"values": [[1.0, 1.0]]}, ValueError, r"values: .* not \(1, 2\)"),
        ({"values": [1.0, -1.0]}, ValueError, "values: expected a nonnegative .* index 1"),
        ({"values": [0.0, 0.0]}, ValueError, "zero everywhere"),
        ({"values": ["a", "b"]}, TypeError, "values: .* real numbers"),
        ({"per": "vertex"}, ValueError, r"shape \(4,\) per vertex, not \(2,\)"),
        ({"per": "corner"}, ValueError, r"shape \(2, 3\) per corner, not \(2,\)"),
        ({"values": [[1.0, 2, 3], [1, -1, 0]]}, ValueError, r"not -1.0 at index \(1, 1\)"),
        ({"per": "side"}, ValueError, 'per: expected "triangle", "vertex", "corner" or None'),
        ({"mass": -1}, ValueError, "mass"),
        ({"mass": "1"}, TypeError, "mass"),
    ],
)
def test_bad_arguments_are_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _mesh(**changes)


def test_as_many_triangles_as_vertices_are_ambiguous() -> None:
    vertices, triangles = annulus(5)
    with pytest.raises(ValueError, match="per: there are as many triangles as vertices, 10"):
        Mesh(vertices, triangles, np.ones(10))
    assert Mesh(vertices, triangles, np.ones(10), per="vertex").per == "vertex"
    assert Mesh(vertices, triangles, np.ones(10), per="triangle").per == "triangle"


class TestPerCorner:
    """Values at the corners of each triangle: linear on each, with jumps between them."""

    VERTICES = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    TRIANGLES = np.array([[0, 1, 2], [0, 3, 2]])  # the second one is clockwise
    VALUES = np.array([[1.0, 2, 3], [0, 4, 1]])

    def test_the_density_is_linear_between_them(self) -> None:
        mesh = Mesh(self.VERTICES, self.TRIANGLES, self.VALUES, mass=None)
        assert mesh.per == "corner"
        shares = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
        for triangle, values in zip(self.TRIANGLES, self.VALUES, strict=True):
            points = shares @ self.VERTICES[triangle]
            np.testing.assert_allclose(mesh.evaluate(points), shares @ values, rtol=1e-12)
        assert mesh.total_mass == pytest.approx((6 + 5) / 6, rel=1e-15)
        np.testing.assert_array_equal(mesh.triangles, self.TRIANGLES)
        assert "values per corner" in repr(mesh)

    def test_equal_values_at_a_vertex_are_values_per_vertex(self) -> None:
        values = np.array([1.0, 0.5, 2.0, 3.0])
        mesh = Mesh(self.VERTICES, self.TRIANGLES, values[self.TRIANGLES])
        _same(mesh, Mesh(self.VERTICES, self.TRIANGLES, values, per="vertex"))

    def test_gradients(self, autodiff: Face) -> None:
        sites = SumOfDiracs(random_sites(6))

        def cost(values: Any) -> Any:
            return distance(sites, Mesh(self.VERTICES, self.TRIANGLES, values), tol=1e-12)

        (gradient,) = autodiff.gradients(cost, self.VALUES + 0.5)
        expected = central_differences(lambda v: float(cost(v)), self.VALUES + 0.5)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8)


def test_points_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="points"):
        _mesh().evaluate([1.0, 2.0, 3.0])
