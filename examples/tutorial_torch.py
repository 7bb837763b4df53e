r"""
The tutorial in PyTorch
=======================

Adam on 200 points, then plain gradient steps to convergence.

Adam divides the gradient by its own size, so that ``lr = 5e-3`` is a length here: every point moves
about 0.005 per step. For plain gradient descent the step is ``lr = 1 / (2 m_i)``, ``n / 2`` for n
equal masses, because the gradient is :math:`2 m_i (y_i - b_i)`: that is Lloyd's step,
:math:`y_i \leftarrow b_i`.
"""

import numpy as np

t = np.linspace(0, 1, 64)
x, y = np.meshgrid(t, t)
target_img = np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(
    -50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2)
)

# %%
# As written
# ----------
#
# The seed, `start` and `history` are ours.

# fmt: off
import torch
import sdot
from sdot import PolynomialGrid, SumOfDiracs, distance

torch.manual_seed( 0 )
history = []

sdot.driver.framework = "torch"

target_t  = torch.tensor( np.array( target_img ), dtype = torch.float64 )
target    = PolynomialGrid( values = target_t )

positions = torch.rand( 200, 2, dtype = torch.float64, requires_grad = True )
start     = positions.detach().clone()
optimizer = torch.optim.Adam( [ positions ], lr = 5e-3 )

for step in range( 200 ):
    optimizer.zero_grad()
    val = distance( SumOfDiracs( positions ), target )
    val.backward()
    optimizer.step()
    history.append( val.item() )
    if step % 20 == 0:
        print( f"step {step:4d}   W₂² = {val.item():.6f}" )
# fmt: on

# %%
# To convergence
# --------------
#
# Adam's steps do not shrink near the optimum; Lloyd's do.

optimizer = torch.optim.SGD([positions], lr=len(positions) / 2)
for _ in range(100):
    optimizer.zero_grad()
    val = distance(SumOfDiracs(positions), target)
    val.backward()
    optimizer.step()
    history.append(val.item())
print(f"after 100 steps more with lr = n / 2: W₂² = {val.item():.6f}")

# %%
# Cells at the start and at the end, and the distance on the way.

import matplotlib.pyplot as plt

from sdot import optimal_transport_plan

figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
for ax, sites, name in ((axes[0], start, "start"), (axes[1], positions.detach(), "end")):
    plan = optimal_transport_plan(SumOfDiracs(sites), target)
    plan.plot(ax, arrows=False, colorbar="density" if ax is axes[1] else False)
    ax.set(title=f"{name}: $W_2^2$ = {plan.distance:.5f}", xticks=[], yticks=[])
axes[2].semilogy(history)
axes[2].axvline(200, color="black", linestyle="--", linewidth=1)
axes[2].text(190, history[0], "Adam, lr = 0.005", ha="right", va="top")
axes[2].text(210, history[0], "Lloyd", va="top")
axes[2].set(title="distance", xlabel="step", ylabel="$W_2^2$")
plt.show()
