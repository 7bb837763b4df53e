# SPDX-License-Identifier: GPL-3.0-or-later
"""Lloyd's iteration, accelerated: a quasi-Newton method whose first step is Lloyd's.

Limited-memory BFGS (Nocedal, Math. Comp. 35, 1980; Liu and Nocedal, Math. Programming 45, 1989) in
the metric of Lloyd's method: the inverse Hessian is built up from 1 / (2 m_i) on the coordinates of
site i, with which the first step goes to the barycentres. A step has to lower the energy; where
none does, Lloyd's own step is taken, which always does. So every iterate is at least as good as the
one before, and the limit is a stationary point, as with Lloyd's method, in a tenth of the diagrams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sdot.errors import ConvergenceError
from sdot.quantisation.energies import Energy, Quantised
from sdot.validation import FloatArray

__all__ = ["Descent", "Step", "descend"]

# Steps that the quasi-Newton matrix remembers.
_REMEMBERED = 50
# Of the decrease that the slope promises, a step has to give this share (Armijo).
_ENOUGH = 1e-4
# Trials along a direction before it is given up.
_TRIALS = 6
# A trial's step is at least and at most this share of the one before.
_SHORTEST, _LONGEST = 0.1, 0.5
# Relative rounding of energies: smaller differences say nothing.
_ROUNDING = 1e-14
# Greatest mass errors relative to the gradient, which they change by some 2% at most. With larger
# ones energies would be wrong by more than steps gain: they are of second order in mass errors.
_ACCURACY = 0.5
_COARSEST, _FINEST = 0.2, 1e-11


@dataclass(frozen=True)
class Step:
    """One iteration, as a callback sees it and the history keeps it.

    Attributes
    ----------
    iteration : steps taken so far; 0 for the start.
    distance : W2^2 between the sites with their masses and the density.
    gradient_norm : relative to the distance, as the stopping criterion has it.
    diagrams : power diagrams built so far.

    Examples
    --------
    >>> from sdot import Box, lloyd
    >>> history = lloyd([[0.2, 0.5], [0.6, 0.5]], Box(((0, 0), (1, 1)))).history
    >>> history[0].distance > history[-1].distance
    True
    """

    iteration: int
    distance: float
    gradient_norm: float
    diagrams: int


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the iteration has ended: the last iterate, which is the best one."""

    last: Quantised
    history: tuple[Step, ...]
    failure: str = ""  # why it could not go on


def descend(
    energy: Energy,
    positions: FloatArray,
    *,
    tol: float,
    max_iterations: int,
    coarsest: float = _COARSEST,
    report: Callable[[Step], None] = lambda step: None,
) -> Descent:
    """Iterate until the relative gradient norm is at most ``tol``, or for so many steps.

    ``coarsest``: the greatest relative mass error with which to compute an energy.
    """
    current = energy.at(positions, coarsest)
    memory = _Curvature()
    history: list[Step] = []
    while True:
        current = _refined(energy, current, tol, coarsest)
        step = Step(len(history), current.value, current.relative_gradient, energy.diagrams)
        history.append(step)
        report(step)
        if current.relative_gradient <= tol or len(history) > max_iterations:
            return Descent(current, tuple(history))
        try:
            current = _stepped(energy, current, memory, coarsest)
        except ConvergenceError as failure:
            return Descent(current, tuple(history), str(failure))


def _refined(energy: Energy, current: Quantised, tol: float, coarsest: float) -> Quantised:
    """The same with masses right to what its gradient has turned out to need.

    If that is small enough to be the last one, as well as for any gradient of its size.
    """
    is_last = current.relative_gradient <= tol
    needed = _ACCURACY * tol if is_last else _accuracy(current.relative_gradient, coarsest)
    if current.accuracy <= 4 * max(needed, _FINEST):
        return current
    return energy.at(current.positions, max(needed, _FINEST))


def _accuracy(relative_gradient: float, coarsest: float) -> float:
    return min(coarsest, max(_FINEST, _ACCURACY * relative_gradient))


def _stepped(energy: Energy, current: Quantised, memory: _Curvature, coarsest: float) -> Quantised:
    accuracy = _accuracy(current.relative_gradient, coarsest)
    following = None
    if len(memory):
        following = _searched(energy, current, memory.direction(current), accuracy)
        if following is None:
            memory.clear()
    if following is None:
        following = energy.at(current.barycenters, accuracy)
    memory.add(current, following)
    return following


def _searched(
    energy: Energy, current: Quantised, direction: FloatArray, accuracy: float
) -> Quantised | None:
    """Backtrack along a direction until the energy is lower; None if it does not get so."""
    slope = float((current.gradient * direction).sum())
    if slope >= 0:
        return None
    length = 1.0
    for _ in range(_TRIALS):
        trial = energy.at(current.positions + length * direction, accuracy)
        slope_there = float((trial.gradient * direction).sum())
        if _is_lower(current, trial, length * slope, length * slope_there):
            return trial
        # Where the slope, as a line through both, is zero; if it does not fall, far back.
        share = slope / (slope - slope_there) if slope_there > slope else _LONGEST
        length *= min(max(share, _SHORTEST), _LONGEST)
    return None


def _is_lower(current: Quantised, trial: Quantised, slope: float, slope_there: float) -> bool:
    """Whether a step lowers the energy enough; by the slopes where energies cannot tell."""
    change = trial.value - current.value
    noise = (_ROUNDING + max(current.accuracy, trial.accuracy) ** 2) * current.value
    if change <= _ENOUGH * slope:
        return True
    # The approximate condition of Hager and Zhang, SIAM J. Optim. 16 (2005).
    return change <= noise and slope_there <= (2 * _ENOUGH - 1) * slope


class _Curvature:
    """Changes of positions and gradients in the last steps."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[FloatArray, FloatArray, float]] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        return len(self._pairs)

    def clear(self) -> None:
        self._pairs.clear()

    def add(self, current: Quantised, following: Quantised) -> None:
        """Remember a step, unless the energy has no positive curvature along it."""
        move = following.positions - current.positions
        change = following.gradient - current.gradient
        product = _inner(move, change)
        if product > 1e-10 * np.sqrt(_inner(move, move) * _inner(change, change)):
            self._pairs.append((move, change, product))

    def direction(self, current: Quantised) -> FloatArray:
        """The quasi-Newton direction: two loops over the pairs."""
        rest, shares = current.gradient.copy(), []
        for move, change, product in reversed(self._pairs):
            shares.append(_inner(move, rest) / product)
            rest -= shares[-1] * change
        metric = np.divide(0.5, current.masses, out=np.zeros(len(rest)), where=current.masses > 0)[
            :, None
        ]
        _, change, product = self._pairs[-1]
        result: FloatArray = product / _inner(change, metric * change) * metric * rest
        for (move, change, product), share in zip(self._pairs, reversed(shares), strict=True):
            result += (share - _inner(change, result) / product) * move
        return -result


def _inner(first: FloatArray, second: FloatArray) -> float:
    """Not by BLAS: its sums depend on its threads."""
    return float((first * second).sum())
