"""Power cells and polynomial integrals in exact rational arithmetic.

Doubles are rationals, so what these functions return for the very numbers that the compiled
code is given is the truth, not another approximation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Point = tuple[Fraction, Fraction]
Polygon = list[Point]
FloatArray = npt.NDArray[np.float64]

# Coefficients c[p][q] of s**p * t**q.
Polynomial = list[list[Fraction]]


class Moments(NamedTuple):
    """Mass, raw first moments, raw second moments, and the largest term of the mass."""

    mass: Fraction
    x: Fraction
    y: Fraction
    xx: Fraction
    xy: Fraction
    yy: Fraction
    largest: Fraction


def rational_polygon(points: Sequence[Sequence[float]] | FloatArray) -> Polygon:
    """Return the corners as pairs of fractions."""
    return [(Fraction(float(x)), Fraction(float(y))) for x, y in points]


def box_polygon(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """Return the corners of a box, counter-clockwise."""
    return rational_polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def clip(polygon: Polygon, a: Fraction, b: Fraction, c: Fraction) -> Polygon:
    """Return the part of a convex polygon where a x + b y <= c."""
    sides = [a * x + b * y - c for x, y in polygon]
    result: Polygon = []
    for k, (point, side) in enumerate(zip(polygon, sides, strict=True)):
        before, before_side = polygon[k - 1], sides[k - 1]
        if side * before_side < 0:
            t = before_side / (before_side - side)
            result.append(
                (before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1]))
            )
        if side <= 0:
            result.append(point)
    return result if len(result) > 2 else []


def power_cell(sites: FloatArray, weights: FloatArray, i: int, domain: Polygon) -> Polygon:
    """Return the power cell of site i inside a convex domain, by n - 1 half-planes."""
    points = rational_polygon(sites)
    w = [Fraction(float(v)) for v in weights]
    xi, yi = points[i]
    cell = domain
    for j, (xj, yj) in enumerate(points):
        if j == i or not cell:
            continue
        c = (xj * xj + yj * yj - w[j]) - (xi * xi + yi * yi - w[i])
        cell = clip(cell, 2 * (xj - xi), 2 * (yj - yi), c)
    return cell


def area(polygon: Polygon) -> Fraction:
    """Return the area of a polygon (the shoelace formula)."""
    return (
        sum(
            (
                polygon[k - 1][0] * polygon[k][1] - polygon[k - 1][1] * polygon[k][0]
                for k in range(len(polygon))
            ),
            Fraction(0),
        )
        / 2
    )


def centroid(polygon: Polygon) -> Point:
    """Return the centroid of a polygon with an area."""
    table = monomial_integrals(tuple(polygon), 1)
    return table[1][0] / table[0][0], table[0][1] / table[0][0]


def _products(powers: list[list[Fraction]], factor: list[Fraction], count: int) -> None:
    while len(powers) < count:
        last = powers[-1]
        product = [Fraction(0)] * (len(last) + 1)
        for k, value in enumerate(last):
            product[k] += value * factor[0]
            product[k + 1] += value * factor[1]
        powers.append(product)


@cache
def monomial_integrals(polygon: tuple[Point, ...], degree: int) -> list[list[Fraction]]:
    """Return the integrals of x**p * y**q over a polygon, p and q up to a degree each.

    Green: the boundary integral of x**(p + 1) / (p + 1) * y**q dy, edge by edge.
    """
    table = [[Fraction(0)] * (degree + 1) for _ in range(degree + 1)]
    for k in range(len(polygon)):
        (x0, y0), (x1, y1) = polygon[k - 1], polygon[k]
        if y0 == y1:
            continue
        x_powers, y_powers = [[Fraction(1)]], [[Fraction(1)]]
        _products(x_powers, [x0, x1 - x0], degree + 2)
        _products(y_powers, [y0, y1 - y0], degree + 1)
        for p in range(degree + 1):
            for q in range(degree + 1):
                integral = sum(
                    u * v / (r + s + 1)
                    for r, u in enumerate(x_powers[p + 1])
                    for s, v in enumerate(y_powers[q])
                )
                table[p][q] += integral * (y1 - y0) / (p + 1)
    return table


def grid_moments(
    polygon: Polygon, x_lines: FloatArray, y_lines: FloatArray, coefficients: FloatArray
) -> Moments:
    """Return the moments of a polynomial grid over a convex polygon, cut pixel by pixel.

    ``coefficients`` (nx, ny, terms, terms) are those of local coordinates in [0, 1].
    """
    total = [Fraction(0)] * 7
    terms = coefficients.shape[2]
    for ix in range(len(x_lines) - 1):
        x0, x1 = Fraction(float(x_lines[ix])), Fraction(float(x_lines[ix + 1]))
        strip = clip(clip(polygon, Fraction(-1), Fraction(0), -x0), Fraction(1), Fraction(0), x1)
        for iy in range(len(y_lines) - 1):
            y0, y1 = Fraction(float(y_lines[iy])), Fraction(float(y_lines[iy + 1]))
            piece = clip(strip, Fraction(0), Fraction(-1), -y0)
            piece = clip(piece, Fraction(0), Fraction(1), y1)
            if not piece:
                continue
            w, h = x1 - x0, y1 - y0
            local = tuple(((x - x0) / w, (y - y0) / h) for x, y in piece)
            table = monomial_integrals(local, terms + 1)
            m = _local_moments(table, coefficients[ix, iy])
            moved = [
                m[0],
                x0 * m[0] + w * m[1],
                y0 * m[0] + h * m[2],
                x0 * x0 * m[0] + 2 * x0 * w * m[1] + w * w * m[3],
                x0 * y0 * m[0] + x0 * h * m[2] + y0 * w * m[1] + w * h * m[4],
                y0 * y0 * m[0] + 2 * y0 * h * m[2] + h * h * m[5],
                m[6],
            ]
            total = [a + w * h * b for a, b in zip(total, moved, strict=True)]
    return Moments(*total)


def clip_to_polygon(polygon: Polygon, convex: Polygon) -> Polygon:
    """Return the part of a convex polygon inside another one, counter-clockwise."""
    for k in range(len(convex)):
        (ax, ay), (bx, by) = convex[k - 1], convex[k]
        if not polygon:
            break
        # Left of a -> b: (b - a) x (p - a) >= 0.
        dx, dy = bx - ax, by - ay
        polygon = clip(polygon, dy, -dx, dy * ax - dx * ay)
    return polygon


def affine_moments(polygon: Polygon, height: float, slope: Sequence[float], at: Point) -> Moments:
    """Return the moments of the density ``height + slope . (x - at)`` over a polygon."""
    if not polygon:
        return Moments(*[Fraction(0)] * 7)
    sx, sy = Fraction(float(slope[0])), Fraction(float(slope[1]))
    constant = Fraction(float(height)) - sx * at[0] - sy * at[1]
    table = monomial_integrals(tuple(polygon), 3)
    orders = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    found = [
        constant * table[p][q] + sx * table[p + 1][q] + sy * table[p][q + 1] for p, q in orders
    ]
    return Moments(*found, found[0])


def add_moments(parts: Iterable[Moments]) -> Moments:
    """Return the moments of a sum."""
    return Moments(*(sum(values, Fraction(0)) for values in zip(*parts, strict=True)))


def _local_moments(table: list[list[Fraction]], coefficients: FloatArray) -> list[Fraction]:
    orders = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    result = [Fraction(0)] * 7
    for (p, q), value in np.ndenumerate(coefficients):
        c = Fraction(float(value))
        for k, (a, b) in enumerate(orders):
            result[k] += c * table[p + a][q + b]
        result[6] += abs(c * table[p][q])
    return result


def grid_pull_back(
    cells: Sequence[Polygon],
    potential: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    x_lines: FloatArray,
    y_lines: FloatArray,
    terms: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the integrals (nx, ny, terms, terms) of a potential times s**p t**q, and their size.

    On cell i the potential is the sum of metric[k] g[k]**2 + slopes[i, k] g[k], g = u - sites[i],
    minus constants[i]. The size is that of its terms, at most.
    """
    metric, sites, slopes, constants = potential
    a, b = (Fraction(float(m)) for m in metric)
    shape = len(x_lines) - 1, len(y_lines) - 1, terms, terms
    sums = np.full(shape, Fraction(0), dtype=object)
    sizes = np.full(shape, Fraction(0), dtype=object)
    parts = zip(cells, rational_polygon(sites), rational_polygon(slopes), constants, strict=True)
    for cell, site, slope, constant in parts:
        c = Fraction(float(constant))
        for ix, iy in np.ndindex(shape[:2]):
            x0, x1, y0, y1 = (
                Fraction(float(v)) for v in (*x_lines[ix : ix + 2], *y_lines[iy : iy + 2])
            )
            piece = clip(clip(cell, Fraction(-1), Fraction(0), -x0), Fraction(1), Fraction(0), x1)
            piece = clip(clip(piece, Fraction(0), Fraction(-1), -y0), Fraction(0), Fraction(1), y1)
            if not piece:
                continue
            w, h = x1 - x0, y1 - y0
            local = tuple(((x - x0) / w, (y - y0) / h) for x, y in piece)
            table = monomial_integrals(local, terms + 1)
            gx, gy = x0 - site[0], y0 - site[1]
            for p, q in np.ndindex(terms, terms):
                along_x = gx * gx * table[p][q] + 2 * gx * w * table[p + 1][q]
                along_y = gy * gy * table[p][q] + 2 * gy * h * table[p][q + 1]
                squares = a * (along_x + w * w * table[p + 2][q]) + b * (
                    along_y + h * h * table[p][q + 2]
                )
                tilts = (
                    gx * table[p][q] + w * table[p + 1][q],
                    gy * table[p][q] + h * table[p][q + 1],
                )
                linear = slope[0] * tilts[0] + slope[1] * tilts[1]
                sums[ix, iy, p, q] += w * h * (squares + linear - c * table[p][q])
                reach = abs(slope[0]) * (abs(gx) + w) + abs(slope[1]) * (abs(gy) + h)
                sizes[ix, iy, p, q] += w * h * (squares + (abs(c) + reach) * table[p][q])
    return sums.astype(np.float64), sizes.astype(np.float64)


def central_second_moments(moments: Moments) -> tuple[Fraction, Fraction, Fraction]:
    """Return xx, xy, yy about the centroid, without cancellation: the arithmetic is exact."""
    m = moments
    return m.xx - m.x * m.x / m.mass, m.xy - m.x * m.y / m.mass, m.yy - m.y * m.y / m.mass
