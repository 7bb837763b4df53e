"""
The certified distance of two photographs
=========================================

Two numbers between which :math:`W_2^2` of two densities lies.

`distance_bounds` gives above the cost of a transport from one to the other through n points, and
below what a pair of potentials proves. The more points, the closer: as 1/n. The photographs are a
portrait and a landscape from above.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.colors import LightSource
from matplotlib.image import imread

from sdot import PolynomialGrid, distance_bounds

SQUARE = ((0, 0), (1, 1))
NUMBERS = np.array([60, 240, 960, 3840])

photograph = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[20:404, 60:444]
portrait = PolynomialGrid.from_image(photograph[::2, ::2], invert=True, domain=SQUARE)
heights = get_sample_data("jacksboro_fault_dem.npz")["elevation"][:320, :320]
shaded = LightSource(315, 45).hillshade(heights, vert_exag=0.02)
landscape = PolynomialGrid.from_image(shaded[::2, ::2], invert=True, domain=SQUARE)

found = [distance_bounds(portrait, landscape, sites=int(n)) for n in NUMBERS]
for n, bounds in zip(NUMBERS, found, strict=True):
    print(f"n = {n:5d}: {bounds.lower:.7f} <= W2^2 <= {bounds.upper:.7f}")
lower, upper, estimate = (np.array(column) for column in zip(*found, strict=True))

# %%

figure, axes = plt.subplots(1, 4, figsize=(17, 4), layout="constrained")
for ax, density, name in ((axes[0], portrait, "from here"), (axes[1], landscape, "to here")):
    density.plot(ax, cmap="Greys", vmax=2.2, colorbar="density" if ax is axes[1] else False)
    ax.set(xticks=[], yticks=[], title=name)
axes[2].fill_between(NUMBERS, lower, upper, alpha=0.2)
axes[2].semilogx(NUMBERS, upper, "v-", label="upper bound")
axes[2].semilogx(NUMBERS, lower, "^-", label="lower bound")
axes[2].set(xlabel="sites n", ylabel="$W_2^2$")
axes[2].set_title(f"$W_2^2$ = {estimate[-1]:.5f} ± {(upper - lower)[-1] / 2:.0e}")
axes[3].loglog(NUMBERS, upper - lower, "o-", color="black", label="upper - lower")
axes[3].loglog(NUMBERS, (upper - lower)[0] * NUMBERS[0] / NUMBERS, "k:", label="slope of 1 / n")
axes[3].set(xlabel="sites n", ylabel="difference of the bounds", title="what is left open")
for ax in axes[2:]:
    ax.legend()
plt.show()
