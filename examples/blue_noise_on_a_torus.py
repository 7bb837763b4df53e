"""
Blue noise on a torus
=====================

4096 points that are spread as evenly as can be, without a pattern, over a square that can be
repeated.

Random points on the unit torus go down :math:`W_2^2` to the uniform density, until each is nearly
the barycentre of a cell of area 1 / 4096 (de Goes, Breeden, Ostromoukhov and Desbrun, *Blue noise
through optimal transport*, 2012). The period leaves no side at which points line up.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import cKDTree

from sdot import Box, PowerDiagram, lloyd

POINTS = 4096
FREQUENCY = np.sqrt(POINTS)  # of a square lattice of so many points

start = np.random.default_rng(0).random((POINTS, 2))
result = lloyd(start, Box(periodic=True), tol=None, max_iterations=20)
points = np.mod(result.positions, 1)
print(f"W2^2 from {result.history[0].distance:.3e} to {result.distance:.3e}")

# %%
# What makes noise blue: no two points are close, and the power spectrum, averaged over circles of
# frequencies, is next to nothing below its first peak. The least distance of two points is told in
# units of that of a hexagonal lattice.


def least_distance(points: np.ndarray) -> float:
    distances, _ = cKDTree(points, boxsize=1).query(points, k=2)
    return float(distances[:, 1].min() / np.sqrt(2 / (np.sqrt(3) * len(points))))


def radial_spectrum(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and ``|sum exp(-2 pi i k . y)|**2 / n``, averaged over circles of width 1."""
    k = np.arange(-int(2.5 * FREQUENCY), int(2.5 * FREQUENCY) + 1)
    waves = np.exp(-2j * np.pi * k[:, None, None] * points.T)
    power = np.abs(waves[:, 0] @ waves[:, 1].T) ** 2 / len(points)
    radius = np.rint(np.hypot(k[:, None], k)).astype(int)
    inside = (radius > 0) & (radius <= k.max())
    sums = np.bincount(radius[inside], power[inside])
    return np.arange(1, len(sums)), sums[1:] / np.bincount(radius[inside])[1:]


print(f"normalised least distance from {least_distance(start):.3f} to {least_distance(points):.3f}")

# %%
# A quarter of the cells, coloured by the number of their neighbours: hexagons but for lines of
# fives and sevens, where grains meet. The points next to the sides, drawn twice: there is no seam.

figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
diagram = PowerDiagram(points, period=(1, 1))
neighbours = np.array([len(around) for around in diagram.neighbors])
colors = {"cmap": plt.get_cmap("coolwarm", 5), "clim": (3.5, 8.5), "color": "white"}
diagram.plot(axes[0], values=neighbours, sites=False, colorbar="neighbours of a cell", **colors)
axes[0].set(xlim=(0, 0.5), ylim=(0, 0.5), title="cells")
for turns in (0, 1):
    axes[1].scatter(points[:, 0] + turns, points[:, 1], s=5, color="black", linewidths=0)
axes[1].axvline(1, color="tab:red", linewidth=0.8)
axes[1].set(xlim=(0.75, 1.25), ylim=(0, 0.5), aspect="equal", title="across a side (red)")
for name, array in (("random", start), ("blue noise", points)):
    frequency, power = radial_spectrum(array)
    axes[2].plot(frequency / FREQUENCY, power, label=f"{name}: {least_distance(array):.2f}")
    low = power[frequency < FREQUENCY / 2].mean()
    print(f"{name}: power {low:.4f} below half the frequency of a lattice, peak {power.max():.2f}")
axes[2].set(xlabel="frequency / that of a square lattice", ylabel="power", xlim=(0, 2.5))
axes[2].legend(title="least distance")
axes[2].set_title("power spectrum")
for ax in axes[:2]:
    ax.set(xticks=[], yticks=[])
plt.show()
