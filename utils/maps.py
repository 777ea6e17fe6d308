"""The maps of the book: all of France with its overseas insets, or one town.

Maps are drawn in metric projections: EPSG:2154 for the mainland and Corsica, and the
territory's own CRS for each overseas inset (:data:`INSETS`). Stocks are proportional
circles; ratios are colour classes whose method is named in the legend. Each function
returns ``(figure, the frame that was drawn)``; what the caption must say (insets, missing
values, absent basemap) is in ``frame.attrs["notes"]``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import contextily
import geopandas as gpd
import mapclassify
import numpy as np
import pandas as pd
import xyzservices.providers
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from shapely import Point, box

from utils.communes import local_epsg
from utils.errors import TableError
from utils.formats import MISSING, NBSP, counted, number, quantity, typographic
from utils.style import (
    INK,
    LAND,
    LINES,
    MARKERS,
    MUTED,
    PALETTE,
    TOWN,
    WIDTH_IN,
    checked,
    house_figure,
    message_title,
    sequential,
    text_width,
    wrap,
)

__all__ = [
    "INSETS",
    "METHODS",
    "Classes",
    "Inset",
    "classify",
    "national_map",
    "scale_length",
    "time_maps",
    "town_map",
]

MAINLAND_EPSG = 2154
CIRCLE_PT = (22.0, 14.0)  # largest diameter: few circles, many (over 300)
IGN_CREDIT = "© IGN – Plan IGN, Géoplateforme"
BASEMAP_TIMEOUT_S = (4, 15)  # to connect, to read

Method = Literal["quantiles", "natural", "equal", "given"]
METHODS: dict[Method, str] = {
    "quantiles": "effectifs égaux (quantiles)",
    "natural": "seuils naturels (Jenks-Caspall)",
    "equal": "amplitudes égales",
    "given": "seuils fixés",
}


class Inset(NamedTuple):
    """An overseas territory drawn apart, in its own metric CRS."""

    code: str
    name: str
    epsg: int


INSETS = (
    Inset("971", "Guadeloupe", local_epsg("971")),
    Inset("972", "Martinique", local_epsg("972")),
    Inset("973", "Guyane", local_epsg("973")),
    Inset("974", "La Réunion", local_epsg("974")),
    Inset("976", "Mayotte", local_epsg("976")),
)
# Saint-Pierre-et-Miquelon: drawn only where the outlines hold it.
SAINT_PIERRE = Inset("975", "St-Pierre", local_epsg("975"))


# -- classes ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Classes:
    """Classes of a ratio: bounds, labels in French, method.

    Attributes
    ----------
    bounds : tuple of float
        Upper bound of each class, included; the last is the largest value.
    labels : tuple of str
        ``"de 1,2 à 3,4"``, from the lowest class to the highest.
    index : ndarray of int
        Class of each value given, -1 where the value is missing.
    method : str
        French name of the method.
    """

    bounds: tuple[float, ...]
    labels: tuple[str, ...]
    index: NDArray[np.intp]
    method: str


def _upper_bounds(known: NDArray[np.float64], k: int, method: Method) -> NDArray[np.float64]:
    """Return the upper bounds of at most ``k`` non-empty classes."""
    distinct = np.unique(known)
    if distinct.size <= k:
        return distinct
    classifier = {
        "quantiles": mapclassify.Quantiles,
        "natural": mapclassify.JenksCaspall,
        "equal": mapclassify.EqualInterval,
    }[method]
    if method != "equal":  # ties make quantiles equal (Jenks-Caspall starts from them)
        while k > 1 and np.unique(np.quantile(known, np.arange(1, k + 1) / k)).size < k:
            k -= 1
    return np.unique(np.asarray(classifier(known, k=k).bins, dtype=float))


def classify(
    values: Sequence[float] | pd.Series | NDArray[np.float64],
    k: int = 5,
    *,
    method: Method = "quantiles",
    bounds: Sequence[float] | None = None,
    decimals: int = 0,
    unit: str = "",
) -> Classes:
    """Cut values into about ``k`` classes.

    Fewer distinct values than ``k`` give one class a value. With ``bounds`` (upper
    bounds, ascending) the classes are those, the same from one map to the next; a value
    above the last bound extends the last class.

    Raises
    ------
    TableError
        If no value is known, or the bounds do not ascend.
    """
    array = pd.to_numeric(pd.Series(values)).to_numpy(dtype="float64", na_value=np.nan)
    known = array[np.isfinite(array)]
    if not known.size:
        raise TableError(
            typographic("Carte : aucune valeur n'est connue."),
            hint="Choisissez un autre indicateur ou une autre année.",
        )
    if bounds is None:
        upper = _upper_bounds(known, k, method)
    else:
        method, upper = "given", np.asarray(bounds, dtype=float)
        if not upper.size or np.any(np.diff(upper) <= 0):
            raise TableError(
                typographic("Carte : les seuils des classes ne sont pas croissants."),
                hint="Donnez les bornes hautes, de la plus petite à la plus grande.",
            )
        upper[-1] = max(upper[-1], known.max())
    index = np.searchsorted(upper, array, side="left")
    index = np.where(np.isfinite(array), np.minimum(index, upper.size - 1), -1)
    lows = [float(known.min()), *upper[:-1]]
    single = np.unique(known).size <= upper.size and bounds is None
    labels = tuple(
        quantity(high, unit, decimals)
        if single
        else f"de {number(low, decimals)} à {quantity(high, unit, decimals)}"
        for low, high in zip(lows, upper, strict=True)
    )
    return Classes(tuple(map(float, upper)), labels, index, METHODS[method])


# -- all of France ---------------------------------------------------------------------


def _territory(codes: pd.Series) -> pd.Series:
    """Return "" for the mainland and Corsica, else the three characters of overseas."""
    return codes.astype(str).str[:3].where(codes.astype(str).str.startswith(("97", "98")), "")


def _projected(departements: gpd.GeoDataFrame, part: Inset | None) -> gpd.GeoDataFrame:
    """Return the outlines of one part, in metres, with no more detail than is seen."""
    code, epsg, tolerance = ("", MAINLAND_EPSG, 1500) if part is None else (part[0], part[2], 150)
    own = departements[_territory(departements["code"]) == code].to_crs(epsg)
    return own.assign(geometry=own.geometry.simplify_coverage(tolerance))


class _Sheet:
    """A page for a national map: the mainland, a row of insets, room for title and legend."""

    def __init__(self, departements: gpd.GeoDataFrame, title: str) -> None:
        self.figure = Figure(figsize=(WIDTH_IN, 7))
        has_spm = (departements["code"].astype(str) == SAINT_PIERRE.code).any()
        self.insets = (*INSETS, SAINT_PIERRE) if has_spm else INSETS
        self.title = title
        self.parts: dict[str, tuple[Axes, gpd.GeoDataFrame]] = {}
        for part in (None, *self.insets):
            axes = self.figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            self.parts[part.code if part else ""] = axes, _projected(departements, part)

    def compose(self, handles: Sequence[Artist], legend_title: str, *, columns: int) -> None:
        """Lay everything out from the bottom up, in inches; overlapping is impossible."""
        figure = self.figure
        _, land = self.parts[""]
        left, low, right, high = _bounds(land)
        main_in = WIDTH_IN * 0.98 * (high - low) / max(right - left, 1.0)
        gap, name_in = 0.07, 0.28
        inset_in = (WIDTH_IN - 0.1 - gap * (len(self.insets) - 1)) / len(self.insets)
        legend_in = _bottom_legend(figure, handles, legend_title, columns=columns)
        lines = message_title(figure, self.title).count("\n") + 1 if self.title else 0
        title_in = 0.1 + lines * 0.21
        total = title_in + main_in + name_in + inset_in + 0.15 + legend_in
        figure.set_figheight(total)
        if self.title:
            figure.suptitle(
                figure.get_suptitle(), x=0.06 / WIDTH_IN, y=1 - 0.06 / total, ha="left", va="top"
            )
        bottom = legend_in + 0.12
        for i, part in enumerate(self.insets):
            axes, land = self.parts[part.code]
            x = 0.05 + i * (inset_in + gap)
            _frame(axes, land, (x, bottom, inset_in, inset_in), total, pad=0.08)
            box = Rectangle(
                (0, 0), 1, 1, transform=axes.transAxes, fc="none", ec=LINES, lw=0.8, clip_on=False
            )
            axes.add_patch(box)
            axes.text(0.5, 1.04, part.name, transform=axes.transAxes, ha="center")
        axes, land = self.parts[""]
        place = (WIDTH_IN * 0.01, bottom + inset_in + name_in, WIDTH_IN * 0.98, main_in)
        _frame(axes, land, place, total, pad=0.01)


def _bounds(land: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    if land.empty:
        return 0.0, 0.0, 1.0, 1.0
    left, low, right, high = (float(edge) for edge in land.total_bounds)
    return left, low, right, high


def _frame(
    axes: Axes,
    land: gpd.GeoDataFrame,
    place: tuple[float, float, float, float],
    total_in: float,
    *,
    pad: float,
) -> None:
    """Put axes at a place in inches and show the land in it, equal scales, centred."""
    x, y, width, height = place
    axes.set_position((x / WIDTH_IN, y / total_in, width / WIDTH_IN, height / total_in))
    left, low, right, high = _bounds(land)
    metres_an_inch = max((right - left) / width, (high - low) / height) * (1 + 2 * pad)
    middle = ((left + right) / 2, (low + high) / 2)
    axes.set(
        xlim=(middle[0] - metres_an_inch * width / 2, middle[0] + metres_an_inch * width / 2),
        ylim=(middle[1] - metres_an_inch * height / 2, middle[1] + metres_an_inch * height / 2),
    )


def _bottom_legend(
    figure: Figure, handles: Sequence[Artist], title: str, *, columns: int, **options: float
) -> float:
    """Put a legend flush with the bottom left corner; return its height in inches."""
    if not handles:
        return 0.05
    labels = [typographic(str(handle.get_label())) for handle in handles]
    while columns > 1 and columns * (max(map(text_width, labels)) + 0.55) > WIDTH_IN - 0.1:
        columns -= 1
    legend = figure.legend(
        handles,
        [wrap(label, WIDTH_IN - 0.7) for label in labels],
        title=wrap(typographic(title), WIDTH_IN - 0.2) or None,
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        alignment="left",
        ncols=columns,
        borderaxespad=0.3,
        **options,
    )
    figure.draw_without_rendering()
    return float(legend.get_window_extent().height / figure.dpi) + 0.08


def _town_handle(name: str) -> Line2D:
    return Line2D([], [], color=TOWN, marker="D", ms=8.5, mec="white", ls="", label=name)


def _missing_patch(label: str) -> Patch:
    return Patch(fc="white", ec=LINES, hatch="////", label=label)


def _fill(sheet: _Sheet, colors: pd.Series) -> None:
    """Fill each département; those without a colour are white and hatched."""
    for axes, land in sheet.parts.values():
        if land.empty:
            continue
        own = land["code"].map(colors)
        style = {"ax": axes, "lw": 0.5, "aspect": None}
        if own.notna().any():
            land[own.notna()].plot(color=list(own.dropna()), edgecolor="white", **style)
        if own.isna().any():
            land[own.isna()].plot(color="white", edgecolor=LINES, hatch="////", **style)
        gpd.GeoSeries([land.union_all()]).boundary.plot(color=MUTED, **style)


def _base(sheet: _Sheet) -> None:
    for axes, land in sheet.parts.values():
        if not land.empty:
            land.plot(ax=axes, color=LAND, edgecolor=LINES, lw=0.5, aspect=None)


def _plot_points(sheet: _Sheet, points: pd.DataFrame, **style: Any) -> None:  # noqa: ANN401
    """Draw points with one style; ``size`` (points squared) and ``color`` come by line."""
    parts = {part.code: part.epsg for part in sheet.insets} | {"": MAINLAND_EPSG}
    for code, rows in points.groupby("territory", sort=False):
        if code not in parts:
            continue
        axes, _ = sheet.parts[str(code)]
        places = gpd.GeoSeries(gpd.points_from_xy(rows["lon"], rows["lat"]), crs=4326)
        places = places.to_crs(parts[str(code)])
        axes.scatter(places.x, places.y, s=rows["size"], c=list(rows["color"]), **style)


def _nice_below(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is no larger."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (5, 2, 1) if step * power <= value * (1 + 1e-9)))


def _stocks(sheet: _Sheet, points: pd.DataFrame, unit: str, decimals: int) -> list[Artist]:
    """Draw proportional circles, the largest below; return the legend."""
    if (points["value"] < 0).any():
        raise TableError(
            typographic("Carte : un stock négatif ne se dessine pas en cercle."),
            hint="Montrez un solde ou un taux par des classes de couleur.",
        )
    known = points[points["value"] > 0].sort_values("value", ascending=False, kind="stable")
    handles: list[Artist] = []
    if not known.empty:
        largest = float(known["value"].max())
        across = CIRCLE_PT[len(known) > 300]
        areas = (known["value"] / largest).clip(lower=0.004) * across**2
        sized = known.assign(size=areas, color=PALETTE[0])
        _plot_points(sheet, sized, alpha=0.55, edgecolors="white", linewidths=0.4, zorder=4)
        steps = dict.fromkeys(_nice_below(largest * part) for part in (1, 0.25, 0.04))
        handles += [
            Line2D(
                [], [], marker="o", ls="", color=PALETTE[0], alpha=0.6, mec="white",
                ms=across * float(np.sqrt(step / largest)),
                label=quantity(step, unit, max(decimals, 0 if step >= 1 else 2)),
            )
            for step in steps
        ]  # fmt: skip
    zeros = points[points["value"] == 0].assign(size=9.0, color="white")
    if not zeros.empty:
        _plot_points(sheet, zeros, edgecolors=MUTED, linewidths=0.8, zorder=3)
        handles.append(Line2D([], [], marker="o", ls="", mfc="white", mec=MUTED, ms=3, label="0"))
    return handles


def _ratios(sheet: _Sheet, points: pd.DataFrame, classes: Classes) -> list[Artist]:
    """Draw one dot a town coloured by class; return the legend."""
    colors = sequential(len(classes.labels))
    points = points.assign(rank=classes.index)
    known = points[points["rank"] >= 0].sort_values("rank", kind="stable")
    drawn = known.assign(size=15.0, color=[colors[i] for i in known["rank"]])
    _plot_points(sheet, drawn, edgecolors=INK, linewidths=0.3, zorder=4)
    return [
        Line2D([], [], marker="o", ls="", mfc=color, mec=INK, mew=0.4, ms=7, label=label)
        for color, label in zip(colors, classes.labels, strict=True)
    ]


def _categories(sheet: _Sheet, points: pd.DataFrame) -> list[Artist]:
    """Draw one mark a town, its colour and shape by category; return the legend."""
    handles: list[Artist] = []
    for rank, (category, rows) in enumerate(points.groupby("category", sort=False)):
        color, marker = PALETTE[rank % len(PALETTE)], MARKERS[rank % len(MARKERS)]
        sized = rows.assign(size=16.0, color=color)
        _plot_points(sheet, sized, marker=marker, edgecolors="white", linewidths=0.4, zorder=4)
        handles.append(
            Line2D([], [], marker=marker, ls="", color=color, mec="white", ms=7,
                   label=f"{category} ({number(len(rows))})")
        )  # fmt: skip
    return handles


def _off_map(sheet: _Sheet, points: pd.DataFrame) -> list[str]:
    inside = {"", *(part.code for part in sheet.insets)}
    outside = int((~points["territory"].isin(inside)).sum())
    return [f"{counted(outside, 'commune')} hors de la carte."] if outside else []


SCALE_NOTE = typographic("Les outre-mer sont chacun à leur échelle, différente de l'Hexagone.")


@house_figure
def national_map(
    departements: gpd.GeoDataFrame,
    points: pd.DataFrame | None = None,
    *,
    ratios: pd.DataFrame | None = None,
    symbol: Literal["circles", "classes"] = "circles",
    title: str = "",
    legend_title: str = "",
    unit: str = "",
    decimals: int = 0,
    k: int = 5,
    method: Method = "quantiles",
    bounds: Sequence[float] | None = None,
    town: str = "",
    town_name: str = "",
) -> tuple[Figure, pd.DataFrame]:
    """Draw France: the mainland and Corsica in EPSG:2154, five overseas insets.

    Give ``points`` (towns) or ``ratios`` (départements), not both.

    Parameters
    ----------
    departements : GeoDataFrame
        ``code``, ``geometry``; any CRS (EPSG:4326 as read).
    points : DataFrame, optional
        ``code``, ``lon``, ``lat`` (WGS 84 degrees) and either ``value`` (drawn as
        proportional circles, or by colour class with ``symbol="classes"``), or
        ``category`` (colour and shape), or nothing more (plain dots).
    ratios : DataFrame, optional
        ``code`` of a département, ``value``: a choropleth.
    k, method, bounds
        As for :func:`classify`.
    town, town_name : str
        A town of ``points`` to mark.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        What was given, with ``class`` (the label of the class) where there are classes.

    Raises
    ------
    TableError
        If there is nothing to draw, a column lacks, or a circle would be negative.
    """
    if (points is None) == (ratios is None):
        raise TableError(
            typographic("Carte de France : il faut des villes ou des taux par département."),
            hint="Donnez soit points, soit ratios, mais pas les deux.",
        )
    checked(departements, ["code", "geometry"], what="Carte de France")
    sheet = _Sheet(departements, title)
    notes = [SCALE_NOTE]
    columns = 3
    missing = 0
    if points is None:
        drawn = checked(pd.DataFrame(ratios), ["code", "value"], what="Carte de France")
        classes = classify(
            drawn["value"], k, method=method, bounds=bounds, decimals=decimals, unit=unit
        )
        colors = sequential(len(classes.labels))
        by_code = {
            code: colors[i] for code, i in zip(drawn["code"], classes.index, strict=True) if i >= 0
        }
        _fill(sheet, pd.Series(by_code, dtype="object"))
        handles: list[Artist] = [
            Patch(fc=color, ec=MUTED, lw=0.5, label=label)
            for color, label in zip(colors, classes.labels, strict=True)
        ]
        missing = int((~departements["code"].isin(by_code)).sum())
        columns = 2
    else:
        drawn = checked(points, ["code", "lon", "lat"], what="Carte de France")
        placed = drawn.assign(territory=_territory(drawn["code"]))
        notes += _off_map(sheet, placed)
        unplaced = placed[["lon", "lat"]].isna().any(axis=1)
        if unplaced.any():
            notes.append(f"{counted(int(unplaced.sum()), 'ville')} sans coordonnées.")
        _base(sheet)
        classes = None
        if "value" in drawn.columns and symbol == "classes":
            classes = classify(
                drawn["value"], k, method=method, bounds=bounds, decimals=decimals, unit=unit
            )
            handles = _ratios(sheet, placed, classes)
            columns = 2
        elif "value" in drawn.columns:
            handles = _stocks(sheet, placed, unit, decimals)
            columns = 4
        elif "category" in drawn.columns:
            handles = _categories(sheet, placed)
        else:
            dots = placed.assign(size=8.0, color=PALETTE[0])
            _plot_points(sheet, dots, edgecolors="white", linewidths=0.3, alpha=0.85, zorder=4)
            handles = []
        if "value" in drawn.columns and drawn["value"].isna().any():
            unknown = placed[placed["value"].isna()].assign(size=14.0, color=MUTED)
            _plot_points(sheet, unknown, marker="x", linewidths=0.9, zorder=3)
            handles.append(
                Line2D([], [], marker="x", ls="", color=MUTED, ms=5,
                       label=f"{MISSING} ({number(len(unknown))})")
            )  # fmt: skip
        if town:
            own = placed[placed["code"] == town].assign(size=80.0, color=TOWN)
            _plot_points(sheet, own, marker="D", edgecolors="white", linewidths=1.2, zorder=6)
            handles.append(_town_handle(town_name or town))
    if missing:
        handles.append(_missing_patch(f"{MISSING} ({number(missing)})"))
    if classes is not None:
        drawn["class"] = [classes.labels[i] if i >= 0 else "" for i in classes.index]
        notes.append(typographic(f"Classes : {classes.method}."))
    sheet.compose(handles, legend_title, columns=columns)
    drawn.attrs["notes"] = notes
    return sheet.figure, drawn


# -- one town --------------------------------------------------------------------------


def scale_length(width_m: float) -> float:
    """Return the length in metres of a scale bar: round, a fifth to a half of a quarter."""
    return _nice_below(width_m * 0.3)


#: Corners where a scale bar may go, as shares of the axes, the usual one first.
_CORNERS: tuple[tuple[float, float], ...] = ((0, 0), (1, 0), (0, 1), (1, 1))
#: Size of the ground of a scale bar, and its distance to the edges, in inches.
SCALE_BOX_IN = (0.14, 0.34)  # added to the length of the bar, height
SCALE_EDGE_IN = 0.06


def _scale_bar(
    figure: Figure, axes: Axes, busy: NDArray[np.float64], *, corners: Sequence[int] = (0, 1, 2, 3)
) -> None:
    """Draw a scale bar on a white ground, in the corner that hides the fewest things.

    Parameters
    ----------
    figure, axes
        The axes at their place in the figure: the ground has a size in inches.
    busy : ndarray of shape (n, 2)
        What should stay visible, in the units of the axes.
    corners : sequence of int
        Which of :data:`_CORNERS` may be used.
    """
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    length = scale_length(right - left)
    label = quantity(length / 1000, "km") if length >= 1000 else quantity(length, "m")
    frame = axes.get_window_extent()
    metres = figure.dpi * np.array([(right - left) / frame.width, (high - low) / frame.height])
    bar_in = max(length / metres[0], text_width(label))
    ground = metres * (bar_in + SCALE_BOX_IN[0], SCALE_BOX_IN[1])
    edge = metres * SCALE_EDGE_IN

    def origin(corner: int) -> NDArray[np.float64]:
        across, up = _CORNERS[corner]
        free = np.array([right - left, high - low]) - ground - 2 * edge
        place: NDArray[np.float64] = np.array([left, low]) + edge + free * (across, up)
        return place

    def hidden(corner: int) -> int:
        start = origin(corner)
        return int(((busy >= start) & (busy <= start + ground)).all(axis=1).sum())

    x, y = origin(min(corners, key=hidden))
    axes.add_patch(Rectangle((x, y), *ground, fc="white", ec="none", alpha=0.9, zorder=8))
    middle = x + ground[0] / 2
    tall = 0.055 * metres[1]
    axes.add_patch(
        Rectangle(
            (middle - length / 2, y + 0.06 * metres[1]), length, tall,
            fc=INK, ec="white", lw=0.8, zorder=9,
        )
    )  # fmt: skip
    axes.text(middle, y + 0.13 * metres[1], label, ha="center", va="bottom", zorder=9)


def _basemap(axes: Axes, epsg: int) -> str:
    """Draw IGN's tiles under the map; return what the caption must say."""
    if os.environ.get("PVD_OFFLINE", "") == "1":
        return typographic("Fond de carte IGN absent : mode hors ligne (PVD_OFFLINE=1).")
    try:
        contextily.add_basemap(
            axes,
            crs=f"EPSG:{epsg}",
            source=xyzservices.providers.GeoportailFrance.plan,
            attribution=False,
            timeout=BASEMAP_TIMEOUT_S,
        )
    except OSError:  # requests, urllib, rasterio and Pillow all raise children of it
        return typographic("Fond de carte IGN absent : le réseau ne l'a pas donné.")
    return f"Fond de carte{NBSP}: {IGN_CREDIT}."


#: What a focused map shows around its points, metres.
FOCUS_M = 400.0


def _extent(bounds: Sequence[float]) -> tuple[float, float, float, float]:
    """Widen bounds by a margin, to a shape no longer than 5:4 either way."""
    left, low, right, high = bounds
    width = max((right - left) * 1.1, 300.0)
    height = max((high - low) * 1.1, 300.0)
    width, height = max(width, height / 1.25), max(height, width / 1.25)
    x, y = (left + right) / 2, (low + high) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _placed(points: pd.DataFrame, epsg: int) -> gpd.GeoSeries:
    """Return the places of some points (``lon``, ``lat``) in a CRS, on the same index."""
    places = gpd.points_from_xy(points["lon"], points["lat"])
    return gpd.GeoSeries(places, index=points.index, crs=4326).to_crs(epsg)


def _focus(
    points: pd.DataFrame, epsg: int, whole: tuple[float, float, float, float]
) -> tuple[float, float, float, float] | None:
    """Return an extent around the points, where it is less than half as wide as ``whole``."""
    known = points.dropna(subset=["lon", "lat"])
    if known.empty:
        return None
    left, low, right, high = (float(edge) for edge in _placed(known, epsg).total_bounds)
    near = _extent([left - FOCUS_M, low - FOCUS_M, right + FOCUS_M, high + FOCUS_M])
    return near if near[2] - near[0] < (whole[2] - whole[0]) / 2 else None


def _town_circles(
    axes: Axes, places: gpd.GeoSeries, values: pd.Series, *, top: float, unit: str
) -> list[Artist]:
    """Draw proportional circles, the largest below; return the legend."""
    across = CIRCLE_PT[0] * np.sqrt(values / top)
    for i in values.sort_values(ascending=False, kind="stable").index:
        axes.plot(
            places.x[i], places.y[i], "o", ms=max(float(across[i]), 2.5), color=PALETTE[0],
            alpha=0.6, mec="white", mew=0.6, zorder=7,
        )  # fmt: skip
    steps = dict.fromkeys(_nice_below(top * part) for part in (1, 0.2, 0.05))
    return [
        Line2D(
            [], [], marker="o", ls="", color=PALETTE[0], alpha=0.6, mec="white", mew=0.6,
            ms=CIRCLE_PT[0] * float(np.sqrt(step / top)),
            label=quantity(step, unit, 0 if step >= 1 else 2),
        )
        for step in steps
    ]  # fmt: skip


#: Most names that a map of one town bears, and where a name may stand around its point:
#: sideways and upwards (-1, 0, 1).
MOST_NAMES = 10
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def _name_points(
    figure: Figure,
    axes: Axes,
    at: NDArray[np.float64],
    names: Sequence[str],
    radii_pt: Sequence[float],
) -> None:
    """Write the names of the first points, but those that would cover something.

    A name stands on the first free side of its point: on no other name, on no point, on no
    scale bar, within the map.
    """
    pixels_pt = figure.dpi / 72
    frame = axes.get_window_extent()
    taken = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, Rectangle)]
    for (x, y), radius in zip(axes.transData.transform(at), radii_pt, strict=True):
        reach = radius * pixels_pt
        taken.append(Bbox.from_extents(x - reach, y - reach, x + reach, y + reach))
    for place, name, radius in zip(at[:MOST_NAMES], names, radii_pt, strict=False):
        for across, up in _SIDES:
            away = (radius + 2.5) * (0.8 if across and up else 1)
            text = axes.annotate(
                typographic(name), place, xytext=(across * away, up * away),
                textcoords="offset points", zorder=10,
                ha={1: "left", 0: "center", -1: "right"}[across],
                va={1: "bottom", 0: "center", -1: "top"}[up],
                path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
            )  # fmt: skip
            extent = text.get_window_extent()
            inside = frame.contains(extent.x0, extent.y0) and frame.contains(extent.x1, extent.y1)
            if inside and not extent.count_overlaps(taken):
                taken.append(extent)
                break
            text.remove()


def _town_points(axes: Axes, points: pd.DataFrame, places: gpd.GeoSeries) -> list[Artist]:
    """Draw places, colour and shape by category; return the legend."""
    categories = (
        points["category"].fillna(MISSING)
        if "category" in points.columns
        else pd.Series("lieux", index=points.index)
    )
    handles: list[Artist] = []
    for rank, category in enumerate(dict.fromkeys(categories)):
        here = (categories == category).to_numpy()
        line = Line2D(
            [], [], ls="", ms=8, mec="white", mew=0.9,
            color=PALETTE[rank % len(PALETTE)], marker=MARKERS[rank % len(MARKERS)],
            label=f"{category} ({number(here.sum())})",
        )  # fmt: skip
        axes.plot(
            places.x[here], places.y[here], ls="", ms=8, mec="white", mew=0.9,
            zorder=7 - rank / 100, color=line.get_color(), marker=line.get_marker(),
        )  # fmt: skip
        handles.append(line)
    if "label" in points.columns:
        _point_labels(axes, places, list(points["label"]))
    return handles


#: Width of a square from which its number may be written in it, points.
SQUARE_PT = 14.0


def _town_squares(
    axes: Axes, points: pd.DataFrame, places: gpd.GeoSeries, side_m: float, *, alpha: float
) -> list[Artist]:
    """Draw squares to scale, the first category the darkest, a label inside; the legend."""
    low, high = axes.get_xlim()
    roomy = 72 * WIDTH_IN * side_m / (high - low) >= SQUARE_PT
    categories = list(dict.fromkeys(points["category"]))
    shades = sequential(len(categories) + 1)
    del shades[-2]  # on which no ink has a contrast of 4.5 to 1
    fills = dict(zip(categories, reversed(shades), strict=True))
    for at, category, label in zip(places, points["category"], points["label"], strict=True):
        fill = fills[category]
        corner = (at.x - side_m / 2, at.y - side_m / 2)
        axes.add_patch(
            Rectangle(corner, side_m, side_m, fc=fill, ec="white", lw=0.6, alpha=alpha, zorder=6)
        )
        if roomy:
            ink = INK if fill != shades[-1] else "white"
            axes.text(at.x, at.y, label, ha="center", va="center", zorder=7, color=ink)
    return [
        Patch(fc=fills[name], label=f"{name} ({number((points['category'] == name).sum())})")
        for name in categories
    ]


#: Places nearer than this share of the width of a map are labelled together.
TOGETHER = 0.06
#: Labels written at one place; the others are an ellipsis.
MAX_LABELS = 4


def _point_labels(axes: Axes, places: gpd.GeoSeries, labels: Sequence[str]) -> None:
    """Write the labels beside the places, those of neighbours in one text."""
    low, high = axes.get_xlim()
    left = list(range(len(labels)))
    while left:
        first = places.iloc[left[0]]
        near = [i for i in left if places.iloc[i].distance(first) <= TOGETHER * (high - low)]
        left = [i for i in left if i not in near]
        text = ", ".join([labels[i] for i in near][:MAX_LABELS])
        axes.annotate(
            text + (" …" if len(near) > MAX_LABELS else ""), (first.x, first.y), xytext=(6, 5),
            textcoords="offset points", zorder=8, fontweight="bold", color=INK,
            bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.8},
        )  # fmt: skip


@house_figure
def town_map(
    outline: gpd.GeoDataFrame,
    points: pd.DataFrame | None = None,
    neighbours: gpd.GeoDataFrame | None = None,
    *,
    basemap: bool = True,
    focus: bool = False,
    neighbours_name: str = "autre Petite ville de demain",
    ring_m: float = 0.0,
    side_m: float = 0.0,
    top: float | None = None,
    unit: str = "",
    title: str = "",
    legend_title: str = "",
) -> tuple[Figure, pd.DataFrame]:
    """Draw one town in its local CRS, with its places, over IGN's map when it can be had.

    Parameters
    ----------
    outline : GeoDataFrame
        One line: ``code``, ``geometry``; any CRS.
    points : DataFrame, optional
        ``lon``, ``lat`` (WGS 84 degrees) and, optionally, ``category``: colour and shape, the
        first category above the others; ``label``: text written beside; or ``value``, a positive
        stock drawn as proportional circles, with its ``name``, written where there is room, the
        largest first.
    neighbours : GeoDataFrame, optional
        Outlines around, drawn lightly where the map shows them.
    basemap : bool
        Ask IGN for tiles. Without network, or with ``PVD_OFFLINE=1``, the same map is
        drawn without them and the notes say so.
    focus : bool
        Over IGN's map, or where two points or more have a label, show them and what is around them
        rather than the whole commune, when they hold in less than half of its width; the notes
        say so.
    neighbours_name : str
        What each outline of ``neighbours`` is, for the legend.
    ring_m : float
        Draw a circle of that radius around the middle of the commune, and show it whole, with
        all the points, rather than the commune alone.
    side_m : float
        The points are the middles of squares of that side in the local CRS, drawn to scale, the
        first ``category`` the darkest; their ``label`` is written inside where there is room.
    top : float, optional
        Value whose circle has the largest diameter (:data:`CIRCLE_PT`; a larger value a larger
        one): the same from one town to the next. By default, the largest value.
    unit : str
        Unit of ``value``.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        The points (an empty one has the columns only), else the code of the town.

    Raises
    ------
    TableError
        If the outline is empty or lacks a column.
    """
    checked(outline, ["code", "geometry"], what="Carte de la ville")
    code = str(outline["code"].iloc[0])
    epsg = local_epsg(code)
    land = outline.to_crs(epsg)
    left, low, right, high = (float(edge) for edge in land.total_bounds)
    whole = _extent([left, low, right, high])
    middle = Point((left + right) / 2, (low + high) / 2)
    ring = gpd.GeoSeries([middle.buffer(ring_m, quad_segs=32)], crs=epsg) if ring_m else None
    if ring is not None:
        seen = [ring.union(land.geometry.iloc[0])]
        if points is not None:
            seen.append(_placed(points.dropna(subset=["lon", "lat"]), epsg))
        whole = _extent(pd.concat(seen).total_bounds)
    focused = _focus(points, epsg, whole) if focus and points is not None else None
    extent = focused or whole
    figure = Figure(figsize=(WIDTH_IN, WIDTH_IN))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(extent[0], extent[2]), ylim=(extent[1], extent[3]))
    axes.set_axis_off()
    note = _basemap(axes, epsg) if basemap else ""
    tiled = note.endswith(f"{IGN_CREDIT}.")
    labelled = points is not None and "label" in points.columns and len(points) > 1
    if not (tiled or labelled):  # bare points on an empty ground say nothing, the outline does
        extent, focused = whole, None
    context: list[Artist] = []
    edges = [land.geometry]
    if neighbours is not None and not neighbours.empty:
        shown = gpd.GeoSeries([box(*extent)], crs=epsg).to_crs(neighbours.crs)
        left, low, right, high = shown.total_bounds  # far ones have no place in the local CRS
        around = neighbours.cx[left:right, low:high]
        around = around[around["code"].astype(str) != code].to_crs(epsg)
        around = around[around.intersects(box(*extent))]
        if not around.empty:
            around.boundary.plot(ax=axes, color=LINES, lw=0.8, aspect=None, zorder=3)
            edges.append(around.geometry)
            context.append(Line2D([], [], color=LINES, lw=0.8, label=neighbours_name))
    if ring is not None:
        dashes = (0, (5, 4))
        around_x, around_y = ring.iloc[0].exterior.xy
        axes.plot(around_x, around_y, color=INK, lw=1.0, ls=dashes, zorder=3)
        label = f"à {quantity(ring_m / 1000, 'km')} du centre"
        context.append(Line2D([], [], color=INK, lw=1.0, ls=dashes, label=label))
    if not tiled:
        land.plot(ax=axes, color=LAND, aspect=None, zorder=2)
    land.boundary.plot(ax=axes, color="white", lw=3.5, aspect=None, zorder=4)
    land.boundary.plot(ax=axes, color=TOWN, lw=1.8, aspect=None, zorder=5)
    handles: list[Artist] = []
    if land.boundary.intersects(box(*extent)).any():
        handles.append(Line2D([], [], color=TOWN, lw=1.8, label="limite communale"))
    places = gpd.GeoSeries([], crs=epsg)
    radii: list[float] = []
    drawn = pd.DataFrame({"code": [code]})
    notes = [note] if note else []
    if focused:
        notes.append("La carte est centrée sur les lieux : elle ne montre pas toute la commune.")
    if points is not None:
        drawn = points.copy()
        known = drawn.dropna(subset=["lon", "lat"]).reset_index(drop=True)
        if len(known) < len(drawn):
            lost = len(drawn) - len(known)
            notes.append(f"{counted(lost, 'lieu', 'lieux')} sans coordonnées.")
        places = _placed(known, epsg)
        if side_m:
            handles += _town_squares(axes, known, places, side_m, alpha=0.7 if tiled else 1)
        elif "value" in known.columns:
            known = known.sort_values("value", ascending=False, kind="stable")
            places = places.loc[known.index]
            largest = float(known["value"].max()) if top is None else top
            handles += _town_circles(axes, places, known["value"], top=largest, unit=unit)
            radii = list(CIRCLE_PT[0] / 2 * np.sqrt(known["value"] / largest))
        else:
            handles += _town_points(axes, known, places)
        if known.empty:
            notes.append("Aucun lieu connu à placer sur cette carte.")
    axes.set(xlim=(extent[0], extent[2]), ylim=(extent[1], extent[3]))
    if tiled:
        axes.text(
            0.995, 0.01, IGN_CREDIT, transform=axes.transAxes, ha="right", va="bottom", zorder=9,
            bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 1.2},
        )  # fmt: skip
    _compose_town(figure, axes, handles + context, legend_title, title, extent)
    at = np.column_stack([places.x, places.y])
    lines = np.vstack([edge.get_coordinates().to_numpy() for edge in edges])
    busy = np.vstack([lines, np.repeat(at, len(lines), axis=0)])  # a point matters more
    _scale_bar(figure, axes, busy, corners=(0, 2, 3) if tiled else (0, 1, 2, 3))
    if radii and "name" in known.columns:
        _name_points(figure, axes, at, list(known["name"]), radii)
    drawn.attrs["notes"] = notes
    return figure, drawn


def _compose_town(
    figure: Figure,
    axes: Axes,
    handles: Sequence[Artist],
    legend_title: str,
    title: str,
    extent: tuple[float, float, float, float],
) -> None:
    """Lay out title, map and legend in inches, from the bottom up."""
    legend_in = _bottom_legend(figure, handles, legend_title, columns=3)
    lines = message_title(figure, title).count("\n") + 1 if title else 0
    title_in = 0.12 + lines * 0.21 if lines else 0.05
    width_in = WIDTH_IN - 0.1
    map_in = width_in * (extent[3] - extent[1]) / (extent[2] - extent[0])
    total = legend_in + map_in + title_in + 0.05
    figure.set_figheight(total)
    if title:
        figure.suptitle(
            figure.get_suptitle(), x=0.06 / WIDTH_IN, y=1 - 0.06 / total, ha="left", va="top"
        )
    axes.set_position(
        (0.05 / WIDTH_IN, (legend_in + 0.03) / total, width_in / WIDTH_IN, map_in / total)
    )


# -- times -----------------------------------------------------------------------------


#: Colour of the inhabitants, seen on every class of time, and width of their largest circle,
#: points.
PEOPLE, PEOPLE_PT = "#ffe9a8", 6.5


@house_figure
def time_maps(
    shapes: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    places: Mapping[str, pd.DataFrame],
    panels: Sequence[tuple[str, str, str]],
    *,
    epsg: int,
    title: str = "",
) -> tuple[Figure, pd.DataFrame]:
    """Draw the outlines of times of one town, two maps a row, over its streets.

    Parameters
    ----------
    shapes : GeoDataFrame
        ``layer`` (``limite``, ``rues``, ``isochrone``), ``mode``, ``kind``, ``minutes``.
    cells : DataFrame
        ``x``, ``y`` (metres in ``epsg``), ``persons``: where people live, in circles whose area
        is proportional to their number.
    places : mapping of str to DataFrame
        Kind of a panel -> ``lon``, ``lat`` of what is reached.
    panels : sequence of (mode, kind, heading)
        The maps, in order.
    epsg : int
        Projected CRS of the maps.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``mode``, ``kind``, ``minutes``, ``area_km2`` of each outline drawn.
    """
    checked(shapes, ["layer", "mode", "kind", "minutes", "geometry"], what="Carte des temps")
    local = shapes.to_crs(epsg)
    by_layer = dict(list(local.groupby("layer")))
    left, low, right, high = by_layer["limite"].total_bounds
    margin = 0.05 * max(right - left, high - low)
    extent = (left - margin, low - margin, right + margin, high + margin)
    most = float(cells["persons"].max())
    minutes = sorted(by_layer["isochrone"]["minutes"].unique())
    colors = sequential(len(minutes) + 1)[:0:-1]
    columns = 2
    rows = -(-len(panels) // columns)
    width = (WIDTH_IN - 0.15) / columns
    tall = width * (extent[3] - extent[1]) / (extent[2] - extent[0])
    figure = Figure(figsize=(WIDTH_IN, rows * (tall + 0.3)), layout="constrained")
    lines = message_title(figure, title).count("\n") + 1 if title else 0
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (mode, kind, heading) in zip(grid, panels, strict=False):
        own = by_layer["isochrone"]
        own = own[(own["mode"] == mode) & (own["kind"] == kind)].set_index("minutes")
        axes.set_facecolor(LAND)
        for limit, color in zip(minutes[::-1], colors[::-1], strict=True):
            shape = own.loc[[limit]]
            if not shape.geometry.is_empty.all():
                shape.plot(ax=axes, color=color, lw=0, aspect=None, zorder=2)
        by_layer["rues"].plot(ax=axes, color="white", lw=0.4, aspect=None, zorder=3)
        axes.scatter(
            cells["x"], cells["y"], s=PEOPLE_PT**2 * cells["persons"] / most, fc=PEOPLE, ec=INK,
            lw=0.5, zorder=4,
        )  # fmt: skip
        by_layer["limite"].boundary.plot(ax=axes, color=TOWN, lw=1.4, aspect=None, zorder=5)
        doors = places[kind]
        at = gpd.GeoSeries.from_xy(doors["lon"], doors["lat"], crs=4326).to_crs(epsg)
        axes.plot(at.x, at.y, "P", ms=5.5, color="white", mec=INK, mew=0.9, ls="", zorder=6)
        axes.set(xlim=(extent[0], extent[2]), ylim=(extent[1], extent[3]), aspect="equal")
        axes.set(xlabel="", ylabel="")
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(typographic(heading), loc="left")
    handles: list[Artist] = [
        Patch(fc=color, label=f"{number(limit)}{NBSP}minutes au plus")
        for limit, color in zip(minutes, colors, strict=True)
    ]
    handles += [
        Patch(fc=LAND, ec=LINES, label="davantage"),
        Line2D([], [], color=TOWN, lw=1.4, label="limite communale"),
        Line2D([], [], marker="P", ls="", ms=6, color="white", mec=INK, label="lieu de soins"),
    ]
    handles += [
        Line2D(
            [], [], marker="o", ls="", ms=PEOPLE_PT * float(np.sqrt(step / most)), color=PEOPLE,
            mec=INK, mew=0.5, label=counted(step, "habitant"),
        )
        for step in dict.fromkeys(_nice_below(most * part) for part in (1, 0.1))
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower left", ncols=3, borderaxespad=0.2)
    figure.set_figheight(rows * (tall + 0.28) + 0.21 * lines + 0.85)
    figure.draw_without_rendering()  # the scale bar is measured in inches
    _scale_bar(figure, grid[0], by_layer["limite"].get_coordinates().to_numpy())
    drawn = local[local["layer"] == "isochrone"]
    asked = {(mode, kind) for mode, kind, _ in panels}
    drawn = drawn[[pair in asked for pair in zip(drawn["mode"], drawn["kind"], strict=True)]]
    frame = pd.DataFrame(drawn[["mode", "kind", "minutes"]]).assign(
        area_km2=(drawn.area / 1e6).round(3)
    )
    return figure, frame.reset_index(drop=True)
