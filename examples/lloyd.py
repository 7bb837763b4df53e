"""
Lloyd's quantisation
====================

Sites that are the barycentres of their cells: three ways to spread 400 of them.

All of them descend :math:`W_2^2` between the sites :math:`y_i` of masses :math:`m_i` and a
density. Its gradient is :math:`2 m_i (y_i - b_i)`, with :math:`b_i` the barycentre of the cell, so
that Lloyd's step, which moves every site to :math:`b_i`, is the gradient step of size :math:`1 /
(2 m_i)`.
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import Box, LloydResult, PolynomialGrid, PowerDiagram, lloyd, optimal_transport_plan

SITES = 400
start = np.random.default_rng(0).random((SITES, 2))
square = Box(((0, 0), (1, 1)))


def report(name: str, result: LloydResult) -> None:
    print(
        f"{name}: W2^2 from {result.history[0].distance:.8f} to {result.distance:.8f}, "
        f"{result.iterations} steps, {result.diagrams} diagrams"
    )


# %%
# Free areas
# ----------
#
# Voronoi cells of the unit square take whatever area they get. This is k-means of the uniform
# density.

free = lloyd(start, square, masses="free", tol=1e-4)
report("free areas", free)
voronoi = PowerDiagram(free.positions, domain=square.domain)

# %%
# Prescribed areas
# ----------------
#
# Power cells have the areas that are asked for: here they grow from left to right.

growing = 0.1 + start[:, 0] ** 2
prescribed = lloyd(start, square, growing, tol=1e-4)
report("areas that grow to the right", prescribed)
power = optimal_transport_plan(prescribed.diracs, square).power_diagram
error = np.abs(power.areas / (growing / growing.sum()) - 1).max()
print(f"areas as prescribed, to a relative {error:.0e}")

# %%
# A density
# ---------
#
# Cells of equal mass, for a density on a ring that is denser on its right.

x, y = np.meshgrid(*2 * [(np.arange(128) + 0.5) / 128 - 0.5], indexing="ij")
radius, angle = np.hypot(x, y), np.arctan2(y, x)
ring = PolynomialGrid(0.02 + (1.1 + np.cos(angle)) * np.exp(-300 * (radius - 0.32) ** 2))
curved = lloyd(start, ring, tol=1e-4)
report("a density on a ring", curved)
plan = optimal_transport_plan(curved.diracs, ring)

# %%
# One scale of colours for both pictures of areas, another one for the density.

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.4), layout="constrained")
for ax, diagram, name in ((axes[0], voronoi, "free"), (axes[1], power, "as prescribed")):
    diagram.plot(ax, values=diagram.areas * SITES, clim=(0, 2.5), color="white", sites=False)
    ax.set_title(f"areas {name}")
figure.colorbar(axes[1].collections[0], ax=axes[:2], label="area / mean area", aspect=40)
plan.plot(axes[2], arrows=False, colorbar="density")
axes[2].set_title("equal masses of a density")
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()
