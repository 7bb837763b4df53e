"""Parts of cells and edges in convex pieces: they make up what was cut."""

from __future__ import annotations

import numpy as np
import pytest
from sdot.cgal_wrap.diagram.cell_polygons import polygon_moments
from sdot.cgal_wrap.pieces.piece_parts import PartsFinder, cut_to_domain
from support.problems import random_mesh, random_sites

from sdot.diagrams import DiagramArrays
from sdot.validation import FloatArray, box_corners

SQUARE = box_corners(np.array([[0.0, 0.0], [1.0, 1.0]]))


def _finder(points: int = 40) -> PartsFinder:
    """Of triangles that make up the unit square."""
    vertices, triangles = random_mesh(points, 3)
    corners = vertices[triangles]
    turned = np.linalg.det(np.diff(corners, axis=1)) < 0
    corners[turned] = corners[turned][:, ::-1]
    return PartsFinder(corners.reshape(-1, 2), 3 * np.arange(len(triangles) + 1))


def _diagram(n: int) -> DiagramArrays:
    rng = np.random.default_rng(n)
    return DiagramArrays.build(1.4 * random_sites(n) - 0.2, rng.uniform(0, 0.02, n))


def _areas(points: FloatArray, offsets: np.ndarray) -> FloatArray:
    areas: FloatArray = polygon_moments(points, offsets, 1)[0]
    return areas


@pytest.mark.parametrize("n", [1, 20, 2000])
def test_parts_make_up_cells(n: int) -> None:
    cells = _diagram(n).polygons(SQUARE)
    points, offsets, owners = _finder().cell_parts(*cells, 1)
    areas = _areas(points, offsets)
    assert (areas >= 0).all()
    found = np.bincount(owners, areas, n)
    np.testing.assert_allclose(found, _areas(*cells), rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [2, 20, 2000])
def test_parts_make_up_edges(n: int) -> None:
    diagram = _diagram(n)
    ends, owners, sides = _finder().edge_parts(diagram.edges, 1)
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    assert not sides.any()
    whole = PartsFinder(SQUARE, np.array([0, 4]))
    expected_ends, inside, _ = whole.edge_parts(diagram.edges, 1)
    expected = np.zeros(len(diagram.edge_sites))
    expected[inside] = np.hypot(*(expected_ends[:, 1] - expected_ends[:, 0]).T)
    found = np.bincount(owners, lengths, len(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    # On the line between the cells of both sites.
    middles = ends.mean(axis=1)
    first, second = (
        ((middles - diagram.positions[sites]) ** 2).sum(axis=1) - diagram.weights[sites]
        for sites in diagram.edge_sites[owners].T
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)


def test_a_part_along_a_side_says_on_which_side_its_piece_is() -> None:
    halves = np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1], [0.5, 0], [1, 0], [1, 1], [0.5, 1]])
    finder = PartsFinder(halves, np.array([0, 4, 8]))
    diagram = DiagramArrays.build(np.array([[0.25, 0.5], [0.75, 0.5]]), np.zeros(2))
    ends, owners, sides = finder.edge_parts(diagram.edges, 1)
    assert owners.tolist() == [0, 0]
    assert sorted(sides.tolist()) == [-1, 1]
    np.testing.assert_allclose(ends[..., 0], 0.5, rtol=0, atol=1e-15)
    np.testing.assert_allclose(np.sort(ends[..., 1], axis=1), [[0, 1], [0, 1]], atol=1e-15)
    upwards = ends[0, 1, 1] > ends[0, 0, 1]
    left_piece = 0 if upwards else 1  # they come in the order of the pieces
    assert sides[left_piece] == 1


def test_polygons_are_cut_to_a_domain() -> None:
    diagram = _diagram(200)
    triangle = np.array([[0.1, 0.1], [0.9, 0.3], [0.4, 0.8]])
    points, offsets = cut_to_domain(*diagram.polygons(SQUARE), triangle)
    assert len(offsets) == 201
    expected = _areas(*diagram.polygons(triangle))
    np.testing.assert_allclose(_areas(points, offsets), expected, rtol=0, atol=1e-15)


def test_the_bits_do_not_depend_on_threads() -> None:
    diagram, finder = _diagram(20_000), _finder()
    cells = diagram.polygons(SQUARE)
    for one, other in (
        (finder.cell_parts(*cells, 1), finder.cell_parts(*cells, 3)),
        (finder.edge_parts(diagram.edges, 1), finder.edge_parts(diagram.edges, 3)),
    ):
        for part, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize(
    ("points", "offsets"),
    [
        (np.empty((0, 2)), [0]),
        (SQUARE, [0, 3]),
        (SQUARE, [1, 4]),
        (SQUARE, [0, 2, 4]),
        (np.zeros((4, 3)), [0, 4]),
    ],
)
def test_what_are_no_pieces(points: FloatArray, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one piece"):
        PartsFinder(points, np.array(offsets))
