# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a solved plan, as they were found."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.distributions.density import CellMoments, Density, DensityKernel
from sdot.distributions.disc_kernel import cuts_discs
from sdot.execution import Execution
from sdot.placed_diagram import PlacedDiagram
from sdot.solver.solution import Solution
from sdot.validation import FloatArray, check_points

__all__ = ["PlanLocation", "cell_spreads", "solved_cells"]


def solved_cells(solution: Solution) -> PlacedDiagram:
    """Return the cells of a solve, to all of its digits."""
    normalisation = solution.normalisation
    owners = np.unique(normalisation.site_of, return_index=True)[1]
    if solution.heavy is not None:
        owners = solution.heavy[owners]
    return PlacedDiagram(
        solution.diagram,
        normalisation.frame,
        owners,
        len(solution.positions),
        normalisation.site_scale,
    )


def cell_spreads(solution: Solution, density: Density, execution: Execution) -> FloatArray:
    """Return each site's share of the second moments (n, 2, 2) of its cell about the barycentre."""
    normalisation = solution.normalisation
    kernel = density.kernel(normalisation.frame, execution)
    own = _moments(solution, kernel).second_moments[normalisation.site_of]
    xx, xy, yy = solution.density_mass * (own * normalisation.share[:, None]).T
    matrices = np.array([[xx, xy], [xy, yy]]).transpose(2, 0, 1)
    scale = normalisation.frame.scale
    result = np.zeros((len(solution.positions), 2, 2))
    heavy = slice(None) if solution.heavy is None else solution.heavy
    result[heavy] = matrices * np.outer(scale, scale)
    return result


def _moments(solution: Solution, kernel: DensityKernel) -> CellMoments:
    """Moments of the cells, within their discs if these cut them."""
    radii = solution.squared_radii
    if radii is not None and cuts_discs(kernel):
        return kernel.disc_moments(solution.diagram, radii)
    return kernel.moments(solution.diagram)


class PlanLocation:
    """Where the points of the plane go, for a plan that is solved."""

    arguments = 0  # no array is to be known before one can tell; see `SolutionMap`

    def __init__(self, solution: Solution) -> None:
        self._solution = solution
        self._failures = itertools.count()

    def located(
        self, arrays: Sequence[FloatArray], points: FloatArray
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the sites (...) in whose cells points (..., 2) are, and the potential there."""
        solution, points = self._solution, check_points(points, "x")
        torus = solution.torus
        places = points if torus is None else torus.wrap(points)
        sites = self._cells.locate(places, solution.execution)
        gaps = points - solution.positions[sites]
        if torus is not None:
            gaps = torus.nearest(gaps)
        heights = gaps[..., 0] ** 2 + gaps[..., 1] ** 2
        values = heights - solution.potentials[sites]
        if solution.squared_radii is not None:  # outside of the discs nothing is transported
            sites, values = np.where(values > 0, -1, sites), np.minimum(values, 0.0)
        return sites, values

    def prepare(self, arrays: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """There is nothing left to solve."""

    def is_first_failure(self) -> bool:
        """Tell, whoever asks after a failure, whether nobody has asked before."""
        return next(self._failures) == 0

    @cached_property
    def _cells(self) -> PlacedDiagram:
        return solved_cells(self._solution)
