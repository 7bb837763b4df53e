"""Which polygons are simple, and their triangles."""

from __future__ import annotations

import numpy as np
import pytest
from sdot.cgal_wrap.triangulation.polygon_triangulation import meeting_sides, polygon_triangles
from support.exact import area, rational_polygon
from support.problems import star

SIMPLE = {
    "triangle": [[0, 0], [1, 0], [0, 1]],
    "L": [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]],
    "corners on a side": [[0, 0], [1, 0], [2, 0], [2, 2], [1, 2], [0, 2], [0, 1]],
    "star": star(),
    "comb": [[0, 0], [9, 0], [9, 3], [8, 3], [8, 1], [5, 1], [5, 3], [4, 3], [4, 1], [0, 1]],
    "almost touching": [[0, 0], [2, 0], [2, 2], [1, np.nextafter(0, 1)], [0, 2]],
}

NOT_SIMPLE = {
    "bow tie": ([[0, 0], [1, 1], [1, 0], [0, 1]], (0, 2)),
    "pentagram": ([star(5, 1.0)[k] for k in (0, 4, 8, 2, 6)], (0, 2)),
    "corner on a side": ([[0, 0], [2, 0], [2, 2], [1, 0], [0, 2]], (0, 2)),
    "spike": ([[0, 0], [2, 0], [1, 0], [1, 1]], (0, 1)),
    "spike at the first corner": ([[2, 0], [1, 0], [1, 1], [0, 0]], (0, 3)),
    "flat": ([[0, 0], [1, 1], [2, 2]], (0, 2)),
    "the same corner twice": ([[0, 0], [2, 0], [1, 1], [2, 2], [0, 2], [1, 1]], (1, 4)),
}


@pytest.mark.parametrize("turned", [False, True], ids=["left", "right"])
@pytest.mark.parametrize("name", SIMPLE)
def test_triangles_make_up_the_polygon(name: str, turned: bool) -> None:
    corners = np.array(SIMPLE[name], dtype=float)[:: -1 if turned else 1].copy()
    assert meeting_sides(corners) is None
    triangles = polygon_triangles(corners)
    assert triangles.shape == (len(corners) - 2, 3)
    areas = [area(rational_polygon(corners[t])) for t in triangles]
    assert min(areas) > 0
    assert sum(areas) == abs(area(rational_polygon(corners)))


def test_triangles_leave_out_holes() -> None:
    rings = [np.array(SIMPLE["star"]) * 9, *(np.array(SIMPLE["L"]) + k for k in (-3.0, 1.0))]
    corners = np.concatenate(rings)
    offsets = np.cumsum([0, *map(len, rings)])
    assert meeting_sides(corners, offsets) is None
    triangles = polygon_triangles(corners, offsets)
    areas = [area(rational_polygon(corners[t])) for t in triangles]
    assert min(areas) > 0
    outer, *holes = (abs(area(rational_polygon(ring))) for ring in rings)
    assert sum(areas) == outer - sum(holes)
    assert len(triangles) == len(corners) + 2 * 2 - 2


def test_sides_of_different_rings_that_meet_are_found() -> None:
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    corners = np.concatenate([square, square + 1, square + 9])
    assert meeting_sides(corners, np.array([0, 4, 8, 12])) == (1, 4)
    assert meeting_sides(corners[[0, 1, 2, 3, 8, 9, 10, 11]], np.array([0, 4, 8])) is None


@pytest.mark.parametrize("name", NOT_SIMPLE)
def test_sides_that_meet_are_found(name: str) -> None:
    corners, expected = NOT_SIMPLE[name]
    found = meeting_sides(np.array(corners, dtype=float))
    assert found == expected


def test_shapes_that_do_not_fit_are_refused() -> None:
    for function in (meeting_sides, polygon_triangles):
        with pytest.raises(ValueError, match="shape"):
            function(np.zeros((2, 2)))
