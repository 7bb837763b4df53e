"""
A photograph within an outline
==============================

A portrait stippled inside the perforated edge of a stamp, around a label.

`density.restricted` cuts any density, here a photograph's darkness, to a polygon that need not be
convex and may have holes. Integrals over cells are exact as before: cells are cut by the convex
pieces of the outline, and pixels where these end. So all dots stand for the same amount of the
ink that is inside, to the last tooth.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

from sdot import PolynomialGrid, quantize

DOTS = 12_000


def stamp(low, high, teeth):
    """The corners of a rectangle with semicircular bites, so many along the shorter side."""
    size = (high[0] - low[0]) / teeth
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    angles = np.linspace(0, np.pi, 9)
    ring = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = np.hypot(*(end - start))
        along, count = (end - start) / length, round(length / size)
        inward = np.array([-along[1], along[0]])
        for k in range(count):
            middle = start + (k + 0.5) / count * (end - start)
            turns = np.outer(-np.cos(angles), along) + np.outer(np.sin(angles), inward)
            ring += [start + k / count * (end - start), *(middle + 0.3 * size * turns)]
    return np.array(ring)


photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[10:420, 100:400]
grey = photograph.astype(float).mean(axis=2) / 255
darkness = PolynomialGrid.from_image(1 - np.clip((0.9 - grey) / 0.9, 0.05, 1) ** 1.5, invert=True)
width, height = darkness.box[1]
outline = stamp((0.02, 0.02), (width - 0.02, height - 0.02), 14)
label = np.array([[0.06, 0.05], [0.24, 0.05], [0.24, 0.13], [0.06, 0.13]]) * [width, height]
density = darkness.restricted(outline, holes=[label])

begin = time.perf_counter()
dots = quantize(density, DOTS)
print(f"{len(dots)} dots within {len(outline)} corners: {time.perf_counter() - begin:.1f} s")

# %%
# The outline is drawn for comparison; no dot lies outside of it, nor in the label.

positions = np.asarray(dots.positions)
print(f"dots outside: {(density.evaluate(positions) == 0).sum()}")
figure, ax = plt.subplots(figsize=(7 * width, 7 * height), layout="constrained")
ax.scatter(*positions.T, s=3.2, color="black", linewidths=0, rasterized=True)
for ring in density.region:
    ax.plot(*np.vstack([ring, ring[:1]]).T, color="tab:red", linewidth=1)
ax.text(*label.mean(axis=0), r"$W_2^2$", color="tab:red", fontsize=18, ha="center", va="center")
ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
ax.axis("off")
plt.show()
