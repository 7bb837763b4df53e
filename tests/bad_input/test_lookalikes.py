"""Arguments that look like something that they are not."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.problems import random_sites

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    driver,
    optimal_transport_plan,
)

torch = pytest.importorskip("torch")

PICTURE = np.random.default_rng(0).uniform(size=(20, 30, 4))
PICTURE[..., 3] = 1.0
SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])

MAKERS: dict[str, Callable[[Any], Any]] = {
    "positions": SumOfDiracs,
    "weights": lambda array: SumOfDiracs(SQUARE, array[:, 0] + 1),
    "values": PolynomialGrid,
    "values of splines": SplineGrid,
    "values of meshes": lambda array: Mesh(SQUARE[:3], [[0, 1, 2]], array[:3, 1] + 1),
    "means": lambda array: SumOfGaussians(array, np.ones(4)),
    "vertices": Polygon,
    "sites": PowerDiagram,
    "array": PolynomialGrid.from_image,
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_masks_are_not_dropped(maker: Callable[[Any], Any]) -> None:
    masked = np.ma.masked_array(SQUARE, mask=np.zeros((4, 2), dtype=bool))
    masked[1, 1] = np.ma.masked
    with pytest.raises(TypeError, match=r"masked.*\.filled\(0\)"):
        maker(masked)


@pytest.mark.parametrize("maker", [SumOfDiracs, PolynomialGrid, PowerDiagram, Polygon])
def test_fields_are_named(maker: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"structured.*fields x, y"):
        maker(np.zeros((4, 2), dtype=[("x", float), ("y", float)]))


def test_a_list_with_a_mask_inside() -> None:
    row = np.ma.masked_array([0.2, 0.3], mask=[True, False])
    with pytest.raises(TypeError, match=r"positions: .*masked"):
        SumOfDiracs([row, [0.5, 0.5]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pictures_with_opacity_are_not_polynomials(dtype: str) -> None:
    picture = (PICTURE * 255).astype(dtype)
    with pytest.raises(ValueError, match=r"values: .*from_image\(array\[\.\.\., :3\]\)"):
        PolynomialGrid(picture)
    PolynomialGrid.from_image(picture[..., :3])
    PolynomialGrid(picture.astype(float))


@pytest.mark.parametrize("convert", [np.float32, torch.tensor])
def test_pictures_of_floats_are_warned_of(convert: Callable[[Any], Any]) -> None:
    with pytest.warns(UserWarning, match="from_image"):
        PolynomialGrid(convert(PICTURE))


@pytest.mark.parametrize("values", [PICTURE[:10, :10], PICTURE * 2, PICTURE[..., :1]])
def test_polynomials_are_not_warned_of(values: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PolynomialGrid(values)


@pytest.mark.parametrize(
    ("name", "hint"), [("framwork", "framework"), ("thread", "threads"), ("x", None)]
)
def test_settings_that_there_are_not(name: str, hint: str | None) -> None:
    with pytest.raises(AttributeError, match=f"driver.{name}: expected one of") as caught:
        setattr(driver, name, "jax")
    assert (f"did you mean driver.{hint}?" in str(caught.value)) == (hint is not None)


@pytest.mark.parametrize("solve", [distance, optimal_transport_plan])
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_recording_would_be_a_constant(solve: Callable[..., Any], requires_grad: bool) -> None:
    def traced(positions: torch.Tensor) -> torch.Tensor:
        result = solve(SumOfDiracs(positions), Box())
        return torch.as_tensor(getattr(result, "distance", result))

    positions = torch.tensor(random_sites(5), requires_grad=requires_grad)
    with pytest.raises(TypeError, match=r"torch\.jit\.trace"):
        torch.jit.trace(traced, (positions,))


@pytest.mark.parametrize("make", [SumOfDiracs, PowerDiagram, Polygon])
def test_points_as_columns(make: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"\(2, 5\); transpose it\?"):
        make(random_sites(5).T)


def test_points_to_evaluate_at_as_columns() -> None:
    with pytest.raises(ValueError, match=r"\(2, 5\); transpose it\?"):
        Box(((0, 0), (1, 1))).evaluate(random_sites(5).T)


def test_arrays_that_are_not_wrapped() -> None:
    sites, image = random_sites(5), np.ones((3, 4))
    for points in (sites, sites.tolist(), torch.tensor(sites)):
        with pytest.raises(TypeError, match=r"wrap arrays: SumOfDiracs\(points\)$"):
            distance(points, PolynomialGrid(image))
    with pytest.raises(TypeError, match=r"PolynomialGrid\(values\) and SumOfDiracs\(points\)$"):
        optimal_transport_plan(sites, image)
    with pytest.raises(TypeError, match=r"not str and PolynomialGrid$"):
        distance("points.csv", PolynomialGrid(image))


@pytest.mark.parametrize("extent", [(0, 2, 1, 4), ((0, 1), (0, 1)), ((-3, 2), (-4, 4))])
def test_the_extent_of_a_picture_is_no_domain(extent: Any) -> None:
    x0, x1, y0, y1 = np.ravel(extent).tolist()
    box = f"(({x0}, {y0}), ({x1}, {y1}))"
    with pytest.raises(ValueError, match=f"extent.*{re.escape(box)}"):
        PolynomialGrid([[1.0]], domain=extent)


@pytest.mark.parametrize("array", [None, "0.1 0.2", {"x": 1}])
def test_what_no_conversion_would_help(array: Any) -> None:
    with pytest.raises(TypeError, match="real numbers, not") as caught:
        SumOfDiracs(array)
    assert "float64" not in str(caught.value)


def test_tensors_that_keep_no_entries() -> None:
    with pytest.raises(TypeError, match=r"meta device.*to_empty"):
        SumOfDiracs(torch.zeros((3, 2), device="meta"))
    with pytest.raises(TypeError, match=r"sparse.*to_dense\(\)"):
        SumOfDiracs(torch.tensor(SQUARE).to_sparse())
