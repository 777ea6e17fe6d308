"""Shops and everyday services of a town, from the BPE (pure functions).

The correspondence between the codes of the *base permanente des équipements* before and
after its renumbering of 2023 is ``data/bpe_types.csv``: a type of this book, its codes, the
first year from which it may be followed, whether 2024 may be compared, and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

__all__ = [
    "BASKET",
    "CHAIN_TRADES",
    "CORE_M",
    "FAMILIES",
    "FOOD_FORMATS",
    "RENUMBERING_YEAR",
    "SQUARE_M",
    "available_types",
    "basket",
    "comparable_since",
    "count_squares",
    "count_types",
    "near_any",
    "richness",
    "shannon",
    "share_in_core",
    "sum_families",
    "without_default_points",
]

#: Families of shops and everyday services, in the order in which the book shows them.
FAMILIES: Final[Mapping[str, str]] = {
    "alimentaire": "Alimentation",
    "restauration": "Restauration",
    "equipement_personne": "Équipement de la personne",
    "equipement_maison": "Équipement de la maison",
    "culture_loisirs": "Culture et loisirs",
    "services": "Services",
    "automobile": "Automobile",
}

#: Everyday needs: label -> types of ``data/bpe_types.csv``, any of which meets the need.
BASKET: Final[Mapping[str, Sequence[str]]] = {
    "boulangerie": ("boulangerie",),
    "boucherie": ("boucherie",),
    "alimentation générale": ("epicerie", "superette", "grande_surface"),
    "restaurant": ("restaurant",),
    "presse": ("librairie_presse",),
    "pharmacie": ("pharmacie",),
    "poste": ("poste", "relais_poste"),
    "banque": ("banque",),
    "coiffure": ("coiffure",),
    "station-service": ("station_service",),
    "garage": ("garage",),
    "médecin": ("medecin_generaliste",),
}

#: Food shops by format: label -> types of ``data/bpe_types.csv``, followed since 2009.
FOOD_FORMATS: Final[Mapping[str, Sequence[str]]] = {
    "supermarchés et hypermarchés": ("grande_surface",),
    "supérettes et surgelés": ("superette", "surgeles"),
    "commerces de bouche et épiceries": ("boulangerie", "boucherie", "poissonnerie", "epicerie"),
}

#: Activities (NAF rév. 2) that the brief names when it speaks of chains: key -> label, codes.
CHAIN_TRADES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "grandes_surfaces": ("supermarchés et hypermarchés", ("47.11D", "47.11F")),
    "restauration_rapide": ("restauration rapide", ("56.10C",)),
}

#: Radius of the core of a town: five minutes on foot, metres.
CORE_M: Final = 400.0

#: Shops at one point, and distance of that point to the centroid (metres; the outlines are
#: simplified to 100 m), from which the geocoding is taken to have found no address.
DEFAULT_SHOPS: Final = 3
DEFAULT_M: Final = 150.0

#: Side of a square on the map of shops, metres (that of Insee’s finest grid).
SQUARE_M: Final = 200.0

#: First vintage of the BPE with the new numbering (Insee, BPE 2023).
RENUMBERING_YEAR: Final = 2023


def _codes(types: pd.DataFrame, year: int) -> dict[str, list[str]]:
    """Return type -> its BPE codes in that year, in order; types not yet followed are left out."""
    column = "codes_avant_2023" if year < RENUMBERING_YEAR else "codes_2024"
    followed = types[types["premiere_annee"].astype(int) <= year]
    return {
        str(kind): str(codes).split("+")
        for kind, codes in zip(followed["type"], followed[column], strict=True)
    }


def available_types(bpe: pd.DataFrame, types: pd.DataFrame, *, year: int) -> list[str]:
    """List the types that a vintage of the BPE can tell.

    A vintage with fewer types than the official file lacks some: their count is unknown,
    not zero. A type is available when each of its codes, or their sum written in one line
    (``"B104+B105"``), is found at least once in the whole file.
    """
    present = set(bpe.loc[bpe["year"] == year, "typequ"])
    return [
        kind
        for kind, codes in _codes(types, year).items()
        if "+".join(codes) in present or present.issuperset(codes)
    ]


def count_types(bpe: pd.DataFrame, types: pd.DataFrame, *, year: int) -> pd.DataFrame:
    """Count the facilities of each type by commune in one vintage.

    Parameters
    ----------
    bpe : DataFrame
        ``code``, ``year``, ``typequ``, ``count``.
    types : DataFrame
        ``data/bpe_types.csv``: ``type``, ``codes_avant_2023``, ``codes_2024``, ``premiere_annee``.
    year : int
        Vintage.

    Returns
    -------
    DataFrame
        ``code``, ``type``, ``count`` (float), counts above 0 only, sorted by code and type.
    """
    kept = set(available_types(bpe, types, year=year))
    by_code = {
        code: kind
        for kind, codes in _codes(types, year).items()
        if kind in kept
        for code in [*codes, "+".join(codes)]
    }
    rows = bpe.loc[bpe["year"] == year, ["code", "typequ", "count"]]
    rows = rows.assign(type=rows["typequ"].map(by_code)).dropna(subset=["type"])
    counts = rows.groupby(["code", "type"], as_index=False, observed=True)["count"].sum()
    counts["count"] = counts["count"].astype("float64")
    positive: pd.DataFrame = counts[counts["count"] > 0]
    return positive.sort_values(["code", "type"], ignore_index=True)


def sum_families(
    counts: pd.DataFrame, types: pd.DataFrame, families: Sequence[str]
) -> pd.DataFrame:
    """Sum the counts of all types of some families: ``code``, ``value``."""
    kept = types.loc[types["famille"].isin(families), "type"]
    rows = counts[counts["type"].isin(kept)]
    return rows.groupby("code")["count"].sum().rename("value").rename_axis("code").reset_index()


def richness(counts: pd.DataFrame, types: pd.DataFrame) -> pd.DataFrame:
    """Count the types of the seven families that are present: ``code``, ``value``."""
    kept = types.loc[types["famille"].isin(FAMILIES), "type"]
    rows = counts[counts["type"].isin(kept)]
    return rows.groupby("code")["type"].nunique().rename("value").rename_axis("code").reset_index()


def shannon(counts: pd.DataFrame, types: pd.DataFrame) -> pd.DataFrame:
    r"""Shannon's index of the shops over their types: ``code``, ``value`` (nats).

    :math:`H = -\sum_i p_i \ln p_i`, with :math:`p_i` the share of type *i* (Shannon, 1948).
    0 when one type only is present; a commune without any shop has no line.
    """
    kept = types.loc[types["famille"].isin(FAMILIES), "type"]
    rows = counts[counts["type"].isin(kept)]
    share = rows["count"] / rows.groupby("code")["count"].transform("sum")
    terms = -share * np.log(share)
    sums = terms.groupby(rows["code"]).sum().clip(lower=0)
    return sums.rename("value").rename_axis("code").reset_index()


def basket(counts: pd.DataFrame) -> pd.DataFrame:
    """Tell which needs of the everyday :data:`BASKET` are met.

    Returns
    -------
    DataFrame
        Index ``code`` (communes with one count at least), one boolean column a need.
    """
    present = counts.assign(here=True).pivot_table(
        index="code", columns="type", values="here", aggfunc="any", fill_value=False
    )
    return pd.DataFrame(
        {
            need: present.reindex(columns=list(kinds), fill_value=False).any(axis=1)
            for need, kinds in BASKET.items()
        }
    ).astype(bool)


def share_in_core(shops: pd.DataFrame, *, radius_m: float = CORE_M) -> pd.DataFrame:
    """Share of the shops of each commune that stand around its busiest point.

    The core is the shop that has most shops within ``radius_m``: no town hall nor church is
    needed, and a town that shops along a road has a core there too.

    Parameters
    ----------
    shops : DataFrame
        ``code``, ``x``, ``y`` (metres); a shop without a point is left out.
    radius_m : float
        Straight distance from the core.

    Returns
    -------
    DataFrame
        ``code``, ``shops`` (located), ``inside`` (number), ``value`` (%).
    """
    lines = []
    for code, group in shops.dropna(subset=["x", "y"]).groupby("code"):
        near = KDTree(group[["x", "y"]]).query_ball_point(
            group[["x", "y"]], radius_m, return_length=True
        )
        inside = int(max(near))
        lines.append((code, len(group), inside, 100 * inside / len(group)))
    return pd.DataFrame(lines, columns=["code", "shops", "inside", "value"])


def count_squares(shops: pd.DataFrame, *, side_m: float, fewest: int) -> pd.DataFrame:
    """Count the shops of each commune by square of its local grid.

    Parameters
    ----------
    shops : DataFrame
        ``code``, ``epsg``, ``x``, ``y`` (metres); a shop without a point is left out.
    side_m : float
        Side of a square, metres.
    fewest : int
        Shops under which a square has no line.

    Returns
    -------
    DataFrame
        ``code``, ``epsg``, ``x``, ``y`` (middle of the square), ``value`` (shops), ``located``
        (shops of the commune that have a point, those of the squares without a line too).
    """
    known = shops.dropna(subset=["x", "y"])
    middles = {axis: (known[axis] // side_m + 0.5) * side_m for axis in ("x", "y")}
    squares = known.assign(**middles).groupby(["code", "epsg", "x", "y"]).size()
    frame = squares.rename("value").reset_index()
    frame["located"] = frame.groupby("code")["value"].transform("sum")
    kept: pd.DataFrame = frame[frame["value"] >= fewest]
    return kept.reset_index(drop=True)


def without_default_points(shops: pd.DataFrame, centroids: pd.DataFrame) -> pd.DataFrame:
    """Take their point from the shops that the geocoding set at the middle of the commune.

    An address that is not found gets the centroid of the commune: several shops at one same
    point, there. In the copy of Sirene that is one located shop in thirteen.

    Parameters
    ----------
    shops, centroids : DataFrame
        ``code``, ``x``, ``y`` (metres, the CRS of the commune).

    Returns
    -------
    DataFrame
        ``shops``, ``x`` and ``y`` missing where the point says nothing.
    """
    middle = centroids.drop_duplicates("code").set_index("code")
    away = np.hypot(
        shops["x"] - shops["code"].map(middle["x"]), shops["y"] - shops["code"].map(middle["y"])
    )
    shared = shops.groupby(["code", "x", "y"])["code"].transform("size") >= DEFAULT_SHOPS
    default = shared.fillna(False).astype(bool) & (away <= DEFAULT_M)
    return shops.assign(x=shops["x"].mask(default), y=shops["y"].mask(default))


def near_any(points: pd.DataFrame, anchors: pd.DataFrame, *, radius_m: float = CORE_M) -> pd.Series:
    """Tell which points have an anchor of their commune near them: bool, index of ``points``.

    Parameters
    ----------
    points, anchors : DataFrame
        ``code``, ``x``, ``y`` (metres, the CRS of the commune).
    radius_m : float
        Straight distance.
    """
    near = pd.Series(False, index=points.index)
    for code, group in points.groupby("code"):
        own = anchors.loc[anchors["code"] == code, ["x", "y"]]
        if len(own):
            distance, _ = KDTree(own).query(group[["x", "y"]])
            near[group.index] = distance <= radius_m
    return near


def comparable_since(types: pd.DataFrame, year: int, *, with_2024: bool = False) -> list[str]:
    """List the types of the seven families whose scope is the same from ``year`` on.

    With ``with_2024``, only those that ``data/bpe_types.csv`` says comparable across the
    renumbering of 2023 without reserve.
    """
    kept = types[types["famille"].isin(FAMILIES) & (types["premiere_annee"].astype(int) <= year)]
    if with_2024:
        kept = kept[kept["comparable_2024"] == "oui"]
    return list(kept["type"])
