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

__all__ = ["draw_borders", "draw_cells", "plot_diagram"]


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
    look = {"color": color, "line_width": line_width, "rasterized": rasterized, **options}
    if values is None:
        draw_borders(ax, [path_around(chain.from_iterable(diagram.parts))], len(diagram), **look)
    else:
        paths = [path_around(rings) if rings else None for rings in diagram.parts]
        draw_cells(ax, paths, values, cmap=cmap, colorbar=colorbar, **look)
    if sites or (sites is None and len(diagram) <= MOST_DOTS):
        dots(ax, places_of(diagram), color)
    set_frame(ax, np.array([domain.min(axis=0), domain.max(axis=0)]))
    return ax


def draw_borders(
    ax: Any,
    paths: list[Any],
    count: int,
    *,
    color: str,
    line_width: float | None = None,
    rasterized: bool | None = None,
    **options: Any,
) -> None:
    """Add paths around so many cells, as one layer."""
    look = {"facecolors": "none", "edgecolors": color, "rasterized": bool(rasterized)}
    look["linewidths"] = line_width_for(count) if line_width is None else line_width
    collections = import_matplotlib("matplotlib.collections")
    ax.add_collection(collections.PathCollection(paths, **{**look, **options}))


def draw_cells(
    ax: Any,
    paths: list[Any],
    values: Any,
    *,
    color: str,
    cmap: Any,
    colorbar: bool | str,
    line_width: float | None = None,
    rasterized: bool | None = None,
    **options: Any,
) -> None:
    """Add one path for each cell, coloured, as one layer; None is a cell without a part."""
    count = len(paths)
    numbers = one_per_site(values, count)
    width = line_width_for(count) if line_width is None else line_width
    look: dict[str, Any] = {"cmap": cmap, "edgecolors": color, "linewidths": width}
    look["rasterized"] = count > MOST_VECTOR_CELLS if rasterized is None else rasterized
    if count > MOST_BORDERS:  # no light seams between cells
        look |= {"edgecolors": "face", "antialiaseds": False}
    shown = np.array([path is not None for path in paths])
    drawn = [path for path in paths if path is not None]
    collections = import_matplotlib("matplotlib.collections")
    cells = collections.PathCollection(drawn, array=numbers[shown], **{**look, **options})
    ax.add_collection(cells)
    show_colors(ax, cells, colorbar)
