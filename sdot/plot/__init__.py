# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of densities, Diracs, power diagrams and transport plans, with matplotlib.

Matplotlib is an optional dependency (``pip install sdot-cgal[plot]``), and is imported when the
first picture is drawn. Every function draws into given axes, or into those of a new figure, and
returns them; ``plan.plot()``, ``density.plot()`` and ``diagram.plot()`` are the same functions. The
layer that colours stand for something in is pyplot's current image, so that ``plt.colorbar()``
finds it.
"""

from sdot.plot.animation import animate
from sdot.plot.densities import plot_density
from sdot.plot.diagrams import plot_diagram
from sdot.plot.diracs import plot_diracs
from sdot.plot.plans import plot_plan

__all__ = ["animate", "plot_density", "plot_diagram", "plot_diracs", "plot_plan"]
