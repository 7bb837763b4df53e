# SPDX-License-Identifier: GPL-3.0-or-later
"""Animations of loops in which sites move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.frameworks import to_numpy
from sdot.plan import OtPlan
from sdot.plot.densities import plot_density
from sdot.plot.diagrams import plot_diagram
from sdot.plot.diracs import plot_diracs
from sdot.plot.figure import axes_or_new, check_kind, import_matplotlib, set_frame
from sdot.plot.outlines import box_around
from sdot.plot.plans import plot_plan
from sdot.power_diagram import PowerDiagram
from sdot.validation import FloatArray, check_positions

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

__all__ = ["animate"]

_WRITERS = {".gif": "pillow", ".png": "pillow", ".mp4": "ffmpeg", ".webm": "ffmpeg"}


def animate(
    history: Sequence[Any],
    path: str | Path | None = None,
    *,
    density: Density | None = None,
    draw: Callable[[Any, Axes], Any] | None = None,
    ax: Axes | None = None,
    frames_per_second: float = 10.0,
    dpi: float = 100.0,
) -> FuncAnimation:
    """Draw the states of a loop one after another, as an animation.

    Parameters
    ----------
    history : sequence
        One entry per frame: positions (n, 2), `SumOfDiracs`, a `PowerDiagram` or an `OtPlan`; with
        ``draw`` whatever it takes.
    path : str or pathlib.Path, optional
        A file to write: ``.gif`` or ``.png`` (animated, with Pillow), ``.mp4`` or ``.webm`` (with
        ffmpeg, if that is installed), or ``.html`` (a page with a player).
    density : Density, optional
        Drawn below positions and Diracs, whose frame it sets.
    draw : callable, optional
        Called with an entry and the axes, which are empty, instead of what draws its kind.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    frames_per_second : float, optional
        Speed.
    dpi : float, optional
        Resolution of the file, in pixels per inch of the figure.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        In a notebook ``HTML(animation.to_jshtml())`` shows it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If an entry is nothing that can be drawn.
    ValueError
        If there are no entries, or the file is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from sdot.plot import animate
    >>> sites = np.random.default_rng(0).random((20, 2))
    >>> animation = animate([sites, 0.9 * sites, 0.8 * sites])
    >>> page = animation.to_jshtml()
    """
    history = list(history)
    if not history:
        raise ValueError("history: expected at least one entry, not none")
    if density is not None:
        check_kind(density, Density, "density", "a density such as PolynomialGrid, or None")
    suffix = None if path is None else Path(path).suffix.lower()
    if suffix is not None and suffix not in (".html", *_WRITERS):
        raise ValueError(f"path: expected one of .html, {', '.join(_WRITERS)}, not {str(path)!r}")
    ax = axes_or_new(ax)
    drawing = draw or _drawing(history, density)

    def show(index: int) -> list[Any]:
        ax.clear()
        drawing(history[index], ax)
        return []

    animation = import_matplotlib("matplotlib.animation").FuncAnimation(
        ax.figure, show, frames=len(history), interval=1000 / frames_per_second, blit=False
    )
    if suffix == ".html":
        Path(str(path)).write_text(animation.to_jshtml(), encoding="utf-8")
    elif suffix is not None:
        animation.save(str(path), writer=_WRITERS[suffix], fps=frames_per_second, dpi=dpi)
    return animation  # type: ignore[no-any-return]


def _drawing(history: list[Any], density: Density | None) -> Callable[[Any, Axes], Any]:
    """Return what draws an entry, in the same frame each time."""
    if isinstance(history[0], OtPlan):
        return plot_plan
    if isinstance(history[0], PowerDiagram):
        return plot_diagram
    box = _common_box(history, density)

    def draw(sites: Any, ax: Axes) -> None:
        if density is not None:
            plot_density(density, ax)
        plot_diracs(sites if isinstance(sites, SumOfDiracs) else SumOfDiracs(_positions(sites)), ax)
        set_frame(ax, box)

    return draw


def _common_box(history: list[Any], density: Density | None) -> FloatArray:
    corners = box_around(np.concatenate([_positions(sites) for sites in history]))
    if density is not None:
        corners = np.asarray(density.box)
    return corners


def _positions(sites: Any) -> FloatArray:
    if isinstance(sites, SumOfDiracs):
        return sites.numpy_positions
    if isinstance(sites, OtPlan | PowerDiagram | Density | str):
        raise TypeError(
            "history: expected entries of one kind: positions (n, 2), SumOfDiracs, PowerDiagram or "
            f"OtPlan; not {type(sites).__name__} after positions"
        )
    return check_positions(to_numpy(sites), "history")
