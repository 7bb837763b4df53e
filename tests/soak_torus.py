"""Is a plan on a torus right? By points drawn from the density, each of which goes to the site that
minimises ``|x - y|**2 - w`` over all sites and their copies: that knows no geometry at all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from soak_families import Problem
from soak_samples import draw_points

from sdot.plan import OtPlan

Array = npt.NDArray[np.float64]

_SAMPLE_COSTS = 4_000_000  # sites times points drawn
_SAMPLES = 4000
_CONFIDENCE = 40.0  # minus the logarithm of the probability of a false alarm
_UNIT = float(np.finfo(np.float64).eps)


def check_torus(plan: OtPlan, problem: Problem, tol: float) -> str:
    """Return what is wrong, nothing: an empty string."""
    n = len(problem.positions)
    weights = np.ones(n) if problem.weights is None else problem.weights
    masses = weights / weights.sum()
    kept = masses > 0
    found = np.asarray(plan.cell_masses) / plan.density.total_mass
    complaints = []
    if not np.abs(found[kept] / masses[kept] - 1).max() <= 1.01 * tol + 1e-14 / masses[kept].min():
        complaints.append("masses: cell_masses are off")
    if not (found[~kept] == 0).all():
        complaints.append("masses: cells without mass have some")
    complaints += _check_samples(plan, problem, masses, kept)
    return "; ".join(complaints)


def _check_samples(
    plan: OtPlan, problem: Problem, masses: Array, kept: npt.NDArray[np.bool_]
) -> list[str]:
    """Masses and the value, of sites of which coincident ones are one."""
    sites, first, site_of = np.unique(
        problem.positions[kept], axis=0, return_index=True, return_inverse=True
    )
    shares = np.bincount(site_of.reshape(-1), masses[kept])
    potentials = np.asarray(plan.potentials)[kept][first]
    count = min(_SAMPLES, max(100, _SAMPLE_COSTS // len(sites)))
    low, high = plan.density.box
    points, values = draw_points(plan.density, low, count, np.random.default_rng(1))
    gaps = points[:, None] + (low - sites)
    gaps -= (high - low) * np.round(gaps / (high - low))
    costs = (gaps**2).sum(axis=-1) - potentials
    label = costs.argmin(axis=1)
    rounding = 16 * _UNIT * float(np.abs(plan.density.box).max() * np.abs(high - low).max())
    rounding += 16 * _UNIT * float(((high - low) ** 2).sum() + np.abs(potentials).max())
    least = np.partition(costs, min(1, len(sites) - 1), axis=1)[:, : min(2, len(sites))]
    unsure = np.ptp(least, axis=1) <= rounding if len(sites) > 1 else np.zeros(count, dtype=bool)
    largest, expected = values.max(), count * shares
    bound = np.sqrt(2 * _CONFIDENCE * expected * largest) + _CONFIDENCE * largest
    bound += values[unsure].sum()
    excess = np.abs(np.bincount(label, values, len(sites)) - expected) - bound
    complaints = []
    if excess.max() > 0:
        complaints.append(f"potentials: of {count} points too many or few in {excess.argmax()}")
    dual = costs[np.arange(count), label]
    terms = values * (dual - dual.mean())
    value = terms.mean() + dual.mean() + shares @ potentials
    bound = 9 * terms.std() / np.sqrt(count) + _CONFIDENCE * largest * np.ptp(dual) / count
    known = float(plan.distance) / plan.density.total_mass
    if not abs(value - known) <= bound + rounding + 1e-8 * known:
        complaints.append(f"value: it is {known:.6g}, by drawn points {value:.6g}")
    return complaints
