"""
Fitting a Gaussian mixture in PyTorch
=====================================

Three Gaussians fitted to 500 points by descending :math:`W_2^2`, with a module and Adam.

The same fit as in JAX, of other points. What is recovered is the mixture nearest to the points as
they lie, with an error of sampling order from the one that they were drawn from (this is no
likelihood, and components have no names: they are matched at the end). The curve does not fall to
zero, since points are not a density. Weights, and what overlapping components can trade between
them, are identified weakly; another start can end in a worse minimum.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from sdot import SumOfDiracs, SumOfGaussians, distance

STEPS, SHOWN = 250, (0, 25, 250)
BOUND = 0.25  # on every error

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
MEANS = torch.tensor([[-1.5, -0.5], [1.5, -0.8], [0.2, 1.6]])
FACTORS = torch.tensor([[[0.9, 0], [0.3, 0.4]], [[0.4, 0], [-0.3, 0.8]], [[0.8, 0], [-0.4, 0.3]]])
COVS = FACTORS @ FACTORS.mT
WEIGHTS = torch.tensor([0.5, 0.3, 0.2])
normals = MultivariateNormal(MEANS, COVS)
points = MixtureSameFamily(Categorical(WEIGHTS), normals).sample((500,))


class Mixture(torch.nn.Module):
    """Any parameters make a mixture: the covariances are L L^T, the diagonal of L is exp(...)."""

    def __init__(self) -> None:
        super().__init__()
        self.means = torch.nn.Parameter(torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5]]))
        self.factors = torch.nn.Parameter(torch.zeros(3, 2, 2))
        self.logits = torch.nn.Parameter(torch.zeros(3))

    def forward(self) -> SumOfGaussians:
        diagonal = torch.diagonal(self.factors, dim1=1, dim2=2)
        factors = self.factors.tril(-1) + torch.diag_embed(diagonal.exp())
        return SumOfGaussians(self.means, factors @ factors.mT, self.logits.softmax(0))


# %%
# Diracs are made once, outside of the loop: this object remembers the potentials of the last
# solution, from which every step starts. A new one would start cold, since the mixture is a new
# one each time.

observed = SumOfDiracs(points)
model, losses, snapshots = Mixture(), [], []
optimizer = torch.optim.Adam(model.parameters(), lr=0.06, betas=(0.9, 0.99))
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
for step in range(STEPS + 1):
    optimizer.zero_grad()
    mixture = model()
    loss = distance(observed, mixture)
    losses.append(loss.item())
    if step in SHOWN:
        snapshots.append((mixture.means.detach().clone(), mixture.covs.detach()))
    if step % 25 == 0:
        print(f"step {step:4d}   W2^2 = {loss.item():.6f}")
    if step < STEPS:
        loss.backward()
        optimizer.step()
        schedule.step()
of_truth = distance(observed, SumOfGaussians(MEANS, COVS, WEIGHTS)).item()
print(f"fitted {losses[-1]:.4f}, true mixture {of_truth:.4f}")

# %%
# What was recovered
# ------------------

names = torch.cdist(MEANS, mixture.means.detach()).argmin(dim=1)
worst = 0.0
for name, true, found in (
    ("means", MEANS, mixture.means),
    ("covariances", COVS, mixture.covs),
    ("weights", WEIGHTS, mixture.weights),
):
    fitted = found.detach()[names]
    worst = max(worst, (fitted - true).abs().max().item())
    print(name, np.round(true.numpy(), 2).tolist())
    print(" " * (len(name) - 6) + "fitted", np.round(fitted.numpy(), 2).tolist())
print(f"greatest error {worst:.2f}, to be below {BOUND}")

# %%
# Ellipses of one and two standard deviations (dashed: the truth), and the distance on the way.

angles = torch.linspace(0, 2 * torch.pi, 100)
circle = torch.stack([angles.cos(), angles.sin()])
figure, axes = plt.subplots(1, 4, figsize=(17, 4.4), layout="constrained")
for ax, step, (means, covs) in zip(axes, SHOWN, snapshots, strict=False):
    ax.scatter(*points.T, s=5, color="0.65", linewidths=0)
    for mean, cov, style in (
        *(
            (m, c, {"color": "black", "linestyle": "--", "linewidth": 1})
            for m, c in zip(MEANS, COVS, strict=True)
        ),
        *(
            (m, c, {"color": "tab:blue", "linewidth": 1.6})
            for m, c in zip(means, covs, strict=True)
        ),
    ):
        for radius in (1, 2):
            ax.plot(*(mean[:, None] + radius * torch.linalg.cholesky(cov) @ circle), **style)
    ax.set(aspect="equal", xticks=[], yticks=[], title=f"step {step}: $W_2^2$ = {losses[step]:.3f}")
axes[3].semilogy(losses, color="tab:blue", label="the mixture that is fitted")
axes[3].axhline(of_truth, color="black", linestyle="--", linewidth=1, label="the true mixture")
axes[3].set(xlabel="step", ylabel="$W_2^2$", title="distance from the points")
axes[3].legend()
plt.show()
assert worst <= BOUND, f"greatest error {worst:.2f}"
