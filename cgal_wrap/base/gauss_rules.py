# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauss-Legendre rules on [0, 1], for `gauss_rules.hpp`."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["cut_rules", "gauss_rule", "gauss_rules"]

FloatArray = npt.NDArray[np.float64]
Rule = tuple[FloatArray, FloatArray]


def gauss_rule(count: int) -> Rule:
    """Return the nodes and weights of the rule with so many nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def gauss_rules(most: int) -> Rule:
    """Return those of the rules with 1, 2, ... nodes, one after the other."""
    rules = [gauss_rule(count) for count in range(1, most + 1)]
    return np.concatenate([rule[0] for rule in rules]), np.concatenate([rule[1] for rule in rules])


@cache
def cut_rules(degree: int) -> tuple[Rule, Rule, int]:
    """Return those of `caps.hpp` for polynomials of a total degree: inner, outer, and count.

    Remembered, since Newton's method asks for them at every iteration; so they are read-only.
    """
    count = 8 + (2 * degree + 2) // 3
    inner, outer = gauss_rule((degree + 1) // 2 + 1), gauss_rules(count)
    for array in (*inner, *outer):
        array.setflags(write=False)
    return inner, outer, count
