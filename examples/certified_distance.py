"""The distance between two photographs, with a certificate.

`distance_bounds` gives two numbers between which W2^2 lies: above, the cost of a transport from one
to the other through n points; below, a pair of potentials. The more points, the closer: as 1/n. The
photographs are a portrait and a landscape from above.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.colors import LightSource
from matplotlib.image import imread

from sdot import PolynomialGrid, distance_bounds
from sdot.plot import plot_density

SQUARE = ((0, 0), (1, 1))
NUMBERS = [60, 240, 960, 3840]

photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[20:404, 60:444]
portrait = PolynomialGrid.from_image(photograph[::2, ::2], invert=True, domain=SQUARE)
heights = get_sample_data("jacksboro_fault_dem.npz")["elevation"][:320, :320]
shaded = LightSource(315, 45).hillshade(heights, vert_exag=0.02)
landscape = PolynomialGrid.from_image(shaded[::2, ::2], invert=True, domain=SQUARE)

found = [distance_bounds(portrait, landscape, sites=n) for n in NUMBERS]
for n, bounds in zip(NUMBERS, found, strict=True):
    print(f"n = {n:5d}: {bounds.lower:.7f} <= W2^2 <= {bounds.upper:.7f}")
lower, upper, estimate = (np.array(column) for column in zip(*found, strict=True))

figure, axes = plt.subplots(1, 4, figsize=(17, 4), layout="constrained")
for ax, density, name in ((axes[0], portrait, "from here"), (axes[1], landscape, "to here")):
    plot_density(density, ax, cmap="Greys")
    ax.set(xticks=[], yticks=[], title=name)
axes[2].fill_between(NUMBERS, lower, upper, alpha=0.3)
axes[2].semilogx(NUMBERS, upper, "v-", label="upper bound")
axes[2].semilogx(NUMBERS, lower, "^-", label="lower bound")
axes[2].set(xlabel="sites n", title=f"$W_2^2$ = {estimate[-1]:.5f} ± {(upper - lower)[-1] / 2:.0e}")
axes[2].legend()
axes[3].loglog(NUMBERS, upper - lower, "o-", label="upper - lower")
axes[3].loglog(NUMBERS, (upper - lower)[0] * NUMBERS[0] / np.array(NUMBERS), "k:", label="1/n")
axes[3].set(xlabel="sites n", title="what is left open")
axes[3].legend()
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "certified_distance.png", dpi=130)
print(f"picture: {folder / 'certified_distance.png'}")
