"""
The map between two photographs
===============================

Light on its way from a portrait to a slice through a head, by the optimal map through 12,000
points.

The light of one photograph is quantised: points of equal mass, each at the barycentre of its cell.
The plan from these points to the other photograph gives every point a cell there. So light at x
goes to the barycentre, there, of the cell that belongs to the point whose cell x is in here; and
points on their straight ways between the two make the photographs in between.
"""

import gzip
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

from sdot import PolynomialGrid, PowerDiagram, optimal_transport_plan, quantize

POINTS = 12_000


def light(photograph: np.ndarray) -> PolynomialGrid:
    """Its brightness, on a unit square."""
    grey = photograph / photograph.max()
    return PolynomialGrid.from_image(grey, domain=((0, 0), (1, 1)))


def picture_of(points: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Each point's mass, spread over its Voronoi cell, at every pixel."""
    cells = PowerDiagram(points, domain=((0, 0), (1, 1)))
    return (1 / len(points) / cells.areas)[cells.locate(pixels)]


# %%
# A portrait, without its blue background, and a slice through a head: both come with matplotlib.

hopper = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[20:340, 110:430, 0] / 255.0
hopper = np.clip(hopper - 0.3, 0.004, None)
with gzip.open(get_sample_data("s1045.ima.gz", asfileobj=False)) as file:
    head = np.frombuffer(file.read(), np.uint16).reshape(256, 256) + 4.0

begin = time.perf_counter()
f, g = light(hopper), light(head)
here = quantize(f, POINTS)
plan_f = optimal_transport_plan(here, f)
plan_g = optimal_transport_plan(here, g)
start, end = plan_g.positions, plan_g.barycenters
print(f"two plans of {POINTS} points: {time.perf_counter() - begin:.1f} s")

# %%
# Where the light of every pixel goes, and what that costs.

side = (np.arange(320) + 0.5) / 320
pixels = np.stack(np.meshgrid(side, side), axis=-1)
begin = time.perf_counter()
images = end[plan_f.site_at(pixels)]
print(f"map of {pixels.size // 2} pixels: {time.perf_counter() - begin:.2f} s")
moved = np.average(((images - pixels) ** 2).sum(axis=-1), weights=f.evaluate(pixels))
print(f"its cost {moved:.5f}, and W2^2 from the points {plan_g.distance:.5f}")

# %%
# Above: the points' mass at time t, spread over Voronoi cells. Below: the points, coloured by
# where they start.

figure, axes = plt.subplots(2, 5, figsize=(12.5, 5.2), layout="constrained")
hue = np.column_stack([start[:, 0], 0.6 - 0.4 * start[:, 0], start[:, 1]])
hue = 0.25 + 0.75 * hue / hue.max(axis=1, keepdims=True)
for k, (above, below) in enumerate(zip(*axes, strict=True)):
    t = k / 4
    points = plan_g.interpolate(1 - t).barycenters
    shade = picture_of(points, pixels)
    above.imshow(shade, cmap="gray", vmin=0, vmax=4, origin="lower", extent=(0, 1, 0, 1))
    above.set_title(f"t = {t:g}")
    below.scatter(*points.T, s=0.9, c=hue, linewidths=0)
    below.set_facecolor("black")
for ax in axes.flat:
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
figure.colorbar(axes[0, 0].images[0], ax=axes[0], label="density")

plt.show()
