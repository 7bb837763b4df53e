r"""
Diffusion, step by step
=======================

Steps of Jordan, Kinderlehrer and Otto for the porous medium and the heat equation, on power cells.

A step of length :math:`\tau` from a density, known as Diracs of mass :math:`m_i` at :math:`y_i`,
takes the minimiser of :math:`W_2^2 / (2 \tau) + U` over the densities that are constant,
:math:`m_i / A_i`, on the power cells of the :math:`y_i`: these are what their weights make them,
and the cells are the optimal plan. :math:`U` is the integral of :math:`\rho^2` (porous media,
:math:`\partial_t \rho = \Delta \rho^2`) or of :math:`\rho \log \rho` (heat): a sum over cells of
what depends on masses and areas. Then the Diracs move to the barycentres of their cells. Some more
sites, without mass, ring the support and are given the vacuum. Moments of cells give the energy,
moments of edges its gradient, in the weights; Newton's method takes a matrix near the second
derivatives. Compared with Barenblatt's solution and the heat kernel.
"""

import matplotlib.pyplot as plt
import numpy as np
import scipy

from sdot import Box, PowerDiagram

HALF = 3.0
BOX = ((-HALF, -HALF), (HALF, HALF))
AREA = Box(BOX, mass=4 * HALF**2)  # of density one
PEAK = 1 / np.sqrt(8 * np.pi)  # of Barenblatt's solution at t = 1, for mass one


# %%
# The two equations: the energy of cells, its first two derivatives by area, and the exact solution.


class Porous:
    start, end = 0.25, 1.25

    @staticmethod
    def energy(m, area):
        return m**2 / area, -((m / area) ** 2), 2 * m**2 / area**3

    @staticmethod
    def exact(r, t):
        return np.maximum(PEAK - r**2 / (16 * np.sqrt(t)), 0) / np.sqrt(t)

    @staticmethod
    def radius(share, t):  # of the disc with this share of the mass
        return np.sqrt(16 * PEAK * np.sqrt(t) * (1 - np.sqrt(1 - share)))


class Heat:
    start, end = 0.1, 0.3

    @staticmethod
    def energy(m, area):
        return m * np.log(m / area), -m / area, m / area**2

    @staticmethod
    def exact(r, t):
        return np.exp(-(r**2) / (4 * t)) / (4 * np.pi * t)

    @staticmethod
    def radius(share, t):
        return np.sqrt(-4 * t * np.log(1 - share))


# %%
# A step: what it minimises over weights, and Newton's method.


def laplacian(a, i, j, n):
    """The matrix of a graph with these weights of edges."""
    weights = scipy.sparse.coo_array((np.r_[a, a], (np.r_[i, j], np.r_[j, i])), (n, n)).tocsr()
    return scipy.sparse.diags_array(weights.sum(axis=1)) - weights


def objective(w, y, m, tau, energy):
    """What a step minimises over weights, its gradient, and a matrix near its Hessian."""
    diagram, n, k = PowerDiagram(y, w), len(y), len(m)
    areas, centroids, spreads = (part[:k] for part in diagram.moments(AREA))
    if not (areas > 0).all():
        return np.inf, None, None
    costs = areas * ((centroids - y[:k]) ** 2).sum(axis=1) + np.trace(spreads, axis1=1, axis2=2)
    rho = np.append(m / areas, np.zeros(n - k))  # none on the cells of the vacuum
    values, slopes, curvatures = energy(m, areas)
    value = rho[:k] @ costs / (2 * tau) + values.sum()
    by_area, by_area2 = np.zeros(n), np.zeros(n)
    by_area[:k] = slopes - m * costs / areas**2 / (2 * tau)
    by_area2[:k] = curvatures + m * costs / areas**3 / tau
    # An edge brings area, and the integral of |x - y|^2, from one cell to the other.
    edges = diagram.edge_moments(AREA)
    i, j = edges.sites.T
    mean_i, mean_j = (((edges.centroids - y[s]) ** 2).sum(axis=1) + edges.spreads for s in (i, j))
    gains = by_area[i] - by_area[j] + (rho[i] * mean_i - rho[j] * mean_j) / (2 * tau)
    flow = edges.weights * gains
    gradient = np.bincount(i, flow, n) - np.bincount(j, flow, n)
    by_weight = laplacian(edges.weights, i, j, n)
    costs_matrix = laplacian(edges.weights * (0.5 * (rho[i] + rho[j]) + 1e-3 * rho.max()), i, j, n)
    hessian = by_weight @ scipy.sparse.diags_array(by_area2) @ by_weight + costs_matrix / (2 * tau)
    return value, gradient, hessian + 1e-8 * rho.max() / tau * scipy.sparse.eye_array(n)


def step(y, m, tau, energy):
    """The weights that minimise."""
    w = np.zeros(len(y))
    value, gradient, hessian = objective(w, y, m, tau, energy)
    for _ in range(60):
        direction = -scipy.sparse.linalg.spsolve(hessian.tocsc(), gradient)
        t = 1.0
        while (found := objective(w + t * direction, y, m, tau, energy))[0] > value + 1e-4 * t * (
            gradient @ direction
        ):
            t /= 2
        w, gain = w + t * direction, value - found[0]
        value, gradient, hessian = found
        if gain < 1e-8 * abs(value):
            break
    return w


def flow(kind, n, steps):
    """The last diagram and densities on its cells."""
    k = np.arange(n) + 0.5
    angles = np.pi * (3 - np.sqrt(5)) * k  # a sunflower
    turns = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y, m = kind.radius(k / n, kind.start)[:, None] * turns, np.full(n, 1 / n)
    for _ in range(steps):
        reach = np.hypot(*y.T).max()
        gap = reach * np.sqrt(np.pi / n)
        ring = np.linspace(0, 2 * np.pi, int(2 * np.pi * (reach / gap + 1)), endpoint=False)
        vacuum = (reach + gap) * np.stack([np.cos(ring), np.sin(ring)], axis=1)
        sites = np.concatenate([y, vacuum])
        w = step(sites, m, (kind.end - kind.start) / steps, kind.energy)
        diagram = PowerDiagram(sites, w, domain=BOX)
        y = diagram.centroids[:n]
    return diagram, np.append(m / diagram.areas[:n], np.zeros(len(vacuum)))


def error(kind, diagram, rho):
    """In L1, on a grid."""
    x = HALF * ((np.arange(400) + 0.5) / 200 - 1)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    exact = kind.exact(np.hypot(*np.moveaxis(points, -1, 0)), kind.end)
    return np.abs(rho[diagram.locate(points)] - exact).sum() * (HALF / 200) ** 2


# %%
# Three numbers of cells and three of steps.

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.2), layout="constrained")
radii = np.linspace(0, 2.2, 200)
COUNTS, STEPS = (100, 300, 900), (1, 2, 4)
for kind, color in ((Porous, "tab:blue"), (Heat, "tab:orange")):
    name, errors = kind.__name__.lower(), np.empty((len(STEPS), len(COUNTS)))
    for row, steps in enumerate(STEPS):
        for column, n in enumerate(COUNTS):
            diagram, rho = flow(kind, n, steps)
            errors[row, column] = error(kind, diagram, rho)
        tau = (kind.end - kind.start) / steps
        print(f"{name}: tau = {tau:<5g} " + ", ".join(
            f"n = {n}: {e:.3f}" for n, e in zip(COUNTS, errors[row], strict=True)))  # fmt: skip
        style = {"color": color, "alpha": (1 + row) / len(STEPS), "marker": "o"}
        axes[2].loglog(COUNTS, errors[row], label=f"{name}, tau = {tau:g}", **style)
    axes[1].plot(radii, kind.exact(radii, kind.start), color=color, linestyle=":")
    axes[1].plot(radii, kind.exact(radii, kind.end), color=color, label=f"{name}, exact")
    filled = rho > 0
    places = np.hypot(*diagram.centroids[filled].T)
    axes[1].plot(places, rho[filled], ".", color="black", markersize=2, zorder=3)
    if kind is Porous:
        look = {"cmap": "Purples", "color": "0.8", "sites": False}
        diagram.plot(axes[0], values=rho, colorbar="density", **look)
        edge = plt.Circle((0, 0), kind.radius(1, kind.end), fill=False, linestyle="--")
        axes[0].add_patch(edge)
axes[0].set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), title="cells, and where Barenblatt's solution ends")
axes[1].set(xlabel="radius", title="density, at first (dotted) and at the end")
axes[2].set(xlabel="cells", title="error at the end in L1")
axes[2].set_xticks(COUNTS, map(str, COUNTS))
axes[2].set_yticks((0.08, 0.1, 0.15, 0.2), ("0.08", "0.1", "0.15", "0.2"))
axes[2].minorticks_off()
for ax in axes[1:]:
    ax.legend(fontsize=8)
plt.show()
