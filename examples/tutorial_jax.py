"""The tutorial in JAX: 200 points that quantise a two-peak density, then the step that converges.

As written the tutorial's loop hardly moves the points: the gradient is 2 m_i (y_i - b_i) and the
masses m_i are 1/200, so lr = 5e-3 takes each point 5e-5 of the way to its barycentre b_i per
step. The whole way (Lloyd's step) is lr = 1 / (2 m_i), which is n / 2 for n equal masses.
"""

import sys
from pathlib import Path

# fmt: off
# ---- The tutorial as written (the seed and `start` are ours) ----
import numpy as np
import jax
import jax.numpy as jnp
from sdot import PolynomialGrid, SumOfDiracs, distance

np.random.seed( 0 )

# Target: a two-peak Gaussian mixture, represented as a 64×64 image
t = jnp.linspace( 0, 1, 64 )
x, y = jnp.meshgrid( t, t )
target_img = (
    jnp.exp( -50 * ( ( x - 0.3 )**2 + ( y - 0.3 )**2 ) ) +
    jnp.exp( -50 * ( ( x - 0.7 )**2 + ( y - 0.7 )**2 ) )
)

target = PolynomialGrid( values = target_img )

@jax.jit
def loss( positions ):
    return distance( SumOfDiracs( positions ), target )

# Start from random positions
positions = jnp.array( np.random.rand( 200, 2 ) )
start = positions

# Gradient descent
lr = 5e-3
for step in range( 200 ):
    val, grad = jax.value_and_grad( loss )( positions )
    positions = positions - lr * grad
    if step % 20 == 0:
        print( f"step {step:4d}   W₂² = {val:.6f}" )
# ---- The end of the tutorial's code ----
# fmt: on

as_written = positions
print(f"after 200 steps with lr = {lr}: W₂² = {loss(as_written):.6f}\n")

lr = len(positions) / 2  # Lloyd's step, 1 / (2 m_i): each point goes to its barycentre
for step in range(100):
    val, grad = jax.value_and_grad(loss)(positions)
    positions = positions - lr * grad
    if step % 20 == 0:
        print(f"step {step:4d}   W₂² = {val:.6f}")
print(f"after 100 steps with lr = n / 2 = {lr:g}: W₂² = {loss(positions):.6f}")

# ---- The picture ----
import matplotlib.pyplot as plt

from sdot import optimal_transport_plan
from sdot.plot import plot_plan

figure, axes = plt.subplots(1, 3, figsize=(13.5, 5.2), layout="constrained")
names = ["start", "200 steps as written, lr = 0.005", "100 steps more, lr = n / 2"]
for ax, sites, name in zip(axes, (start, as_written, positions), names, strict=True):
    plan = optimal_transport_plan(SumOfDiracs(sites), target)
    plot_plan(plan, ax, arrows=False)
    ax.set(title=f"{name}\n$W_2^2$ = {plan.distance:.6f}", xticks=[], yticks=[])
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "tutorial_jax.png", dpi=130)
print(f"picture: {folder / 'tutorial_jax.png'}")
