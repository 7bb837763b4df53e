"""Stippling: a photograph drawn with dots of equal ink.

The density is the photograph's darkness, and the dots are its quantisation by points of equal
mass: every dot stands for the same amount of ink, so dots crowd in the dark and never clump.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

from sdot import PolynomialGrid, quantize


def darkness(photograph: np.ndarray) -> PolynomialGrid:
    """Ink, with the contrast raised: nothing (almost) where the photograph is light."""
    grey = photograph.astype(float).mean(axis=2) / 255
    ink = np.clip((0.85 - grey) / 0.85, 0.02, 1) ** 1.5
    return PolynomialGrid.from_image(1 - ink, invert=True)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", nargs="?", default="pictures", type=Path)
parser.add_argument("--dots", type=int, default=8000)
arguments = parser.parse_args()

# The portrait of Grace Hopper comes with matplotlib; the head is cut out.
photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[10:420, 100:400]
density = darkness(photograph)
begin = time.perf_counter()
dots = quantize(density, arguments.dots)
print(f"{len(dots)} dots: {time.perf_counter() - begin:.1f} s")
sites = np.asarray(dots.positions)

width, height = density.box[1]
figure, (left, right) = plt.subplots(1, 2, figsize=(16 * width, 8 * height), layout="constrained")
left.imshow(photograph, extent=(0, width, 0, height))
right.scatter(*sites.T, s=5 * 8000 / len(sites), color="black", linewidths=0)
for ax in (left, right):
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
arguments.folder.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.folder / "stippling.png", dpi=150)
print(f"picture: {arguments.folder / 'stippling.png'}")
