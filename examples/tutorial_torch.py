"""The tutorial in PyTorch: Adam on 200 points, then plain gradient steps to convergence.

Adam divides the gradient by its own size, so that lr = 5e-3 is a length here: every point moves
about 0.005 per step. For plain gradient descent the step is lr = 1 / (2 m_i), n / 2 for n equal
masses, because the gradient is 2 m_i (y_i - b_i): that is Lloyd's step, y_i <- b_i.
"""

import sys
from pathlib import Path

import numpy as np

t = np.linspace(0, 1, 64)
x, y = np.meshgrid(t, t)
target_img = np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(
    -50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2)
)

# fmt: off
# ---- The tutorial as written (the seed, `start` and `history` are ours) ----
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
# ---- The end of the tutorial's code ----
# fmt: on

# Adam's steps do not shrink near the optimum; Lloyd's do.
optimizer = torch.optim.SGD([positions], lr=len(positions) / 2)
for _ in range(100):
    optimizer.zero_grad()
    val = distance(SumOfDiracs(positions), target)
    val.backward()
    optimizer.step()
    history.append(val.item())
print(f"after 100 steps more with lr = n / 2: W₂² = {val.item():.6f}")

# ---- The picture ----
import matplotlib.pyplot as plt

from sdot.plot import plot_density

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
plot_density(target, left, cmap="Blues")
paths = np.stack([start.numpy(), positions.detach().numpy()])
left.plot(*paths.transpose(2, 0, 1), color="grey", linewidth=0.4)
left.scatter(*paths[0].T, s=8, facecolors="white", edgecolors="grey", linewidths=0.5, zorder=3)
left.scatter(*paths[1].T, s=12, color="crimson", linewidths=0, zorder=4)
left.set(title="from the start (white) to the optimum (red)", xticks=[], yticks=[])
right.semilogy(history, color="crimson")
right.axvline(200, color="grey", linewidth=0.8, linestyle=":")
right.set(title="Adam, lr = 0.005; then Lloyd steps", xlabel="step", ylabel="$W_2^2$")
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "tutorial_torch.png", dpi=130)
print(f"picture: {folder / 'tutorial_torch.png'}")
