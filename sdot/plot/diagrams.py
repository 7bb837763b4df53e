# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of power diagrams."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.plot.figure import (
    MOST_BORDERS,
    MOST_DOTS,
    MOST_VECTOR_CELLS,
    axes_or_new,
    check_kind,
    dots,
    import_matplotlib,
    line_width_for,
    one_per_site,
    set_frame,
    show_colors,
)
from sdot.plot.outlines import box_around, path_around, places_of
from sdot.power_diagram import PowerDiagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_diagram"]


def plot_diagram(
    diagram: PowerDiagram,
    ax: Axes | None = None,
    *,
    values: Any = None,
    sites: bool | None = None,
    color: str = "black",
    cmap: Any = "viridis",
    colorbar: bool | str = False,
    line_width: float | None = None,
    rasterized: bool | None = None,
    **options: Any,
) -> Axes:
    """Draw the cells of a power diagram, and its sites.

    Parameters
    ----------
    diagram : PowerDiagram
        Without a domain it is cut to a box around its sites; in a region that is not convex
        cells are drawn in all their parts.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    values : array_like, (n,), optional
        One number per site, for instance ``diagram.areas``, to colour its cell by. By default
        only the borders of the cells are drawn.
    sites : bool, optional
        Whether to draw the sites as dots; by default up to 20,000 of them.
    color : str, optional
        Colour of borders and sites.
    cmap : str or matplotlib.colors.Colormap, optional
        Colours for ``values``.
    colorbar : bool or str, optional
        Whether to draw a colour bar for ``values``; a string is its label.
    line_width : float, optional
        Width of the borders in points; by default thinner where there are many. Above 20,000 cells
        with colours they have the colours of the cells.
    rasterized : bool, optional
        Whether a file of vectors (PDF, SVG) has the cells as one image; by default above 5,000
        cells with colours. Borders alone are one path.
    **options
        Passed to `matplotlib.collections.PathCollection`; with ``values`` each cell is one path, of
        all its `parts`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If it is not a diagram, or axes.
    ValueError
        If there is not one value per site.

    Examples
    --------
    >>> from sdot import PowerDiagram
    >>> from sdot.plot import plot_diagram
    >>> diagram = PowerDiagram([[0.2, 0.3], [0.7, 0.6]], domain=((0, 0), (1, 1)))
    >>> ax = plot_diagram(diagram, values=diagram.areas, colorbar="area")
    """
    check_kind(diagram, PowerDiagram, "diagram", "a PowerDiagram")
    ax = axes_or_new(ax)
    if diagram.domain is None:
        box = box_around(diagram.positions)
        diagram = PowerDiagram(diagram.positions, diagram.weights, box)
    domain = np.asarray(diagram.domain)
    width = line_width_for(len(diagram)) if line_width is None else line_width
    if values is None:
        options = {"edgecolors": color, "rasterized": bool(rasterized), **options}
        _add_borders(ax, diagram, {"linewidths": width, **options})
    else:
        if rasterized is None:
            rasterized = len(diagram) > MOST_VECTOR_CELLS
        numbers = one_per_site(values, len(diagram))
        look: dict[str, Any] = {"edgecolors": color, "linewidths": width}
        if len(diagram) > MOST_BORDERS:  # no light seams between cells
            look = {"edgecolors": "face", "linewidths": width, "antialiaseds": False}
        options = {"cmap": cmap, "rasterized": rasterized, **look, **options}
        show_colors(ax, _add_cells(ax, diagram, numbers, options), colorbar)
    if sites or (sites is None and len(diagram) <= MOST_DOTS):
        dots(ax, places_of(diagram), color)
    set_frame(ax, np.array([domain.min(axis=0), domain.max(axis=0)]))
    return ax


def _add_borders(ax: Any, diagram: PowerDiagram, options: dict[str, Any]) -> None:
    """Add one path of all borders."""
    collections = import_matplotlib("matplotlib.collections")
    path = path_around(chain.from_iterable(diagram.parts))
    ax.add_collection(collections.PathCollection([path], **{"facecolors": "none", **options}))


def _add_cells(ax: Any, diagram: PowerDiagram, values: Any, options: dict[str, Any]) -> Any:
    """Add one path for each cell, coloured."""
    collections = import_matplotlib("matplotlib.collections")
    shown = np.array([len(rings) > 0 for rings in diagram.parts])
    paths = [path_around(rings) for rings in diagram.parts if rings]
    cells = collections.PathCollection(paths, array=values[shown], **options)
    ax.add_collection(cells)
    return cells
