"""Lloyd's quantisation: sites that are the barycentres of their cells.

Left: Voronoi cells of the unit square; the cells take whatever area they get. Middle: power
cells, with areas prescribed to grow from left to right. Right: power cells of equal mass for a
density on a ring. All of them descend W2^2 between the sites and the density, whose gradient is
2 m_i (y_i - b_i): Lloyd's step is the gradient step of size 1 / (2 m_i).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sdot import LloydResult, PolynomialGrid, PowerDiagram, lloyd, optimal_transport_plan
from sdot.plot import plot_density, plot_diagram

SQUARE = ((0, 0), (1, 1))
SITES = 400


def ring(count: int = 128) -> PolynomialGrid:
    """A ring, denser on its right, over a thin floor."""
    x, y = np.meshgrid(*2 * [(np.arange(count) + 0.5) / count - 0.5], indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    return PolynomialGrid(0.02 + (1.1 + np.cos(angle)) * np.exp(-300 * (radius - 0.32) ** 2))


def report(name: str, result: LloydResult) -> None:
    start = result.history[0]
    print(
        f"{name}: W2^2 from {start.distance:.8f} to {result.distance:.8f}, "
        f"{result.iterations} steps, {result.diagrams} diagrams"
    )


start = np.random.default_rng(0).random((SITES, 2))
uniform, curved = PolynomialGrid([[[1.0]]]), ring()
growing = 0.1 + start[:, 0] ** 2

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.8), layout="constrained")
colors = {"cmap": "YlGnBu", "color": "white", "sites": False}
result = lloyd(start, uniform, masses="free", tol=1e-4)
report("free areas", result)
diagram = PowerDiagram(result.positions, domain=SQUARE)
plot_diagram(diagram, axes[0], values=diagram.areas, **colors)
axes[0].set_title(f"Voronoi cells: areas {diagram.areas.min():.4f} to {diagram.areas.max():.4f}")

result = lloyd(start, uniform, growing, tol=1e-4)
report("areas that grow to the right", result)
diagram = optimal_transport_plan(result.diracs, uniform).power_diagram
plot_diagram(diagram, axes[1], values=diagram.areas, **colors)
error = np.abs(diagram.areas / (growing / growing.sum()) - 1).max()
axes[1].set_title(f"power cells: areas as prescribed, to {error:.0e}")

result = lloyd(start, curved, tol=1e-4)
report("a density on a ring", result)
plot_density(curved, axes[2], cmap="YlGnBu")
diagram = optimal_transport_plan(result.diracs, curved).power_diagram
plot_diagram(diagram, axes[2], color="black", line_width=0.5)
axes[2].set_title("power cells: every cell has the same mass")

for ax in axes:
    ax.set(xticks=[], yticks=[])
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "lloyd.png", dpi=130)
print(f"picture: {folder / 'lloyd.png'}")
