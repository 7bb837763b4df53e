r"""
An incompressible fluid
=======================

Particles that the gradient of the distance keeps apart: Euler's equations after Gallouët and
Mérigot.

Each of n particles moves freely, but for a spring that pulls it to the barycentre of the cell that
it has in the optimal transport of all of them to the uniform density: what keeps a fluid from
being compressed. The force is the gradient of :math:`W_2^2 / (2 \varepsilon^2)`, so that energy is
conserved,

.. math:: \sum_i \tfrac{1}{2} m_i |v_i|^2 + \frac{W_2^2}{2 \varepsilon^2},

by symplectic Euler up to an error of first order in the time step, which the picture shows. The
flow is a stationary one on the square, which turns around its centre. (*A Lagrangian scheme à la
Brenier for the incompressible Euler equations*, Found. Comput. Math. 18, 2018.)
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import Box, SumOfDiracs, optimal_transport_plan, quantize

N, EPSILON, END = 400, 0.1, 1.0
STEPS = (20, 40, 80)

square = Box(((-0.5, -0.5), (0.5, 0.5)))
start = np.asarray(quantize(square, N, tol=1e-3).positions)
x, y = np.pi * start.T
whirl = np.stack([-np.cos(x) * np.sin(y), np.sin(x) * np.cos(y)], axis=1)


def flow(steps: int) -> tuple[np.ndarray, np.ndarray, object]:
    """Return the particles in the end, energies at all times, and the last plan."""
    places, speeds, step = start, whirl, END / steps
    energies = []
    for k in range(steps + 1):
        plan = optimal_transport_plan(SumOfDiracs(places), square, warm_start=True)
        kinetic = 0.5 * (speeds**2).sum() / N
        energies.append(kinetic + plan.distance / (2 * EPSILON**2))
        if k < steps:
            speeds = speeds - step / EPSILON**2 * (places - plan.barycenters)
            places = places + step * speeds
    return places, np.array(energies), plan


# %%
# Cells of particles that were on the right are dyed. Three time steps: the error of energy halves
# with the step.

figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
for steps in STEPS:
    places, energies, plan = flow(steps)
    errors = np.abs(energies / energies[0] - 1)
    times = np.linspace(0, END, steps + 1)
    axes[2].plot(times, errors, label=f"step 1/{steps}: at most {errors.max():.4f}")
    print(f"time step {END / steps:.4f}: greatest relative change of energy {errors.max():.4f}")

dye = np.where(start[:, 0] > 0, 0.8, 0.1)  # in the fluid on the right
for ax, sites, title in ((axes[0], start, "t = 0"), (axes[1], places, f"t = {END:g}")):
    diagram = optimal_transport_plan(SumOfDiracs(sites), square).power_diagram
    diagram.plot(ax, values=dye, sites=False, cmap="Blues", clim=(0, 1), color="grey")
    ax.set(xticks=[], yticks=[], title=title)
axes[2].set(xlabel="t", ylim=(0, None), ylabel="relative change", title="energy")
axes[2].legend()
plt.show()
