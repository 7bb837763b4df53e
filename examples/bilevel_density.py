"""
A density learnt from its quantiser
===================================

Which density has given points as its optimal quantiser? A bilevel problem, solved by gradients.

The inner problem is quantisation: points that are the barycentres of their cells, which Lloyd's
steps approach. The outer one moves the pixels of the density until the inner solution, started at
the given points, stays there. Its gradient goes through the barycentres of every step. The points
come from a hidden density, so that it is known what there is to find.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan, quantize

jax.config.update("jax_enable_x64", True)
N, PIXELS, INNER_STEPS = 150, 8, 4

t = (np.arange(PIXELS) + 0.5) / PIXELS
x, y = np.meshgrid(t, t, indexing="ij")
hidden = (
    0.3 + np.exp(-12 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + 2 * np.exp(-20 * (x + y - 1.5) ** 2)
)
hidden /= hidden.mean()
given = jnp.asarray(quantize(PolynomialGrid(hidden), N, seed=0).positions)

# %%
# The inner problem: some steps to the barycentres, which end where it is solved.


def quantised(logs: jax.Array) -> jax.Array:
    density = PolynomialGrid(jnp.exp(logs))

    def step(points: jax.Array, _: None) -> tuple[jax.Array, None]:
        return optimal_transport_plan(SumOfDiracs(points), density).barycenters, None

    return jax.lax.scan(step, given, length=INNER_STEPS)[0]


@jax.jit
@jax.value_and_grad
def mismatch(logs: jax.Array) -> jax.Array:
    return N**2 * jnp.mean((quantised(logs) - given) ** 2)


# %%
# The outer problem: the logarithms of the pixels, by SciPy's L-BFGS.

values: list[float] = []


def outer(raveled: np.ndarray) -> tuple[float, np.ndarray]:
    value, gradient = mismatch(jnp.asarray(raveled).reshape(PIXELS, PIXELS))
    values.append(float(value))
    return float(value), np.ravel(gradient)


found = minimize(outer, np.zeros(PIXELS**2), jac=True, method="L-BFGS-B", options={"maxiter": 60})
learnt = np.exp(found.x.reshape(PIXELS, PIXELS))
learnt /= learnt.mean()
error = np.abs(learnt - hidden).mean()
print(f"mismatch {values[0]:.2e} -> {min(values):.2e} in {len(values)} evaluations")
print(f"density: mean error {np.abs(1 - hidden).mean():.3f} (uniform) -> {error:.3f} (learnt)")
assert error <= 0.15, "the density was not recovered"

# %%

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.2), layout="constrained")
names = ("hidden density, and its points", "density learnt from the points")
for ax, image, name in zip(axes[:2], (hidden, learnt), names, strict=True):
    PolynomialGrid(image).plot(
        ax, vmax=hidden.max(), colorbar="density" if ax is axes[1] else False
    )
    ax.plot(*np.asarray(given).T, "k.", markersize=3)
    ax.set(title=name, xticks=[], yticks=[])
axes[2].semilogy(np.minimum.accumulate(values))
axes[2].set(title="least mismatch so far", xlabel="evaluations", ylabel="mismatch of the quantiser")
plt.show()
