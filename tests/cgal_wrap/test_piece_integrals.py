"""Integrals of densities on convex pieces against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sdot.cgal_wrap.pieces.piece_integrals import PiecesKernel
from support.exact import (
    Moments,
    add_moments,
    affine_moments,
    box_polygon,
    central_second_moments,
    clip_to_polygon,
    power_cell,
    rational_polygon,
)
from support.problems import random_mesh, random_sites

from sdot import driver
from sdot.diagrams import DiagramArrays
from sdot.distributions.convex_pieces import Pieces, PiecesDensityKernel
from sdot.distributions.density import CellPotential

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def pieces_of(polygons: list, heights: object, slopes: object = None) -> Pieces:
    offsets = np.cumsum([0, *(len(polygon) for polygon in polygons)])
    heights = np.asarray(heights, dtype=np.float64)
    slopes = np.zeros((len(polygons), 2)) if slopes is None else np.asarray(slopes)
    return Pieces(np.concatenate(polygons), offsets, heights, slopes)


def random_pieces(seed: int, scale: float = 1.0, shift: float = 0.0) -> Pieces:
    """Triangles that cover a square, affine and discontinuous."""
    rng = np.random.default_rng(seed)
    vertices, triangles = random_mesh(6, seed)
    corners = shift + scale * vertices[triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    clockwise = a[:, 0] * b[:, 1] < a[:, 1] * b[:, 0]
    corners[clockwise] = corners[clockwise][:, ::-1]
    slopes = rng.uniform(-1, 1, (len(corners), 2)) / scale
    return pieces_of(list(corners), rng.uniform(2, 3, len(corners)), slopes)


def exact_moments(pieces: Pieces, cell: list) -> Moments:
    parts = []
    for k, height in enumerate(pieces.heights):
        polygon = rational_polygon(pieces.points[pieces.offsets[k] : pieces.offsets[k + 1]])
        part = clip_to_polygon(cell, polygon)
        parts.append(affine_moments(part, height, pieces.slopes[k], polygon[0]))
    return add_moments(parts)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-3, 0.5), (40.0, -300.0)])
def test_masses_and_moments_over_random_cells(seed: int, scale: float, shift: float) -> None:
    pieces = random_pieces(seed, scale, shift)
    kernel = PiecesDensityKernel(pieces)
    rng = np.random.default_rng(seed)
    sites = shift + scale * rng.uniform(-0.2, 1.2, (9, 2))
    weights = rng.uniform(0, 0.01 * scale**2, 9)
    diagram = DiagramArrays.build(sites, weights)
    masses, _ = kernel.masses_and_edge_weights(diagram)
    moments = kernel.moments(diagram)
    box = box_polygon(*(shift + scale * np.array([-0.5, -0.5, 1.5, 1.5])))
    # Corners of cells are doubles: an ulp of the coordinates is the least error there is.
    ulp = 1e-13 * max(1.0, abs(shift) / scale)
    term = 3 * scale**2
    for i in range(9):
        exact = exact_moments(pieces, power_cell(sites, weights, i, box))
        assert masses[i] == pytest.approx(float(exact.mass), abs=ulp * term)
        assert moments.masses[i] == pytest.approx(float(exact.mass), abs=ulp * term)
        if exact.mass == 0:
            continue
        share = float(exact.mass) / term
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(
            moments.centroids[i], centre, rtol=0, atol=ulp * scale * max(1, 1e-2 / share)
        )
        second = [float(m) for m in central_second_moments(exact)]
        np.testing.assert_allclose(
            moments.second_moments[i], second, rtol=0, atol=ulp * term * scale**2
        )


def test_tiny_cells_inside_one_piece() -> None:
    pieces = pieces_of([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]], [1.0], [[0.25, 0.5]])
    kernel = PiecesDensityKernel(pieces)
    rng = np.random.default_rng(0)
    sites = np.array([0.6, 0.45]) + 1e-5 * rng.random((30, 2))
    diagram = DiagramArrays.build(sites, np.zeros(30))
    moments = kernel.moments(diagram)
    small = np.flatnonzero((moments.masses > 0) & (moments.masses < 1e-9))
    assert len(small) > 5
    box = box_polygon(0, 0, 2, 2)
    for i in small:
        exact = exact_moments(pieces, power_cell(sites, np.zeros(30), i, box))
        # The cell's corners, at 1e-5 of each other, are rounded to 1e-16.
        assert moments.masses[i] == pytest.approx(float(exact.mass), rel=1e-9, abs=0)
        centre = [float(exact.x / exact.mass), float(exact.y / exact.mass)]
        np.testing.assert_allclose(moments.centroids[i], centre, rtol=0, atol=1e-15)


@pytest.mark.parametrize("count", [17, 100, 1000])
def test_polygons_with_many_corners(count: int) -> None:
    pieces = random_pieces(3)
    kernel = PiecesKernel(
        pieces.points, pieces.offsets, np.column_stack([pieces.heights, pieces.slopes])
    )
    angles = 2 * np.pi * np.arange(count) / count
    circle = 0.5 + 0.45 * np.column_stack([np.cos(angles), np.sin(angles)])
    offsets = np.array([0, count])
    masses = kernel.masses(circle, offsets, 1)
    assert masses == kernel.moments(circle, offsets, 1)[0]
    # A piece of so many corners is the same the other way round.
    disc = PiecesKernel(circle, offsets, [[1.0, 0.0, 0.0]])
    on_triangles = disc.moments(pieces.points, pieces.offsets, 1)
    heights = pieces.heights + (
        pieces.slopes * (on_triangles[1] - pieces.points[pieces.offsets[:-1]])
    ).sum(axis=1)
    met = on_triangles[0] > 0
    expected = (on_triangles[0] * heights)[met].sum()
    assert masses[0] == pytest.approx(expected, rel=1e-13, abs=0)


def _laplacian(diagram: DiagramArrays, edge_weights: np.ndarray) -> np.ndarray:
    n = len(diagram.positions)
    matrix = np.zeros((n, n))
    for (i, j), a in zip(diagram.edge_sites, edge_weights, strict=True):
        matrix[[i, j], [j, i]] -= a
        matrix[[i, j], [i, j]] += a
    return matrix


@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_edge_weights_are_the_derivative_of_the_masses(seed: int, offset: float) -> None:
    kernel = PiecesDensityKernel(random_pieces(seed))
    sites = random_sites(8, seed) + offset
    centre = np.array([0.5, 0.5])
    weights = (0.9 if offset else 0.0) * ((sites - centre) ** 2).sum(axis=1)
    diagram = DiagramArrays.build(sites, weights)
    matrix = _laplacian(diagram, kernel.masses_and_edge_weights(diagram)[1])
    h = 1e-6
    for j in range(8):
        shift = np.zeros(8)
        shift[j] = h
        plus, minus = (
            kernel.masses_and_edge_weights(DiagramArrays.build(sites, weights + s))[0]
            for s in (shift, -shift)
        )
        np.testing.assert_allclose(
            (plus - minus) / (2 * h), matrix[:, j], atol=1e-6 * np.abs(matrix).max()
        )


TRIANGLE_HALVES = [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]
BOX_HALVES = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]], [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]]


@pytest.mark.parametrize(
    ("polygons", "sites"),
    [
        (BOX_HALVES, [[0.25, 0.5], [0.75, 0.5]]),
        (TRIANGLE_HALVES, [[0.75, 0.25], [0.25, 0.75]]),
        # With a corner on the common side, which is then two sides of one of them.
        (
            [BOX_HALVES[0], [[0.5, 0], [1, 0], [1, 1], [0.5, 1], [0.5, 0.4]]],
            [[0.25, 0.5], [0.75, 0.5]],
        ),
    ],
    ids=["vertical", "diagonal", "corner on the side"],
)
def test_an_edge_along_a_common_side_counts_once(polygons: list, sites: list) -> None:
    kernel = PiecesDensityKernel(pieces_of([np.array(p, dtype=float) for p in polygons], [1, 3]))
    diagram = DiagramArrays.build(np.array(sites), np.zeros(2))
    masses, edge_weights = kernel.masses_and_edge_weights(diagram)
    np.testing.assert_allclose(masses, [0.5, 1.5], rtol=1e-15)
    distance = np.hypot(*np.subtract(*sites))
    length = 1.0 if distance == 0.5 else np.sqrt(2)
    assert edge_weights[0] == pytest.approx(2.0 * length / (2 * distance), rel=1e-14)


def test_edges_almost_along_the_sides_of_random_directions_count_once() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        angle = rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        start = rng.uniform(-1, 1, 2)
        ends = [start, start + along]
        triangles = [
            [ends[0], ends[1], start + across],
            [ends[1], ends[0], start + along - across],
        ]
        kernel = PiecesDensityKernel(pieces_of([np.array(t) for t in triangles], [1, 1]))
        middle = start + 0.5 * along
        sites = np.array([middle + 0.3 * across, middle - 0.3 * across])
        diagram = DiagramArrays.build(sites, np.zeros(2))
        masses, edge_weights = kernel.masses_and_edge_weights(diagram)
        np.testing.assert_allclose(masses, 0.5, rtol=1e-13)
        assert edge_weights[0] == pytest.approx(1 / 1.2, rel=1e-12)


def test_cells_share_out_the_mass_to_rounding() -> None:
    rng = np.random.default_rng(0)
    vertices, triangles = random_mesh(1500, 0)
    corners = vertices[triangles]
    kernel = PiecesDensityKernel(pieces_of(list(corners), rng.uniform(0, 1, len(corners))))
    whole = kernel.masses_and_edge_weights(DiagramArrays.build(SQUARE[:1], np.zeros(1)))[0]
    diagram = DiagramArrays.build(random_sites(2000), np.zeros(2000))
    masses, _ = kernel.masses_and_edge_weights(diagram)
    assert masses.sum() == pytest.approx(whole[0], rel=1e-14, abs=0)
    np.testing.assert_array_equal(masses, kernel.moments(diagram).masses)
    for count in (1, 7, 16):
        boxes = kernel.coarsened(kernel.box, count)
        assert boxes.sum() == pytest.approx(whole[0], rel=1e-14, abs=0)


def test_potential_integrals_against_exact_arithmetic() -> None:
    pieces = random_pieces(1)
    kernel = PiecesDensityKernel(pieces)
    sites = random_sites(7)
    diagram = DiagramArrays.build(sites, np.zeros(7))
    rng = np.random.default_rng(0)
    potential = CellPotential(
        np.array([0.5, 2.0]), rng.random((7, 2)), rng.normal(size=(7, 2)), rng.random(7), 0.25
    )
    found = kernel.potential_integrals(diagram, potential)
    box = box_polygon(0, 0, 1, 1)
    for k in range(len(pieces.heights)):
        polygon = rational_polygon(pieces.points[pieces.offsets[k] : pieces.offsets[k + 1]])
        expected = [Fraction(0)] * 3
        for i in range(7):
            part = clip_to_polygon(power_cell(sites, np.zeros(7), i, box), polygon)
            for m, slope in enumerate(([0, 0], [1, 0], [0, 1])):
                moments = affine_moments(part, 0.0 if m else 1.0, slope, polygon[0])
                expected[m] += _quadratic_integral(moments, potential, i)
        np.testing.assert_allclose(found[k], [float(v) for v in expected], rtol=0, atol=1e-14)


def _quadratic_integral(moments: Moments, potential: CellPotential, i: int) -> Fraction:
    a, b = (Fraction(float(v)) for v in potential.metric)
    x, y = (Fraction(float(v)) for v in potential.sites[i])
    slope = [Fraction(float(v)) for v in potential.slopes[i]]
    c = Fraction(float(potential.constants[i])) + Fraction(float(potential.common))
    along_x = moments.xx - 2 * x * moments.x + x * x * moments.mass
    along_y = moments.yy - 2 * y * moments.y + y * y * moments.mass
    linear = slope[0] * (moments.x - x * moments.mass) + slope[1] * (moments.y - y * moments.mass)
    return a * along_x + b * along_y + linear - c * moments.mass


def test_threads_do_not_change_a_bit() -> None:
    vertices, triangles = random_mesh(3000, 1)
    rng = np.random.default_rng(1)
    corners = vertices[triangles]
    pieces = pieces_of(list(corners), rng.random(len(corners)) + 1)
    kernel = PiecesDensityKernel(pieces)
    sites = random_sites(3000)
    diagram = DiagramArrays.build(sites, np.zeros(3000))
    potential = CellPotential(np.ones(2), sites, np.zeros_like(sites), np.zeros(3000))
    results = []
    for threads in (1, 2, 3):
        driver.threads = threads
        found = kernel.masses_and_edge_weights(diagram)
        integrals = kernel.potential_integrals(diagram, potential)
        results.append((*found, *kernel.moments(diagram), integrals))
    for one, *others in zip(*results, strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)


def test_densities_at_points_count_each_piece_once() -> None:
    vertices, triangles = random_mesh(20, 2)
    corners = vertices[triangles]
    kernel = PiecesKernel(
        corners.reshape(-1, 2),
        3 * np.arange(len(corners) + 1),
        np.column_stack([np.ones(len(corners)), np.zeros((len(corners), 2))]),
    )
    inside = vertices[(vertices > 0).all(axis=1) & (vertices < 1).all(axis=1)]
    middles = corners.mean(axis=1)
    np.testing.assert_array_equal(kernel.densities(np.concatenate([inside, middles]), 1), 1.0)
    np.testing.assert_array_equal(kernel.densities(middles + 2, 1), 0.0)


def test_the_kernel_keeps_its_own_copy() -> None:
    points, affine = SQUARE.copy(), np.array([[1.0, 0.0, 0.0]])
    kernel = PiecesKernel(points, [0, 4], affine)
    points[:] = affine[:] = 7.0
    assert kernel.masses(SQUARE, np.array([0, 4]), 1)[0] == 1.0


@pytest.mark.parametrize(
    ("points", "offsets", "affine"),
    [
        (SQUARE, [0, 3], [[1.0, 0, 0]]),
        (SQUARE, [0, 2, 4], [[1.0, 0, 0]] * 2),
        (SQUARE, [0, 4], [[1.0, 0, 0]] * 2),
        (SQUARE, [0, 4], [[1.0, 0]]),
        (np.empty((0, 2)), [0], np.empty((0, 3))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(points: object, offsets: list, affine: object) -> None:
    with pytest.raises(ValueError, match="at least one piece"):
        PiecesKernel(points, offsets, affine)
