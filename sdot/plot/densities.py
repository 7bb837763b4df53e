# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.plot.figure import axes_or_new, check_kind, set_frame, show_colors
from sdot.validation import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_density"]


def plot_density(
    density: Density,
    ax: Axes | None = None,
    *,
    resolution: int = 400,
    cmap: Any = "Purples",
    colorbar: bool | str = False,
    rasterized: bool = True,
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
    colorbar : bool or str, optional
        Whether to draw a colour bar; a string is its label.
    rasterized : bool, optional
        Whether a file of vectors (PDF, SVG) has the density as one image.
    **options
        Passed to `matplotlib.axes.Axes.pcolormesh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If it is not a density, or axes.

    Examples
    --------
    >>> from sdot import PolynomialGrid
    >>> from sdot.plot import plot_density
    >>> ax = plot_density(PolynomialGrid([[1.0, 2.0], [3.0, 4.0]]), colorbar="density")
    """
    check_kind(density, Density, "density", "a density such as PolynomialGrid")
    ax = axes_or_new(ax)
    x_lines, y_lines = _raster_lines(density, resolution)
    x, y = (0.5 * (lines[1:] + lines[:-1]) for lines in (x_lines, y_lines))
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    # pcolormesh has the vertical axis first.
    heights = density.evaluate(points).T
    options = {"vmin": 0.0, "rasterized": rasterized, "cmap": cmap, **options}
    show_colors(ax, ax.pcolormesh(x_lines, y_lines, heights, **options), colorbar)
    set_frame(ax, density.box)
    return ax


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
