# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of transport plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.frameworks import to_numpy
from sdot.plan import OtPlan
from sdot.plot.densities import plot_density
from sdot.plot.diagrams import draw_borders, draw_cells, plot_diagram
from sdot.plot.discs import border_in_disc, path_outside
from sdot.plot.figure import (
    MOST_ARROWS,
    MOST_BORDERS,
    MOST_DOTS,
    MOST_VECTOR_CELLS,
    axes_or_new,
    check_kind,
    dots,
    import_matplotlib,
    set_frame,
)
from sdot.plot.outlines import places_of
from sdot.power_diagram import PowerDiagram
from sdot.validation import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_plan"]

_VEIL = 0.7  # how opaque what lies over the part of the density that is not used


def plot_plan(
    plan: OtPlan,
    ax: Axes | None = None,
    *,
    values: Any = None,
    density: bool | None = None,
    cells: bool | None = None,
    sites: bool | None = None,
    arrows: bool | None = None,
    color: str = "black",
    cmap: Any = None,
    colorbar: bool | str = False,
    legend: bool = False,
    rasterized: bool | None = None,
) -> Axes:
    """Draw a transport plan: the density, the cell of every site, and where its mass comes from.

    Parameters
    ----------
    plan : OtPlan
        From `sdot.optimal_transport_plan`. The cells of a partial one are cut by their discs, and
        the rest of the density is faded.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    values : array_like, (n,), optional
        One number per site, for instance ``plan.potentials``, to colour its cell by, in place of
        the density.
    density, cells, sites : bool, optional
        What to draw; by default the density unless there are values, and cells and sites up to
        20,000 of them.
    arrows : bool, optional
        Whether to draw a line from each site to the barycentre of its cell; by default up to 500 of
        them. It is the negative gradient of the distance with respect to the site, divided by
        twice its mass.
    color : str, optional
        Colour of cells and sites.
    cmap : str or matplotlib.colors.Colormap, optional
        Colours of the density, by default "Purples", or of the values, by default "viridis".
    colorbar : bool or str, optional
        Whether to draw a colour bar for the density or the values; a string is its label.
    legend : bool, optional
        Whether to name the layers.
    rasterized : bool, optional
        As for `plot_diagram`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If it is not a plan, or one of a transformed function.
    ValueError
        If there is not one value per site.

    Examples
    --------
    >>> from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> from sdot.plot import plot_plan
    >>> sites = SumOfDiracs([[0.2, 0.3], [0.7, 0.6]])
    >>> ax = plot_plan(optimal_transport_plan(sites, PolynomialGrid([[[1.0]]])), legend=True)
    """
    check_kind(plan, OtPlan, "plan", "an OtPlan of optimal_transport_plan")
    ax = axes_or_new(ax)
    diagram, ends = plan.power_diagram, to_numpy(plan.barycenters)
    places = places_of(diagram)
    ends = ends + (places - diagram.positions)
    count, frame = len(diagram), _frame_of(plan, places, ends)
    if diagram.domain is None:  # cells reach as far as the picture, not only around the sites
        diagram = PowerDiagram(diagram.positions, diagram.weights, frame)
    if density or (density is None and values is None):
        bar, shades = colorbar if values is None else False, "Purples" if cmap is None else cmap
        plot_density(plan.density, ax, cmap=shades, colorbar=bar)
    if cells or values is not None or (cells is None and count <= MOST_BORDERS):
        look: dict[str, Any] = {"color": color, "rasterized": rasterized}
        if values is not None:
            look |= {"cmap": "viridis" if cmap is None else cmap, "colorbar": colorbar}
        if plan.is_partial:
            paths = list(map(border_in_disc, diagram.parts, places, to_numpy(plan.potentials)))
            if values is None:
                _add_veil(ax, paths, frame)
                draw_borders(ax, [path for path in paths if path is not None], count, **look)
            else:
                draw_cells(ax, paths, values, **look)
        else:
            plot_diagram(diagram, ax, values=values, sites=False, **look)
    if arrows or (arrows is None and count <= MOST_ARROWS):
        _add_arrows(ax, places, ends)
    if sites or (sites is None and count <= MOST_DOTS):
        dots(ax, places, color)
    if legend:
        ax.legend()
    set_frame(ax, frame)
    return ax


def _frame_of(plan: OtPlan, places: FloatArray, ends: FloatArray) -> FloatArray:
    shown = [plan.density.box, places, ends[np.isfinite(ends).all(axis=1)]]
    corners = np.concatenate(shown)
    return np.array([corners.min(axis=0), corners.max(axis=0)])


def _add_veil(ax: Any, paths: list[Any], frame: FloatArray) -> None:
    """Fade all of the frame but what paths enclose."""
    outside = path_outside([path for path in paths if path is not None], frame)
    collections = import_matplotlib("matplotlib.collections")
    look = {"facecolors": "white", "alpha": _VEIL, "linewidths": 0}
    ax.add_collection(collections.PathCollection([outside], **look))


def _add_arrows(ax: Any, starts: FloatArray, ends: FloatArray) -> None:
    collections = import_matplotlib("matplotlib.collections")
    lines = np.stack([starts, ends], axis=1)[np.isfinite(ends).all(axis=1)]
    options = {"colors": "tab:red", "linewidths": 0.8, "label": "to barycentres"}
    options["rasterized"] = len(lines) > MOST_VECTOR_CELLS
    ax.add_collection(collections.LineCollection(lines, **options))
