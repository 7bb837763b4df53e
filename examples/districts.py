"""
Districts of equal area and of equal population
===============================================

A country with a lake, given as a polygon of GeoJSON, in compact districts.

The outline comes as GeoJSON has it: closed rings, of which those after the first are holes. The
districts are power cells cut to it, whose sites are their barycentres: so they are compact. Where
most people live, in towns, districts of equal population are small. As densities towns are bells,
restricted to the land.
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import Polygon, PowerDiagram, SumOfGaussians, lloyd, optimal_transport_plan

GEOMETRY = {
    "type": "Polygon",
    "coordinates": [
        [
            [0.6, 1.2], [1.6, 0.5], [2.7, 0.9], [3.4, 0.3], [4.6, 0.4], [4.9, 1.1], [4.1, 1.6],
            [4.3, 2.2], [5.6, 1.7], [6.6, 2.2], [7.6, 1.8], [7.9, 2.6], [7.2, 3.4], [7.6, 4.3],
            [6.9, 5.2], [5.8, 5.0], [5.4, 4.1], [4.9, 3.9], [4.8, 4.7], [5.3, 5.6], [4.5, 6.3],
            [3.4, 6.0], [2.9, 5.2], [3.3, 4.4], [2.6, 3.9], [1.7, 4.6], [1.0, 4.3], [1.2, 3.4],
            [0.4, 2.7], [1.1, 2.1], [0.6, 1.2],
        ],
        [[2.0, 2.1], [2.7, 1.9], [3.3, 2.3], [3.5, 3.0], [2.9, 3.3], [2.3, 2.9], [2.0, 2.1]],
    ],
}  # fmt: skip
TOWNS = ((6.5, 3.6, 0.4, 0.3), (3.9, 5.3, 0.3, 0.2), (1.7, 1.3, 0.25, 0.15))  # x, y, radius, share
DISTRICTS = 32


def districts(density) -> PowerDiagram:
    """Compact cells of equal mass."""
    sites = lloyd(density.sample(DISTRICTS, 1), density, tol=1e-5).diracs
    return optimal_transport_plan(sites, density, tol=1e-12).power_diagram


outline, *lakes = GEOMETRY["coordinates"]
country = Polygon(outline, holes=lakes)
x, y, radii, shares = np.transpose(TOWNS)
towns = SumOfGaussians(np.stack([x, y], axis=1), (radii / 2) ** 2, shares)
people = 0.35 * country + towns.restricted(outline, 0.65, holes=lakes)

# %%
# Colours tell the area of a district.

figure, axes = plt.subplots(1, 2, figsize=(14, 5.4), layout="constrained")
for ax, density, name in ((axes[0], country, "area"), (axes[1], people, "population")):
    diagram = districts(density)
    shares = diagram.moments(density).masses * DISTRICTS
    print(f"equal {name}: to {np.abs(shares - 1).max():.0e}, areas {diagram.areas.min():.3f} to "
          f"{diagram.areas.max():.3f}, {max(map(len, diagram.parts))} rings at most")  # fmt: skip
    diagram.plot(ax, values=diagram.areas, sites=False, color="white", clim=(0, 2.5), line_width=1)
    for ring in country.region:
        ax.plot(*np.vstack([ring, ring[:1]]).T, color="black", linewidth=1.2, clip_on=False)
    ax.set(xticks=[], yticks=[], frame_on=False, title=f"{DISTRICTS} districts of equal {name}")
for x, y, radius, _ in TOWNS:
    axes[1].add_patch(plt.Circle((x, y), 1.4 * radius, fill=False, color="tab:red"))
axes[1].plot([], [], "o", markerfacecolor="none", color="tab:red", label="towns")
axes[1].legend(loc="lower right")
figure.colorbar(axes[1].collections[0], ax=axes, label="area of a district")
plt.show()
