# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as methods, and in notebooks: by `sdot.plot`, imported when the first one is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sdot.notebook import card

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drawn"]


class Drawn:
    """Something of which `sdot.plot` can make a picture."""

    plotter: ClassVar[str]  # the name of the function

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of it."""
        return {}

    def _repr_html_(self) -> str:
        """Return what notebooks show: a table, and a small picture if matplotlib is installed."""
        try:
            picture = importlib.import_module("sdot.plot.previews").preview(self)
        except ImportError:
            picture = None
        return card(repr(self), self._facts, picture)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw it with matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw, new axes by default.
        **options
            As of the function that draws: `sdot.plot.plot_plan` draws plans,
            `sdot.plot.plot_density` densities, `sdot.plot.plot_diracs` Diracs and
            `sdot.plot.plot_diagram` power diagrams.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> density, diracs = Box(((0, 0), (1, 1))), SumOfDiracs([[0.2, 0.3], [0.7, 0.6]])
        >>> ax = density.plot(colorbar=True)
        >>> ax = diracs.plot(color="tab:red")
        >>> plan = optimal_transport_plan(diracs, density)
        >>> ax = plan.plot(values=plan.potentials, colorbar="potential")
        >>> ax = plan.power_diagram.plot(values=plan.power_diagram.areas)
        """
        axes: Axes = getattr(importlib.import_module("sdot.plot"), self.plotter)(
            self, ax, **options
        )
        return axes
