"""Care within reach of a town, without a street network (pure functions).

Distances are straight lines in the local projected CRS, labelled so wherever they are shown.
A *detour factor*, street over straight line, turns them into approximate ways: it is measured
on real networks (:func:`detours`), and its error with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

__all__ = [
    "AGES",
    "BANDS_M",
    "INSEE_AGES",
    "KINDS",
    "REACH_KM",
    "accessibility",
    "add_straight_metres",
    "age_counts",
    "detours",
    "distances_by_commune",
    "weighted_quantiles",
]

#: What is reached: kind -> type of the BPE of 2021.
KINDS: Final[Mapping[str, str]] = {
    "doctor": "D201",
    "nurse": "D232",
    "physiotherapist": "D233",
}

#: Straight distances at which inhabitants are counted, kilometres.
REACH_KM: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

#: Ages as the book shows them -> the age groups of Insee's squares.
AGES: Final[Mapping[str, tuple[str, ...]]] = {
    "age_under_18": ("age_0_3", "age_4_5", "age_6_10", "age_11_17"),
    "age_18_to_64": ("age_18_24", "age_25_39", "age_40_54", "age_55_64"),
    "age_65_to_79": ("age_65_79",),
    "age_over_80": ("age_80_plus",),
}

#: The age groups of Insee, in order.
INSEE_AGES: Final = tuple(group for groups in AGES.values() for group in groups)

#: Bounds of the straight distances by which detours are told apart, metres.
BANDS_M: Final = (0, 500, 1_000, 2_000)
#: Under that, a ratio says where the door is, not how streets turn; metres.
_NEAREST_M: Final = 50.0

Floats = NDArray[np.float64]


def accessibility(apl: pd.DataFrame, profession: str) -> pd.DataFrame:
    """Accessibilité potentielle localisée (Drees) to a profession: ``code, year, value``.

    General practitioners: consultations a year and an inhabitant; other professions:
    full-time equivalents per 100,000 inhabitants (women, for midwives).
    """
    rows = apl.loc[apl["profession"] == profession, ["code", "year", "apl"]]
    return rows.rename(columns={"apl": "value"}).reset_index(drop=True)


# --------------------------------------------------------------------------- straight lines


def age_counts(squares: pd.DataFrame) -> pd.DataFrame:
    """Sum the age groups of Insee into those of :data:`AGES`, persons."""
    return pd.DataFrame(
        {name: squares[list(groups)].sum(axis=1) for name, groups in AGES.items()},
        index=squares.index,
    )


def add_straight_metres(points: pd.DataFrame, places: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add the metres from each point to the nearest place of each kind, across any border.

    Parameters
    ----------
    points : DataFrame
        ``x``, ``y``, metres.
    places : mapping of str to DataFrame
        Kind -> ``x``, ``y`` in the same CRS, at least one.

    Returns
    -------
    DataFrame
        ``points`` with one column a kind.
    """
    at = points[["x", "y"]].to_numpy(dtype=float)
    metres = {kind: KDTree(near[["x", "y"]]).query(at)[0] for kind, near in places.items()}
    return points.assign(**metres)


def weighted_quantiles(values: Floats, weight: Floats, shares: Sequence[float]) -> Floats:
    """Return the smallest values that reach some shares (0 to 1) of a weight; NaN without any."""
    kept = weight > 0
    values, weight = values[kept], weight[kept]
    if not len(values):
        return np.full(len(shares), np.nan)
    order = np.argsort(values, kind="stable")
    reached = weight[order].cumsum()
    rank = np.searchsorted(reached, np.asarray(shares) * reached[-1] * (1 - 1e-12))
    return np.asarray(values[order][np.minimum(rank, len(values) - 1)], dtype=float)


def distances_by_commune(
    points: pd.DataFrame, kinds: Sequence[str], ages: Sequence[str] = ()
) -> pd.DataFrame:
    """Tell how far the inhabitants of each commune are from the nearest place of each kind.

    Parameters
    ----------
    points : DataFrame
        ``code``, ``persons``, one column a kind (straight metres) and one an age (persons).
    kinds, ages : sequence of str
        Columns; all inhabitants come first, as the age ``tous``.

    Returns
    -------
    DataFrame
        ``code``, ``kind``, ``age``, ``persons``, ``median_km`` (of the inhabitants, not of the
        squares), then ``within_0.5``… the share (%) of them within each of :data:`REACH_KM`.
        A group without anybody has no line.
    """
    parts = []
    for kind in kinds:
        ordered = points.sort_values(["code", kind], kind="stable")
        codes, metres = ordered["code"].to_numpy(), ordered[kind].to_numpy(float)
        for age in ("tous", *ages):
            weight = ordered["persons" if age == "tous" else age].to_numpy(float)
            parts.append(_by_commune(codes, metres, weight).assign(kind=kind, age=age))
    columns = ["code", "kind", "age", "persons", "median_km", *(f"within_{km}" for km in REACH_KM)]
    return pd.concat(parts, ignore_index=True)[columns].sort_values(
        ["code", "kind", "age"], ignore_index=True
    )


def _by_commune(codes: NDArray[np.object_], metres: Floats, weight: Floats) -> pd.DataFrame:
    """Summarise lines sorted by commune, then by distance."""
    groups = pd.Series(weight).groupby(codes, sort=True)
    total = groups.sum()
    total = total[total > 0]
    reached = groups.cumsum().to_numpy()
    half = reached >= pd.Series(codes).map(total).to_numpy() * (0.5 - 1e-12)
    done = {
        "persons": total,
        "median_km": pd.Series(metres[half]).groupby(codes[half]).first() / 1000,
    }
    for km in REACH_KM:
        near = pd.Series(np.where(metres <= 1000 * km, weight, 0.0)).groupby(codes).sum()
        done[f"within_{km}"] = 100 * near / total
    return pd.DataFrame(done).loc[total.index].rename_axis("code").reset_index()


# --------------------------------------------------------------------------- detours


def detours(ways: pd.DataFrame, *, pace_m_min: float) -> pd.DataFrame:
    """Measure how much longer the way is than the straight line, and what a factor is worth.

    Parameters
    ----------
    ways : DataFrame
        ``zone``, ``straight_m``, ``way_m`` and ``weight``, one line a home and a service. Ways
        of less than 50 m and of more than the last of :data:`BANDS_M` are left out.
    pace_m_min : float
        Metres walked in a minute.

    Returns
    -------
    DataFrame
        ``zone``, ``band`` (``toutes``, else the bounds in metres), ``ways`` (number), ``p10``,
        ``median``, ``p90`` of the ratio; and over the whole zone the error of the factor of the
        *other* zones (the median of their medians): ``factor``, ``bias_min`` (mean error) and
        ``error_min`` (mean absolute error), minutes on foot, and ``way_min`` (mean way).
    """
    walked = ways["straight_m"].between(_NEAREST_M, BANDS_M[-1]) & np.isfinite(ways["way_m"])
    kept = ways[walked]
    kept = kept.assign(ratio=kept["way_m"] / kept["straight_m"])
    bounds = list(BANDS_M)
    labels = [f"{low}-{high}" for low, high in pairwise(bounds)]
    band = pd.cut(kept["straight_m"], bounds, labels=labels).astype("str")
    lines = []
    for zone, rows in kept.groupby("zone"):
        bands = {"toutes": rows, **dict(list(rows.groupby(band.loc[rows.index])))}
        known = [name for name in ("toutes", *labels) if name in bands]
        lines += [(zone, name, *_spread(bands[name])) for name in known]
    frame = pd.DataFrame(lines, columns=["zone", "band", "ways", "p10", "median", "p90"])
    whole = frame[frame["band"] == "toutes"].set_index("zone")["median"]
    for zone, rows in kept.groupby("zone"):
        others = whole.drop(zone)
        if others.empty:
            continue
        factor = float(others.median())
        weight = rows["weight"]
        gap = (factor * rows["straight_m"] - rows["way_m"]) / pace_m_min
        here = (frame["zone"] == zone) & (frame["band"] == "toutes")
        frame.loc[here, ["factor", "bias_min", "error_min", "way_min"]] = [
            factor,
            np.average(gap, weights=weight),
            np.average(gap.abs(), weights=weight),
            np.average(rows["way_m"] / pace_m_min, weights=weight),
        ]
    return frame


def _spread(rows: pd.DataFrame) -> tuple[float, ...]:
    ratio, weight = rows["ratio"].to_numpy(float), rows["weight"].to_numpy(float)
    return (len(rows), *weighted_quantiles(ratio, weight, [0.1, 0.5, 0.9]))
