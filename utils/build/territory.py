"""Building what the towns are: their line, their outlines, their structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd

from utils import communes, tables, territory
from utils.build.workshop import (
    Asked,
    Builder,
    Method,
    Workshop,
    all_communes,
    single,
    universe,
)
from utils.readers import people
from utils.readers.territory import read_areas

__all__ = ["BUILDERS", "METHODS"]

#: Tolerance of the simplified outlines, metres in the local CRS.
OUTLINE_TOLERANCE_M = 150
DEPARTEMENT_TOLERANCE_M = 1_000


def build_towns(shop: Workshop) -> pd.DataFrame:
    """Build ``towns``, one line a commune of the universe."""
    cog = shop.read("cog_communes")
    programme = shop.read("pvd_communes").set_index("code")
    acv = set(shop.read("acv_communes")["code"])
    towns = cog.loc[
        (cog["kind"] == "commune") & cog["code"].isin(universe(shop)),
        ["code", "name", "departement", "region", "population"],
    ].rename(columns={"population": f"pop_{tables.LATEST_POPULATION}"})
    departements = shop.read("cog_departements").set_index("code")["name"]
    regions = shop.read("cog_regions").set_index("code")["name"]
    towns["departement_name"] = towns["departement"].map(departements)
    towns["region_name"] = towns["region"].map(regions)
    epci = shop.read("cog_epci").drop_duplicates("code")
    towns = towns.merge(epci[["code", "epci", "epci_name"]], on="code", how="left")

    history = shop.carried(
        shop.read("population_historique"),
        by=["code", "year"],
        sums=["population"],
        label="population_historique",
    )
    history["population"] = history["population"].where(history["population"] > 0)
    wide = history.pivot_table(index="code", columns="year", values="population")
    wide.columns = [f"pop_{year}" for year in wide.columns]
    towns = towns.merge(wide.round().astype("Int64").reset_index(), on="code", how="left")
    areas = shop.read("population_historique", read_areas)
    areas = shop.carried(
        areas[areas["area_km2"] > 0], by=["code"], sums=["area_km2"], label="superficie"
    )
    towns = towns.merge(areas, on="code", how="left")

    towns = towns.merge(shop.read("densite"), on="code", how="left")
    aav = shop.read("aav_2020")[["code", "aav", "aav_name", "aav_category", "aav_size"]]
    towns = towns.merge(aav, on="code", how="left")
    centroids = all_communes(shop)[["code", "lon", "lat"]].round(5)
    towns = towns.merge(centroids, on="code", how="left")
    towns["epsg"] = [communes.local_epsg(code) for code in towns["code"]]
    towns["pvd"] = towns["code"].isin(programme.index)
    towns["pvd_signed"] = towns["code"].map(programme["signed"])
    towns["acv"] = towns["code"].isin(acv)
    populations = sorted(c for c in towns.columns if c.startswith("pop_"))
    order = [
        "code", "name", "departement", "departement_name", "region", "region_name",
        "epci", "epci_name", *populations, "area_km2", "density",
        "aav", "aav_name", "aav_category", "aav_size", "lon", "lat", "epsg",
        "pvd", "pvd_signed", "acv",
    ]  # fmt: skip
    types = {"density": "Int8", "aav_size": "Int8", "epsg": "int32"}
    return towns[order].astype(types).sort_values("code", ignore_index=True)


def build_contours_departements(shop: Workshop) -> gpd.GeoDataFrame:
    """Build the outlines of the départements, simplified for national maps."""
    return _simplified(shop.read("contours_departements"), DEPARTEMENT_TOLERANCE_M)


def build_contours_pvd(shop: Workshop) -> gpd.GeoDataFrame:
    """Build the outlines of the PVD, simplified for town maps."""
    contours = shop.read("contours_communes")
    codes = shop.read("pvd_communes")["code"]
    return _simplified(contours[contours["code"].isin(codes)], OUTLINE_TOLERANCE_M)


def _simplified(outlines: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """Simplify in each territory's CRS, back to WGS 84 with five decimals (about 1 m)."""
    epsg = pd.Series([communes.local_epsg(code) for code in outlines["code"]], index=outlines.index)
    parts = [
        group.geometry.to_crs(crs).simplify(tolerance).to_crs(4326)
        for crs, group in outlines.groupby(epsg)
    ]
    geometry = pd.concat(parts).reindex(outlines.index)
    frame = gpd.GeoDataFrame({"code": outlines["code"]}, geometry=geometry, crs=4326)
    frame.geometry = frame.geometry.set_precision(1e-5)
    return frame.sort_values("code", ignore_index=True)


def _income(asked: Asked) -> Iterator[pd.DataFrame]:
    income = asked.shop.read("filosofi_communes").rename(columns={"median_income": "value"})
    territories = set(income["code"].str[:2]) - {"97"}
    overseas = set(income.loc[income["code"].str[:2] == "97", "code"].str[:3])
    known = asked.codes.str[:2].isin(territories) | asked.codes.str[:3].isin(overseas)
    yield from single(asked, income, missing="secret", covered=set(asked.codes[known]))


def _housing(asked: Asked) -> Iterator[pd.DataFrame]:
    homes = asked.shop.carried(
        asked.shop.read("rp_logement"),
        by=["code"],
        sums=["dwellings", "main_homes", "second_homes", "vacant_homes"],
        label="rp_logement",
    )
    measure = territory.share_of_homes(homes, asked.indicator.build["column"])
    yield from single(asked, measure, missing="absent")


def _ages(asked: Asked) -> Iterator[pd.DataFrame]:
    column = asked.indicator.build["column"]
    measure = asked.shop.read("rp_ages")[["code", column]].rename(columns={column: "value"})
    yield from single(asked, measure, missing="absent")


def _read_squares(path: Path) -> pd.DataFrame:
    squares = people.read_carreaux_200m(path, columns=territory.SQUARE_COLUMNS)
    return territory.squares_by_commune(squares)


def _squares(asked: Asked) -> Iterator[pd.DataFrame]:
    column = asked.indicator.build["column"]
    by_commune = asked.shop.read("carreaux_200m", _read_squares)
    measure = by_commune[["code", column]].rename(columns={column: "value"})
    yield from single(asked, measure.round({"value": 2}), missing="absent")


def _tourism(asked: Asked) -> Iterator[pd.DataFrame]:
    beds = asked.shop.carried(
        asked.shop.read("tourisme"), by=["code"], sums=["beds"], label="tourisme"
    ).rename(columns={"beds": "value"})
    yield from single(asked, beds, missing="absent")


def _growth(asked: Asked) -> Iterator[pd.DataFrame]:
    history = asked.shop.carried(
        asked.shop.read("population_historique"),
        by=["code", "year"],
        sums=["population"],
        label="population_historique",
    )
    cog = asked.shop.read("cog_communes")
    last = cog.loc[cog["kind"] == "commune", ["code", "population"]].assign(
        year=tables.LATEST_POPULATION
    )
    both = pd.concat([history, last.astype({"population": "float64"})], ignore_index=True)
    both = both[both["population"] > 0]
    measure = territory.growth(both, first=2013, last=tables.LATEST_POPULATION)
    yield from single(asked, measure, missing="absent")


def _centre_distance(asked: Asked) -> Iterator[pd.DataFrame]:
    measure = territory.distance_to_centre(all_communes(asked.shop))
    yield from single(asked, measure.round({"value": 2}), missing="absent")


def _local_weight(asked: Asked) -> Iterator[pd.DataFrame]:
    measure = territory.local_weight(all_communes(asked.shop))
    yield from single(asked, measure.round({"value": 2}), missing="absent")


METHODS: Final[Mapping[str, Method]] = {
    "income": _income,
    "housing": _housing,
    "ages": _ages,
    "squares": _squares,
    "tourism": _tourism,
    "growth": _growth,
    "centre_distance": _centre_distance,
    "local_weight": _local_weight,
}

BUILDERS: Final[Mapping[str, Builder]] = {
    "towns": build_towns,
    "contours_departements": build_contours_departements,
    "contours_pvd": build_contours_pvd,
}
