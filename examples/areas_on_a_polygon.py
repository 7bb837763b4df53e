"""
Areas prescribed on a polygon
=============================

A country divided into compact districts of exactly the areas that are asked for.

The country is a polygon with bays and peninsulas. Its districts are power cells cut to it, whose
areas are those prescribed, and whose sites are their barycentres: of all such divisions one with
compact districts.
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import Polygon, lloyd, optimal_transport_plan

COAST = np.array(
    [
        (0.6, 1.2), (1.6, 0.5), (2.7, 0.9), (3.4, 0.3), (4.6, 0.4), (4.9, 1.1), (4.1, 1.6),
        (4.3, 2.2), (5.6, 1.7), (6.6, 2.2), (7.6, 1.8), (7.9, 2.6), (7.2, 3.4), (7.6, 4.3),
        (6.9, 5.2), (5.8, 5.0), (5.4, 4.1), (4.9, 3.9), (4.8, 4.7), (5.3, 5.6), (4.5, 6.3),
        (3.4, 6.0), (2.9, 5.2), (3.3, 4.4), (2.6, 3.9), (1.7, 4.6), (1.0, 4.3), (1.2, 3.4),
        (0.4, 2.7), (1.1, 2.1),
    ]
)  # fmt: skip
DISTRICTS = 24

country = Polygon(COAST)
shares = np.linspace(1.0, 6.0, DISTRICTS)  # the largest has six times the area of the smallest
result = lloyd(country.sample(DISTRICTS, 3), country, shares, tol=1e-6)
diagram = optimal_transport_plan(result.diracs, country, tol=1e-12).power_diagram
wanted = shares / shares.sum() * country.area
error = np.abs(diagram.areas / wanted - 1).max()
print(f"areas from {wanted.min():.3f} to {wanted.max():.3f}, greatest relative error {error:.1e}")
print(f"{result.iterations} steps, {result.diagrams} diagrams, gradient {result.gradient_norm:.1e}")

# %%

figure, ax = plt.subplots(figsize=(8.4, 6), layout="constrained")
diagram.plot(ax, values=diagram.areas, sites=False, color="white", clim=(0, 2), colorbar="area")
ax.plot(*np.vstack([COAST, COAST[:1]]).T, color="black", linewidth=1.2, clip_on=False)
for centre, area in zip(diagram.centroids, diagram.areas, strict=True):
    shade = "white" if area < 1.3 else "black"
    ax.annotate(f"{area:.2f}", centre, ha="center", va="center", fontsize=8, color=shade)
ax.set(xticks=[], yticks=[], frame_on=False)
ax.set_title(f"{DISTRICTS} districts, areas as prescribed to {error:.0e}")
plt.show()
