"""What a town is: population, homes, ages, squares (pure functions)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

__all__ = [
    "AAV_LABELS",
    "AROUND_M",
    "DENSITY_LABELS",
    "OUTSIDE_AREAS",
    "SQUARE_COLUMNS",
    "SQUARE_M",
    "distance_to_centre",
    "growth",
    "inhabited_centres",
    "local_weight",
    "share_of_homes",
    "squares_by_commune",
]

#: Communal density grid in seven levels (Insee, 2024).
DENSITY_LABELS: Final = {
    1: "Grand centre urbain",
    2: "Centre urbain intermédiaire",
    3: "Petite ville",
    4: "Ceinture urbaine",
    5: "Bourg rural",
    6: "Rural à habitat dispersé",
    7: "Rural à habitat très dispersé",
}

#: Role of a commune in the *aire d’attraction des villes* (Insee, AAV 2020).
AAV_LABELS: Final = {
    "11": "Commune-centre",
    "12": "Autre commune du pôle principal",
    "13": "Commune d’un pôle secondaire",
    "20": "Commune de la couronne",
    "30": "Commune hors attraction des villes",
}

#: Code that Insee gives to the communes outside any attraction area (AAV 2020).
OUTSIDE_AREAS: Final = "000"

#: Radius around a town within which its weight is measured, metres.
AROUND_M: Final = 10_000

#: Side of Insee's small squares, metres.
SQUARE_M: Final = 200

_UNDER_18: Final = ("age_0_3", "age_4_5", "age_6_10", "age_11_17")
_OVER_65: Final = ("age_65_79", "age_80_plus")

#: What :func:`squares_by_commune` reads of the 200 m squares.
SQUARE_COLUMNS: Final = (
    "codes", "imputed", "persons", "households", "poor_households", *_UNDER_18, *_OVER_65,
)  # fmt: skip


def growth(population: pd.DataFrame, *, first: int, last: int) -> pd.DataFrame:
    """Mean yearly growth of the population between two years: ``code, year, value`` (% a year).

    Parameters
    ----------
    population : DataFrame
        ``code``, ``year``, ``population``; zero or missing populations give no line.
    """
    wide = population.pivot_table(index="code", columns="year", values="population")
    wide = wide.reindex(columns=[first, last])
    wide = wide[(wide > 0).all(axis=1)]
    rate = 100 * ((wide[last] / wide[first]) ** (1 / (last - first)) - 1)
    return rate.rename("value").rename_axis("code").reset_index().assign(year=last)


def distance_to_centre(places: pd.DataFrame) -> pd.DataFrame:
    """Straight distance from each commune to the centre of its attraction area.

    Parameters
    ----------
    places : DataFrame
        All communes: ``code``, ``population``, ``aav``, ``aav_category``, ``epsg``, ``x``,
        ``y`` (centroid, metres in the projected CRS ``epsg``). The centre of an area is its
        most populated *commune-centre* (category 11); a commune outside any area is set
        against the nearest centre of its territory.

    Returns
    -------
    DataFrame
        ``code``, ``value`` (km), 0 for a centre; an area whose centre lies abroad or has no
        outline gives no line.
    """
    known = places.dropna(subset=["x", "y"])
    centres = (
        known[known["aav_category"] == "11"]
        .sort_values(["population", "code"], ascending=[False, True])
        .drop_duplicates("aav")
    )
    own = known.merge(centres[["aav", "x", "y"]], on="aav", suffixes=("", "_centre"))
    inside = pd.DataFrame(
        {
            "code": own["code"],
            "value": np.hypot(own["x"] - own["x_centre"], own["y"] - own["y_centre"]) / 1000,
        }
    )
    parts = [inside]
    for epsg, outside in known[known["aav"] == OUTSIDE_AREAS].groupby("epsg"):
        near = centres[centres["epsg"] == epsg]
        if near.empty:
            continue
        metres, _ = KDTree(near[["x", "y"]]).query(outside[["x", "y"]])
        parts.append(pd.DataFrame({"code": outside["code"], "value": metres / 1000}))
    return pd.concat(parts, ignore_index=True)


def inhabited_centres(squares: pd.DataFrame) -> pd.DataFrame:
    """Mean position of the inhabitants of each commune: ``code``, ``x``, ``y``.

    Parameters
    ----------
    squares : DataFrame
        200 m squares: ``codes`` (the first five characters are the commune), ``x``, ``y``
        (south-west corner, metres), ``persons``. Same CRS in and out.
    """
    weight = squares["persons"].astype("float64")
    sums = (
        pd.DataFrame(
            {
                "x": (squares["x"] + SQUARE_M / 2) * weight,
                "y": (squares["y"] + SQUARE_M / 2) * weight,
                "persons": weight,
            }
        )
        .groupby(squares["codes"].str.slice(0, 5).rename("code"))
        .sum()
    )
    sums = sums[sums["persons"] > 0]
    return sums[["x", "y"]].div(sums["persons"], axis=0).reset_index()


def local_weight(places: pd.DataFrame, *, radius_m: float = AROUND_M) -> pd.DataFrame:
    """Share of a commune in the population of the communes around it.

    Parameters
    ----------
    places : DataFrame
        All communes: ``code``, ``population``, ``epsg``, ``x``, ``y`` (centroid, metres).
    radius_m : float
        Communes whose centroid is within that distance count, the commune itself included.

    Returns
    -------
    DataFrame
        ``code``, ``value`` (%), 100 where no other commune is that near.
    """
    known = places.dropna(subset=["x", "y", "population"])
    parts = []
    for _, group in known.groupby("epsg"):
        points, population = group[["x", "y"]].to_numpy(), group["population"].to_numpy(float)
        around = KDTree(points).query_ball_point(points, radius_m)
        total = np.array([population[near].sum() for near in around])
        share = np.divide(100 * population, total, out=np.full(len(total), np.nan), where=total > 0)
        parts.append(pd.DataFrame({"code": group["code"], "value": share}))
    return pd.concat(parts, ignore_index=True).dropna()


def share_of_homes(homes: pd.DataFrame, column: str) -> pd.DataFrame:
    """Share of a kind of homes among all (or their number for ``dwellings``): ``code, value``."""
    rows = homes[homes["dwellings"] > 0]
    value = rows["dwellings"] if column == "dwellings" else 100 * rows[column] / rows["dwellings"]
    return pd.DataFrame({"code": rows["code"], "value": value})


def squares_by_commune(squares: pd.DataFrame) -> pd.DataFrame:
    """Aggregate the 200 m squares by commune.

    Parameters
    ----------
    squares : DataFrame
        The columns of :data:`SQUARE_COLUMNS`; ``codes`` holds five characters a commune,
        concatenated. A square that touches several communes is shared equally between
        them: the producer does not say how its people are spread.

    Returns
    -------
    DataFrame
        ``code``, ``persons``, ``imputed_share``, ``share_under_18``, ``share_65_plus``,
        ``poor_share`` (%).
    """
    number = (squares["codes"].str.len() // 5).clip(lower=1)
    counts = [name for name in SQUARE_COLUMNS if name not in {"codes", "imputed"}]
    parts = squares[counts].astype("float64").div(number, axis=0)
    parts["imputed_persons"] = parts["persons"].where(squares["imputed"], 0.0)
    parts["code"] = squares["codes"].str.slice(0, 5)
    several = number > 1
    if several.any():
        lists = squares.loc[several, "codes"].str.findall(".{5}")
        shared = parts[several].assign(code=lists).explode("code")
        parts = pd.concat([parts[~several], shared], ignore_index=True)
    sums = parts.groupby("code").sum()
    sums = sums[sums["persons"] > 0]
    young, elders = sums[list(_UNDER_18)].sum(axis=1), sums[list(_OVER_65)].sum(axis=1)
    return pd.DataFrame(
        {
            "code": sums.index,
            "persons": sums["persons"].to_numpy(),
            "imputed_share": (100 * sums["imputed_persons"] / sums["persons"]).to_numpy(),
            "share_under_18": (100 * young / sums["persons"]).to_numpy(),
            "share_65_plus": (100 * elders / sums["persons"]).to_numpy(),
            "poor_share": (100 * sums["poor_households"] / sums["households"]).to_numpy(),
        }
    )
