# SPDX-License-Identifier: GPL-3.0-or-later
"""How to carry out work: handed down from a public function to all that it calls."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SERIAL", "Execution"]


@dataclass(frozen=True)
class Execution:
    """What native code may use.

    Public functions take it from `sdot.driver` as they are called; what is below them never looks
    there, so that a setting that changes meanwhile is not seen by half of a solve.

    Attributes
    ----------
    threads : at least 1. Results do not depend on it.
    """

    threads: int


SERIAL = Execution(threads=1)  # for callers that do not say
