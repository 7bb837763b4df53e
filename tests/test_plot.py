"""Pictures: what is drawn, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.plot import plot_density, plot_diagram, plot_plan

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")

MIXTURE = SumOfGaussians([[0.0, 0.0], [3.0, 1.0]], [[[1.0, 0.5], [0.5, 0.6]], np.eye(2) / 4])
MESH = Mesh([[0, 0], [2, 0], [1, 0.5], [1, 2]], [[0, 1, 2], [1, 3, 2]], [1.0, 2.0])
DENSITIES = {
    "grid": PolynomialGrid([[1.0, 2.0], [3.0, 4.0]]),
    "mixture": MIXTURE,
    "mixture on a domain": SumOfGaussians([[0.0, 0.0]], [1.0], domain=((-1, -1), (2, 1))),
    "mesh": MESH,
    "polygon": Polygon([[0, 0], [2, 0], [2, 1], [1, 0.3], [0, 1]]),
    "sum": 0.5 * MIXTURE + 0.5 * Box(((-6, -1), (-5, 1))),
}


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def _limits(ax: Any) -> np.ndarray:
    return np.array([ax.get_xlim(), ax.get_ylim()]).T


@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name: str) -> None:
    density = DENSITIES[name]
    ax = plot_density(density, resolution=300)
    np.testing.assert_allclose(_limits(ax), density.box)
    (raster,) = ax.collections
    lines = raster.get_coordinates()
    pixel = np.diff(lines[0, :2, 0])[0] * np.diff(lines[:2, 0, 1])[0]
    heights = np.asarray(raster.get_array())
    centres = 0.25 * (lines[1:, 1:] + lines[:-1, :-1] + lines[1:, :-1] + lines[:-1, 1:])
    # What the colours sum to is the mass, and they balance where the density does.
    assert abs(heights.sum() * pixel - density.total_mass) < 0.02
    centre = (heights[..., None] * centres).sum(axis=(0, 1)) / heights.sum()
    plan = optimal_transport_plan(SumOfDiracs([[0.0, 0.0]]), density)
    np.testing.assert_allclose(centre, plan.barycenters[0], atol=0.05)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", DENSITIES)
def test_plans(name: str) -> None:
    density = DENSITIES[name]
    # In a corner, and beyond it.
    sites = density.box[0] + np.random.default_rng(0).uniform(-0.1, 0.3, (20, 2))
    plan = optimal_transport_plan(SumOfDiracs(sites), density, tol=1e-6)
    ax = plot_plan(plan)
    low, high = _limits(ax)
    for points in (density.box, sites, plan.barycenters):
        assert (low <= points).all() and (points <= high).all()
    _, cells, arrows, dots = ax.collections
    # The cells fill the picture, or the domain, though the sites do not.
    corners = np.concatenate([path.vertices for path in cells.get_paths()])
    filled = np.array([low, high]) if density.domain is None else density.box
    found = [corners.min(axis=0), corners.max(axis=0)]
    np.testing.assert_allclose(found, filled, atol=1e-9)
    np.testing.assert_allclose([path.vertices[1] for path in arrows.get_paths()], plan.barycenters)
    assert len(dots.get_offsets()) == len(sites)
    ax.figure.canvas.draw()


def test_only_what_is_asked_for() -> None:
    plan = optimal_transport_plan(SumOfDiracs([[0.0, 0.0], [1.0, 0.0]]), MIXTURE)
    ax = plot_plan(plan, density=False, cells=False, arrows=False)
    assert len(ax.collections) == 1
    assert plot_plan(plan, ax) is ax


def test_a_diagram_without_a_domain_is_cut_around_its_sites() -> None:
    ax = plot_diagram(PowerDiagram([[0.0, 0.0], [1.0, 0.0]]), values=[1.0, 2.0])
    np.testing.assert_allclose(_limits(ax), [[-0.1, -0.1], [1.1, 0.1]])
    np.testing.assert_array_equal(ax.collections[0].get_array(), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^values: expected one number per site"):
        plot_diagram(PowerDiagram([[0.0, 0.0], [1.0, 0.0]]), values=[1.0])


def test_cells_do_not_reach_across_a_notch() -> None:
    notched = Polygon([[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]])
    plan = optimal_transport_plan(SumOfDiracs([[1.5, 2.5], [1.5, 0.5]]), notched)
    ax = plot_plan(plan, density=False, arrows=False, sites=False)
    paths = ax.collections[0].get_paths()
    assert len(paths) == 2  # one for each cell, of two parts and of one
    for point, inside in (([1.5, 2.0], False), ([0.5, 2.5], True), ([2.5, 2.5], True)):
        assert any(path.contains_point(point) for path in paths) == inside
    values = plot_diagram(plan.power_diagram, values=[1.0, 2.0]).collections[0].get_array()
    np.testing.assert_array_equal(values, [1.0, 2.0])
