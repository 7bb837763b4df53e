"""An incompressible fluid of particles: Euler's equations after Gallouet and Merigot.

Each of n particles moves freely, but for a spring that pulls it to the barycentre of the cell that
it has in the optimal transport of all of them to the uniform density: what keeps a fluid from being
compressed. The force is the gradient of W2^2 / (2 eps^2), so that energy is conserved,

    sum_i m_i |v_i|^2 / 2 + W2^2 / (2 eps^2),

by symplectic Euler up to an error of first order in the time step, which the picture shows. The
flow is a stationary one on the square, which turns around its centre. (A Lagrangian scheme a la
Brenier for the incompressible Euler equations, Found. Comput. Math. 18, 2018.)
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sdot import Box, SumOfDiracs, optimal_transport_plan, quantize
from sdot.plot import plot_diagram

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


figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
for steps in STEPS:
    places, energies, plan = flow(steps)
    errors = np.abs(energies / energies[0] - 1)
    times = np.linspace(0, END, steps + 1)
    axes[2].plot(times, errors, label=f"time step 1/{steps}: {errors.max():.4f} at most")
    print(f"time step {END / steps:.4f}: greatest relative change of energy {errors.max():.4f}")

dye = np.where(start[:, 0] > 0, 0.8, 0.1)  # in the fluid on the right
for ax, sites, title in ((axes[0], start, "t = 0"), (axes[1], places, f"t = {END:g}")):
    diagram = optimal_transport_plan(SumOfDiracs(sites), square).power_diagram
    plot_diagram(diagram, ax, values=dye, sites=False, cmap="Blues", color="grey")
    ax.set(xticks=[], yticks=[], title=title)
axes[2].set(xlabel="t", ylim=(0, None), title="relative change of energy")
axes[2].legend()
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "incompressible_euler.png", dpi=130)
print(f"picture: {folder / 'incompressible_euler.png'}")
