"""Is a plan right? Answered without the solver's own integrals.

Three ways: the cells of the plan's potentials as polygons, in coordinates centred on the sites and
on the density, integrated by the kernel for moments; points drawn from the density, each given to
the site that minimises ``|x - y|**2 - w`` by comparing all of them, which knows no geometry at all;
and exact arithmetic where that is quick (`soak_exact`).

Potentials rounded to doubles determine the cells of nearby sites only so far. How far is found
by perturbing them by a few units in the last place, and left open in the comparison.

Every complaint begins with the word for what is wrong, by which the summary counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import spatial
from soak_exact import exact_complaints
from soak_families import Problem
from soak_samples import draw_points, greatest_value

from sdot import (
    Box,
    Polygon,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, Density, DensityKernel, Frame
from sdot.plan import OtPlan

Array = npt.NDArray[np.float64]

_UNIT = float(np.finfo(np.float64).eps)
_SAMPLE_COSTS = 4_000_000  # sites times points drawn
_SAMPLES = 4000
_CONFIDENCE = 40.0  # minus the logarithm of the probability of a false alarm
_ALMOST_COINCIDENT = 1e-6  # shift of a frontier by rounding, relative to the domain's diagonal
_FAR_OFF = 0.5  # relative mass error
_VERIFIED = 1e-4  # relative mass error that the polygons can tell apart


@dataclass(frozen=True, eq=False)
class Centred:
    """A solved problem in double precision, its sites around their own centre, the density's
    around its own, and coincident sites merged.

    With ``y = c + d`` and ``x = o + u``, cells of weights w for sites y are those of weights
    ``w - 2 (c - o) . d`` for sites d.
    """

    sites: Array  # d
    offsets: Array  # o - y, of a coordinate of u to the site's
    masses: Array
    potentials: Array  # the caller's
    weights: Array  # for the centred sites
    value: float
    density: Density
    box: Array  # of u
    centre: Array  # o
    tol: float

    @staticmethod
    def of(plan: OtPlan, problem: Problem, tol: float) -> Centred:
        """Centre a plan for the problem's positions in double precision."""
        positions = problem.positions.astype(np.float64)
        masses = np.ones(len(positions)) if problem.weights is None else problem.weights
        kept = masses > 0  # the others have no cell
        positions, masses = positions[kept], masses[kept]
        potentials = np.asarray(plan.potentials)[kept]
        sites, first, site_of = np.unique(positions, axis=0, return_index=True, return_inverse=True)
        box = plan.density.box
        origin, centre = box.mean(axis=0), sites[len(sites) // 2]
        shifted = sites - centre
        apart = centre.astype(np.longdouble) - origin
        weights = potentials[first] - 2 * (shifted * apart).sum(axis=1)
        return Centred(
            shifted,
            (origin.astype(np.longdouble) - sites).astype(np.float64),
            np.bincount(site_of.reshape(-1), masses / masses.sum()),
            potentials[first],
            (weights - weights.mean()).astype(np.float64),
            float(plan.distance),
            plan.density,
            box - origin,
            origin,
            tol,
        )

    @cached_property
    def diagonal(self) -> float:
        return float(np.linalg.norm(self.box[1] - self.box[0]))

    @cached_property
    def cost_scale(self) -> float:
        """An upper bound of the costs: their rounding is in proportion."""
        reach = np.abs(self.offsets).max() + np.abs(self.box).max()
        return float(2 * reach**2 + np.abs(self.potentials).max())

    @cached_property
    def weight_rounding(self) -> float:
        """What rounding can do to the weights: in the caller's potentials, and here."""
        reach = np.abs(self.sites).max() + np.abs(self.box).max()
        here = float(2 * reach**2 + np.abs(self.weights).max())
        return _UNIT * (float(np.abs(self.potentials).max()) + here)

    @property
    def value_error(self) -> float:
        """What rounding and the tolerance may change in the value."""
        spread = float(np.ptp(self.potentials))
        return 1e-8 * self.value + 2 * self.tol * spread + 1e-13 * self.cost_scale

    def perturbed_weights(self) -> list[Array]:
        """The weights, and the weights with other roundings."""
        rng = np.random.default_rng(0)
        steps = self.weight_rounding * rng.uniform(-4, 4, (3, len(self.weights)))
        return [self.weights, *(self.weights + step for step in steps)]

    def mass_rounding(self, weights: Array) -> Array:
        """What weights with other roundings can do to masses, to first order."""
        diagram = DiagramArrays.build(self.sites, weights)
        _, edge_weights = self._kernel.masses_and_edge_weights(diagram)
        total = np.zeros(len(weights))
        for side in range(2):
            np.add.at(total, diagram.edge_sites[:, side], edge_weights)
        return 2 * 8 * self.weight_rounding * total

    @cached_property
    def _kernel(self) -> DensityKernel:
        return self.density.kernel(Frame(self.centre, np.ones(2)))

    def moments(self, weights: Array) -> CellMoments:
        """Moments of the cells, with centroids relative to the density's centre."""
        return self._kernel.moments(DiagramArrays.build(self.sites, weights))


def check(plan: OtPlan, problem: Problem, tol: float) -> tuple[str, bool]:
    """Return what is wrong (nothing: an empty string), and if polygons could verify the masses."""
    centred = Centred.of(plan, problem, tol)
    complaints = _check_returned(plan, problem, centred) + _check_areas(plan, centred)
    by_polygons, verified = _check_polygons(centred)
    complaints += [*by_polygons, *_check_samples(centred)]
    complaints += exact_complaints(plan, problem)
    return "; ".join(complaints), verified


def _check_returned(plan: OtPlan, problem: Problem, centred: Centred) -> list[str]:
    complaints = []
    cell_masses = np.asarray(plan.cell_masses)
    masses = np.ones(len(cell_masses)) if problem.weights is None else problem.weights
    masses = masses * (plan.density.total_mass / masses.sum())
    kept = masses > 0
    error = float(np.abs((masses[kept] - cell_masses[kept]) / masses[kept]).max())
    if error != plan.status.mass_error:
        complaints.append(f"status: mass_error {plan.status.mass_error:.3g}, it is {error:.3g}")
    if not max(error, plan.status.mass_error) <= centred.tol:
        complaints.append(f"masses: cell_masses are off by {error:.3g}")
    if not (cell_masses[~kept] == 0).all():
        complaints.append("masses: cells without mass have some")
    if plan.density.domain is not None:
        complaints += _check_inside(plan.density.box, np.asarray(plan.barycenters)[kept])
    return complaints


def _check_inside(box: Array, barycenters: Array) -> list[str]:
    margin = 1e-9 * (box[1] - box[0]) + 4 * _UNIT * np.abs(box).max(axis=0)
    inside = (barycenters >= box[0] - margin) & (barycenters <= box[1] + margin)
    if inside.all():
        return []
    return [f"barycenters: {np.count_nonzero(~inside.all(axis=1))} are outside"]


def _check_areas(plan: OtPlan, centred: Centred) -> list[str]:
    """The cells of `OtPlan.power_diagram`, above all where areas are masses."""
    support = _support_area(plan.density)
    if support is None:
        return []
    areas = np.asarray(plan.power_diagram.areas)
    # Corners are rounded to the caller's coordinates.
    corner = 4 * _UNIT * float(np.abs(plan.density.box).max())
    rounding = 8 * corner * centred.diagonal
    complaints = []
    if not abs(areas.sum() / support - 1) <= 1e-9 + len(areas) * rounding / support:
        complaints.append(f"diagram: the areas sum to {areas.sum():.6g}, not {support:.6g}")
    is_uniform = isinstance(plan.density, Box | Polygon)
    if is_uniform and len(centred.masses) == len(areas):  # of coincident sites one has the cell
        shares = np.asarray(plan.cell_masses) / plan.density.total_mass
        wrong = np.abs(areas / support - shares) - 1e-9 * shares - rounding / support
        if not wrong.max() <= 0:
            worst = wrong.argmax()
            error = areas[worst] / support / shares[worst] - 1
            complaints.append(f"diagram: the area of cell {worst} is off by {error:.1e}")
    return complaints


def _support_area(density: Density) -> float | None:
    if isinstance(density, Box | PolynomialGrid | SplineGrid):
        return float(np.prod(density.box[1] - density.box[0]))
    if isinstance(density, Polygon):
        return density.area
    if isinstance(density, SumOfGaussians) and density.domain is not None:
        return Polygon(density.domain).area
    return None


def _check_polygons(problem: Centred) -> tuple[list[str], bool]:
    complaints = []
    found = [problem.moments(weights) for weights in problem.perturbed_weights()]
    masses = np.array([moments.masses for moments in found])
    relative = np.abs(masses / problem.masses - 1)
    rounding = np.ptp(masses, axis=0) / problem.masses
    unknown = _unknown_masses(problem, relative[0] > _FAR_OFF) / problem.masses
    rounding = np.maximum(10 * rounding, problem.mass_rounding(problem.weights) / problem.masses)
    excess = relative[0] - rounding - unknown - 2 * problem.tol - 1e-14 / problem.masses
    if not excess.max() <= 0:
        worst = excess.argmax()
        complaints.append(
            f"potentials: by polygons the mass of site {worst} is off by "
            f"{relative[0, worst]:.1e}, rounding could be {rounding[worst] + unknown[worst]:.1e}"
        )
    lower = _dual_value(problem, found[0])
    if not abs(lower - problem.value) <= problem.value_error + _dual_rounding(problem, rounding):
        complaints.append(f"value: it is {problem.value:.10g}, by polygons {lower:.10g}")
    return complaints, bool((rounding + unknown).max() < _VERIFIED)


def _unknown_masses(problem: Centred, far_off: npt.NDArray[np.bool_]) -> Array:
    """What rounded potentials leave open in masses that are far off, or of almost coincident sites.

    They may hide such a site in all perturbations. An error of e in a difference of weights moves a
    frontier by e / (2 d), d the distance of the sites, and so at most diagonal x density times
    that in mass.
    """
    if len(problem.sites) == 1:
        return np.zeros(1)
    distances, _ = spatial.cKDTree(problem.sites).query(problem.sites, k=2)
    shift = 4 * problem.weight_rounding / distances[:, 1]
    concerned = far_off | (shift > _ALMOST_COINCIDENT * problem.diagonal)
    greatest = greatest_value(problem.density)
    return np.asarray(np.where(concerned, greatest * problem.diagonal * shift, 0.0))


def _dual_value(problem: Centred, moments: CellMoments) -> float:
    filled = moments.masses > 0
    gaps = problem.offsets + np.where(filled[:, None], moments.centroids, 0.0)
    costs = moments.masses * (gaps**2).sum(axis=1)
    spreads = moments.second_moments[:, 0] + moments.second_moments[:, 2]
    residual = problem.masses - np.where(filled, moments.masses, 0.0)
    return float((costs + spreads)[filled].sum() + residual @ problem.potentials)


def _dual_rounding(problem: Centred, rounding: Array) -> float:
    return float((rounding * problem.masses * np.abs(problem.potentials)).sum())


def _check_samples(problem: Centred) -> list[str]:
    complaints = []
    count = min(_SAMPLES, max(100, _SAMPLE_COSTS // len(problem.sites)))
    rng = np.random.default_rng(1)
    points, values = draw_points(problem.density, problem.centre, count, rng)
    if len(points) < count:
        return []
    label = _nearest(problem, points, problem.weights)
    unsure = np.zeros(len(points), dtype=bool)
    for weights in problem.perturbed_weights()[1:]:
        unsure |= _nearest(problem, points, weights) != label
    largest = values.max()
    found = np.bincount(label, values, len(problem.sites))
    expected = count * problem.masses
    bound = (
        np.sqrt(2 * _CONFIDENCE * expected * largest) + _CONFIDENCE * largest + values[unsure].sum()
    )
    if (np.abs(found - expected) > bound).any():
        worst = (np.abs(found - expected) - bound).argmax()
        complaints.append(
            f"potentials: of {count} points {found[worst]:g}, not {expected[worst]:g}, in a cell"
        )
    potential = ((points + problem.offsets[label]) ** 2).sum(axis=1) - problem.potentials[label]
    terms = values * (potential - potential.mean())
    value = terms.mean() + potential.mean() + problem.masses @ problem.potentials
    reach = max(problem.diagonal, float(np.ptp(points, axis=0).max()))
    bound = 9 * terms.std() / np.sqrt(count)
    bound += _CONFIDENCE * largest * reach * np.sqrt(problem.cost_scale) / count
    if not abs(value - problem.value) <= bound + problem.value_error:
        complaints.append(f"value: it is {problem.value:.6g}, by drawn points {value:.6g}")
    return complaints


def _nearest(problem: Centred, points: Array, weights: Array) -> npt.NDArray[np.intp]:
    """The site that each point goes to."""
    costs = (points[:, None, 0] - problem.sites[:, 0]) ** 2
    costs += (points[:, None, 1] - problem.sites[:, 1]) ** 2
    costs -= weights
    return np.asarray(costs.argmin(axis=1))


def check_translation(plan: OtPlan, problem: Problem, tol: float) -> str:
    """Compare with the same problem elsewhere."""
    size = 2.0 ** np.round(np.log2((problem.box[1] - problem.box[0]).max()))
    shift = size * np.random.default_rng(problem.seed).integers(-8, 9, 2)
    diracs = SumOfDiracs(problem.positions.astype(np.float64) + shift, problem.weights)
    moved = float(optimal_transport_plan(diracs, problem.density(shift), tol=tol).distance)
    centred = Centred.of(plan, problem, tol)
    # Of the sites and the density by the shift.
    rounding = 8 * _UNIT * float(np.abs([*problem.box, *problem.positions, shift]).max())
    error = abs(moved - centred.value) - 2 * centred.value_error
    if not error <= rounding * np.sqrt(centred.cost_scale):
        return f"value: it is {centred.value:.10g}, after a translation {moved:.10g}"
    return ""
