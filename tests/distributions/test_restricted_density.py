"""Densities restricted to a polygon: against polygons, other grids, closed forms, a fine grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.densities import DENSITIES
from support.faces import Face, jax_x64
from support.gradients import central_differences, check_in_torch
from support.problems import random_image, random_mesh, random_sites, star
from support.refusals import refused

from sdot import (
    Box,
    Mesh,
    NotDifferentiableError,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    RestrictedDensity,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    hessian_product,
    optimal_transport_plan,
)
from sdot.diagrams import DiagramArrays
from sdot.distributions.convex_partition import convex_partition
from sdot.distributions.density import CellPotential, Density, Frame
from sdot.distributions.disc_kernel import cuts_discs
from sdot.distributions.polygon import is_convex

TIGHT = 1e-12
L_SHAPE = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]
HOLE = [[0.2, 0.2], [0.7, 0.3], [0.4, 0.8]]
SQUARE = ((0, 0), (2, 2))
UNIFORM = PolynomialGrid(np.ones((3, 5)), SQUARE)
# The unit square in two parts, neither of them convex.
CUT = [[0.3, 0.0], [0.6, 0.4], [0.1, 0.5], [0.7, 1.0]]
LEFT, RIGHT = [[0, 0], *CUT, [0, 1]], [[1, 0], [1, 1], *CUT[::-1]]


def _same(one: Density, other: Density, sites: np.ndarray, tolerance: float = 1e-12) -> None:
    plan, expected = (
        optimal_transport_plan(SumOfDiracs(sites, mass=d.total_mass), d, tol=TIGHT)
        for d in (one, other)
    )
    assert plan.distance == pytest.approx(expected.distance, rel=tolerance, abs=0)
    for name in ("potentials", "barycenters", "cell_masses"):
        found, wanted = getattr(plan, name), getattr(expected, name)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=10 * tolerance, err_msg=name)


def _random_polygon(rng: np.random.Generator, corners: int) -> np.ndarray:
    """Around the middle of a square, not convex."""
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0, 0.9, corners)) / corners
    radii = rng.uniform(0.2, 0.95, corners)
    return np.asarray(1 + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]))


@pytest.mark.parametrize("n", [1, 2, 100])
@pytest.mark.parametrize("holes", [[], [HOLE]])
def test_a_constant_restricted_to_a_polygon_is_the_polygon(n: int, holes: list[Any]) -> None:
    _same(UNIFORM.restricted(L_SHAPE, holes=holes), Polygon(L_SHAPE, holes=holes), random_sites(n))


@pytest.mark.parametrize("seed", range(6))
def test_random_polygons(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = _random_polygon(rng, int(rng.integers(5, 30)))
    sites = 2 * random_sites(40, seed)
    polygon = Polygon(corners, mass=3)
    for density in (UNIFORM, Polygon([[-1, -1], [4, -1], [-1, 5]]), Box(((-1, 0), (2, 3)))):
        restricted = density.restricted(corners, mass=3)
        _same(restricted, polygon, sites)
        (ring,) = restricted.region
        assert Polygon(ring).area == pytest.approx(polygon.area, rel=1e-14)
    points, offsets = convex_partition([polygon.vertices])
    pieces = np.split(points, offsets[1:-1])
    assert all(is_convex(piece) for piece in pieces)
    areas = [Polygon(piece).area for piece in pieces]
    assert sum(areas) == pytest.approx(polygon.area, rel=1e-13)
    reflex = sum(not turn for turn in _turns_left(polygon.vertices))
    assert len(pieces) <= 2 * reflex + 1  # what is proved of this method


@pytest.mark.parametrize("shift", [[0, 0], [0.7, -0.4], [-1.0, 1.0], [1.0, 0.0]])
def test_polygons_that_reach_beyond_the_density(shift: list[float]) -> None:
    corners = 2 * _random_polygon(np.random.default_rng(7), 12) + np.array(shift) - 1
    for density in (Box(SQUARE, mass=4), Polygon(L_SHAPE, mass=3)):
        restricted = density.restricted(corners, mass=None)
        areas = [_signed_area(ring) for ring in restricted.region]
        assert restricted.total_mass == pytest.approx(sum(areas), rel=1e-12)
    around = Box(SQUARE).restricted(((-1, -1), (3, 3)))
    assert sum(map(_signed_area, around.region)) == 4


def _signed_area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _turns_left(corners: np.ndarray) -> np.ndarray:
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    return sides[:, 0] * following[:, 1] >= sides[:, 1] * following[:, 0]


def test_pixels_of_an_image() -> None:
    image = random_image(0, (4, 4))
    kept = image.copy()
    kept[2:, 2:] = 0
    density = PolynomialGrid(image, SQUARE).restricted(L_SHAPE, mass=2)
    _same(density, PolynomialGrid(kept, SQUARE, mass=2), 2 * random_sites(60))
    scale = 2 / (kept.sum() / 4)
    points = 2 * random_sites(500)
    expected = np.array([scale * kept[int(2 * x), int(2 * y)] for x, y in points])
    np.testing.assert_allclose(density.evaluate(points), expected, rtol=1e-13)


MESH = Mesh(*random_mesh(8, 3), values=np.linspace(1, 3, 12), per="vertex")
WHOLES: dict[str, Density] = {
    "image": PolynomialGrid(random_image()),
    "image of mass 3": PolynomialGrid(random_image(), mass=3),
    "spline": SplineGrid(random_image(), continuity=2),
    "mesh": MESH,
    "mixture": SumOfGaussians([[0.3, 0.4], [0.8, 0.6]], [0.05, 0.2], domain=((0, 0), (1, 1))),
    "sum": 0.5 * PolynomialGrid(random_image(1)) + MESH,
}


@pytest.mark.parametrize("kind", WHOLES)
def test_two_parts_are_the_whole(kind: str) -> None:
    whole = WHOLES[kind]
    parts = [whole.restricted(corners, mass=None) for corners in (LEFT, RIGHT)]
    assert parts[0].total_mass + parts[1].total_mass == pytest.approx(whole.total_mass, rel=1e-13)
    _same(parts[0] + parts[1], whole, random_sites(30))


def test_half_of_a_gaussian() -> None:
    half = SumOfGaussians([[0.0, 0.0]], [1.0]).restricted(((0, -50), (50, 50)))
    plan = optimal_transport_plan(SumOfDiracs([[0.0, 1.0]]), half)
    mean = np.sqrt(2 / np.pi)
    np.testing.assert_allclose(plan.barycenters, [[mean, 0]], rtol=0, atol=1e-12)
    assert plan.distance == pytest.approx(3, rel=1e-13)  # 1 + 1 of variances about zero, and 1
    assert half.evaluate([[1.0, 0.0]])[0] == pytest.approx(2 * np.exp(-0.5) / (2 * np.pi))


def test_two_half_pixels_by_hand() -> None:
    # Of pixels 0, 1, 2, 3 the triangle x + y < 2 leaves halves of the second and third.
    values = [[0.0, 1.0], [2.0, 3.0]]
    ramp = PolynomialGrid(values, SQUARE).restricted([[0, 0], [2, 0], [0, 2]])
    corners = {1 / 3: [[0, 1], [1, 1], [0, 2]], 2 / 3: [[1, 0], [2, 0], [1, 1]]}
    site = np.array([1.0, 0.5])
    expected = 0.0
    for mass, triangle in corners.items():
        gaps = np.array(triangle) - site
        expected += mass * ((gaps**2).sum() + (gaps.sum(axis=0) ** 2).sum()) / 12
    assert distance(SumOfDiracs([site]), ramp) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("kind", ["restricted grid", "restricted mixture"])
def test_against_a_fine_grid(kind: str) -> None:
    density = DENSITIES[kind](np.random.default_rng(1))
    sites = random_sites(12)
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=density.total_mass), density)
    k = 1200
    c = (np.arange(k) + 0.5) / k
    points = np.stack(np.meshgrid(c, c, indexing="ij"), axis=-1).reshape(-1, 2)
    masses = density.evaluate(points) / k**2
    owners = plan.site_at(points)
    np.testing.assert_allclose(
        np.bincount(owners, masses, len(sites)), plan.cell_masses, rtol=0, atol=1e-3
    )
    cost = ((points - sites[owners]) ** 2).sum(axis=1) @ masses
    assert cost == pytest.approx(plan.distance, rel=1e-3)
    # The cells as pictures show them are those that were integrated over.
    area = sum(Polygon(ring).area for ring in density.region)
    assert plan.power_diagram.areas.sum() == pytest.approx(area, rel=1e-12)


def test_cells_in_several_parts_and_moments_over_a_diagram() -> None:
    u = [[0, 0], [2, 0], [2, 2], [1.5, 2], [1.5, 0.5], [0.5, 0.5], [0.5, 2], [0, 2]]
    density = PolynomialGrid(random_image(), SQUARE).restricted(u)
    plan = optimal_transport_plan(SumOfDiracs([[1.0, 0.0], [1.0, 3.0]]), density)
    assert [len(rings) for rings in plan.power_diagram.parts] == [1, 2]
    found = PowerDiagram(plan.positions, plan.potentials).moments(density)
    np.testing.assert_allclose(found.masses, [0.5, 0.5], rtol=1e-12)
    np.testing.assert_allclose(found.centroids, plan.barycenters, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("sites", "length", "is_jump"),
    [  # half of what is along the border, all of what is along sides of pieces inside
        ([[0.75, 0.5], [1.25, 0.5]], 1 + 0.5, True),
        ([[0.5, 0.75], [0.5, 1.25]], 1 + 0.5, True),
        ([[0.25, 0.5], [0.5, 0.25]], np.sqrt(2), False),
        ([[0.75, 1.0], [1.0, 1.25]], 2 * np.sqrt(2), False),
    ],
)
def test_edges_along_sides_of_pieces(
    sites: list[list[float]], length: float, is_jump: bool
) -> None:
    diagram = DiagramArrays.build(np.array(sites), np.zeros(2))
    kernel = UNIFORM.restricted(L_SHAPE).kernel(Frame(np.zeros(2), np.ones(2)))
    distance = np.hypot(*np.diff(sites, axis=0)[0])
    _, weights = kernel.masses_and_edge_weights(diagram)
    assert weights == pytest.approx([length / 3 / (2 * distance)], rel=1e-13)
    found = kernel.edge_moments(diagram).weights
    assert np.isnan(found).all() if is_jump else found == pytest.approx(weights, rel=1e-13)


def test_roundings_of_parts_are_told() -> None:
    mixture = WHOLES["mixture"]
    corner = [[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]]
    whole, part = (d.kernel(FRAME).rounding for d in (mixture, mixture.restricted(corner)))
    assert whole.relative + 10 < part.relative < whole.relative + 30
    share = mixture.restricted(corner, mass=None).total_mass / mixture.total_mass
    np.testing.assert_allclose(part.second_moments * share, whole.second_moments, rtol=1e-12)


def test_many_sites_far_away_and_thin_shapes() -> None:
    image = PolynomialGrid(random_image(), ((1e3, 1e3), (1e3 + 1, 1e3 + 1)))
    sliver = 1e3 + np.array([[0.1, 0.2], [0.9, 0.2 + 1e-7], [0.9, 0.2 + 2e-7]])
    plan = optimal_transport_plan(SumOfDiracs(1e3 * random_sites(30)), image.restricted(sliver))
    assert plan.status.converged
    outline = 1e3 + 0.5 + 0.4 * star(300, 0.9)
    plan = optimal_transport_plan(SumOfDiracs(1e3 * random_sites(500)), image.restricted(outline))
    assert plan.status.converged


def test_the_tail_of_a_gaussian() -> None:
    tail = SumOfGaussians([[0.0, 0.0]], [0.01]).restricted([[2, 2], [4, 3], [3, 4]])
    plan = optimal_transport_plan(SumOfDiracs(random_sites(20)), tail)
    assert plan.status.converged
    # Beyond the corner it falls as exp(-200 (s + t)); the corner has the sides (2, 1) and (1, 2).
    corner = [[2 + 1e-9, 2 + 1e-9]]
    assert tail.density.evaluate(corner)[0] < 1e-170
    sides = np.array([[2.0, 1.0], [1.0, 2.0]])
    expected = np.prod(200 * sides.sum(axis=1)) / np.linalg.det(sides)
    assert tail.evaluate(corner)[0] == pytest.approx(expected, rel=0.02)
    with refused(ValueError, "sample", "share"):
        tail.sample(10, 0)


# Derivatives.

FRAME = Frame(np.array([0.1, -0.2]), np.array([1.5, 0.8]))


def _values(seed: int = 3) -> np.ndarray:
    return random_image(seed, (3, 4))


MEANS = np.array([[0.4, 0.5], [1.5, 0.4]])
COVARIANCES = np.array([[0.2, 0.1], [0.3, 0.2]])
Make = Callable[..., Density]
DIFFERENTIABLE: dict[str, tuple[Make, tuple[np.ndarray, ...]]] = {
    "grid": (lambda v: PolynomialGrid(v, SQUARE), (_values(),)),
    "grid as it is": (lambda v: PolynomialGrid(v, SQUARE, mass=None), (_values(),)),
    "spline": (lambda v: SplineGrid(v, domain=SQUARE), (_values(),)),
    "mesh": (
        lambda v: Mesh([[0, 0], [3, 0], [0, 3], [3, 3]], [[0, 1, 2], [1, 2, 3]], v, per="vertex"),
        (np.array([1.0, 2, 3, 1.5]),),
    ),
    "mixture": (SumOfGaussians, (MEANS, COVARIANCES, np.array([1.0, 2.0]))),
    "mixture in a box": (
        lambda *arrays: SumOfGaussians(*arrays, domain=((0, 0), (1.7, 1.5))),
        (MEANS, COVARIANCES, np.array([1.0, 2.0])),
    ),
    "sum": (
        lambda v, *arrays: PolynomialGrid(v, SQUARE) + 2 * SumOfGaussians(*arrays),
        (_values(), MEANS, COVARIANCES),
    ),
    "restricted": (
        lambda v: PolynomialGrid(v, SQUARE).restricted(((0.1, 0.1), (1.8, 1.9))),
        (_values(),),
    ),
}
SITES, WEIGHTS = 1.8 * random_sites(3), np.linspace(1, 2, 3)
SINGLE = [kind for kind in DIFFERENTIABLE if kind != "sum"]


def _distance(kind: str) -> Callable[..., Any]:
    make = DIFFERENTIABLE[kind][0]

    def function(sites: Any, weights: Any, *arrays: Any) -> Any:
        density = make(*arrays).restricted(L_SHAPE, mass=1, holes=[HOLE])
        return distance(SumOfDiracs(sites, weights), density, tol=TIGHT)

    return function


@pytest.mark.parametrize("kind", ["grid", "mixture", "sum", "restricted"])
def test_first_derivatives(kind: str) -> None:
    arrays = (SITES, WEIGHTS, *DIFFERENTIABLE[kind][1])
    check_in_torch(_distance(kind), arrays)


@pytest.mark.parametrize("kind", SINGLE)
def test_second_derivatives(kind: str) -> None:
    torch = pytest.importorskip("torch")
    arrays = (SITES, WEIGHTS, *DIFFERENTIABLE[kind][1])
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    assert torch.autograd.gradgradcheck(_distance(kind), tensors, eps=1e-5, atol=1e-6, rtol=1e-5)


def test_second_derivatives_that_are_refused() -> None:
    torch = pytest.importorskip("torch")
    values = torch.tensor(_values(), requires_grad=True)
    scaled = PolynomialGrid(values, SQUARE)
    densities = [
        (scaled + Box(SQUARE)).restricted(L_SHAPE),
        PolynomialGrid(values, SQUARE).restricted(L_SHAPE, mass=None) * (4 / 3),
    ]
    for density in densities:
        diracs = SumOfDiracs(SITES, mass=density.total_mass)
        plan = optimal_transport_plan(diracs, density)
        positions = hessian_product(plan, positions=np.ones((3, 2))).positions
        assert torch.isfinite(positions).all()
        (gradient,) = torch.autograd.grad(distance(diracs, density), values, create_graph=True)
        with pytest.raises(NotDifferentiableError, match="mass=None"):
            torch.autograd.grad(gradient.sum(), values)


@pytest.mark.parametrize("kind", DIFFERENTIABLE)
@pytest.mark.parametrize("mass", [None, 2.5])
def test_the_integral_of_a_potential(kind: str, mass: float | None) -> None:
    """Its derivatives, also where the mass in the polygon changes, against differences."""
    make, arrays = DIFFERENTIABLE[kind]
    frame = FRAME
    sites = frame.apply(SITES)
    diagram = DiagramArrays.build(sites, np.zeros(3))
    potential = CellPotential(frame.scale**2, sites, np.zeros((3, 2)), np.zeros(3))
    if mass is not None:
        density = make(*arrays).restricted(L_SHAPE, mass)
        potential = potential.recentred(density.kernel(frame).moments(diagram))

    def integral(*arrays: np.ndarray) -> float:
        density = make(*arrays).restricted(L_SHAPE, mass)
        moments = density.kernel(frame).moments(diagram)
        return density.total_mass * potential.integral(moments)

    density = make(*arrays).restricted(L_SHAPE, mass)
    found = density.pull_back(diagram, frame, potential)
    for k, gradient in enumerate(found):

        def along(array: np.ndarray, k: int = k) -> float:
            return integral(*arrays[:k], array, *arrays[k + 1 :])

        expected = central_differences(along, arrays[k])
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7 * scale)


# Cells cut by discs, for partial transport.

ISOTROPIC = Frame(np.array([0.1, -0.2]), np.array([1.3, 1.3]))


def _discs(n: int) -> tuple[DiagramArrays, np.ndarray]:
    rng = np.random.default_rng(n)
    sites, weights = ISOTROPIC.apply(1.8 * random_sites(n)), rng.uniform(0, 0.05, n)
    return DiagramArrays.build(sites, weights), weights + 0.03


@pytest.mark.parametrize("density", [UNIFORM, Box(SQUARE), 2 * UNIFORM + Box(SQUARE)])
def test_discs_in_a_restriction_are_those_in_the_polygon(density: Density) -> None:
    diagram, radii = _discs(12)
    found, expected = (
        cutting.kernel(ISOTROPIC)
        for cutting in (density.restricted(L_SHAPE, holes=[HOLE]), Polygon(L_SHAPE, holes=[HOLE]))
    )
    assert cuts_discs(found)
    assert cuts_discs(expected)
    one, other = (kernel.disc_masses(diagram, radii) for kernel in (found, expected))
    for name in ("masses", "edge_weights", "arc_weights"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-14)
    assert other.arc_weights.max() > 0.1
    moments = zip(*(k.disc_moments(diagram, radii) for k in (found, expected)), strict=True)
    for part, wanted in moments:
        np.testing.assert_allclose(part, wanted, rtol=0, atol=1e-14)
    borders, expected_borders = (k.disc_borders(diagram, radii) for k in (found, expected))
    met = expected_borders.edges.weights != 0
    for part, wanted in zip(borders.edges, expected_borders.edges, strict=True):
        np.testing.assert_allclose(part[met], wanted[met], rtol=0, atol=1e-13)
    for part, wanted in zip(borders.arcs, expected_borders.arcs, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=0, atol=1e-13)


def test_a_restricted_gaussian_cuts_no_discs() -> None:
    assert not cuts_discs(DENSITIES["restricted mixture"](np.random.default_rng(0)).kernel(FRAME))


@pytest.mark.parametrize("kind", ["grid", "grid as it is", "spline", "mesh", "sum of grids"])
@pytest.mark.parametrize("mass", [None, 2.5])
def test_the_integral_of_a_potential_in_discs(kind: str, mass: float | None) -> None:
    if kind == "sum of grids":
        whole: Make = lambda v: 2 * PolynomialGrid(v, SQUARE) + MESH  # noqa: E731
        array = _values()
    else:
        whole, (array,) = DIFFERENTIABLE[kind]
    diagram, radii = _discs(3)
    nothing = np.zeros((3, 2))
    potential = CellPotential(ISOTROPIC.scale**2, diagram.positions, nothing, 1.69 * radii)

    def integral(values: np.ndarray) -> float:
        density = whole(values).restricted(L_SHAPE, mass)
        kernel = density.kernel(ISOTROPIC)
        assert cuts_discs(kernel)
        return density.total_mass * potential.integral(kernel.disc_moments(diagram, radii))

    (found, *_) = (
        whole(array)
        .restricted(L_SHAPE, mass)
        .pull_back_in_discs(diagram, radii, ISOTROPIC, potential)
    )
    expected = central_differences(integral, array)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


def test_the_same_gradients_in_both_frameworks() -> None:
    gradients = []
    for name in ("jax", "torch"):
        face = Face(name)  # type: ignore[arg-type]
        with face.double_precision():
            gradients.append(face.gradients(_distance("grid"), SITES, WEIGHTS, _values()))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)


def test_in_compiled_functions() -> None:
    jax = pytest.importorskip("jax")
    with jax_x64():
        eager = _distance("spline")(SITES, WEIGHTS, _values())
        compiled = jax.jit(_distance("spline"))(SITES, WEIGHTS, _values())
        assert float(compiled) == pytest.approx(float(eager), rel=1e-12)
        density = PolynomialGrid(jax.numpy.asarray(_values()), SQUARE).restricted(L_SHAPE)
        leaves, structure = jax.tree.flatten(density)
        again = jax.tree.unflatten(structure, leaves)
        assert isinstance(again, RestrictedDensity)
        assert jax.tree.structure(again) == structure
        np.testing.assert_array_equal(again.evaluate(SITES), density.evaluate(SITES))


def test_tensors_are_read_at_every_call() -> None:
    torch = pytest.importorskip("torch")
    values = torch.tensor(_values())
    density = PolynomialGrid(values, SQUARE, mass=None).restricted(L_SHAPE, mass=None)
    before = density.total_mass
    values.mul_(2)
    assert density.total_mass == pytest.approx(2 * before)


# Arguments.


def test_what_it_says() -> None:
    image = PolynomialGrid(random_image(), SQUARE, mass=2)
    density = image.restricted(L_SHAPE[::-1], holes=[[*HOLE, HOLE[0]]])
    assert repr(density) == f"{image!r} in a polygon of 6 corners with 1 hole, mass 1"
    assert (
        repr(image.restricted(SQUARE, None)) == f"{image!r} in a polygon of 4 corners, not scaled"
    )
    assert density.density is image
    assert density.total_mass == 1
    np.testing.assert_array_equal(density.vertices[0], L_SHAPE[0])
    assert not density.vertices.flags.writeable
    assert not density.region[0].flags.writeable
    assert len(density.holes) == 1
    again = RestrictedDensity(**density.arguments)
    np.testing.assert_array_equal(again.evaluate(SITES), density.evaluate(SITES))
    assert image.restricted(SQUARE, None).total_mass == pytest.approx(2, rel=1e-14)
    np.testing.assert_array_equal(density.domain, [[0, 0], [2, 0], [2, 1], [1, 2], [0, 2]])
    beyond = image.restricted([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    np.testing.assert_array_equal(beyond.box, [[0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda d: d.restricted([[3, 3], [4, 3], [3, 4]]), ValueError, ("polygon", "meets", "[2")),
        (lambda d: d.restricted([[2, 0], [4, 0], [3, 1]]), ValueError, ("polygon", "meets")),
        (lambda d: d.restricted([[1, 1], [2, 1], [2, 2]]), ValueError, ("polygon", "mass")),
        (lambda d: d.restricted([[0, 0], [1, 1], [1, 0], [0, 1]]), ValueError, ("simple",)),
        (lambda d: d.restricted([[0, 0], [1, 1]], mass=0), ValueError, ("mass",)),
        (lambda d: d.restricted([0, 1]), ValueError, ("polygon", "(k, 2)")),
        (lambda d: d.restricted([[0, 0], [1, np.nan], [0, 1]]), ValueError, ("polygon", "finite")),
        (lambda d: d.restricted("L"), TypeError, ("polygon",)),
        (lambda d: d.restricted(L_SHAPE, holes=[L_SHAPE]), ValueError, ("holes[0]",)),
        (lambda d: RestrictedDensity(L_SHAPE, L_SHAPE), TypeError, ("density", "list")),
        (
            lambda d: Box(SQUARE, periodic=True).restricted(L_SHAPE),
            ValueError,
            ("density", "periodic"),
        ),
    ],
)
def test_bad_arguments(make: Any, kind: type[Exception], words: tuple[str, ...]) -> None:
    density = PolynomialGrid([[1.0, 1.0], [1.0, 0.0]], SQUARE)
    with refused(kind, *words):
        make(density)


def test_geometry_has_no_derivatives() -> None:
    torch = pytest.importorskip("torch")
    with refused(TypeError, "polygon", "fixed"):
        UNIFORM.restricted(torch.tensor(L_SHAPE, dtype=torch.float64, requires_grad=True))
    moving = PolynomialGrid([[1.0]], torch.tensor([[0.0, 0.0], [2.0, 2.0]]))
    with refused(TypeError, "density", "domain"):
        (moving + Box(SQUARE)).restricted(L_SHAPE)
