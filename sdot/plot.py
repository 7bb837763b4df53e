"""Pictures of densities, power diagrams and transport plans, with matplotlib.

Matplotlib is an optional dependency (``pip install sdot-cgal[plot]``). This module is not
imported by ``import sdot``; write ``from sdot.plot import plot_plan``. Every function draws
into given axes, or into those of a new figure, and returns them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.frameworks import to_numpy
from sdot.plan import OtPlan
from sdot.power_diagram import PowerDiagram
from sdot.validation import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_density", "plot_diagram", "plot_plan"]

_MARGIN = 0.1  # around the sites of a diagram without a domain, in units of their extent


def plot_density(
    density: Density,
    ax: Axes | None = None,
    *,
    resolution: int = 400,
    cmap: Any = "Purples",
    **options: Any,
) -> Axes:
    """Draw a density as colours, the first coordinate to the right and the second upwards.

    Parameters
    ----------
    density : Density
        Constant pixels are drawn as they are, other densities on a fine raster over
        ``density.box``: for a density on the whole plane, around all but a thousandth of it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    resolution : int, optional
        Raster points along each side of the density's frame, at least.
    cmap : str or matplotlib.colors.Colormap, optional
        The colours, from zero to the greatest density.
    **options
        Passed to `matplotlib.axes.Axes.pcolormesh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sdot import PolynomialGrid
    >>> from sdot.plot import plot_density
    >>> ax = plot_density(PolynomialGrid([[1.0, 2.0], [3.0, 4.0]]))
    """
    ax = _axes(ax)
    x_lines, y_lines = _raster_lines(density, resolution)
    x, y = (0.5 * (lines[1:] + lines[:-1]) for lines in (x_lines, y_lines))
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    # pcolormesh has the vertical axis first.
    heights = density.evaluate(points).T
    options = {"vmin": 0.0, "rasterized": True, **options}
    ax.pcolormesh(x_lines, y_lines, heights, cmap=cmap, **options)
    _frame(ax, density.box)
    return ax


def plot_diagram(
    diagram: PowerDiagram,
    ax: Axes | None = None,
    *,
    values: Any = None,
    sites: bool = True,
    color: str = "black",
    cmap: Any = "viridis",
    line_width: float = 0.6,
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
        Whether to draw the sites as dots.
    color : str, optional
        Colour of borders and sites.
    cmap : str or matplotlib.colors.Colormap, optional
        Colours for ``values``.
    line_width : float, optional
        Width of the borders in points.
    **options
        Passed to `matplotlib.collections.PathCollection`; each cell is one path, of all its
        `parts`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is not one value per site.

    Examples
    --------
    >>> from sdot import PowerDiagram
    >>> from sdot.plot import plot_diagram
    >>> diagram = PowerDiagram([[0.2, 0.3], [0.7, 0.6]], domain=((0, 0), (1, 1)))
    >>> ax = plot_diagram(diagram, values=diagram.areas)
    """
    ax = _axes(ax)
    collections = _import_matplotlib("matplotlib.collections")
    if diagram.domain is None:
        box = _box_around(diagram.positions)
        diagram = PowerDiagram(diagram.positions, diagram.weights, box)
    domain = np.asarray(diagram.domain)
    shown = np.array([len(rings) > 0 for rings in diagram.parts])
    outlines = [_outline(rings) for rings in diagram.parts if rings]
    options = {"edgecolors": color, "linewidths": line_width, **options}
    if values is None:
        options = {"facecolors": "none", **options}
    else:
        options = {"array": _one_per_site(values, len(diagram))[shown], "cmap": cmap, **options}
    ax.add_collection(collections.PathCollection(outlines, **options))
    if sites:
        _dots(ax, diagram.positions, color)
    _frame(ax, np.array([domain.min(axis=0), domain.max(axis=0)]))
    return ax


def plot_plan(
    plan: OtPlan,
    ax: Axes | None = None,
    *,
    density: bool = True,
    cells: bool = True,
    sites: bool = True,
    arrows: bool = True,
    color: str = "black",
    cmap: Any = "Purples",
) -> Axes:
    """Draw a transport plan: the density, the cell of every site, and where its mass comes from.

    Parameters
    ----------
    plan : OtPlan
        From `sdot.optimal_transport_plan`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    density, cells, sites : bool, optional
        What to draw.
    arrows : bool, optional
        Whether to draw a line from each site to the barycentre of its cell. It is the negative
        gradient of the distance with respect to the site, divided by twice its mass.
    color : str, optional
        Colour of cells and sites.
    cmap : str or matplotlib.colors.Colormap, optional
        Colours of the density.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> from sdot.plot import plot_plan
    >>> sites = SumOfDiracs([[0.2, 0.3], [0.7, 0.6]])
    >>> ax = plot_plan(optimal_transport_plan(sites, PolynomialGrid([[[1.0]]])))
    """
    ax = _axes(ax)
    diagram, ends = plan.power_diagram, to_numpy(plan.barycenters)
    shown = [plan.density.box, diagram.positions, ends[np.isfinite(ends).all(axis=1)]]
    corners = np.concatenate(shown)
    frame = np.array([corners.min(axis=0), corners.max(axis=0)])
    if diagram.domain is None:  # cells reach as far as the picture, not only around the sites
        diagram = PowerDiagram(diagram.positions, diagram.weights, frame)
    if density:
        plot_density(plan.density, ax, cmap=cmap)
    if cells:
        plot_diagram(diagram, ax, sites=False, color=color, line_width=0.4)
    if arrows:
        collections = _import_matplotlib("matplotlib.collections")
        lines = np.stack([diagram.positions, ends], axis=1)[np.isfinite(ends).all(axis=1)]
        ax.add_collection(collections.LineCollection(lines, colors="tab:red", linewidths=0.8))
    if sites:
        _dots(ax, diagram.positions, color)
    _frame(ax, frame)
    return ax


def _import_matplotlib(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ImportError(
            "sdot.plot needs matplotlib; install it with: pip install sdot-cgal[plot]"
        ) from missing


def _axes(ax: Axes | None) -> Any:
    if ax is not None:
        return ax
    return _import_matplotlib("matplotlib.pyplot").subplots()[1]


def _outline(rings: tuple[FloatArray, ...]) -> Any:
    path = _import_matplotlib("matplotlib.path").Path
    return path.make_compound_path(
        *(path(np.concatenate([ring, ring[:1]]), closed=True) for ring in rings)
    )


def _frame(ax: Any, box: FloatArray) -> None:
    (x_min, y_min), (x_max, y_max) = box
    ax.set(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal")


def _dots(ax: Any, positions: FloatArray, color: str) -> None:
    # Smaller dots where there are many; those on the frame are not cut in half.
    area = float(np.clip(2000 / len(positions), 1, 16))
    ax.scatter(*positions.T, s=area, color=color, linewidths=0, zorder=3, clip_on=False)


def _raster_lines(density: Density, resolution: int) -> tuple[FloatArray, FloatArray]:
    if not isinstance(density, PolynomialGrid):
        (x_min, y_min), (x_max, y_max) = density.box
        return (
            np.linspace(x_min, x_max, resolution + 1),
            np.linspace(y_min, y_max, resolution + 1),
        )
    parts = 1
    if density.degree > 0:
        parts = -(-resolution // min(len(density.x_lines), len(density.y_lines)))
    return _subdivided(density.x_lines, parts), _subdivided(density.y_lines, parts)


def _subdivided(lines: FloatArray, parts: int) -> FloatArray:
    count = (len(lines) - 1) * parts
    return np.interp(np.arange(count + 1) / parts, np.arange(len(lines)), lines)


def _box_around(positions: FloatArray) -> FloatArray:
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float((high - low).max())
    margin = _MARGIN * (extent if extent > 0 else 1.0)
    return np.array([low - margin, high + margin])


def _one_per_site(values: Any, count: int) -> FloatArray:
    result = np.asarray(to_numpy(values), dtype=np.float64)
    if result.shape != (count,):
        raise ValueError(
            f"values: expected one number per site, shape ({count},), not {result.shape}"
        )
    return result
