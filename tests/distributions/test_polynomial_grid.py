"""The density class: conventions, scaling, images."""

from __future__ import annotations

import numpy as np
import pytest
from support.exact import box_polygon, grid_moments
from support.faces import Face
from support.problems import random_coefficients, random_image, random_lines

from sdot import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan


def _barycenter(density: PolynomialGrid) -> np.ndarray:
    return np.asarray(optimal_transport_plan(SumOfDiracs([[0.3, 0.3]]), density).barycenters[0])


def test_axis_0_is_the_first_coordinate() -> None:
    right = PolynomialGrid([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(_barycenter(right), [0.75, 0.5], rtol=1e-14)
    above = PolynomialGrid([[0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(_barycenter(above), [0.5, 0.75], rtol=1e-14)


def test_coefficients_are_of_local_monomials() -> None:
    # rho = t_x on one pixel of degree 1: index p_x (k + 1) + p_y = 2.
    density = PolynomialGrid([[[0.0, 0.0, 1.0, 0.0]]], domain=((1.0, 5.0), (3.0, 6.0)))
    np.testing.assert_allclose(_barycenter(density), [1 + 2 * 2 / 3, 5.5], rtol=1e-14)
    # rho = t_y**2 of degree 2: index 2.
    density = PolynomialGrid([[[0, 0, 1, 0, 0, 0, 0, 0, 0]]])
    np.testing.assert_allclose(_barycenter(density), [0.5, 0.75], rtol=1e-14)


@pytest.mark.parametrize("values", [[[1.0]], [[[1.0]]], [[[3.0, 0.0, 0.0, 0.0]]]])
def test_one_constant_pixel_is_the_uniform_density(values: list) -> None:
    density = PolynomialGrid(values)
    assert distance(SumOfDiracs([[0.5, 0.5]]), density) == pytest.approx(1 / 6, rel=1e-14, abs=0)
    assert density.degree == round(np.sqrt(np.asarray(values).size)) - 1


@pytest.mark.parametrize("mass", [1, 0.25, 7.5])
def test_the_density_is_scaled_to_its_mass(mass: float) -> None:
    density = PolynomialGrid(random_image(), mass=mass)
    assert density.total_mass == pytest.approx(mass, rel=1e-14, abs=0)
    image = random_image()
    np.testing.assert_allclose(
        density.coefficients[:, :, 0, 0], mass * image / image.mean(), rtol=1e-14
    )


def test_mass_none_keeps_the_values() -> None:
    image = random_image()
    density = PolynomialGrid(image, domain=((0, 0), (2, 3)), mass=None)
    np.testing.assert_array_equal(density.coefficients[:, :, 0, 0], image)
    assert density.total_mass == pytest.approx(6 * image.mean(), rel=1e-14, abs=0)


def test_cost_is_proportional_to_mass() -> None:
    sites = [[0.2, 0.3], [0.9, 0.6]]
    one = distance(SumOfDiracs(sites), PolynomialGrid(random_image()))
    five = distance(SumOfDiracs(sites, mass=5), PolynomialGrid(random_image(), mass=5))
    assert five == pytest.approx(5 * one, rel=1e-13, abs=0)


@pytest.mark.parametrize("degree", range(5))
def test_moments_with_knots(degree: int) -> None:
    rng = np.random.default_rng(degree)
    coefficients = random_coefficients(rng, (3, 2), degree)
    knots = random_lines(rng, 3, -1.0, 2.0), random_lines(rng, 2, 3.0, 4.0)
    density = PolynomialGrid(coefficients.reshape(3, 2, -1), knots=knots)
    exact = grid_moments(box_polygon(-1, 3, 2, 4), *knots, coefficients)
    np.testing.assert_allclose(
        _barycenter(density), [float(exact.x / exact.mass), float(exact.y / exact.mass)], rtol=1e-14
    )
    site = np.array([0.3, 0.3])
    spread = exact.xx + exact.yy - 2 * (exact.x + exact.y) * 3 / 10
    cost = float(spread / exact.mass) + float(site @ site)
    value = distance(SumOfDiracs([site]), density)
    assert value == pytest.approx(cost, rel=1e-13, abs=0)


def test_knots_of_equal_steps_are_the_domain() -> None:
    image = random_image()
    knots = np.linspace(0, 2, 6), np.linspace(1, 2, 8)
    sites = [[0.2, 0.3], [0.9, 0.6], [1.5, 1.4]]
    with_knots = distance(SumOfDiracs(sites), PolynomialGrid(image, knots=knots))
    with_domain = distance(SumOfDiracs(sites), PolynomialGrid(image, domain=((0, 1), (2, 2))))
    assert with_knots == pytest.approx(with_domain, rel=1e-13, abs=0)


def test_a_finer_grid_of_the_same_density_gives_the_same_cost() -> None:
    image = random_image(1, (3, 4))
    fine = np.repeat(np.repeat(image, 5, axis=0), 2, axis=1)
    linear = np.zeros((3, 4, 4))
    linear[:, :, 0] = image
    sites = np.random.default_rng(0).random((9, 2))
    costs = [
        distance(SumOfDiracs(sites), PolynomialGrid(values), tol=1e-12)
        for values in (image, fine, linear)
    ]
    np.testing.assert_allclose(costs, costs[0], rtol=1e-13)


def test_attributes_are_read_only_and_the_values_are_kept() -> None:
    image = random_image()
    density = PolynomialGrid(image)
    np.testing.assert_array_equal(density.values, image)
    for array in (density.coefficients, density.x_lines, density.y_lines, density.box):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    image[:] = 1e9
    assert density.total_mass == pytest.approx(1)


def test_the_box_and_the_representation() -> None:
    density = PolynomialGrid(np.ones((4, 3)), domain=((-1, 0), (3, 2)), mass=2)
    np.testing.assert_array_equal(density.box, [[-1, 0], [3, 2]])
    assert repr(density) == ("PolynomialGrid(4 x 3 pixels of degree 0 on [-1, 3] x [0, 2], mass 2)")


def test_values_of_every_framework(face: Face) -> None:
    image = random_image()
    density = PolynomialGrid(face.array(image))
    np.testing.assert_array_equal(density.coefficients, PolynomialGrid(image).coefficients)
    result = distance(SumOfDiracs([[0.5, 0.5], [0.2, 0.1]]), density)
    assert face.owns(result)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32", "float16"])
def test_values_of_other_dtypes(dtype: str) -> None:
    values = np.array([[1, 0], [0, 1]], dtype=dtype)
    expected = distance(SumOfDiracs([[0.5, 0.2]]), PolynomialGrid(values.astype(np.float64)))
    assert distance(SumOfDiracs([[0.5, 0.2]]), PolynomialGrid(values)) == pytest.approx(
        float(expected), rel=1e-3 if dtype == "float16" else 1e-6
    )


class TestImages:
    """`PolynomialGrid.from_image`: row 0 on top, ink, colours."""

    def test_row_0_is_on_top_and_columns_go_right(self) -> None:
        image = np.zeros((2, 3))
        image[0, 2] = 1
        density = PolynomialGrid.from_image(image)
        np.testing.assert_allclose(_barycenter(density), [2.5 / 3, 1.5 / 3], rtol=1e-14)

    def test_pixels_are_square_and_the_longer_side_is_one(self) -> None:
        np.testing.assert_array_equal(
            PolynomialGrid.from_image(np.ones((2, 4))).box, [[0, 0], [1, 0.5]]
        )
        np.testing.assert_array_equal(
            PolynomialGrid.from_image(np.ones((4, 2))).box, [[0, 0], [0.5, 1]]
        )

    def test_domain_and_mass_are_passed_on(self) -> None:
        density = PolynomialGrid.from_image(np.ones((2, 4)), domain=((1, 1), (2, 2)), mass=3)
        np.testing.assert_array_equal(density.box, [[1, 1], [2, 2]])
        assert density.total_mass == pytest.approx(3)

    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_integers_are_levels_of_their_range(self, dtype: str) -> None:
        white = np.iinfo(dtype).max
        image = np.array([[0, white], [white // 5, white]], dtype=dtype)
        from_integers = PolynomialGrid.from_image(image)
        from_floats = PolynomialGrid.from_image(image / white)
        np.testing.assert_allclose(from_integers.coefficients, from_floats.coefficients, rtol=1e-14)

    def test_ink_is_what_is_not_white(self) -> None:
        image = np.array([[0, 255], [51, 255]], dtype=np.uint8)
        density = PolynomialGrid.from_image(image, invert=True)
        # Transposed and flipped: [x, y], y upwards.
        expected = np.array([[0.8, 1.0], [0.0, 0.0]])
        np.testing.assert_allclose(
            density.coefficients[:, :, 0, 0], expected / expected.mean(), rtol=1e-13, atol=1e-15
        )

    def test_colours_become_luminance(self) -> None:
        image = np.zeros((1, 3, 3))
        image[0] = np.eye(3)
        density = PolynomialGrid.from_image(image)
        levels = density.coefficients[:, 0, 0, 0]
        np.testing.assert_allclose(levels / levels.sum(), [0.2126, 0.7152, 0.0722], rtol=1e-14)

    def test_the_picture_is_unchanged(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
        before = image.copy()
        PolynomialGrid.from_image(image, invert=True)
        np.testing.assert_array_equal(image, before)
