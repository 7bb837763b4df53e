"""Stippling: a photograph drawn with dots of equal ink.

The density is the photograph's darkness. Equal masses at random places are moved to the
barycentres of their transport cells (Lloyd's steps on the Wasserstein distance): every dot ends
up standing for the same amount of ink, so dots crowd in the dark and never clump.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan


def darkness(photograph: np.ndarray) -> PolynomialGrid:
    """Ink, with the contrast raised: nothing (almost) where the photograph is light."""
    grey = photograph.astype(float).mean(axis=2) / 255
    ink = np.clip((0.85 - grey) / 0.85, 0.02, 1) ** 1.5
    return PolynomialGrid.from_image(1 - ink, invert=True)


def random_sites(density: PolynomialGrid, count: int) -> np.ndarray:
    """Draw from the density by rejection."""
    random, low, high = np.random.default_rng(0), *density.box
    candidates = low + random.random((40 * count, 2)) * (high - low)
    heights = density.evaluate(candidates)
    return candidates[random.random(len(heights)) * heights.max() < heights][:count]


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", nargs="?", default="pictures", type=Path)
parser.add_argument("--dots", type=int, default=8000)
parser.add_argument("--steps", type=int, default=10)
arguments = parser.parse_args()

# The portrait of Grace Hopper comes with matplotlib; the head is cut out.
photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[10:420, 100:400]
density = darkness(photograph)
sites = random_sites(density, arguments.dots)

begin = time.perf_counter()
for step in range(arguments.steps):
    plan = optimal_transport_plan(SumOfDiracs(sites), density, tol=1e-2)
    sites = plan.barycenters
    print(f"step {step:3d}   W2^2 = {plan.distance:.4e}   {plan.status.iterations} Newton steps")
print(f"{len(sites)} dots, {arguments.steps} Lloyd steps: {time.perf_counter() - begin:.1f} s")

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
