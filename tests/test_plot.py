"""Pictures: what is drawn, and where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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
from sdot.plot import animate, plot_density, plot_diagram, plot_diracs, plot_plan

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
image = pytest.importorskip("PIL.Image")

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
    (borders,) = ax.collections[0].get_paths()
    assert (borders.codes == borders.MOVETO).sum() == 3  # two parts, and one
    ax = plot_plan(plan, values=[1.0, 2.0], arrows=False, sites=False)
    paths = ax.collections[0].get_paths()
    assert len(paths) == 2  # one for each cell
    for point, inside in (([1.5, 2.0], False), ([0.5, 2.5], True), ([2.5, 2.5], True)):
        assert any(path.contains_point(point) for path in paths) == inside
    values = plot_diagram(plan.power_diagram, values=[1.0, 2.0]).collections[0].get_array()
    np.testing.assert_array_equal(values, [1.0, 2.0])


def test_methods_draw_the_same() -> None:
    diracs = SumOfDiracs([[0.2, 0.3], [0.7, 0.6]], [1.0, 3.0])
    density = Box(((0, 0), (1, 1)))
    plan = optimal_transport_plan(diracs, density)
    drawn = {plot_diracs: diracs, plot_density: density, plot_plan: plan}
    drawn[plot_diagram] = plan.power_diagram
    for function, item in drawn.items():
        expected, ax = function(item), item.plot()
        assert [type(layer) for layer in ax.collections] == [
            type(layer) for layer in expected.collections
        ]
        assert item.plot(ax) is ax
    np.testing.assert_allclose(diracs.plot().collections[0].get_sizes() @ [3.0, -1.0], 0)


def test_colours_are_explained() -> None:
    plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.3], [0.7, 0.6]]), Box(((0, 0), (1, 1))))
    ax = plan.plot(values=plan.potentials, colorbar="potential", legend=True)
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "potential"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "to barycentres",
        "sites",
    ]
    pyplot.figure()
    plan.plot(pyplot.gca(), values=[1.0, 2.0])
    np.testing.assert_array_equal(pyplot.colorbar().mappable.get_array(), [1.0, 2.0])


def test_what_is_drawn_of_many_sites() -> None:
    count = 30_000
    diagram = PowerDiagram(np.random.default_rng(0).random((count, 2)), domain=((0, 0), (1, 1)))
    (borders,) = diagram.plot().collections
    assert len(borders.get_paths()) == 1 and borders.get_linewidth()[0] < 0.2
    coloured, dots = diagram.plot(values=diagram.areas, sites=True).collections
    assert coloured.get_rasterized() and not coloured.get_antialiased()[0]
    assert dots.get_rasterized()
    assert not diagram.plot(values=diagram.areas, rasterized=False).collections[0].get_rasterized()


def test_what_cannot_be_drawn() -> None:
    for function in (plot_density, plot_diagram, plot_diracs, plot_plan):
        with pytest.raises(TypeError, match=r"expected an? .*, not ndarray"):
            function(np.ones((3, 2)))
    with pytest.raises(TypeError, match="ax: expected matplotlib axes, or None, not Figure"):
        Box(((0, 0), (1, 1))).plot(pyplot.figure())


@pytest.mark.parametrize("name", ["loop.gif", "loop.html"])
def test_animations(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    sites = np.random.default_rng(0).random((5, 2))
    history = [sites, 0.5 * sites, SumOfDiracs(sites, np.arange(1, 6))]
    animation = animate(history, path, density=Box(((0, 0), (1, 1))), dpi=40)
    if path.suffix == ".gif":
        with image.open(path) as pictures:
            assert pictures.n_frames == 3
    else:
        assert path.read_text().count("data:image/png") == 3
    np.testing.assert_allclose(_limits(animation._fig.axes[0]), [[0, 0], [1, 1]])


def test_animations_of_plans_and_of_anything() -> None:
    plans = [
        optimal_transport_plan(SumOfDiracs([[0.2, y], [0.7, 0.6]]), Box(((0, 0), (1, 1))))
        for y in (0.1, 0.2)
    ]
    assert animate(plans).to_jshtml().count("data:image/png") == 2
    assert animate([plan.power_diagram for plan in plans]).to_jshtml()
    seen: list[int] = []
    animate([3, 4], draw=lambda item, ax: seen.append(item)).to_jshtml()
    assert seen[-2:] == [3, 4]


def test_animations_that_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        animate([])
    with pytest.raises(ValueError, match=r"expected one of \.html, .*not 'loop.bmp'"):
        animate([np.ones((3, 2))], "loop.bmp")
    with pytest.raises(TypeError, match="not Box"):
        animate([Box(((0, 0), (1, 1)))])
