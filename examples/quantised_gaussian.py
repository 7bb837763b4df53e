r"""
A quantised Gaussian
====================

Points that stand for a Gaussian as well as so many points can: of equal mass, or of free masses.

The optimal quantiser, whose masses are free, spends fewer points where the density is high, in
proportion to its square root. :math:`n W_2^2` tends to the hexagonal constant
:math:`5 / (18 \sqrt 3)` times :math:`(\int \sqrt\rho)^2` (Zador; Fejes Tóth), which is
:math:`8 \pi \sqrt{\det S}` for a Gaussian of covariance :math:`S`; for points of equal mass, which
the tails cost too much, it grows with n.
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import PowerDiagram, SumOfGaussians, distance, optimal_transport_plan, quantize

COVARIANCE = np.array([[2.0, 0.9], [0.9, 1.0]])
BOX = np.array([[-6.0, -4.2], [6.0, 4.2]])
POINTS, NUMBERS = 250, [20, 60, 200, 600, 2000]

gaussian = SumOfGaussians([[0.0, 0.0]], [COVARIANCE])
limit = 5 / (18 * np.sqrt(3)) * 8 * np.pi * np.sqrt(np.linalg.det(COVARIANCE))

figure, axes = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
for ax, masses in zip(axes, ("equal", "free"), strict=False):
    points = quantize(gaussian, POINTS, masses=masses, tol=1e-4)
    if masses == "equal":
        diagram = optimal_transport_plan(points, gaussian).power_diagram
    else:
        diagram = PowerDiagram(points.positions)
    gaussian.plot(ax, colorbar="density" if masses == "free" else False)
    diagram.clip(BOX).plot(ax, sites=True, line_width=0.5)
    error = distance(points, gaussian)
    ax.set(xlim=BOX[:, 0], ylim=BOX[:, 1], xticks=[], yticks=[])
    ax.set_title(f"{POINTS} points, {masses} masses: $W_2^2$ = {error:.4f}")

# %%
# What :math:`n W_2^2` tends to.

for masses, style in (("equal", "o--"), ("free", "o-")):
    scaled = [n * distance(quantize(gaussian, n, masses=masses), gaussian) for n in NUMBERS]
    axes[2].semilogx(NUMBERS, scaled, style, label=f"{masses} masses")
    print(f"{masses:5s} masses: n W2^2 = {', '.join(f'{value:.3f}' for value in scaled)}")
print(f"the limit with free masses: {limit:.3f}")
axes[2].axhline(limit, color="black", linewidth=0.8, label="Zador's limit")
axes[2].set(xlabel="points n", ylabel="$n\\,W_2^2$", title="distance times number of points")
axes[2].legend()
plt.show()
