"""Places of culture of a town: which, how spread, how reached (pure functions).

Positions are metres in a projected CRS, distances straight lines: they are labelled so
wherever they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from utils.communes import fold_name

__all__ = [
    "AROUND_M",
    "REACHED",
    "REACH_KM",
    "SAME_NAME",
    "SAME_PLACE_M",
    "cinema_history",
    "cinema_sum",
    "concentration",
    "count_group",
    "count_kinds",
    "is_precise",
    "living_share",
    "merge_places",
    "nearest_km",
    "same_name",
    "share_of_epci",
    "within_reach",
]

#: What is reached -> its name in the book.
REACHED: Final[Mapping[str, str]] = {
    "cinema": "Cinéma",
    "bibliotheque": "Bibliothèque",
    "musee": "Musée",
    "theatre": "Théâtre, scène ou opéra",
}

#: Inhabitants within that distance of a town are *around* it, metres.
AROUND_M: Final = 5_000

#: Distances at which reach is counted, kilometres.
REACH_KM: Final = (5, 10, 20)

#: Two places of one kind and commune nearer than this are one, metres.
SAME_PLACE_M: Final = 150.0

#: Two places of one kind and commune whose names are that alike are one (0 to 1).
SAME_NAME: Final = 0.72

#: Words that name the kind of a place and tell nothing of which it is.
_KIND_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "bibliotheque mediatheque municipale intercommunale communautaire publique musee cinema"
        " le la les l de du des d et a au aux en ville espace culturel centre point lecture",
    )
)


def count_kinds(places: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Count the places of some BASILIC types: ``code``, ``value``."""
    rows = places[places["kind"].isin(kinds)].dropna(subset=["code"])
    return rows.groupby("code").size().rename("value").rename_axis("code").reset_index()


def count_group(places: pd.DataFrame, types: pd.DataFrame, group: str) -> pd.DataFrame:
    """Count the places of a group, ``vivant`` or ``patrimoine``, of ``data/culture_types.csv``."""
    return count_kinds(places, list(types.loc[types["groupe"] == group, "type"]))


def living_share(places: pd.DataFrame, types: pd.DataFrame) -> pd.DataFrame:
    """Share of living places among living and heritage places: ``code``, ``value`` (%).

    A commune without any of them has no line: its share is not defined.
    """
    living = count_group(places, types, "vivant").set_index("code")["value"]
    heritage = count_group(places, types, "patrimoine").set_index("code")["value"]
    total = living.add(heritage, fill_value=0)
    share = 100 * living.reindex(total.index, fill_value=0) / total
    return share.rename("value").rename_axis("code").reset_index()


def cinema_sum(cinemas: pd.DataFrame, column: str) -> pd.DataFrame:
    """Sum screens or seats of the active cinemas by commune and year: ``code, year, value``."""
    rows = cinemas.dropna(subset=["code"])
    sums = rows.groupby(["code", "year"])[column].sum(min_count=1)
    return sums.rename("value").reset_index()


# --------------------------------------------------------------------------- duplicates

#: Columns that say where a place is.
_POSITION: Final = ("x", "y", "lon", "lat", "epsg")


def _words(name: str) -> str:
    """Fold a name and drop the words that only say what kind of place it is."""
    folded = [word for word in re.findall(r"[a-z0-9]+", fold_name(name)) if word]
    kept = [word for word in folded if word not in _KIND_WORDS]
    return " ".join(sorted(kept or folded))


def same_name(first: str, second: str) -> float:
    """Likeness of two names, 0 to 1, whatever the order of their words.

    1 when the words of one are all in the other, once the words that say the kind are
    dropped; else the ratio of difflib (Ratcliff and Obershelp, 1988).
    """
    one, two = _words(first[:200]), _words(second[:200])
    words = sorted([set(one.split()), set(two.split())], key=len)
    if words[0] and words[0] <= words[1]:
        return 1.0
    return SequenceMatcher(None, one, two, autojunk=False).ratio()


def merge_places(first: pd.DataFrame, second: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Add the places of a second source, without counting twice those already there.

    Two lines are one place when they have the same commune and kind, and either their names
    are alike (:data:`SAME_NAME`), or their points are within :data:`SAME_PLACE_M`, or each
    source has that one place only. The best pairs are taken first and a line is used once.

    Parameters
    ----------
    first, second : DataFrame
        ``code``, ``kind``, ``name``, ``x``, ``y`` (metres, same projected CRS for a commune,
        NaN when not known), perhaps ``lon``, ``lat``, ``epsg``; ``first`` also has
        ``sources``. Further columns of ``second`` are carried.
    source : str
        Name of the second source.

    Returns
    -------
    DataFrame
        The lines of ``first``, in order, then the new places; ``sources`` lists the sources
        of each, joined by ``"+"``. A point that ``first`` lacks is taken from ``second``.
    """
    first, second = first.reset_index(drop=True), second.reset_index(drop=True)
    told = {"code", "kind", "name", *_POSITION}
    extra = [name for name in second.columns if name not in told]
    pairs = _pairs(first, second)
    done = first.copy()
    for name in extra:
        if name not in done:
            done[name] = pd.Series(pd.NA, index=done.index, dtype=second[name].dtype)
    mine, theirs = list(pairs), list(pairs.values())
    done.loc[mine, "sources"] = done.loc[mine, "sources"] + f"+{source}"
    for name in extra:
        done.loc[mine, name] = second.loc[theirs, name].to_numpy()
    unplaced = done.loc[mine, "x"].isna().to_numpy()
    for axis in [name for name in _POSITION if name in done and name in second]:
        found = second.loc[theirs, axis].to_numpy()
        done.loc[mine, axis] = np.where(unplaced, found, done.loc[mine, axis].to_numpy())
    new = second.drop(index=theirs).assign(sources=source)
    return pd.concat([done, new], ignore_index=True)[list(done.columns)]


def _pairs(first: pd.DataFrame, second: pd.DataFrame) -> dict[int, int]:
    """Return line of ``first`` -> line of ``second`` that is the same place."""
    scored = []
    groups = {key: list(rows.index) for key, rows in second.groupby(["code", "kind"])}
    for key, rows in first.groupby(["code", "kind"]):
        others = groups.get(key, [])
        for i in rows.index:
            for j in others:
                score = _likeness(first.loc[i], second.loc[j])
                if len(rows) == len(others) == 1:
                    score = max(score, SAME_NAME)
                if score >= SAME_NAME:
                    scored.append((-score, i, j))
    pairs: dict[int, int] = {}
    for _, i, j in sorted(scored):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _likeness(one: pd.Series, two: pd.Series) -> float:
    known = isinstance(one["name"], str) and isinstance(two["name"], str)
    alike = same_name(one["name"], two["name"]) if known else 0.0
    away = float(np.hypot(one["x"] - two["x"], one["y"] - two["y"]))
    return max(alike, SAME_NAME + 0.1) if away <= SAME_PLACE_M else alike


def is_precise(places: pd.DataFrame) -> pd.Series:
    """Tell which points are an address, not the middle of a commune.

    A point that three places of the commune or more share is a default: BASILIC puts the
    places that it could not locate at the centre of the commune.

    Parameters
    ----------
    places : DataFrame
        ``code``, ``x``, ``y`` (NaN when not known).
    """
    shared = places.groupby(["code", "x", "y"])["code"].transform("size")
    return places["x"].notna() & (shared < 3)


# --------------------------------------------------------------------------- how spread


def share_of_epci(counts: pd.DataFrame, epci: pd.DataFrame) -> pd.DataFrame:
    """Share of each commune in the total of its EPCI: ``code``, ``value`` (%).

    Parameters
    ----------
    counts : DataFrame
        ``code``, ``value``; a commune of an EPCI without a line counts 0.
    epci : DataFrame
        ``epci``, ``code``, one line a member commune. A commune without EPCI, or whose EPCI
        has a total of 0, has no line.
    """
    members = epci.drop_duplicates("code").merge(counts, on="code", how="left")
    members["value"] = members["value"].fillna(0.0)
    total = members.groupby("epci")["value"].transform("sum")
    members["value"] = 100 * members["value"] / total.where(total > 0)
    return members[["code", "value"]].dropna().reset_index(drop=True)


def concentration(counts: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """How concentrated something is over the communes of each département.

    Parameters
    ----------
    counts : DataFrame
        ``code``, ``value``; a commune without a line counts 0.
    places : DataFrame
        All communes: ``code``, ``departement``.

    Returns
    -------
    DataFrame
        ``departement``, ``total``, ``communes`` (number), ``share_with`` (% of the communes
        that have one at least), ``half_share`` (smallest % of the communes that together
        hold half of the total; NaN when the total is 0).
    """
    joined = places.merge(counts, on="code", how="left").fillna({"value": 0.0})
    lines = []
    for departement, group in joined.groupby("departement"):
        values = np.sort(group["value"].to_numpy())[::-1]
        total = values.sum()
        reach = np.searchsorted(values.cumsum(), total / 2) + 1
        lines.append(
            {
                "departement": departement,
                "total": total,
                "communes": len(values),
                "share_with": 100 * (values > 0).mean(),
                "half_share": 100 * reach / len(values) if total > 0 else np.nan,
            }
        )
    return pd.DataFrame(lines)


# --------------------------------------------------------------------------- how reached


def nearest_km(origins: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Straight distance from each origin to the nearest target, across any border.

    Parameters
    ----------
    origins, targets : DataFrame
        ``epsg``, ``x``, ``y`` (metres in the projected CRS ``epsg``), one line a place; the
        territories (one ``epsg`` each) are not mixed.

    Returns
    -------
    DataFrame
        ``origins`` with ``value`` (km); NaN where the territory has no target.
    """
    done = origins.assign(value=np.nan)
    known = done[["x", "y"]].notna().all(axis=1)
    for epsg, group in targets.dropna(subset=["x", "y"]).groupby("epsg"):
        here = known & (done["epsg"] == epsg)
        if here.any():
            metres, _ = KDTree(group[["x", "y"]]).query(done.loc[here, ["x", "y"]])
            done.loc[here, "value"] = metres / 1000
    return done


def within_reach(
    towns: pd.DataFrame, squares: pd.DataFrame, targets: pd.DataFrame, *, radius_m: float
) -> pd.DataFrame:
    """Count the inhabitants around each town by straight distance to the nearest target.

    Parameters
    ----------
    towns : DataFrame
        ``code``, ``x``, ``y`` (metres), in the CRS of ``squares`` and ``targets``.
    squares : DataFrame
        ``x``, ``y`` (centre, metres), ``total`` (inhabitants).
    targets : DataFrame
        ``x``, ``y``.
    radius_m : float
        Squares whose centre is that near a town are *around* it.

    Returns
    -------
    DataFrame
        ``code``, ``inhabitants`` (around the town), then ``within_5``, ``within_10``,
        ``within_20`` (those of them that have a target within so many kilometres).
    """
    points = squares[["x", "y"]].to_numpy(dtype=float)
    metres, _ = KDTree(targets[["x", "y"]]).query(points)
    people = squares["total"].to_numpy(dtype=float)
    around = KDTree(points).query_ball_point(towns[["x", "y"]].to_numpy(dtype=float), radius_m)
    lines = []
    for code, near in zip(towns["code"], around, strict=True):
        here = people[near]
        counts = {f"within_{km}": here[metres[near] <= 1000 * km].sum() for km in REACH_KM}
        lines.append({"code": code, "inhabitants": here.sum(), **counts})
    return pd.DataFrame(lines)


# --------------------------------------------------------------------------- cinemas


def cinema_history(cinemas: pd.DataFrame, groups: Mapping[str, set[str]]) -> pd.DataFrame:
    """Cinemas, screens, seats, openings and closures by year, in some groups of communes.

    A cinema opens the first year that it is met, and closes the year after the last: a
    closure for works is neither. The first year has no opening, the last no closure.

    Parameters
    ----------
    cinemas : DataFrame
        One line a cinema and year: ``cnc_id``, ``year``, ``code``, ``screens``, ``seats``,
        ``art_et_essai``.
    groups : mapping of str to set of str
        Name of a group -> its communes.

    Returns
    -------
    DataFrame
        ``group``, ``year``, ``cinemas``, ``screens``, ``seats``, ``art_et_essai`` (number of
        cinemas, NaN when the year does not tell), ``openings``, ``closures``.
    """
    parts = []
    start, end = int(cinemas["year"].min()), int(cinemas["year"].max())
    for name, codes in groups.items():
        rows = cinemas[cinemas["code"].isin(codes)]
        life = rows.groupby("cnc_id")["year"].agg(["min", "max"])
        by_year = rows.groupby("year")
        frame = pd.DataFrame(
            {
                "cinemas": by_year["cnc_id"].nunique(),
                "screens": by_year["screens"].sum(min_count=1),
                "seats": by_year["seats"].sum(min_count=1),
                "art_et_essai": by_year["art_et_essai"].sum(min_count=1),
            }
        ).reindex(range(start, end + 1))
        opened = life.loc[life["min"] > start, "min"].value_counts()
        closed = (life.loc[life["max"] < end, "max"] + 1).value_counts()
        frame["openings"] = opened.reindex(frame.index, fill_value=0)
        frame["closures"] = closed.reindex(frame.index, fill_value=0)
        parts.append(frame.rename_axis("year").reset_index().assign(group=name))
    order = ["group", "year", "cinemas", "screens", "seats", "art_et_essai", "openings", "closures"]
    return pd.concat(parts, ignore_index=True)[order]
