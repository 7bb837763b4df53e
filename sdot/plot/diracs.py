# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of Diracs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.plot.figure import MOST_VECTOR_CELLS, axes_or_new, check_kind, set_frame
from sdot.plot.outlines import box_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_diracs"]


def plot_diracs(
    diracs: SumOfDiracs,
    ax: Axes | None = None,
    *,
    color: str = "black",
    size: float | None = None,
    **options: Any,
) -> Axes:
    """Draw Diracs as dots whose areas are in proportion to their masses.

    Parameters
    ----------
    diracs : SumOfDiracs
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure, around the sites.
    color : str, optional
        Colour of the dots.
    size : float, optional
        Area of an average dot in square points; by default smaller where there are many.
    **options
        Passed to `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If they are not Diracs.

    Examples
    --------
    >>> from sdot import SumOfDiracs
    >>> from sdot.plot import plot_diracs
    >>> ax = plot_diracs(SumOfDiracs([[0.2, 0.3], [0.7, 0.6]], [1.0, 2.0]))
    """
    check_kind(diracs, SumOfDiracs, "diracs", "a SumOfDiracs")
    is_new, ax = ax is None, axes_or_new(ax)
    positions, weights = diracs.numpy_positions, diracs.numpy_weights
    masses = np.ones(len(positions)) if weights is None else weights
    average = float(np.clip(6000 / len(positions), 0.5, 30)) if size is None else size
    x, y = positions.T
    options = {"linewidths": 0, "rasterized": len(positions) > MOST_VECTOR_CELLS, **options}
    ax.scatter(x, y, s=average * masses / masses.mean(), color=color, zorder=3, **options)
    if is_new:
        set_frame(ax, box_around(positions))
    return ax
