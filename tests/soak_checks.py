"""Is a plan right? Answered without the solver's own integrals.

Two ways: the cells of the plan's potentials as polygons, in coordinates centred on the domain,
integrated by the kernel for polygons; and points drawn from the density, each given to the site
that minimises ``|x - y|**2 - w`` by comparing all of them. The second knows no geometry at all.

Potentials rounded to doubles determine the cells of nearby sites only so far. How far is found
by perturbing them by a few units in the last place, and left open in the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import spatial

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.distributions.density import CellMoments, Frame
from sdot.plan import OtPlan
from sdot.power_diagram import DiagramArrays

Array = npt.NDArray[np.float64]

_SAMPLE_COSTS = 4_000_000  # sites times points drawn
_SAMPLES = 4000
_CONFIDENCE = 40.0  # minus the logarithm of the probability of a false alarm
_ALMOST_COINCIDENT = 1e-6  # shift of a frontier by rounding, relative to the domain's diagonal
_FAR_OFF = 0.5  # relative mass error
_VERIFIED = 1e-4  # relative mass error that the polygons can tell apart


@dataclass(frozen=True, eq=False)
class Centred:
    """A solved problem around the origin, in double precision, with coincident sites merged."""

    sites: Array
    masses: Array
    weights: Array
    value: float
    density: PolynomialGrid
    box: Array
    centre: Array
    tol: float

    @staticmethod
    def of(plan: OtPlan, positions: Array, weights: Array | None, tol: float) -> Centred:
        """Centre a plan for these positions."""
        masses = np.ones(len(positions)) if weights is None else weights
        centre = plan.density.box.mean(axis=0)
        sites, first, site_of = np.unique(
            positions - centre, axis=0, return_index=True, return_inverse=True
        )
        return Centred(
            sites,
            np.bincount(site_of.reshape(-1), masses / masses.sum()),
            np.asarray(plan.potentials)[first],
            float(plan.distance),
            plan.density,
            plan.density.box - centre,
            centre,
            tol,
        )

    @property
    def cost_scale(self) -> float:
        """An upper bound of the costs and potentials: their rounding is in proportion."""
        reach = np.abs(self.sites).max() + np.abs(self.box).max()
        return float(2 * reach**2 + np.abs(self.weights).max())

    @property
    def value_error(self) -> float:
        """What rounding and the tolerance may change in the value."""
        spread = float(np.ptp(self.weights))
        return 1e-8 * self.value + 2 * self.tol * spread + 1e-13 * self.cost_scale

    def perturbed_weights(self) -> list[Array]:
        """The weights, and the weights with other roundings."""
        rng = np.random.default_rng(0)
        steps = 2e-16 * self.cost_scale * rng.uniform(-4, 4, (3, len(self.weights)))
        return [self.weights, *(self.weights + step for step in steps)]


def check(plan: OtPlan, positions: Array, weights: Array | None, tol: float) -> tuple[str, bool]:
    """Return what is wrong (nothing: an empty string), and if polygons could verify the masses."""
    problem = Centred.of(plan, positions, weights, tol)
    complaints = _check_returned(plan, problem, weights)
    by_polygons, verified = _check_polygons(problem)
    complaints += [*by_polygons, *_check_samples(problem)]
    return "; ".join(complaints), verified


def _check_returned(plan: OtPlan, problem: Centred, weights: Array | None) -> list[str]:
    complaints = []
    cell_masses = np.asarray(plan.cell_masses)
    masses = np.ones(len(cell_masses)) if weights is None else weights
    masses = masses / masses.sum()
    wrong = np.abs(cell_masses - masses) - 2 * problem.tol * masses
    if not wrong.max() <= 1e-14:
        complaints.append(f"cell_masses are off by {wrong.max():.1e}")
    margin = 1e-9 * (problem.box[1] - problem.box[0]) + 1e-15 * np.abs(problem.centre)
    barycenters = np.asarray(plan.barycenters) - problem.centre
    inside = (barycenters >= problem.box[0] - margin) & (barycenters <= problem.box[1] + margin)
    if not inside.all():
        complaints.append(f"{np.count_nonzero(~inside.all(axis=1))} barycenters are outside")
    return complaints


def _check_polygons(problem: Centred) -> tuple[list[str], bool]:
    complaints = []
    found = [_polygon_moments(problem, weights) for weights in problem.perturbed_weights()]
    masses = np.array([moments.masses for moments in found])
    relative = np.abs(masses / problem.masses - 1)
    rounding = np.ptp(masses, axis=0) / problem.masses
    unknown = _unknown_masses(problem, relative[0] > _FAR_OFF) / problem.masses
    excess = relative[0] - 10 * rounding - unknown - 2 * problem.tol - 1e-14 / problem.masses
    if not excess.max() <= 0:
        worst = excess.argmax()
        complaints.append(
            f"by polygons the mass of site {worst} is off by {relative[0, worst]:.1e}, "
            f"{rounding[worst] + unknown[worst]:.1e} of it rounding"
        )
    lower = _dual_value(problem, found[0])
    if not abs(lower - problem.value) <= problem.value_error + _dual_rounding(problem, rounding):
        complaints.append(f"the value is {problem.value:.10g}, by polygons {lower:.10g}")
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
    coefficients = problem.density.coefficients
    greatest = np.abs(coefficients).sum(axis=(2, 3)).max() / problem.density.total_mass
    diagonal = float(np.linalg.norm(problem.box[1] - problem.box[0]))
    shift = 4 * 2e-16 * problem.cost_scale / distances[:, 1]
    concerned = far_off | (shift > _ALMOST_COINCIDENT * diagonal)
    return np.asarray(np.where(concerned, greatest * diagonal * shift, 0.0))


def _polygon_moments(problem: Centred, weights: Array) -> CellMoments:
    kernel = problem.density.kernel(Frame(problem.centre, np.ones(2)))
    return kernel.moments(DiagramArrays.build(problem.sites, weights))


def _dual_value(problem: Centred, moments: CellMoments) -> float:
    filled = moments.masses > 0
    offsets = problem.sites - np.where(filled[:, None], moments.centroids, 0.0)
    costs = moments.masses * (offsets**2).sum(axis=1)
    spreads = moments.second_moments[:, 0] + moments.second_moments[:, 2]
    residual = problem.masses - np.where(filled, moments.masses, 0.0)
    return float((costs + spreads)[filled].sum() + residual @ problem.weights)


def _dual_rounding(problem: Centred, rounding: Array) -> float:
    return float((rounding * problem.masses * np.abs(problem.weights)).sum())


def _check_samples(problem: Centred) -> list[str]:
    complaints = []
    points, values = _draw_points(problem)
    label, potential = _nearest(problem, points, problem.weights)
    unsure = np.zeros(len(points), dtype=bool)
    for weights in problem.perturbed_weights()[1:]:
        unsure |= _nearest(problem, points, weights)[0] != label
    count, largest = len(points), values.max()
    found = np.bincount(label, values, len(problem.sites))
    expected = count * problem.masses
    bound = (
        np.sqrt(2 * _CONFIDENCE * expected * largest) + _CONFIDENCE * largest + values[unsure].sum()
    )
    if (np.abs(found - expected) > bound).any():
        worst = (np.abs(found - expected) - bound).argmax()
        complaints.append(f"of {count} points {found[worst]:g}, not {expected[worst]:g}, in a cell")
    terms = values * (potential - potential.mean())
    value = terms.mean() + potential.mean() + problem.masses @ problem.weights
    reach = np.linalg.norm(problem.box[1] - problem.box[0]) * np.sqrt(problem.cost_scale)
    bound = 9 * terms.std() / np.sqrt(count) + _CONFIDENCE * largest * reach / count
    if not abs(value - problem.value) <= bound + problem.value_error:
        complaints.append(f"the value is {problem.value:.6g}, by drawn points {value:.6g}")
    return complaints


def _draw_points(problem: Centred) -> tuple[Array, Array]:
    """Points uniform in pixels drawn by mass, and the density relative to its pixel's mean."""
    rng = np.random.default_rng(1)
    density = problem.density
    x_sides, y_sides = np.diff(density.x_lines), np.diff(density.y_lines)
    integrals = 1.0 / np.arange(1, density.degree + 2)
    means = np.einsum("xypq,p,q->xy", density.coefficients, integrals, integrals)
    masses = means * x_sides[:, None] * y_sides
    count = min(_SAMPLES, max(100, _SAMPLE_COSTS // len(problem.sites)))
    pixels = rng.choice(masses.size, count, p=masses.ravel() / masses.sum())
    i, j = np.unravel_index(pixels, masses.shape)
    local = rng.random((count, 2))
    lines = density.x_lines - problem.centre[0], density.y_lines - problem.centre[1]
    corner = np.stack([lines[0][i], lines[1][j]], axis=1)
    points = corner + local * np.stack([x_sides[i], y_sides[j]], axis=1)
    powers = local[:, :, None] ** np.arange(density.degree + 1)
    heights = np.einsum("kpq,kp,kq->k", density.coefficients[i, j], powers[:, 0], powers[:, 1])
    return points, heights / means[i, j]


def _nearest(problem: Centred, points: Array, weights: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """The site that each point goes to, and the potential on the density's side."""
    costs = (points[:, None, 0] - problem.sites[:, 0]) ** 2
    costs += (points[:, None, 1] - problem.sites[:, 1]) ** 2
    costs -= weights
    label = costs.argmin(axis=1)
    return label, costs[np.arange(len(points)), label]


def check_translation(problem: Centred, seed: int) -> str:
    """Compare with the same problem elsewhere."""
    size = 2.0 ** np.round(np.log2((problem.box[1] - problem.box[0]).max()))
    shift = size * np.random.default_rng(seed).integers(-8, 9, 2)
    values = problem.density.values
    density = PolynomialGrid(values, domain=problem.box + shift)
    diracs = SumOfDiracs(problem.sites + shift, problem.masses)
    moved = float(optimal_transport_plan(diracs, density, tol=problem.tol).distance)
    error = abs(moved - problem.value)
    rounding = 1e-14 * problem.cost_scale  # of the sites, by the shift
    if not error <= 2 * problem.value_error + rounding:
        return f"the value is {problem.value:.10g}, after a translation {moved:.10g}"
    return ""
