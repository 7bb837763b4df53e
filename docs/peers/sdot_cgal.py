"""sdot: this project."""

from task import heights, measure, points

from sdot import PolynomialGrid, SumOfDiracs, distance


def solve(tol: float) -> float:
    density = PolynomialGrid(heights())
    return distance(SumOfDiracs(points()), density, tol=tol, warm_start=False)


measure({f"tol={tol:g}": lambda tol=tol: solve(tol) for tol in (1e-2, 1e-4, 1e-8)})
