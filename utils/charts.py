"""The charts of the book: a frame in, ``(figure, the frame that was drawn)`` out.

Each function serves any town and any indicator. Nothing is fetched or computed beyond
what is drawn; a missing value is written "n.\u00a0d.", never drawn as a zero; an empty frame
is an error. Remarks for the caption are in ``frame.attrs["notes"]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from utils.errors import TableError
from utils.formats import MISSING, counted, plural, quantity, typographic
from utils.style import (
    FONT_PT,
    HATCHES,
    INK,
    LINE_STYLES,
    MARKERS,
    MUTED,
    PALETTE,
    TOWN,
    WIDTH_IN,
    checked,
    french_axis,
    french_log_label,
    house_figure,
    message_title,
    text_width,
    wrap,
    year_axis,
)

__all__ = [
    "bars",
    "evolution",
    "histogram_of_towns",
    "intervals",
    "reach_curves",
    "scatter",
    "stacked",
    "strip_against",
]

LINE_IN = FONT_PT * 1.2 / 72  # height of a line of text, inches
MAX_LINES_TOGETHER = 5
MAX_BINS = 24

Floats = NDArray[np.float64]


def _figure(height_in: float, title: str) -> Figure:
    """Return an empty figure of the house width; ``height_in`` does not count the title."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    if title:
        lines = message_title(figure, title).count("\n") + 1
        figure.set_figheight(height_in + 0.1 + lines * 0.21)
    return figure


def _legend(figure: Figure, handles: Sequence[Artist], *, ncols: int = 2) -> None:
    """Put a legend under the figure, flush left, as many columns as stand side by side."""
    labels = [str(handle.get_label()) for handle in handles]
    while ncols > 1 and ncols * (max(map(text_width, labels)) + 0.5) > WIDTH_IN - 0.1:
        ncols -= 1
    labels = [wrap(label, WIDTH_IN - 0.6) for label in labels]
    figure.legend(handles, labels, loc="outside lower left", ncols=ncols, borderaxespad=0.2)
    rows = sum(label.count("\n") + 1 for label in labels) / ncols
    figure.set_figheight(figure.get_figheight() + np.ceil(rows) * LINE_IN * 1.25 + 0.1)


def _limits(values: Floats, *, pad: float = 0.04) -> tuple[float, float]:
    """Return the limits of an axis: never flat, never below zero when no value is."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if low == high:
        low, high = (0.0, high or 1.0) if low >= 0 else (low, 0.0)
    room = (high - low) * pad
    return low - room, high + room


def _floats(column: pd.Series) -> Floats:
    """Return a column as floats; missing values of any kind become NaN."""
    return np.asarray(pd.to_numeric(column).to_numpy(dtype="float64", na_value=np.nan))


def _town_handle(town_name: str) -> Line2D:
    return Line2D(
        [], [], color=TOWN, marker="D", ls="", mec="white", ms=8.5, label=typographic(town_name)
    )


def _strip(axes: Axes, others: Floats, own: float, end: float) -> None:
    """Draw one distribution: percentiles, quartiles, median, the town, and points up to ``end``."""
    if others.size:
        lift = np.random.default_rng(20260427).uniform(-0.34, 0.34, others.size)
        near = others <= end
        axes.plot(
            others[near], lift[near], "o", ms=3.4, color=MUTED, alpha=0.4, mec="none", zorder=2
        )
        p10, q1, median, q3, p90 = np.quantile(others, [0.1, 0.25, 0.5, 0.75, 0.9])
        axes.plot([p10, p90], [0, 0], color=MUTED, lw=1.4, zorder=3)
        axes.barh(
            0, q3 - q1, left=q1, height=0.5, fc="#C9D8E6", ec=MUTED, lw=1, alpha=0.75, zorder=3
        )
        axes.plot([median, median], [-0.25, 0.25], color=INK, lw=2.4, zorder=4)
    else:
        text = typographic("aucune valeur connue pour la comparaison")
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)
    if np.isfinite(own):
        axes.plot(own, 0, "D", color=TOWN, ms=9.5, mec="white", mew=1.2, zorder=5, clip_on=False)


class _StripRow(NamedTuple):
    """One strip: its title, the town's value as written, the values to draw."""

    text: str
    value: str
    tick_unit: str
    own: float
    others: Floats


def _short(unit: str) -> str:
    """Return a unit short enough to follow each number, else nothing."""
    return unit if len(unit) <= 5 else ""


def _strip_row(rows: pd.DataFrame, unit: str, decimals: int, *, shared: bool) -> _StripRow:
    """Prepare one strip from the lines of one label."""
    first = rows.iloc[0]
    unit = str(first.get("unit", unit))
    is_town = rows["is_town"].to_numpy()
    values = _floats(rows["value"])
    own = float(values[is_town][0]) if is_town.any() else float("nan")
    value = quantity(own, _short(unit), int(first.get("decimals", decimals)))
    value = f"◆ {value}" if np.isfinite(own) else value
    text = str(first["label"])
    if unit and not shared and not _short(unit):
        text = f"{text} ({unit})"
    others = values[~is_town]
    return _StripRow(
        wrap(typographic(text), WIDTH_IN - 0.45 - text_width(value, weight="bold")),
        value,
        _short(unit),
        own,
        others[np.isfinite(others)],
    )


def _end(row: _StripRow) -> float:
    """Return the value that nine towns in ten, and the town, do not exceed."""
    ninth = float(np.quantile(row.others, 0.9))
    return max(ninth, row.own) if np.isfinite(row.own) else ninth


def _tell_beyond(axes: Axes, count: int) -> None:
    """Say at the right how many towns are beyond the scale, which is widened to make room."""
    text = f"{count} au-delà →"
    left, right = axes.get_xlim()
    room = 1 - (text_width(text) + 0.05) / (WIDTH_IN - 0.2)
    axes.set_xlim(left, left + (right - left) / room)
    axes.text(1, 0.97, text, transform=axes.transAxes, ha="right", va="top", color=MUTED, zorder=6)


@house_figure
def strip_against(
    frame: pd.DataFrame,
    *,
    town: str,
    town_name: str,
    group_name: str = "villes comparables",
    title: str = "",
    unit: str = "",
    decimals: int = 1,
    shared: bool = True,
    cut: bool = False,
) -> tuple[Figure, pd.DataFrame]:
    """Draw a town against other towns: one strip an indicator or family.

    Parameters
    ----------
    frame : DataFrame
        Long: ``label``, ``code``, ``value``; one line a label and town, labels in the
        order to draw. Optional columns ``unit`` and ``decimals``, constant by label,
        replace the arguments of the same name.
    town, town_name : str
        Code of the town to mark, and its name. A town without a value is "n.\u00a0d.".
    group_name : str
        What the other towns are, plural.
    shared : bool
        One scale for all strips; False where their units differ.
    cut : bool
        End each scale a little after nine towns in ten (and the town), so that a few giants
        do not crush the others, and say how many are beyond (with ``shared=False`` only).

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``label, code, value, is_town`` (and ``unit``, ``decimals`` when given).

    Raises
    ------
    TableError
        If the frame is empty or lacks a column.
    """
    drawn = checked(frame, ["label", "code", "value"], what="Comparaison de villes")
    drawn["is_town"] = drawn["code"].astype(str) == town
    labels = list(dict.fromkeys(drawn["label"]))
    values = _floats(drawn["value"])
    rows_in = [
        _strip_row(drawn[drawn["label"] == label], unit, decimals, shared=shared)
        for label in labels
    ]
    heights = [
        0.42 + LINE_IN * (row.text.count("\n") + 1) + (0 if shared else 0.22) for row in rows_in
    ]
    figure = _figure(sum(heights) + 0.35, title)
    panels = figure.subplots(len(labels), 1, sharex=shared, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows_in, strict=True):
        far = cut and not shared and row.others.size and np.quantile(row.others, 0.9) > 0
        end = _end(row) if far else float("inf")
        _strip(axes, row.others, row.own, end)
        axes.set_title(row.text, loc="left", pad=3)
        axes.set_title(row.value, loc="right", pad=3, color=TOWN, fontweight="bold")
        shown = values if shared else np.append(row.others, row.own)
        axes.set(ylim=(-0.5, 0.5), xlim=_limits(shown[~(shown > end)]))
        if (row.others > end).any():
            _tell_beyond(axes, int((row.others > end).sum()))
        axes.yaxis.set_major_locator(NullLocator())
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        french_axis(axes, "x", unit="" if shared else row.tick_unit)
        if shared and axes is not panels[-1]:
            axes.spines["bottom"].set_visible(False)
            axes.tick_params(bottom=False)
        elif not shared and not (row.others.size or np.isfinite(row.own)):
            axes.xaxis.set_major_locator(NullLocator())
    if shared and unit:
        panels[-1].set_xlabel(typographic(unit))
    group = typographic(group_name)
    _legend(
        figure,
        [
            _town_handle(town_name),
            Line2D(
                [], [], marker="o", ls="", color=MUTED, alpha=0.5, mec="none", ms=4, label=group
            ),
            Line2D([], [], color=INK, marker="|", ms=11, mew=2.4, ls="", label="médiane"),
            Patch(fc="#C9D8E6", ec=MUTED, label="la moitié des villes"),
            Line2D([], [], color=MUTED, lw=1.4, label="huit villes sur dix"),
        ],
    )
    unknown = int(np.isnan(values[~drawn["is_town"].to_numpy()]).sum())
    if unknown:
        drawn.attrs["notes"] = [
            f"{counted(unknown, 'valeur')} {plural(unknown, 'manquante')} "
            "dans la comparaison (n.\u00a0d.)."
        ]
    return figure, drawn


# -- evolution -------------------------------------------------------------------------


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels as little as needed so that two neighbours are ``gap`` apart, or more."""
    order = np.argsort(heights, kind="stable")
    blocks: list[tuple[float, list[int]]] = []  # (centre, members from low to high)
    for i in order:
        centre, members = float(heights[i]), [int(i)]
        while blocks and centre - blocks[-1][0] < gap * (len(members) + len(blocks[-1][1])) / 2:
            below, mates = blocks.pop()
            total = len(mates) + len(members)
            centre = (below * len(mates) + centre * len(members)) / total
            members = mates + members
        blocks.append((centre, members))
    placed = [0.0] * len(heights)
    for centre, members in blocks:
        for rank, i in enumerate(members):
            placed[i] = centre + (rank - (len(members) - 1) / 2) * gap
    return placed


def _segments(years: Floats, values: Floats, cuts: Sequence[float]) -> tuple[Floats, Floats]:
    """Insert a NaN at each cut, so that no line crosses it."""
    x = np.concatenate([years, np.asarray(cuts, dtype=float)])
    y = np.concatenate([values, np.full(len(cuts), np.nan)])
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _cut(first_year: float, years: Floats) -> float:
    """Return where to draw a break: midway before the first year of the new method."""
    before = years[years < first_year]
    return float((before.max() + first_year) / 2) if before.size else float(first_year)


def _end_labels(
    figure: Figure, axes: Axes, ends: Sequence[tuple[float, float, str, str]], width: float
) -> None:
    """Write the names of the lines at their right end, apart from each other."""
    wrapped = [wrap(text, width) for *_, text in ends]
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    figure.draw_without_rendering()
    lines = max(text.count("\n") + 1 for text in wrapped)
    inches = axes.get_window_extent().height / figure.dpi
    low, high = axes.get_ylim()
    places = _spread([(y - low) / (high - low) * inches for _, y, _, _ in ends], lines * LINE_IN)
    edge = axes.get_xlim()[1]
    reach = (edge - axes.get_xlim()[0]) * 0.05
    for (x, y, color, _), text, place in zip(ends, wrapped, places, strict=True):
        height = low + place / inches * (high - low)
        axes.plot([x, edge + reach * 0.8], [y, height], color=color, lw=0.8, clip_on=False)
        axes.text(edge + reach, height, text, color=color, va="center", linespacing=1.05)


def _line(axes: Axes, x: Floats, y: Floats, rank: int, *, cuts: Sequence[float]) -> None:
    axes.plot(
        *_segments(x, y, cuts),
        color=PALETTE[rank % len(PALETTE)],
        ls=LINE_STYLES[rank % len(LINE_STYLES)],
        marker=MARKERS[rank % len(MARKERS)],
        mec="white",
        mew=0.8,
        ms=7,
    )


def _last_known(x: Floats, y: Floats) -> tuple[float, float] | None:
    known = np.flatnonzero(np.isfinite(y))
    return (float(x[known[-1]]), float(y[known[-1]])) if known.size else None


@house_figure
def evolution(
    frame: pd.DataFrame,
    *,
    title: str = "",
    unit: str = "",
    decimals: int = 0,
    breaks: Mapping[int, str] | None = None,
    together: bool | None = None,
    from_zero: bool = True,
) -> tuple[Figure, pd.DataFrame]:
    """Draw values by year: lines named at their end, or one small panel a series.

    Parameters
    ----------
    frame : DataFrame
        Long: ``year``, ``series``, ``value``. A year that other series have and this one
        lacks, or a missing value, is a gap in the line.
    breaks : mapping of int to str, optional
        First year of a new method or source, and what changed. A dashed line is drawn
        just before that year and no line crosses it.
    together : bool, optional
        All lines on one chart; by default when there are five series or fewer.
    from_zero : bool
        Make the vertical axis start at zero.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``year, series, value``, one line a series and year of any series.

    Raises
    ------
    TableError
        If the frame is empty, lacks a column or has two values for a series and year.
    """
    drawn = checked(frame, ["year", "series", "value"], what="Évolution")
    if drawn.duplicated(["year", "series"]).any():
        raise TableError(
            typographic("Évolution : plusieurs valeurs pour une même série et une même année."),
            hint="Additionnez ou choisissez les valeurs avant de dessiner.",
        )
    names = list(dict.fromkeys(drawn["series"].astype(str)))
    years = np.sort(drawn["year"].unique()).astype(float)
    wide = (
        drawn.assign(series=drawn["series"].astype(str), value=_floats(drawn["value"]))
        .pivot(index="year", columns="series", values="value")
        .reindex(columns=names)
        .sort_index()
    )
    broken = {_cut(first, years): text for first, text in (breaks or {}).items()}
    cuts = list(broken)
    together = len(names) <= MAX_LINES_TOGETHER if together is None else together
    limits = _limits(wide.to_numpy(dtype="float64").ravel(), pad=0.07)
    if from_zero:
        limits = (min(0.0, limits[0]), max(0.0, limits[1]))

    columns = 1 if together else min(2, len(names))
    rows = 1 if together else -(-len(names) // columns)
    panel_in = (WIDTH_IN - 0.7) / columns
    figure = _figure(3.1 if together else 1.75 * rows, title)
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels:
        axes.set(ylim=limits)
        axes.grid(axis="y")
        french_axis(axes, "y", ticks=5 if together else 3)
        for cut in cuts:
            axes.axvline(cut, color=MUTED, ls=(0, (4, 3)), lw=1.2)
        year_axis(axes, years.astype(int), width_in=panel_in - (1.7 if together else 0.5))
    if together:
        ends = []
        missing = []
        for rank, name in enumerate(names):
            y = wide[name].to_numpy(dtype="float64")
            _line(panels[0], years, y, rank, cuts=cuts)
            last = _last_known(years, y)
            if last is None:
                missing.append(name)
            else:
                text = f"{name} {quantity(last[1], '', decimals)}"
                ends.append((*last, PALETTE[rank % len(PALETTE)], typographic(text)))
        if ends:
            _end_labels(figure, panels[0], ends, 1.45)
    else:
        missing = [name for name in names if wide[name].isna().all()]
        for axes, (rank, name) in zip(panels, enumerate(names), strict=False):
            y = wide[name].to_numpy(dtype="float64")
            _line(axes, years, y, 0, cuts=cuts)
            last = _last_known(years, y)
            value = quantity(last[1], "", decimals) if last else MISSING
            axes.set_title(wrap(typographic(f"{name}\u00a0: {value}"), panel_in - 0.2))
            axes.tick_params(labelbottom=rank >= len(names) - columns)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
    if unit:
        figure.supylabel(typographic(unit), fontsize=FONT_PT)
    if broken:
        handles = [
            Line2D([], [], color=MUTED, ls=(0, (4, 3)), lw=1.2, label=typographic(text))
            for text in dict.fromkeys(broken.values())
        ]
        _legend(figure, handles, ncols=1)
    out = wide.melt(ignore_index=False, var_name="series", value_name="value").reset_index()
    if missing:
        out.attrs["notes"] = [
            typographic(f"Aucune valeur connue (n.\u00a0d.) : {', '.join(missing)}.")
        ]
    return figure, out[["year", "series", "value"]]


@house_figure
def intervals(
    frame: pd.DataFrame,
    *,
    title: str = "",
    unit: str = "",
    base: int,
    start: float,
    start_label: str,
) -> tuple[Figure, pd.DataFrame]:
    """Draw estimates by year with their intervals, around zero, one panel a series.

    Parameters
    ----------
    frame : DataFrame
        Long: ``series``, ``year``, ``value``, ``low``, ``high``.
    base : int
        Year where every value is 0 by construction: an open mark.
    start : float
        When what is studied starts: a dashed line, named ``start_label``.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        The same columns.

    Raises
    ------
    TableError
        If the frame is empty or lacks a column.
    """
    drawn = checked(frame, ["series", "year", "value", "low", "high"], what="Intervalles")
    names = list(dict.fromkeys(drawn["series"].astype(str)))
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    panel_in = (WIDTH_IN - 0.7) / columns
    figure = _figure(1.85 * rows, title)
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    years = drawn["year"].astype(int)
    for rank, (axes, name) in enumerate(zip(panels, names, strict=False)):
        rows_of = drawn[drawn["series"] == name].sort_values("year")
        x, y = _floats(rows_of["year"]), _floats(rows_of["value"])
        axes.axhline(0, color=MUTED, lw=1)
        axes.axvline(start, color=MUTED, ls=(0, (4, 3)), lw=1.2)
        axes.vlines(x, _floats(rows_of["low"]), _floats(rows_of["high"]), color=PALETTE[0], lw=2.2)
        axes.plot(x, y, "o", color=PALETTE[0], ms=6)
        axes.plot([base], [0], "o", mfc="white", mec=PALETTE[0], mew=1.4, ms=6)
        axes.grid(axis="y")
        french_axis(axes, "y", ticks=3)
        axes.set_title(wrap(typographic(name), panel_in - 0.55))
        axes.margins(x=0.1, y=0.12)
        year_axis(axes, years, width_in=panel_in - 0.3)
        axes.tick_params(axis="x", labelsize=FONT_PT - 1.5)  # 2009 and 2013 are close
        axes.tick_params(labelbottom=rank >= len(names) - columns)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    if unit:
        figure.supylabel(typographic(unit), fontsize=FONT_PT)
    handles: list[Artist] = [
        Line2D([], [], color=PALETTE[0], marker="o", lw=2.2,
               label="estimation, intervalle à 95\u00a0%"),
        Line2D([], [], ls="", marker="o", mfc="white", mec=PALETTE[0],
               label=f"{base}, par construction"),
        Line2D([], [], color=MUTED, ls=(0, (4, 3)), lw=1.2, label=typographic(start_label)),
    ]  # fmt: skip
    _legend(figure, handles)
    return figure, drawn[["series", "year", "value", "low", "high"]]


# -- bars ------------------------------------------------------------------------------


@house_figure
def reach_curves(
    frame: pd.DataFrame,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    marks: Sequence[float] = (),
) -> tuple[Figure, pd.DataFrame]:
    """Draw the cumulative share of inhabitants reached, with its band: one panel a ``panel``.

    Parameters
    ----------
    frame : DataFrame
        ``panel``, ``series`` (five at most), ``x``, ``value`` (%), and optionally ``low`` and
        ``high``, the bounds of a band.
    x_label : str
        What ``x`` is, with its unit.
    y_label : str
        Of whom ``value`` is the share.
    marks : sequence of float
        Values of ``x`` to mark.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        The frame given.

    Raises
    ------
    TableError
        If the frame is empty, lacks a column, or has too many series.
    """
    drawn = checked(frame, ["panel", "series", "x", "value"], what="Courbes")
    panels, series = (list(dict.fromkeys(drawn[name])) for name in ("panel", "series"))
    if len(series) > MAX_LINES_TOGETHER:
        raise TableError(typographic("Courbes : plus de cinq séries ensemble."))
    figure = _figure(2.1 * len(panels) + 0.4, title)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    banded = {"low", "high"} <= set(drawn.columns)
    for axes, panel in zip(grid, panels, strict=True):
        for rank, name in enumerate(series):
            rows = drawn[(drawn["panel"] == panel) & (drawn["series"] == name)].sort_values("x")
            x = _floats(rows["x"])
            color = PALETTE[rank]
            if banded:
                axes.fill_between(
                    x, _floats(rows["low"]), _floats(rows["high"]), color=color, alpha=0.18, lw=0
                )
            axes.plot(x, _floats(rows["value"]), color=color, ls=LINE_STYLES[rank])
        for mark in marks:
            axes.axvline(mark, color=MUTED, lw=0.8, ls=":", zorder=0)
        axes.set(ylim=(0, 103), xlim=(0, float(drawn["x"].max())))
        axes.set_title(typographic(str(panel)), loc="left")
        axes.grid(axis="y")
        french_axis(axes, "y", unit="%")
        french_axis(axes, "x", ticks=7)
        axes.set_ylabel(typographic(y_label))
    grid[-1].set_xlabel(typographic(x_label))
    handles: list[Artist] = [
        Line2D([], [], color=PALETTE[i], ls=LINE_STYLES[i], label=typographic(str(name)))
        for i, name in enumerate(series)
    ]
    _legend(figure, handles)
    return figure, drawn


@house_figure
def bars(
    frame: pd.DataFrame,
    *,
    title: str = "",
    unit: str = "",
    decimals: int = 0,
    highlight: str = "",
) -> tuple[Figure, pd.DataFrame]:
    """Draw horizontal bars with their values written in French, in the order given.

    Parameters
    ----------
    frame : DataFrame
        ``label``, ``value`` and, optionally, ``group`` (four groups at most, each with
        its own hatch). A missing value has no bar and reads "n.\u00a0d.".
    highlight : str
        Label of a bar to set off (without groups only).

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``label, value`` (and ``group``).

    Raises
    ------
    TableError
        If the frame is empty, lacks a column, repeats a bar or has too many groups.
    """
    grouped = "group" in frame.columns
    keys = ["label", "group"] if grouped else ["label"]
    drawn = checked(frame, [*keys, "value"], what="Barres")
    labels = list(dict.fromkeys(drawn["label"]))
    groups = list(dict.fromkeys(drawn["group"])) if grouped else [""]
    if drawn.duplicated(keys).any() or len(groups) > len(HATCHES):
        raise TableError(
            typographic("Barres : une barre est répétée, ou il y a plus de quatre groupes."),
            hint="Additionnez les valeurs par étiquette et par groupe avant de dessiner.",
        )
    values = drawn.assign(value=_floats(drawn["value"])).set_index(keys)["value"]
    names = [wrap(typographic(str(label)), 1.75) for label in labels]
    tallest = max(name.count("\n") + 1 for name in names)
    step = max(tallest * LINE_IN + 0.1, len(groups) * 0.2 + 0.1)
    thick = 0.78 / len(groups)
    figure = _figure(len(labels) * step + 0.35, title)
    axes = figure.subplots()
    ends = []
    for rank, group in enumerate(groups):
        for place, label in enumerate(labels):
            key = (label, group) if grouped else label
            value = float(values.get(key, np.nan))
            y = place + (rank - (len(groups) - 1) / 2) * thick
            color = TOWN if label == highlight and not grouped else PALETTE[rank]
            hatch = "////" if label == highlight and not grouped else HATCHES[rank]
            if np.isfinite(value):
                axes.barh(y, value, height=thick * 0.9, color=color, hatch=hatch, ec="white", lw=0)
            ends.append((y, value, quantity(value, _short(unit), decimals)))
    low, high = _limits(np.asarray([0.0, *(value for _, value, _ in ends)]), pad=0.0)
    axes.set(xlim=(min(low, 0.0), max(high, 0.0)), ylim=(len(labels) - 0.45, -0.55))
    axes.set_yticks(range(len(labels)), names)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.axvline(0, color=MUTED, lw=1)
    if unit and not _short(unit):
        axes.set_xlabel(typographic(unit), loc="left")
    if grouped:
        _legend(
            figure,
            [
                Patch(fc=PALETTE[i], hatch=HATCHES[i], ec="white", label=typographic(str(group)))
                for i, group in enumerate(groups)
            ],
            ncols=3,
        )
    _write_values(figure, axes, ends)
    return figure, drawn[[*keys, "value"]]


@house_figure
def stacked(
    frame: pd.DataFrame, *, title: str = "", smallest: float = 7.0
) -> tuple[Figure, pd.DataFrame]:
    """Draw shares of a whole: one horizontal bar of 100 % a label, its parts hatched.

    Parameters
    ----------
    frame : DataFrame
        ``label``, ``part``, ``value`` (non-negative, any unit); four parts at most, in the
        order to stack. A label whose total is 0 or unknown reads "n.\u00a0d.".
    smallest : float
        Share (%) under which a part is drawn without its number.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``label, part, value, share`` (%).

    Raises
    ------
    TableError
        If the frame is empty, lacks a column, repeats a part or has too many.
    """
    drawn = checked(frame, ["label", "part", "value"], what="Parts d’un tout")
    labels, parts = list(dict.fromkeys(drawn["label"])), list(dict.fromkeys(drawn["part"]))
    if drawn.duplicated(["label", "part"]).any() or len(parts) > len(HATCHES):
        raise TableError(
            typographic("Parts d’un tout : une part est répétée, ou il y en a plus de quatre."),
            hint="Additionnez les valeurs par étiquette et par part avant de dessiner.",
        )
    drawn["value"] = _floats(drawn["value"])
    total = drawn.groupby("label")["value"].transform(lambda v: v.sum(skipna=False))
    drawn["share"] = 100 * drawn["value"] / total.where(total > 0)
    names = [wrap(typographic(str(label)), 1.75) for label in labels]
    step = max(name.count("\n") + 1 for name in names) * LINE_IN + 0.16
    figure = _figure(len(labels) * step + 0.2, title)
    axes = figure.subplots()
    share = drawn.set_index(["label", "part"])["share"]
    for place, label in enumerate(labels):
        left = 0.0
        for rank, part in enumerate(parts):
            width = float(share.get((label, part), np.nan))
            if not np.isfinite(width):
                axes.text(1, place, MISSING, va="center", color=MUTED)
                break
            axes.barh(
                place, width, left=left, height=0.68, color=PALETTE[rank],
                hatch=HATCHES[rank], ec="white", lw=0,
            )  # fmt: skip
            if width >= smallest:
                axes.text(
                    left + width / 2, place, quantity(width, "%"), ha="center", va="center",
                    bbox={"fc": "white", "ec": "none", "pad": 1.6},
                )  # fmt: skip
            left += width
    axes.set(xlim=(0, 100), ylim=(len(labels) - 0.5, -0.5))
    axes.set_yticks(range(len(labels)), names)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    axes.spines[["bottom", "left"]].set_visible(False)
    _legend(
        figure,
        [
            Patch(fc=PALETTE[i], hatch=HATCHES[i], ec="white", label=typographic(str(part)))
            for i, part in enumerate(parts)
        ],
        ncols=3,
    )
    return figure, drawn[["label", "part", "value", "share"]]


def _write_values(figure: Figure, axes: Axes, ends: Sequence[tuple[float, float, str]]) -> None:
    """Write the value at the end of each bar, and widen the axis so that all fit in."""
    figure.draw_without_rendering()
    inches = axes.get_window_extent().width / figure.dpi
    low, high = axes.get_xlim()
    room = {-1: 0.0, 1: 0.0}
    for _, value, text in ends:
        side = -1 if value < 0 else 1
        room[side] = max(room[side], text_width(text) + 0.1)
    scale = (high - low) / max(inches - room[-1] - room[1], inches / 3)
    axes.set_xlim(low - room[-1] * scale, high + room[1] * scale)
    for y, value, text in ends:
        known = np.isfinite(value)
        axes.annotate(
            text,
            (value if known else 0.0, y),
            xytext=(-4 if value < 0 else 4, 0),
            textcoords="offset points",
            ha="right" if value < 0 else "left",
            va="center",
            color=INK if known else MUTED,
        )


# -- one indicator over all towns ------------------------------------------------------


def _bins(values: Floats) -> Floats:
    """Return the edges of a histogram: one a whole number when few, 24 at most."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    if np.all(values == np.round(values)) and high - low < MAX_BINS:
        return np.arange(low - 0.5, high + 1.0)
    edges = np.histogram_bin_edges(values, bins="auto")
    if len(edges) - 1 > MAX_BINS:
        edges = np.linspace(low, high, MAX_BINS + 1)
    return np.asarray(edges, dtype=float)


def _unknown_note(frame: pd.DataFrame, values: Floats) -> list[str]:
    unknown = int(np.isnan(values).sum())
    return [f"{counted(unknown, 'ville')} sans valeur connue (n.\u00a0d.)."] if unknown else []


@house_figure
def histogram_of_towns(
    frame: pd.DataFrame,
    *,
    town: str = "",
    town_name: str = "",
    title: str = "",
    label: str = "",
    unit: str = "",
    decimals: int = 1,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the distribution of an indicator over towns, with one town marked.

    Parameters
    ----------
    frame : DataFrame
        ``code``, ``value``; one line a town.
    label, unit : str
        What the horizontal axis measures; the unit also follows the town's value.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``code, value, is_town``.

    Raises
    ------
    TableError
        If the frame is empty, lacks a column, or no value is known.
    """
    drawn = checked(frame, ["code", "value"], what="Distribution des villes")
    values = _floats(drawn["value"])
    known = values[np.isfinite(values)]
    if not known.size:
        raise TableError(
            typographic("Distribution des villes : aucune valeur n'est connue."),
            hint="Choisissez un autre indicateur ou une autre année.",
        )
    drawn["is_town"] = drawn["code"].astype(str) == town
    own = values[drawn["is_town"].to_numpy()]
    own_value = float(own[0]) if own.size else float("nan")
    figure = _figure(2.9, title)
    axes = figure.subplots()
    sns.histplot(x=known, bins=_bins(known), ax=axes, color="#9DB7CE", edgecolor="white", alpha=1)
    axes.grid(axis="y")
    axes.set(xlabel=typographic(label or unit), ylabel="villes")
    french_axis(axes, "x", ticks=6)
    french_axis(axes, "y", ticks=4)
    median = float(np.median(known))
    axes.axvline(median, color=INK, lw=1.6, ls=(0, (4, 2)))
    handles: list[Artist] = [
        Line2D([], [], color=INK, lw=1.6, ls=(0, (4, 2)),
               label=typographic(f"médiane : {quantity(median, unit, decimals)}")),
    ]  # fmt: skip
    if town:
        text = typographic(f"{town_name or town} : {quantity(own_value, unit, decimals)}")
        handles.insert(0, _town_handle(text))
        if np.isfinite(own_value):
            axes.axvline(own_value, color=TOWN, lw=2)
            top = axes.get_xaxis_transform()
            axes.plot(
                own_value, 1, "D", color=TOWN, ms=9.5, mec="white", transform=top, clip_on=False
            )
        else:
            handles[0] = Patch(fc="none", ec="none", label=text)
    _legend(figure, handles)
    drawn.attrs["notes"] = _unknown_note(drawn, values)
    return figure, drawn[["code", "value", "is_town"]]


def _scale(axes: Axes, which: str, *, log: bool) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        low, high = axis.get_view_interval()
        steps = (1.0, 2.0, 5.0) if high <= 1000 * low else (1.0,)
        axis.set_major_locator(LogLocator(subs=steps, numticks=7))
        axis.set_major_formatter(french_log_label)
        axis.set_minor_formatter(NullFormatter())
    else:
        french_axis(axes, "x" if which == "x" else "y")


@house_figure
def scatter(
    frame: pd.DataFrame,
    *,
    x_label: str,
    y_label: str,
    town: str = "",
    town_name: str = "",
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> tuple[Figure, pd.DataFrame]:
    """Draw two indicators against each other, one point a town, with one town marked.

    Parameters
    ----------
    frame : DataFrame
        ``code``, ``x``, ``y``; a town that lacks either is not drawn, and counted in the
        notes, as are the values of zero or less on a logarithmic axis.
    x_label, y_label : str
        What each axis measures, with its unit.

    Returns
    -------
    figure : Figure
    drawn : DataFrame
        ``code, x, y, is_town`` of the towns drawn.

    Raises
    ------
    TableError
        If the frame is empty, lacks a column, or no town has both values.
    """
    drawn = checked(frame, ["code", "x", "y"], what="Nuage de points")
    drawn["x"], drawn["y"] = _floats(drawn["x"]), _floats(drawn["y"])
    seen = drawn[["x", "y"]].notna().all(axis=1)
    if log_x:
        seen &= drawn["x"] > 0
    if log_y:
        seen &= drawn["y"] > 0
    left_out = int((~seen).sum())
    drawn = drawn[seen].reset_index(drop=True)
    if drawn.empty:
        raise TableError(
            typographic("Nuage de points : aucune ville n'a les deux valeurs."),
            hint="Choisissez deux indicateurs connus pour les mêmes villes.",
        )
    drawn["is_town"] = drawn["code"].astype(str) == town
    figure = _figure(4.0, title)
    axes = figure.subplots()
    others, own = drawn[~drawn["is_town"]], drawn[drawn["is_town"]]
    sns.scatterplot(
        data=others, x="x", y="y", ax=axes, color=MUTED, alpha=0.45, s=18, linewidth=0, legend=False
    )
    axes.plot(own["x"], own["y"], "D", color=TOWN, ms=9.5, mec="white", mew=1.2, ls="")
    _scale(axes, "x", log=log_x)
    _scale(axes, "y", log=log_y)
    axes.grid()
    axes.set_xlabel(wrap(typographic(x_label), WIDTH_IN - 1))
    axes.set_ylabel(wrap(typographic(y_label), 3.0))
    if town:
        missing = Patch(fc="none", ec="none", label=typographic(f"{town_name or town} : {MISSING}"))
        _legend(figure, [missing if own.empty else _town_handle(town_name or town)])
    if left_out:
        drawn.attrs["notes"] = [
            f"{counted(left_out, 'ville')} non {plural(left_out, 'dessinée')} (valeur n.\u00a0d."
            f"{' ou nulle' if log_x or log_y else ''})."
        ]
    return figure, drawn[["code", "x", "y", "is_town"]]
