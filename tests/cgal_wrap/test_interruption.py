"""Kernels look for signals while they run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sdot.cgal_wrap.diagram.point_location import locate
from sdot.cgal_wrap.diagram.power_diagram import Triangulator, hilbert_order
from sdot.cgal_wrap.entropic.entropic_transport import log_sum, soft_c_transform
from sdot.cgal_wrap.factor.laplacian_factor import LaplacianFactor
from sdot.cgal_wrap.grid.grid_integrals import GridKernel, pull_back
from sdot.cgal_wrap.laplacian.graph_laplacian import GraphLaplacian

Call = Callable[[], object]
# Until a signal ends a kernel; one that checks every access to memory takes several times as long.
SECONDS = 1.15 * (5 if "libasan" in os.environ.get("LD_PRELOAD", "") else 1)
UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


class RungError(Exception):
    pass


@pytest.fixture
def bell() -> Iterator[None]:
    """A signal whose handler raises."""

    def ring(*_: object) -> None:
        raise RungError

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def grid_kernel(pixels: int, terms: int) -> GridKernel:
    lines = np.linspace(0, 1, pixels + 1)
    return GridKernel(lines, lines, np.ones((pixels, pixels, terms, terms)), True, True)


def tall_cells(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and offsets of strips that cut the unit square."""
    x = np.linspace(0, 1, count + 1)
    low, high = x[:-1], x[1:]
    corners = np.array([[low, 0 * low], [high, 0 * low], [high, 0 * low + 1], [low, 0 * low + 1]])
    return np.ascontiguousarray(corners.transpose(2, 0, 1)).reshape(-1, 2), 4 * np.arange(count + 1)


def moments_of_one_cell() -> Call:
    kernel = grid_kernel(1500, 3)
    return lambda: kernel.cell_moments(UNIT, np.array([0, 4]), 2)


def moments_of_many_cells() -> Call:
    kernel, cells = grid_kernel(4, 2), tall_cells(1_200_000)
    return lambda: kernel.cell_moments(*cells, 2)


def moments_in_one_disc() -> Call:
    kernel = grid_kernel(1500, 3)
    disc = np.array([[0.5, 0.5]]), np.array([0.3]), np.ones(1, dtype=np.uint8)
    return lambda: kernel.disc_moments(UNIT, np.array([0, 4]), disc, 2)


def moments_in_many_discs() -> Call:
    kernel, (points, offsets) = grid_kernel(1, 2), tall_cells(300_000)
    count = len(offsets) - 1
    discs = points[::4] + np.array([0, 0.5]), np.full(count, 0.2), np.ones(count, dtype=np.uint8)
    return lambda: kernel.disc_moments(points, offsets, discs, 2)


def masses_along_many_edges() -> Call:
    sites = np.random.default_rng(0).random((300_000, 2))
    zeros = np.zeros(len(sites))
    order = hilbert_order(sites)
    vertices, edge_sites, edge_vertices, _ = Triangulator(sites, order).power_diagram(
        zeros, zeros, 2
    )
    edges = (sites, zeros, zeros, vertices, edge_sites, edge_vertices)
    kernel = grid_kernel(600, 5)
    return lambda: kernel.masses_and_edge_weights(edges, zeros.astype(np.uint8), 1)


def pull_back_to_many_pixels() -> Call:
    lines = np.linspace(0, 1, 2501)
    potential = (np.ones(2), np.full((1, 2), 0.5), np.zeros((1, 2)), np.zeros(1))
    return lambda: pull_back(lines, lines, True, 3, UNIT, np.array([0, 4]), potential, 2)


def order_of_many_sites() -> Call:
    sites = np.random.default_rng(0).random((4_000_000, 2))
    return lambda: hilbert_order(sites)


def repair_by_many_flips() -> Call:
    rng = np.random.default_rng(0)
    sites = rng.random((1_000_000, 2))
    zeros, moved = np.zeros(len(sites)), 3e-7 * rng.random(len(sites))
    triangulator = Triangulator(sites, hilbert_order(sites))
    triangulator.power_diagram(zeros, zeros, 2)
    return lambda: triangulator.repaired_power_diagram(moved, zeros, 2)


def location_of_many_points() -> Call:
    """One cell after the other along a line, from any to any."""
    count = 20_000
    x = np.linspace(0.0, 1.0, count)
    sites, zeros = np.stack([x, 0 * x], axis=1), np.zeros(count)
    offsets = np.minimum(2 * np.arange(count + 1), 2 * count - 2).astype(np.int32)
    offsets[1:-1] -= 1
    around = np.stack([np.arange(count) - 1, np.arange(count) + 1], axis=1).ravel()[1:-1]
    graph = offsets, around.astype(np.int32), zeros.astype(np.uint8), np.arange(count)
    frame = np.zeros(2), np.ones(2)
    points = np.random.default_rng(0).random((2_000_000, 2))
    return lambda: locate((sites, zeros, zeros), graph, frame, points, 2)


def lattice(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of nodes, edges and their weights."""
    nodes = np.arange(side * side, dtype=np.int32).reshape(side, side)
    along, across = (nodes[:, :-1], nodes[:, 1:]), (nodes[:-1], nodes[1:])
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in (along, across)])
    positions = np.stack(np.divmod(np.arange(side * side), side), axis=1).astype(np.float64)
    return positions, edges, np.ones(len(edges))


def multigrid_of_many_nodes() -> Call:
    positions, edges, weights = lattice(1600)
    return lambda: GraphLaplacian(len(positions), edges, weights, 2)


def dissection_of_many_nodes() -> Call:
    graph = lattice(700)
    return lambda: LaplacianFactor(*graph, 2)


def elimination_of_many_nodes() -> Call:
    factor = LaplacianFactor(*lattice(700), 2)
    return factor.eliminate


def sums_of_many_exponentials() -> Call:
    values = np.zeros((900, 900))
    box = ((0.0, 0.0), (1.0, 1.0))
    return lambda: log_sum(values, box, box, (900, 900), 10.0, 2)


def transforms_at_many_sites() -> Call:
    sites, values = np.random.default_rng(0).random((60_000, 2)), np.zeros((64, 64))
    return lambda: soft_c_transform(sites, values, ((0.0, 0.0), (1.0, 1.0)), 1.0, 0.3, 2)


@pytest.mark.parametrize(
    "kernel",
    [
        moments_of_one_cell,
        moments_of_many_cells,
        moments_in_one_disc,
        moments_in_many_discs,
        masses_along_many_edges,
        pull_back_to_many_pixels,
        order_of_many_sites,
        repair_by_many_flips,
        location_of_many_points,
        multigrid_of_many_nodes,
        dissection_of_many_nodes,
        elimination_of_many_nodes,
        sums_of_many_exponentials,
        transforms_at_many_sites,
    ],
)
@pytest.mark.usefixtures("bell")
def test_a_signal_ends_it(kernel: Callable[[], Call]) -> None:
    call = kernel()
    begin = time.process_time()  # of processors, which other processes may be using too
    assert is_interrupted(call), "it ended before its first look for a signal"
    assert time.process_time() - begin < SECONDS


def is_interrupted(call: Call) -> bool:
    """Run a kernel with a signal under way; it first looks for one after a tenth of a second."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except RungError:
        return True
    return False


def test_a_signal_ends_the_reading_of_a_triangulation() -> None:
    """After the last site there is no look in Python any more: the one that follows is on the way.

    The handler is called once a look, for a signal that comes all the time.
    """
    sites = np.random.default_rng(0).random((2_000_000, 2))
    triangulator, zeros = Triangulator(sites, hilbert_order(sites)), np.zeros(len(sites))
    looks = []
    while_inserting = -(-len(sites) // 2**16)

    def ring(*_: object) -> None:
        looks.append(time.process_time())
        if len(looks) == while_inserting + 1:
            raise RungError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        with pytest.raises(RungError):
            triangulator.power_diagram(zeros, zeros, 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not triangulator.is_complete
    assert looks[while_inserting] - looks[while_inserting - 1] < SECONDS / 2
