# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures for notebooks, of any object, without pyplot and its state."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.plan import OtPlan
from sdot.plot.diagrams import plot_diagram
from sdot.plot.diracs import plot_diracs
from sdot.plot.figure import import_matplotlib, set_frame
from sdot.plot.outlines import box_around
from sdot.plot.plans import plot_plan
from sdot.power_diagram import PowerDiagram
from sdot.solver.solution import Status

__all__ = ["preview"]

_MOST_BYTES = 50_000
_SIDE = 2.2  # inches
_PIXELS = 200  # along each side of a density
# With more than these there would be nothing to see in so small a picture, or it would take long.
_MOST_CELLS, _MOST_ARROWS, _MOST_DOTS = 3_000, 60, 100_000


def preview(drawn: Any) -> bytes | None:
    """Return a PNG of at most 50 kB; None for what has no values, or far too many parts.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    figure = import_matplotlib("matplotlib.figure").Figure(figsize=(_SIDE, _SIDE))
    figure.set_facecolor("white")  # whatever is around it
    ax = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    if not _draw(drawn, ax):
        return None
    ax.set_axis_off()
    png = b""
    for dots_per_inch in (100, 70, 45):
        file = BytesIO()
        figure.savefig(file, format="png", dpi=dots_per_inch)
        png = file.getvalue()
        if len(png) <= _MOST_BYTES:
            break
    return png


def _draw(drawn: Any, ax: Any) -> bool:
    """Draw into axes; return whether there is anything."""
    if isinstance(drawn, OtPlan):
        return _draw_plan(drawn, ax)
    if isinstance(drawn, PowerDiagram):
        return _draw_diagram(drawn, ax)
    if not drawn.has_values:
        return False
    snapshot = drawn.snapshot
    if isinstance(snapshot, SumOfDiracs):
        return _draw_diracs(snapshot, ax)
    _draw_density(snapshot, ax)
    return True


def _draw_density(density: Density, ax: Any) -> None:
    (x_min, y_min), (x_max, y_max) = box = density.box
    steps = (np.arange(_PIXELS) + 0.5) / _PIXELS
    x, y = (box[0, k] + steps * (box[1, k] - box[0, k]) for k in range(2))
    heights = density.evaluate(np.stack(np.meshgrid(x, y), axis=-1))
    extent = (x_min, x_max, y_min, y_max)
    ax.imshow(heights, cmap="Purples", vmin=0.0, origin="lower", extent=extent)
    set_frame(ax, box)


def _draw_diracs(diracs: SumOfDiracs, ax: Any) -> bool:
    if len(diracs) > _MOST_DOTS:
        return False
    plot_diracs(diracs, ax)
    set_frame(ax, box_around(diracs.numpy_positions))
    return True


def _draw_diagram(diagram: PowerDiagram, ax: Any) -> bool:
    if len(diagram) <= _MOST_CELLS:
        plot_diagram(diagram, ax)
        return True
    return _draw_diracs(SumOfDiracs(diagram.positions), ax)


def _draw_plan(plan: OtPlan, ax: Any) -> bool:
    if not isinstance(plan.status, Status):  # of a transformed function
        return False
    _draw_density(plan.density.snapshot, ax)
    count = len(plan.power_diagram)
    if count <= _MOST_CELLS:
        plot_plan(plan, ax, density=False, arrows=count <= _MOST_ARROWS)
    return True
