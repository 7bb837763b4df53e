"""
Fitting a Gaussian mixture in JAX
=================================

Five hundred points, and the mixture of three Gaussians nearest to them: means, full covariances and
weights by gradient descent.

:math:`W_2^2` is not a likelihood. Its minimum is the mixture nearest to the points as they lie:
near the truth with an error of sampling order, :math:`n^{-1/2}`, and close to what one would
estimate if it were known which component each point was drawn from (the names of the components
are arbitrary; they are matched at the end). The curve does not fall to zero, since points are not
a density: its floor is sampling. The true mixture is above that floor, about as far from these
points as from any other sample. Weakly identified are weights, and whatever overlapping components
can trade between them. The loss is not convex: from another start it can end in a worse minimum.
"""

from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from sdot import SumOfDiracs, SumOfGaussians, distance

STEPS, RATE = 250, 0.06
BOUND = 0.25  # on every error; that of the points themselves is 0.16
MEANS = np.array([[-1.5, -0.5], [1.5, -0.8], [0.2, 1.6]])
FACTORS = np.array([[[0.9, 0], [0.3, 0.4]], [[0.4, 0], [-0.3, 0.8]], [[0.8, 0], [-0.4, 0.3]]])
WEIGHTS = np.array([0.5, 0.3, 0.2])
truth = SumOfGaussians(MEANS, FACTORS @ FACTORS.transpose(0, 2, 1), WEIGHTS)


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    origin = rng.choice(3, 500, p=WEIGHTS)
    normal = rng.normal(size=(500, 2, 1))
    return MEANS[origin] + (FACTORS[origin] @ normal)[..., 0], origin


def mixture(parameters: Any) -> SumOfGaussians:
    """Any parameters make a mixture: the covariances are L L^T, the diagonal of L is exp(...)."""
    factors = jnp.exp(parameters["log_diagonal"])[:, None] * jnp.eye(2)
    factors = factors.at[:, 1, 0].set(parameters["lower"])
    return SumOfGaussians(
        parameters["means"], factors @ factors.mT, jax.nn.softmax(parameters["logits"])
    )


# %%
# Diracs are made once, outside of the loop: this object remembers the potentials of the last
# solution, from which every step starts. A new one would start cold, since the mixture is a new
# one each time.

points, origin = sample(0)
observed = SumOfDiracs(points)


@jax.jit
def adam(step: Any, parameters: Any, average: Any, square: Any) -> Any:
    loss, gradient = jax.value_and_grad(lambda p: distance(observed, mixture(p)))(parameters)
    average = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, average, gradient)
    square = jax.tree.map(lambda s, g: 0.99 * s + 0.01 * g**2, square, gradient)
    rate = RATE * jnp.cos(0.5 * jnp.pi * step / STEPS) / (1 - 0.9 ** (step + 1))

    def move(p: Any, a: Any, s: Any) -> Any:
        return p - rate * a / (jnp.sqrt(s / (1 - 0.99 ** (step + 1))) + 1e-8)

    return loss, jax.tree.map(move, parameters, average, square), average, square


# %%
# A rough start: equal discs side by side in the middle.

parameters: Any = {
    "means": jnp.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5]]),
    "log_diagonal": jnp.zeros((3, 2)),
    "lower": jnp.zeros(3),
    "logits": jnp.zeros(3),
}
start, losses = mixture(parameters), []
average = square = jax.tree.map(jnp.zeros_like, parameters)
for step in range(STEPS):
    loss, parameters, average, square = adam(step, parameters, average, square)
    losses.append(float(loss))
    if step % 25 == 0:
        print(f"step {step:4d}   W2^2 = {loss:.6f}")
fitted = mixture(parameters)
others = [float(distance(SumOfDiracs(sample(seed)[0]), truth)) for seed in range(1, 9)]
print(f"fitted {losses[-1]:.4f}, true mixture {distance(observed, truth):.4f}")
print(f"true mixture and eight other samples {min(others):.4f} to {max(others):.4f}")

# %%
# What was recovered
# ------------------

found = [np.asarray(a, dtype=float) for a in (fitted.means, fitted.covs, fitted.weights)]
names = [int(np.argmin(((found[0] - mean) ** 2).sum(axis=1))) for mean in MEANS]
means, covs, weights = (a[names] for a in found)
worst = 0.0
print("            truth | fitted | the points drawn from that component")
for c in range(3):
    own = points[origin == c]
    for name, true, fit, drawn in (
        ("mean", MEANS[c], means[c], own.mean(axis=0)),
        ("covariance", truth.covs[c], covs[c], np.cov(own.T)),
        ("weight", WEIGHTS[c], weights[c], len(own) / len(points)),
    ):
        columns = [np.array2string(np.ravel(a), precision=2) for a in (true, fit, drawn)]
        worst = max(worst, float(np.abs(fit - true).max()))
        print(f"{name:>10}  {' | '.join(columns)}")
print(f"greatest error {worst:.2f}, to be below {BOUND}")

# %%
# Ellipses of one and two standard deviations, and the distance on the way.


def draw_ellipses(ax: Any, means: Any, covs: Any, **style: Any) -> None:
    angles = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    for mean, cov in zip(np.asarray(means), np.asarray(covs), strict=True):
        for radius in (1, 2):
            curve = mean[:, None] + radius * np.linalg.cholesky(cov) @ circle
            ax.plot(*curve, **style)
            style.pop("label", None)  # once


figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), layout="constrained")
left.scatter(*points.T, s=7, color="0.6", linewidths=0)
draw_ellipses(left, start.means, start.covs, linestyle=":", label="start", color="0.6")
draw_ellipses(left, MEANS, truth.covs, linestyle="--", label="truth", color="black")
draw_ellipses(left, means, covs, color="tab:blue", linewidth=1.6, label="fitted")
left.set(aspect="equal", xticks=[], yticks=[], title="500 points; one and two standard deviations")
left.legend(loc="lower left")
right.semilogy(losses, color="tab:blue", label="the mixture that is fitted")
label = "the true mixture, from these points"
right.axhline(distance(observed, truth), color="black", linestyle="--", linewidth=1, label=label)
label = "... and from eight other samples"
right.axhspan(min(others), max(others), color="0.9", label=label)
right.set(xlabel="step", ylabel="$W_2^2$", title="distance from the points")
right.legend()
plt.show()
assert worst <= BOUND, f"greatest error {worst:.2f}"
