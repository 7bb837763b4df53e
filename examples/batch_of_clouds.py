"""
Sixty-four clouds at once
=========================

Clouds of points, each fitted to a density of its own, all in one call by `jax.vmap`.

The densities blend four shapes: a disc, a ring, a cross and four peaks. A step moves every point of
every cloud to the barycentre of its cell, by the gradient of :math:`W_2^2`; the problems of a batch
are solved on all cores.
"""

import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from sdot import PolynomialGrid, SumOfDiracs, distance

jax.config.update("jax_enable_x64", True)
SIDE, N, STEPS, PIXELS = 8, 70, 30, 32

t = (np.arange(PIXELS) + 0.5) / PIXELS
x, y = np.meshgrid(t, t, indexing="ij")
r = np.hypot(x - 0.5, y - 0.5)
disc, ring = np.exp(-30 * r**2), np.exp(-300 * (r - 0.35) ** 2)
cross = np.exp(-200 * (x - 0.5) ** 2) + np.exp(-200 * (y - 0.5) ** 2)
peaks = sum(np.exp(-150 * ((x - a) ** 2 + (y - b) ** 2)) for a in (0.2, 0.8) for b in (0.2, 0.8))
corners = np.array([image / image.mean() for image in (disc, ring, cross, peaks)])
a, b = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE))
shares = np.stack([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b], axis=-1).reshape(-1, 4)
images = jnp.asarray(0.02 + np.tensordot(shares, corners, 1))

# %%
# The loss is written for one cloud and one density; `vmap` maps it over both.


def cost(points: jax.Array, image: jax.Array) -> jax.Array:
    return distance(SumOfDiracs(points), PolynomialGrid(image))


@jax.jit
def step(clouds: jax.Array) -> tuple[jax.Array, jax.Array]:
    values, gradients = jax.vmap(jax.value_and_grad(cost))(clouds, images)
    return values, clouds - N / 2 * gradients  # to the barycentres: masses are 1 / N


clouds = jnp.asarray(np.random.default_rng(0).random((SIDE**2, N, 2)))
start = time.perf_counter()
history = []
for _ in range(STEPS):
    values, clouds = step(clouds)
    history.append(np.asarray(values))
seconds = time.perf_counter() - start
print(f"{SIDE**2} clouds of {N} points, {STEPS} steps: {seconds:.1f} s")
print(f"mean W2^2: {history[0].mean():.5f} -> {history[-1].mean():.5f}")

# %%
# One scale of colours for all of them.

figure, axes = plt.subplots(SIDE, SIDE, figsize=(9.6, 9), layout="constrained")
figure.suptitle("64 clouds of 70 points between a disc, a ring, a cross and four peaks")
for ax, cloud, image in zip(axes.flat, np.asarray(clouds), np.asarray(images), strict=True):
    look = {"cmap": "Purples", "vmin": 0, "vmax": 10}
    shown = ax.imshow(image.T, origin="lower", extent=(0, 1, 0, 1), **look)
    ax.plot(*cloud.T, "k.", markersize=2.5)
    ax.set(xticks=[], yticks=[])
figure.colorbar(shown, ax=axes, label="density", extend="max", aspect=50)
plt.show()
