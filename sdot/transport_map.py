# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a plan sends the points of the plane, and the potential there, in any framework.

The site of a point is found on the host, exactly and without derivatives. What depends on it is put
together of the framework's own operations, which it differentiates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sdot.distributions.distribution import array_or_none
from sdot.frameworks import has_no_values, refuse_recording, to_numpy
from sdot.periodic_diagrams import Torus
from sdot.results import PlanArrays, ResultFormat, result_format
from sdot.validation import FloatArray, check_points, transpose_hint

__all__ = ["LocatesPoints", "TransportMap"]


class LocatesPoints(Protocol):
    """What finds sites on the host: of a solved plan, or of one that its arguments make."""

    @property
    def arguments(self) -> int:
        """How many arrays are to be known first."""

    def located(
        self, arrays: Sequence[FloatArray], points: FloatArray
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the sites (...) in whose cells points (..., 2) are, and the potential there."""

    def prepare(self, arrays: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Solve the problem at a place of a batch."""

    def is_first_failure(self) -> bool:
        """Tell, whoever asks after a failure, whether nobody has asked before."""


@dataclass(frozen=True, eq=False)
class TransportMap:
    """The map of a plan.

    Attributes
    ----------
    source, arguments : what finds sites, and the framework's arrays that it has to know.
    outputs : what the plan says: positions and potentials of the sites, in its framework.
    torus : that of a periodic density: points go to the nearest copies of their sites.
    """

    source: LocatesPoints
    arguments: Sequence[Any]
    outputs: PlanArrays
    torus: Torus | None = None

    def site_at(self, x: Any) -> Any:
        """Return the sites (...) of points (..., 2)."""
        x, result = self._checked(x)
        return result.adapter.located(self.source, self.arguments, x, result)[0]

    def transport(self, x: Any) -> Any:
        """Return where points (..., 2) go."""
        x, result = self._checked(x)
        adapter = result.adapter
        sites, values = adapter.located(self.source, self.arguments, x, result)
        images = self._images(sites, x, result)
        # NaN where a compiled solve has failed, or a point is not transported.
        with np.errstate(invalid="ignore"):
            return images + (0 * values / (sites >= 0))[..., None]

    def potential(self, x: Any) -> Any:
        """Return the potential (...) at points (..., 2): its value, with derivatives of a formula.

        The value is that of the host, found in double precision.
        """
        x, result = self._checked(x)
        adapter = result.adapter
        sites, values = adapter.located(self.source, self.arguments, x, result)
        positions = self._images(sites, x, result)
        potentials = adapter.converted(self.outputs.potentials, result)[sites]
        gaps = adapter.converted(x, result) - positions
        formula = ((gaps * gaps).sum(-1) - potentials) * (sites >= 0)
        return values + (formula - adapter.without_derivative(formula))

    def _images(self, sites: Any, x: Any, result: ResultFormat) -> Any:
        """Positions of the sites (..., 2) of points."""
        adapter = result.adapter
        positions = adapter.converted(self.outputs.positions, result)[sites]
        if self.torus is None:
            return positions
        period = adapter.converted(self.torus.period, result)
        gaps = adapter.without_derivative(adapter.converted(x, result) - positions)
        return positions + (gaps / period).round() * period

    def _checked(self, x: Any) -> tuple[Any, ResultFormat]:
        x = array_or_none(x)
        refuse_recording(x)
        if has_no_values(x):
            if x.ndim == 0 or x.shape[-1] != 2:
                raise ValueError(
                    f"x: expected an array of shape (..., 2), not {tuple(x.shape)}"
                    f"{transpose_hint(tuple(x.shape))}"
                )
        else:
            check_points(to_numpy(x) if x is not None else x, "x")
        return x, result_format(x, self.outputs.potentials)
