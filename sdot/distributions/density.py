"""What the solver asks of a density, whatever its kind.

To add a density, write one class with the methods of `Density` and one with those of
`DensityKernel` (usually thin wrappers of a compiled kernel), and export the first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from sdot.power_diagram import DiagramArrays
from sdot.solver.warm_start import Memory
from sdot.validation import FloatArray

__all__ = ["CellMoments", "Density", "DensityKernel", "Frame"]


class Frame(NamedTuple):
    """Coordinates ``(x - origin) / scale`` in which a problem is solved."""

    origin: FloatArray  # (2,)
    scale: FloatArray  # (2,), positive

    def apply(self, points: FloatArray) -> FloatArray:
        """Map original to frame coordinates."""
        return np.asarray((points - self.origin) / self.scale)


class CellMoments(NamedTuple):
    """Mass, centroid and central second moments of a density over each cell."""

    masses: FloatArray  # (n,)
    centroids: FloatArray  # (n, 2), NaN without mass
    second_moments: FloatArray  # (n, 3): xx, xy, yy about the centroid


class DensityKernel(Protocol):
    """Integrals of a density scaled to mass one, in frame coordinates."""

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]`` around the support."""

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses (n,) and, per edge, the density's integral over twice the sites' distance."""

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""

    def coarsened(self, count: int) -> FloatArray:
        """Masses (count, count) of the boxes of a uniform grid over ``box``; approximate."""


class Density(ABC):
    """A nonnegative density in the plane; immutable but for its memory of solutions."""

    @cached_property
    def memory(self) -> Memory:
        """The last solutions for this density, for solves that start from them."""
        return Memory()

    @property
    @abstractmethod
    def total_mass(self) -> float:
        """The integral of the density."""

    @property
    @abstractmethod
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``, the frame to which cells are cut."""

    @property
    @abstractmethod
    def support_box(self) -> FloatArray:
        """A box as small as is easily found outside of which the density is zero."""

    @property
    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """The caller's arrays, which decide the framework and dtype of results."""

    @abstractmethod
    def kernel(self, frame: Frame) -> DensityKernel:
        """Return the density's integrals in the coordinates of a frame, scaled to mass one."""
