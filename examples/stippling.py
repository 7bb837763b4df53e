"""
Stippling a photograph
======================

A photograph drawn with 40,000 dots of equal ink.

The density is the photograph's darkness, and the dots are its quantisation by points of equal mass:
every dot stands for the same amount of ink, so dots crowd in the dark and never clump.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

from sdot import PolynomialGrid, quantize

DOTS = 40_000

# %%
# The portrait of Grace Hopper comes with matplotlib; the head is cut out. The contrast is raised,
# and where the photograph is light there is (almost) no ink. `from_image` turns rows, which go
# down, into the second coordinate, which goes up.

photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[10:420, 100:400]
grey = photograph.astype(float).mean(axis=2) / 255
ink = np.clip((0.85 - grey) / 0.85, 0.02, 1) ** 1.5
density = PolynomialGrid.from_image(1 - ink, invert=True)

begin = time.perf_counter()
dots = quantize(density, DOTS)
print(f"{len(dots)} dots: {time.perf_counter() - begin:.1f} s")

# %%
# Dots have the area that makes the whole picture as dark as the photograph's ink is.

width, height = density.box[1]
figure, (left, right) = plt.subplots(1, 2, figsize=(14 * width, 7 * height), layout="constrained")
left.imshow(photograph, extent=(0, width, 0, height))
left.set_title("photograph")
right.scatter(*np.asarray(dots.positions).T, s=1.3, color="black", linewidths=0, rasterized=True)
right.set_title(f"{DOTS:,} dots of equal mass")
for ax in (left, right):
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
plt.show()
