"""Lloyd's quantisation: move every site to the centroid of its cell, again and again.

Left: Voronoi cells of the unit square; the cells take whatever area they get. Middle: power
cells, with areas prescribed to grow from left to right. Right: power cells of equal mass for a
density on a ring. Middle and right descend `sdot.distance`: Lloyd's step is the gradient step of
size 1 / (2 m_i).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sdot import PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan
from sdot.plot import plot_density, plot_diagram

SQUARE = ((0, 0), (1, 1))
SITES, STEPS = 400, 60


def ring(count: int = 128) -> PolynomialGrid:
    """A ring, denser on its right, over a thin floor."""
    x, y = np.meshgrid(*2 * [(np.arange(count) + 0.5) / count - 0.5], indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    return PolynomialGrid(0.02 + (1.1 + np.cos(angle)) * np.exp(-300 * (radius - 0.32) ** 2))


def voronoi_lloyd(sites: np.ndarray) -> PowerDiagram:
    for _ in range(STEPS):
        sites = PowerDiagram(sites, domain=SQUARE).centroids
    return PowerDiagram(sites, domain=SQUARE)


def transport_lloyd(
    sites: np.ndarray, density: PolynomialGrid, weights: np.ndarray | None = None
) -> PowerDiagram:
    for step in range(STEPS):
        plan = optimal_transport_plan(SumOfDiracs(sites, weights), density, tol=1e-6)
        sites = plan.barycenters
        if step % 20 == 0 or step == STEPS - 1:
            print(f"step {step:3d}   W2^2 = {plan.distance:.8f}")
    return plan.power_diagram


start = np.random.default_rng(0).random((SITES, 2))
uniform, curved = PolynomialGrid([[[1.0]]]), ring()
growing = 0.1 + start[:, 0] ** 2

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.8), layout="constrained")
diagram = voronoi_lloyd(start)
colors = {"cmap": "YlGnBu", "color": "white", "sites": False}
plot_diagram(diagram, axes[0], values=diagram.areas, **colors)
axes[0].set_title(f"Voronoi cells: areas {diagram.areas.min():.4f} to {diagram.areas.max():.4f}")

print("areas that grow to the right")
diagram = transport_lloyd(start, uniform, growing)
plot_diagram(diagram, axes[1], values=diagram.areas, **colors)
error = np.abs(diagram.areas / (growing / growing.sum()) - 1).max()
axes[1].set_title(f"power cells: areas as prescribed, to {error:.0e}")

print("a density on a ring")
diagram = transport_lloyd(start, curved)
plot_density(curved, axes[2], cmap="YlGnBu")
plot_diagram(diagram, axes[2], color="black", line_width=0.5)
axes[2].set_title("power cells: every cell has the same mass")

for ax in axes:
    ax.set(xticks=[], yticks=[])
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "lloyd.png", dpi=130)
print(f"picture: {folder / 'lloyd.png'}")
