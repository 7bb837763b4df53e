r"""
A fluid with a free surface
===========================

A column of water falls in a box: incompressible, with air above it, by partial transport.

Each of n particles has the mass :math:`m` of the volume that it takes. It falls freely, but for a
spring that pulls it to the barycentre of what it is given in the cheapest transport of all of them
into the box, of which they fill a part: no denser than one, and as they like elsewhere. As in
Gallouët's and Mérigot's scheme (*A Lagrangian scheme à la Brenier for the incompressible Euler
equations*, Found. Comput. Math. 18, 2018) that is the gradient of a potential, so that

.. math:: \sum_i m \left( \tfrac{1}{2} |v_i|^2 + g\, h_i \right) + \frac{W_2^2}{2 \varepsilon^2},

kinetic, potential and the springs' energy, is conserved, by symplectic Euler up to an error that
falls with the time step.
"""

import matplotlib.pyplot as plt
import numpy as np

from sdot import Box, SumOfDiracs, optimal_transport_plan, quantize

N, EPSILON, GRAVITY, END = 250, 0.03, 1.0, 1.8
WIDTH, HEIGHT = 0.4, 0.8  # of the column, in a box of side one
STEPS = (60, 120, 240)

box = Box(((0, 0), (1, 1)))
column = Box(((0, 0), (WIDTH, HEIGHT)))
start = np.asarray(quantize(column, N, tol=1e-2).positions)
MASS = WIDTH * HEIGHT / N


def fall(steps):
    """The plans at all times, and kinetic, potential and spring energies (steps + 1, 3)."""
    places, speeds, step = start, np.zeros_like(start), END / steps
    plans, energies = [], []
    for _ in range(steps + 1):
        fluid = SumOfDiracs(places, mass=N * MASS)
        plan = optimal_transport_plan(fluid, box, partial=True, warm_start=True, tol=1e-6)
        plans.append(plan)
        kinetic, potential = MASS * 0.5 * (speeds**2).sum(), MASS * GRAVITY * places[:, 1].sum()
        energies.append((kinetic, potential, plan.distance / (2 * EPSILON**2)))
        speeds = speeds - step / EPSILON**2 * (places - plan.barycenters)
        speeds[:, 1] -= step * GRAVITY
        places = places + step * speeds
    return plans, np.array(energies)


# %%
# Colours tell where in the column a particle was. Below, the energy; that of the springs is counted
# from what it is where all particles are alone, in discs of the mass :math:`m`.

figure, axes = plt.subplot_mosaic(
    [[0, 1, 2, 3], ["kinds"] * 2 + ["error"] * 2],
    figsize=(14, 7), height_ratios=(1, 0.8), layout="constrained",
)  # fmt: skip
rest = N * MASS**2 / (2 * np.pi) / (2 * EPSILON**2)
for steps in STEPS:
    plans, energies = fall(steps)
    energies[:, 2] -= rest
    total, times = energies.sum(axis=1), np.linspace(0, END, steps + 1)
    errors = total / total[0] - 1
    axes["error"].plot(times, errors, label=f"step {END / steps:g}: {np.abs(errors).max():.4f}")
    print(f"time step {END / steps:.4f}: energy {total[0]:.5f} at first and {total[-1]:.5f} at the "
          f"end, at most {np.abs(errors).max():.4f} of it away")  # fmt: skip


def draw(plan, ax):
    """The particles in their cells."""
    look = {"arrows": False, "sites": False, "color": "white", "cmap": "viridis"}
    plan.plot(ax, values=start[:, 0] + 0.2 * start[:, 1], **look)
    ax.set(xticks=[], yticks=[])


for k in range(4):
    moment = k * steps // 3
    draw(plans[moment], axes[k])
    axes[k].set(title=f"t = {times[moment]:g}")
for energy, name in zip(energies.T, ("kinetic", "potential", "springs"), strict=True):
    axes["kinds"].plot(times, energy, label=name)
axes["kinds"].plot(times, total, color="black", label="sum")
axes["kinds"].set(xlabel="t", ylabel="energy", ylim=(0, None))
axes["error"].set(xlabel="t", ylabel="relative change of the sum")
for name in ("kinds", "error"):
    axes[name].legend()
plt.show()

# %%
# ``animate(plans, "fluid.gif", draw=draw)`` of `sdot.plot` makes a film of it.
