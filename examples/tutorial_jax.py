"""
The tutorial in JAX
===================

200 points that quantise a two-peak density: the loop as it was published, then the step that
converges.

As written the loop hardly moves the points: the gradient is :math:`2 m_i (y_i - b_i)` and the
masses :math:`m_i` are 1/200, so ``lr = 5e-3`` takes each point 5e-5 of the way to its barycentre
:math:`b_i` per step. The whole way, Lloyd's step, is ``lr = 1 / (2 m_i)``, which is ``n / 2`` for
n equal masses.
"""

# %%
# As written
# ----------
#
# The seed and `start` are ours.

# fmt: off
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
# fmt: on

# %%
# The step that converges
# -----------------------
#
# Each point goes to its barycentre.

as_written = positions
print(f"after 200 steps with lr = {lr}: W₂² = {loss(as_written):.6f}\n")

lr = len(positions) / 2
history = []
for step in range(100):
    val, grad = jax.value_and_grad(loss)(positions)
    history.append(float(val))
    positions = positions - lr * grad
    if step % 20 == 0:
        print(f"step {step:4d}   W₂² = {val:.6f}")
print(f"after 100 steps with lr = n / 2 = {lr:g}: W₂² = {loss(positions):.6f}")

# %%
# Left: what 200 steps as written do, drawn from where each point was to where it is. Middle: the
# result of 100 steps of the right length.

import matplotlib.pyplot as plt

from sdot import optimal_transport_plan

figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
target.plot(axes[0])
ways = np.stack([np.asarray(start), np.asarray(as_written)])
axes[0].plot(*ways.transpose(2, 0, 1), color="tab:red", linewidth=1)
axes[0].scatter(*ways[1].T, s=9, color="black", linewidths=0)
axes[0].set_title(f"200 steps as written: $W_2^2$ = {loss(as_written):.4f}")
plan = optimal_transport_plan(SumOfDiracs(positions), target)
plan.plot(axes[1], arrows=False, colorbar="density")
axes[1].set_title(f"100 steps with lr = n / 2: $W_2^2$ = {plan.distance:.5f}")
for ax in axes[:2]:
    ax.set(xticks=[], yticks=[])
axes[2].semilogy(history)
axes[2].axhline(loss(as_written), color="black", linestyle="--", label="the loop as written")
axes[2].set(xlabel="steps with lr = n / 2", ylabel="$W_2^2$", title="distance")
axes[2].legend()
plt.show()
