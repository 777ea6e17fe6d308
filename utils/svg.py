"""Small drawings for a page that stands alone: a strip of towns, a map of a few towns.

SVG written by hand, a few kilobytes each: shapes only, no text, so that they follow the width
and the fonts of the page; every colour is an attribute that a style sheet may replace by the
class of the shape (dark page). The title and the description are for who cannot see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely import get_coordinates
from shapely.geometry.base import BaseGeometry

from utils.maps import INSETS, MAINLAND_EPSG
from utils.style import INK, LAND, LINES, MUTED, TOWN

__all__ = ["Outlines", "map_of_towns", "outlines", "strip"]

#: Size of a strip and of a map, user units.
STRIP: Final = (320, 30)
MAP: Final = 300
BAND: Final = "#C9D8E6"
OTHER: Final = "#0072B2"

Floats = NDArray[np.float64]


def _open(width: float, height: float, ident: str, title: str, desc: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape(desc)}</desc>'
    )


def _diamond(x: float, y: float, half: float) -> str:
    return (
        f'<path class="town" fill="{TOWN}" stroke="#fff" stroke-width="1"'
        f' d="M{x:.1f} {y - half:.1f}L{x + half:.1f} {y:.1f}L{x:.1f} {y + half:.1f}'
        f'L{x - half:.1f} {y:.1f}Z"/>'
    )


def strip(own: float, others: Sequence[float], *, ident: str, title: str, desc: str) -> str:
    """Draw a town (diamond) among others (dots) on a line, from the smallest to the largest.

    The band holds the middle half of the others, the tick is their median; equal values are
    piled up.

    Parameters
    ----------
    own, others
        Values, same unit, all known; ``others`` not empty.
    ident : str
        Unique in the page.
    title, desc : str
        Plain text.
    """
    width, height = STRIP
    values = np.asarray(others, dtype=float)
    low, high = float(min(values.min(), own)), float(max(values.max(), own))
    span = (high - low) or 1.0
    margin, middle = 8.0, height / 2

    def x(value: float) -> float:
        return margin + (value - low) / span * (width - 2 * margin)

    first, median, third = (x(float(q)) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    parts = [
        _open(width, height, ident, title, desc),
        f'<path class="axis" stroke="{LINES}" d="M{margin:g} {middle:g}H{width - margin:g}"/>',
        f'<rect class="band" fill="{BAND}" x="{first:.1f}" y="{middle - 6:g}"'
        f' width="{max(third - first, 1):.1f}" height="12"/>',
        f'<path class="ink" stroke="{INK}" stroke-width="2"'
        f' d="M{median:.1f} {middle - 9:g}V{middle + 9:g}"/>',
    ]
    piles = np.round((values - low) / span * 40).astype(int)
    for pile in np.unique(piles):
        inside = values[piles == pile]
        gap = min(5.0, (height - 6) / len(inside))
        for rank, value in enumerate(inside):
            y = middle + (rank - (len(inside) - 1) / 2) * gap
            parts.append(
                f'<circle class="dot" fill="{MUTED}" fill-opacity=".7" r="2.4"'
                f' cx="{x(float(value)):.1f}" cy="{y:.1f}"/>'
            )
    return "".join([*parts, _diamond(x(own), middle, 6.5), "</svg>"])


class Outlines(NamedTuple):
    """A territory ready to be drawn: its CRS, its frame in metres, its path in user units."""

    epsg: int
    left: float
    top: float
    metres: float
    size: tuple[float, float]
    path: str

    def place(self, towns: pd.DataFrame) -> Floats:
        """Return the places of towns (``lon``, ``lat``, EPSG:4326), user units, shape (n, 2)."""
        points = gpd.GeoSeries(gpd.points_from_xy(towns["lon"], towns["lat"]), crs=4326)
        metres = get_coordinates(points.to_crs(self.epsg))
        return np.column_stack(
            [(metres[:, 0] - self.left) / self.metres, (self.top - metres[:, 1]) / self.metres]
        )


def outlines(departements: gpd.GeoDataFrame) -> dict[str, Outlines]:
    """Prepare the mainland (``""``) and each overseas territory (``"974"``…).

    Parameters
    ----------
    departements : GeoDataFrame
        ``code``, ``geometry``, as read.
    """
    wanted = {"": (MAINLAND_EPSG, 3000.0)} | {part.code: (part.epsg, 150.0) for part in INSETS}
    overseas = (
        departements["code"].str.slice(0, 3).where(departements["code"].str.startswith("97"), "")
    )
    found = {}
    for code, (epsg, tolerance) in wanted.items():
        land = departements[overseas == code].to_crs(epsg)
        if land.empty:
            continue
        land = land.assign(geometry=land.geometry.simplify_coverage(tolerance))
        left, bottom, right, top = (float(edge) for edge in land.total_bounds)
        metres = max(right - left, top - bottom) / (MAP - 12)
        left, top = left - 6 * metres, top + 6 * metres
        size = ((right - left) / metres + 6, (top - bottom) / metres + 6)
        path = "".join(
            _path(polygon, left, top, metres)
            for shape in land.geometry
            for polygon in getattr(shape, "geoms", [shape])
        )
        found[code] = Outlines(epsg, left, top, metres, size, path)
    return found


def _path(polygon: BaseGeometry, left: float, top: float, metres: float) -> str:
    """Write the outer ring of a polygon; nothing for an islet smaller than a dot."""
    points = get_coordinates(polygon.exterior)
    x, y = (points[:, 0] - left) / metres, (top - points[:, 1]) / metres
    if max(np.ptp(x), np.ptp(y)) < 2:
        return ""
    return "M" + "L".join(f"{a:.0f} {b:.0f}" for a, b in zip(x, y, strict=True)) + "Z"


def map_of_towns(
    lands: dict[str, Outlines],
    towns: pd.DataFrame,
    *,
    town: str,
    ident: str,
    title: str,
    desc: str,
) -> str:
    """Draw a town and others on the mainland, or on the overseas territories where they are.

    Parameters
    ----------
    lands : dict
        Of :func:`outlines`.
    towns : DataFrame
        ``code``, ``lon``, ``lat`` (degrees, EPSG:4326), ``pvd`` (filled dot, else a ring).
    town : str
        Code of the town to mark.
    ident, title, desc : str
        As for :func:`strip`.
    """
    towns = towns.dropna(subset=["lon", "lat"])
    part = towns["code"].str.slice(0, 3).where(towns["code"].str.startswith("97"), "")
    shown = [code for code in lands if (part == code).any()]
    if len(shown) == 1:
        scale, corners = 1.0, [(0.0, 0.0)]
        width, height = lands[shown[0]].size
    else:
        scale, step = 0.48, MAP * 0.52
        corners = [(i % 2 * step, i // 2 * step) for i in range(len(shown))]
        width, height = float(MAP), corners[-1][1] + MAP * scale
    parts = [_open(round(width), round(height), ident, title, desc)]
    last = ""
    for code, (right, down) in zip(shown, corners, strict=True):
        here = towns[part == code]
        parts.append(
            f'<g transform="translate({right:g} {down:g}) scale({scale:g})"><path class="land"'
            f' fill="{LAND}" stroke="{LINES}" stroke-width=".7" d="{lands[code].path}"/></g>'
        )
        places = scale * lands[code].place(here) + [right, down]
        for (x, y), one, member in zip(places, here["code"], here["pvd"], strict=True):
            if one == town:
                last = _diamond(x, y, 8)
            else:
                parts.append(_dot(x, y, filled=bool(member)))
    return "".join([*parts, last, "</svg>"])


def _dot(x: float, y: float, *, filled: bool) -> str:
    shape = (
        f'class="other" fill="{OTHER}" r="4"'
        if filled
        else 'class="ring" fill="#fff" stroke-width="1.6" r="3.6"'
    )
    return f'<circle {shape} stroke="{OTHER}" cx="{x:.1f}" cy="{y:.1f}"/>'
