# SPDX-License-Identifier: GPL-3.0-or-later
"""Derivatives of what a plan returns: its value, potentials, barycentres and cell masses.

``push_forward`` takes tangents of the arrays to those of the outputs, ``pull_back`` cotangents of
the outputs to gradients of the arrays; each costs one linear solve, and one is the other
transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sdot.derivatives.first_order import gradients
from sdot.derivatives.linearisation import Linearisation
from sdot.distributions.density_derivatives import AffineFunction
from sdot.errors import NotDifferentiableError
from sdot.validation import FloatArray

__all__ = ["Change", "PlanOutputs", "change_of", "checked", "pull_back", "push_forward"]

Tangents = Sequence[FloatArray | None]


class PlanOutputs(NamedTuple):
    """Tangents or cotangents of what a plan returns, None for zero."""

    value: float | None
    potentials: FloatArray | None  # (n,)
    barycenters: FloatArray | None  # (n, 2)
    cell_masses: FloatArray | None  # (n,)


@dataclass(frozen=True, eq=False)
class Change:
    """How a solved plan changes in one direction.

    Attributes
    ----------
    moves, masses, potentials : of the Diracs (n, 2), (n,), (n,).
    weights_sum : of the sum of the weights.
    site_moves, beta, moments : of the sites of the problem: their moves, minus what is added to
        the potential at the barycentres (see `linearisation.py`), and the change of first moments
        about these.
    """

    moves: FloatArray
    masses: FloatArray
    weights_sum: float
    potentials: FloatArray
    site_moves: FloatArray
    beta: FloatArray
    moments: FloatArray


def change_of(linearisation: Linearisation, tangents: Tangents) -> Change:
    """Solve for the change of the plan with tangents of ``(*diracs.arrays, *density.arrays)``."""
    solution, count = linearisation.solution, len(linearisation.diracs.arrays)
    grown = _density_change(linearisation, tangents[count:])
    moves = np.zeros_like(solution.positions) if tangents[0] is None else tangents[0]
    site_moves = linearisation.site_moves(moves)
    masses, weights_sum = _mass_change(
        linearisation, tangents[1] if count > 1 else None, float(grown.values.sum())
    )
    at_sites, flows = linearisation.site_sums(masses), linearisation.flows_of_moves(site_moves)
    beta = linearisation.newton_matrix.solve(
        at_sites - grown.values - linearisation.masses_of_flows(flows),
        np.abs(at_sites) + np.abs(grown.values) + linearisation.size_of_flows(flows),
    )
    moments = (
        linearisation.moments_of_moves(site_moves)
        + linearisation.moments_of_potentials(beta)
        + linearisation.frame.scale * grown.slopes
    )
    potentials = beta[linearisation.site_of] + 2 * (linearisation.gaps * moves).sum(axis=1)
    weighted = (solution.masses * potentials + masses * solution.potentials).sum()
    constant = float(weighted) / linearisation.total_mass
    return Change(
        moves, masses, weights_sum, potentials - constant, site_moves, beta - constant, moments
    )


def checked(
    derivatives: Sequence[FloatArray | None], needed: Sequence[bool]
) -> list[FloatArray | None]:
    """Return what is needed of derivatives, None for the rest.

    Raises
    ------
    NotDifferentiableError
        If one is needed that is not available.
    """
    if any(part is None and wanted for part, wanted in zip(derivatives, needed, strict=True)):
        raise NotDifferentiableError(
            "domain: second derivatives with respect to a grid's domain are not available; pass it "
            "as a NumPy array or tuple, or differentiate by the values only"
        )
    return [part if wanted else None for part, wanted in zip(derivatives, needed, strict=True)]


def _density_change(linearisation: Linearisation, tangents: Tangents) -> AffineFunction:
    if all(tangent is None for tangent in tangents):
        return AffineFunction(np.zeros(linearisation.count), np.zeros((linearisation.count, 2)))
    return linearisation.density_derivative.push_forward(tangents)


def _mass_change(
    linearisation: Linearisation, tangent: FloatArray | None, grown: float
) -> tuple[FloatArray, float]:
    """Of ``m = M u / sum(u)`` with u and M, and of ``sum(u)``."""
    masses, total = linearisation.solution.masses, linearisation.total_mass
    change = masses * (grown / total)
    weights = linearisation.diracs.numpy_weights
    if tangent is None or weights is None:
        return change, 0.0
    added = float(tangent.sum())
    return change + (total * tangent - masses * added) / weights.sum(), added


def push_forward(linearisation: Linearisation, tangents: Tangents) -> PlanOutputs:
    """Return the derivative of a plan's outputs in a direction.

    Parameters
    ----------
    linearisation : Linearisation
    tangents : one array of its shape, or None for zero, for each of
        ``(*diracs.arrays, *density.arrays)``.

    Raises
    ------
    NotDifferentiableError
        Where the plan is not differentiable: where coincident sites move apart, or mass would have
        to move between groups of cells that no edge with mass joins.
    """
    change = change_of(linearisation, tangents)
    barycenters = change.moments / linearisation.cell_masses[:, None]
    return PlanOutputs(
        _change_of_value(linearisation, tangents),
        change.potentials,
        barycenters[linearisation.site_of],
        change.masses,
    )


def _change_of_value(linearisation: Linearisation, tangents: Tangents) -> float:
    needed = [tangent is not None for tangent in tangents]
    slopes = gradients(linearisation.diracs, linearisation.density, linearisation.solution, needed)
    return sum(
        float((slope * tangent).sum())
        for slope, tangent in zip(slopes, tangents, strict=True)
        if slope is not None and tangent is not None
    )


def pull_back(
    linearisation: Linearisation, cotangents: PlanOutputs, needed: Sequence[bool] | None = None
) -> list[FloatArray | None]:
    """Return the gradients of a combination of a plan's outputs, None where not needed.

    Parameters
    ----------
    linearisation : Linearisation
    cotangents : the factors of the outputs, None for zero. For the value alone no linear system is
        solved.
    needed : for which of ``(*diracs.arrays, *density.arrays)``; all by default.

    Raises
    ------
    NotDifferentiableError
        Where the plan is not differentiable.
    """
    arrays = (*linearisation.diracs.arrays, *linearisation.density.arrays)
    needed = [True] * len(arrays) if needed is None else list(needed)
    found: list[FloatArray | None] = [None] * len(arrays)
    if any(cotangent is not None for cotangent in cotangents[1:]):
        found = _of_cells(linearisation, cotangents, needed)
    if cotangents.value is not None:
        found = _plus_value(linearisation, found, cotangents.value, needed)
    return [
        np.zeros(np.shape(array)) if part is None and wanted else part
        for part, array, wanted in zip(found, arrays, needed, strict=True)
    ]


def _plus_value(
    linearisation: Linearisation,
    found: Sequence[FloatArray | None],
    factor: float,
    needed: Sequence[bool],
) -> list[FloatArray | None]:
    slopes = gradients(linearisation.diracs, linearisation.density, linearisation.solution, needed)
    return [
        part if slope is None else factor * slope + (0.0 if part is None else part)
        for part, slope in zip(found, slopes, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _CellCotangents:
    """Those of the potentials (n,), of the masses (n,) and, per site, of the first moments."""

    potentials: FloatArray
    masses: FloatArray
    moments: FloatArray


def _cell_cotangents(linearisation: Linearisation, cotangents: PlanOutputs) -> _CellCotangents:
    solution = linearisation.solution
    zeros = np.zeros(len(solution.masses))
    potentials = zeros if cotangents.potentials is None else cotangents.potentials
    masses = zeros if cotangents.cell_masses is None else cotangents.cell_masses
    moments = np.zeros((linearisation.count, 2))
    if cotangents.barycenters is not None:
        moments = linearisation.site_sums(cotangents.barycenters)
        moments /= linearisation.cell_masses[:, None]
    # The mean that is subtracted from the potentials is that over the masses.
    mean = potentials.sum() / linearisation.total_mass
    return _CellCotangents(
        potentials - mean * solution.masses, masses - mean * solution.potentials, moments
    )


def _of_cells(
    linearisation: Linearisation, cotangents: PlanOutputs, needed: Sequence[bool]
) -> list[FloatArray | None]:
    """The transpose of `change_of`, and of what makes outputs of it."""
    by = _cell_cotangents(linearisation, cotangents)
    total, count = linearisation.total_mass, len(linearisation.diracs.arrays)
    flows = 0.5 * linearisation.flows_of_moves(by.moments)
    multipliers = linearisation.newton_matrix.solve(
        linearisation.site_sums(by.potentials) + linearisation.masses_of_flows(flows),
        linearisation.site_sums(np.abs(by.potentials)) + linearisation.size_of_flows(flows),
    )
    by_moves = linearisation.moments_of_moves(by.moments)
    by_moves -= 2 * linearisation.moments_of_potentials(multipliers)
    by_positions = linearisation.shares[:, None] * by_moves[linearisation.site_of]
    by_positions += 2 * linearisation.gaps * by.potentials[:, None]
    by_masses = by.masses + multipliers[linearisation.site_of]
    mean = float((linearisation.solution.masses * by_masses).sum()) / total
    found: list[FloatArray | None] = [by_positions]
    weights = linearisation.diracs.numpy_weights
    if weights is not None:
        found.append(np.asarray((by_masses - mean) * (total / weights.sum())))
    if not any(needed[count:]):
        return [*found, *(None for _ in needed[count:])]
    # On each cell this is what a change of the density there counts; the masses follow its total.
    function = AffineFunction(mean - multipliers, linearisation.frame.scale * by.moments)
    by_density = linearisation.density_derivative.pull_back(function)
    return checked([*found, *by_density], needed)
