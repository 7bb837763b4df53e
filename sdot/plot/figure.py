# SPDX-License-Identifier: GPL-3.0-or-later
"""What all pictures share: matplotlib, axes, frames, dots, colour bars."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.frameworks import to_numpy
from sdot.validation import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "MOST_ARROWS",
    "MOST_BORDERS",
    "MOST_DOTS",
    "MOST_VECTOR_CELLS",
    "axes_or_new",
    "check_kind",
    "dots",
    "import_matplotlib",
    "line_width_for",
    "one_per_site",
    "set_frame",
    "show_colors",
]

# With more sites than these a layer is no longer readable, or slow in a file of vectors.
MOST_DOTS = MOST_BORDERS = 20_000
MOST_ARROWS, MOST_VECTOR_CELLS = 500, 5_000


def import_matplotlib(module: str) -> Any:
    """Import a module of matplotlib, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ImportError(
            "sdot.plot needs matplotlib; install it with: pip install sdot-cgal[plot]"
        ) from missing


def check_kind(argument: Any, kind: type, name: str, example: str) -> None:
    """Refuse what is not of the kind that is drawn."""
    if not isinstance(argument, kind):
        raise TypeError(f"{name}: expected {example}, not {type(argument).__name__}")


def axes_or_new(ax: Axes | None) -> Any:
    """Return the axes, or those of a new figure."""
    if ax is None:
        return import_matplotlib("matplotlib.pyplot").subplots()[1]
    check_kind(ax, import_matplotlib("matplotlib.axes").Axes, "ax", "matplotlib axes, or None")
    return ax


def set_frame(ax: Any, box: FloatArray) -> None:
    """Show a box, with the same scale along both axes."""
    (x_min, y_min), (x_max, y_max) = box
    ax.set(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal")


def dots(ax: Any, positions: FloatArray, color: str) -> None:
    """Draw sites: smaller dots where there are many, whole ones on the frame."""
    area = float(np.clip(2000 / len(positions), 0.5, 16))
    ax.scatter(
        *positions.T,
        s=area,
        color=color,
        linewidths=0,
        zorder=3,
        clip_on=False,
        label="sites",
        rasterized=len(positions) > MOST_VECTOR_CELLS,
    )


def line_width_for(count: int) -> float:
    """Return the width in points of the borders of so many cells."""
    return float(np.clip(20 / np.sqrt(count), 0.1, 0.6))


def one_per_site(values: Any, count: int) -> FloatArray:
    """Return numbers to colour the cells by."""
    result = np.asarray(to_numpy(values), dtype=np.float64)
    if result.shape != (count,):
        raise ValueError(
            f"values: expected one number per site, shape ({count},), not {result.shape}"
        )
    return result


def show_colors(ax: Any, mappable: Any, colorbar: bool | str) -> None:
    """Make a layer pyplot's current image, and draw its colour bar, if asked for, with a label."""
    number = getattr(ax.figure, "number", None)  # of figures that pyplot knows
    if number is not None:
        pyplot = import_matplotlib("matplotlib.pyplot")
        is_there = pyplot.fignum_exists(number)
        if is_there and pyplot.gcf() is ax.figure and pyplot.gca() is ax:
            pyplot.sci(mappable)
    if colorbar:
        ax.figure.colorbar(mappable, ax=ax, label=colorbar if isinstance(colorbar, str) else None)
