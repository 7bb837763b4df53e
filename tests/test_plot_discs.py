# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of partial plans: cells cut by discs, with arcs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sdot import Box, Polygon, SumOfDiracs, optimal_transport_plan

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
from sdot.plot.discs import border_in_disc  # noqa: E402

SQUARE = Box(((0, 0), (1, 1)))
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def _area(path: Any) -> float:
    """The area within a path, with its sign: curves by Gauss' rule, exact for cubic ones."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    total, place, start = 0.0, np.zeros(2), np.zeros(2)
    for points, code in path.iter_segments(curves=True, simplify=False):
        ends = points.reshape(-1, 2)
        if code == path.MOVETO:
            place = start = ends[0]
            continue
        control = np.array([place, *([start] if code == path.CLOSEPOLY else ends)])
        degree = len(control) - 1
        for node, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
            rest, by = control, control[1:] - control[:-1]
            for _ in range(degree):
                rest = (1 - node) * rest[:-1] + node * rest[1:]
            for _ in range(degree - 1):
                by = (1 - node) * by[:-1] + node * by[1:]
            x, speed = rest[0], degree * by[0]
            total += weight * (x[0] * speed[1] - x[1] * speed[0]) / 2
        place = control[-1]
    return total


def _loops(path: Any) -> int:
    return int((path.codes == path.MOVETO).sum())


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("seed", range(3))
def test_outlines_enclose_the_masses(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sites = SumOfDiracs(rng.random((60, 2)) * 1.1 - 0.05, rng.random(60) + 0.1, mass=share)
    plan = optimal_transport_plan(sites, SQUARE, partial=True, tol=1e-10)
    ax = plan.plot(values=plan.potentials, arrows=False, sites=False)
    (cells,) = ax.collections
    areas = [_area(path) for path in cells.get_paths()]
    np.testing.assert_allclose(areas, plan.masses, rtol=2e-5)
    np.testing.assert_array_equal(cells.get_array(), plan.potentials)
    ax.figure.canvas.draw()


def test_what_is_used_stands_out() -> None:
    plan = optimal_transport_plan(SumOfDiracs(CORNERS, mass=0.4), SQUARE, partial=True)
    density, veil, borders, arrows, dots = plan.plot(legend=True).collections
    assert len(borders.get_paths()) == len(arrows.get_paths()) == len(dots.get_offsets()) == 4
    (unused,) = veil.get_paths()
    assert _area(unused) == pytest.approx(-plan.unused_mass, rel=1e-5)
    assert density.get_array().size > 1


def test_layers() -> None:
    plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5]], mass=0.2), SQUARE, partial=True)
    ax = plan.plot(values=[3.0], colorbar="number", density=False, arrows=False, sites=False)
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "number"
    assert not plan.plot(density=False, cells=False, arrows=False, sites=False).collections
    with pytest.raises(ValueError, match="values: expected one number per site"):
        plan.plot(values=[1.0, 2.0])


def test_a_plan_of_all_is_drawn_as_ever() -> None:
    plan = optimal_transport_plan(SumOfDiracs(CORNERS), SQUARE, partial=True)
    assert not plan.is_partial
    assert len(plan.plot().collections) == 4


def _segment(distance: float, radius: float) -> float:
    """The area of a disc beyond a line."""
    angle = math.acos(distance / radius)
    return radius**2 * (angle - math.sin(angle) * math.cos(angle))


RADIUS = 0.3
HOLE = np.array([[0.45, 0.45], [0.45, 0.55], [0.55, 0.55], [0.55, 0.45]])
BAR = np.array([[0.45, 0.05], [0.45, 0.95], [0.55, 0.95], [0.55, 0.05]])
DISC = math.pi * RADIUS**2
STRIP = DISC - 2 * _segment(0.05, RADIUS)
# rings, centre, area, loops
CASES: dict[str, tuple[list[np.ndarray], list[float], float, int]] = {
    "isolated": ([CORNERS], [0.5, 0.5], DISC, 1),
    "side": ([CORNERS], [0.5, 0.0], DISC / 2, 1),
    "corner": ([CORNERS], [1.0, 1.0], DISC / 4, 1),
    "centre outside": ([CORNERS], [0.5, 1.1], _segment(0.1, RADIUS), 1),
    "two sides": ([0.3 * CORNERS[:, ::-1][::-1] * [1, 3]], [0.15, 0.5],
                  DISC - 2 * _segment(0.15, RADIUS), 1),
    "cell in the disc": ([0.1 * CORNERS + 0.4], [0.5, 0.5], 0.01, 1),
    "hole": ([CORNERS, HOLE], [0.5, 0.5], DISC - 0.01, 2),
    "parts": ([CORNERS, BAR], [0.5, 0.5], DISC - STRIP, 2),
    "touches a side": ([CORNERS], [0.5, RADIUS], DISC, 1),
    "touches at a corner": ([np.array([[0, 0.0], [0.5, 0], [1, 0], [1, 1], [0, 1]])],
                            [0.5, RADIUS], DISC, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turn", [0, 1, 2])
def test_shapes(name: str, turn: int) -> None:
    """Wherever the rings start, turned or not."""
    rings, center, area, loops = CASES[name]
    matrix = np.linalg.matrix_power(np.array([[0.6, -0.8], [0.8, 0.6]]), turn)
    turned = [np.roll(ring, turn, axis=0) @ matrix.T for ring in rings]
    path = border_in_disc(turned, matrix @ center, RADIUS**2)
    assert _area(path) == pytest.approx(area, rel=1e-5)
    assert _loops(path) == loops


@pytest.mark.parametrize("center", [[2.0, 0.5], [1.4, 1.4], [-5.0, 0.5]])
def test_nothing_in_common(center: list[float]) -> None:
    assert border_in_disc([CORNERS], np.array(center), RADIUS**2) is None
    assert border_in_disc([CORNERS], np.array([0.5, 0.5]), -1.0) is None
    assert border_in_disc([], np.array([0.5, 0.5]), 1.0) is None


def test_in_a_notched_polygon() -> None:
    """The cell of a site in a notch has two parts; its outline has the mass as area."""
    notched = Polygon([[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]])
    sites = SumOfDiracs([[1.5, 2.5], [1.5, 0.5]], mass=0.4 * notched.total_mass)
    plan = optimal_transport_plan(sites, notched, partial=True, tol=1e-10)
    ax = plan.plot(values=[1.0, 2.0], arrows=False, sites=False)
    paths = ax.collections[0].get_paths()
    areas = plan.masses * 7 / notched.total_mass
    np.testing.assert_allclose([_area(path) for path in paths], areas, rtol=1e-5)
    assert _loops(paths[0]) == 2
