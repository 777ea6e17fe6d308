"""Building access to care by town: without a network for all, on streets where there are some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from utils import care
from utils.build.workshop import (
    LAMBERT_93,
    Asked,
    Builder,
    Method,
    Workshop,
    by_year,
    single,
    today,
    universe,
)
from utils.readers import people
from utils.territory import SQUARE_M

__all__ = ["BUILDERS", "METHODS", "SQUARE_COLUMNS"]

#: Decimals of the distances (km) and shares (%), in every table: two figures of one page give
#: the same whole number.
_DECIMALS: Final = 2
#: Columns of the squares that care needs.
SQUARE_COLUMNS: Final = ("codes", "x", "y", "imputed", "persons", *care.INSEE_AGES)


def _apl(asked: Asked) -> Iterator[pd.DataFrame]:
    lines = care.accessibility(
        asked.shop.read("apl_professions"), asked.indicator.build["profession"]
    )
    yield from by_year(asked, lines, missing="absent")


# --------------------------------------------------------------------------- straight lines


def _read_squares(path: Path) -> pd.DataFrame:
    return people.read_carreaux_200m(path, columns=SQUARE_COLUMNS)


def _square_points(shop: Workshop) -> pd.DataFrame:
    """Return the squares of the universe at their middle, with straight metres to care.

    A square of several communes is shared equally between them.
    """
    squares = shop.read("carreaux_200m", _read_squares)
    codes, points = universe(shop), care_points(shop)

    def compute() -> pd.DataFrame:
        shared = (squares["codes"].str.len() // 5).clip(lower=1)
        counts = pd.concat([squares[["persons"]], care.age_counts(squares)], axis=1)
        frame = counts.astype("float64").div(shared, axis=0)
        frame[["x", "y"]] = squares[["x", "y"]] + SQUARE_M / 2
        several = bool((shared > 1).any())
        frame["code"] = squares["codes"].str.findall(".{5}") if several else squares["codes"]
        frame = frame.explode("code", ignore_index=True) if several else frame
        frame["code"] = today(shop, frame["code"])
        frame = frame[frame["code"].isin(codes)].reset_index(drop=True)
        middle = gpd.GeoSeries.from_xy(frame["x"], frame["y"], crs=people.SQUARES_CRS)
        local = middle.to_crs(LAMBERT_93)
        frame["x"], frame["y"] = local.x, local.y
        places = {
            kind: points[(points["typequ"] == typequ) & (points["epsg"] == LAMBERT_93)]
            for kind, typequ in care.KINDS.items()
        }
        return care.add_straight_metres(frame, places)

    return shop.once("distances aux soins", compute)


def care_points(shop: Workshop) -> pd.DataFrame:
    """Return the located care of the BPE of 2021, without what it could not place."""
    return shop.read("bpe_points_2021").dropna(subset=["x", "y"])


def _straight(asked: Asked) -> Iterator[pd.DataFrame]:
    points = _square_points(asked.shop)
    kind, column = asked.indicator.build["kind"], asked.indicator.build["column"]
    found = asked.shop.once(f"distances:{kind}", lambda: care.distances_by_commune(points, [kind]))
    measure = found[["code", column]].rename(columns={column: "value"})
    yield from single(asked, measure.round({"value": _DECIMALS}), missing="absent")


def build_distances(shop: Workshop) -> pd.DataFrame:
    """Build ``distances_soins``: each PVD with squares, kind of care and age."""
    points = _square_points(shop)
    programme = set(shop.read("pvd_communes")["code"])
    found = care.distances_by_commune(
        points[points["code"].isin(programme)], list(care.KINDS), list(care.AGES)
    )
    shares = [name for name in found.columns if name.startswith("within_")]
    rounded = found.round({"persons": 0, **dict.fromkeys(["median_km", *shares], _DECIMALS)})
    return rounded.astype(dict.fromkeys(["persons", "median_km", *shares], np.float32))


METHODS: Final[Mapping[str, Method]] = {"apl": _apl, "straight": _straight}

BUILDERS: Final[Mapping[str, Builder]] = {"distances_soins": build_distances}
