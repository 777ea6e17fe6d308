"""Building energy: power, energy of a year and consumption, by town and by region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from utils import communes, energy
from utils.build.workshop import (
    Asked,
    Builder,
    Method,
    Workshop,
    all_communes,
    by_year,
    located,
    single,
    today,
    universe,
)
from utils.readers.territory import read_areas

__all__ = ["BUILDERS", "LOT_YEAR", "METHODS", "YEAR"]

#: Year of the energies: the last that ODRÉ's regional production has.
YEAR: Final = 2023

#: Register that is read. Its injected energy counts for :data:`YEAR` only in the edition of
#: 31 December of that year (``registre_2023``): in any other it is that of other months.
REGISTER: Final = "registre"

#: When the injected energy of the Lot is known (rolling year that ends that year).
LOT_YEAR: Final = 2026

_RENEWABLE: Final = tuple(energy.FILIERES)


# --------------------------------------------------------------------------- register


def _with_region(shop: Workshop, lines: pd.DataFrame) -> pd.DataFrame:
    """Give each line the region of its commune: the register's own is often blank."""
    cog = shop.read("cog_communes")
    regions = cog[cog["kind"] == "commune"].set_index("code")["region"]
    return lines.assign(region=today(shop, lines["code"]).map(regions))


def _register(shop: Workshop) -> pd.DataFrame:
    """Return the register, farms at sea apart, with the region of each commune."""
    lines = shop.read(REGISTER)

    def compute() -> pd.DataFrame:
        own_year = f"registre_{YEAR}" == REGISTER
        known = lines if own_year else lines.assign(energy_kwh=np.nan)
        return _with_region(shop, energy.split_offshore(known))

    return shop.once("registre:lignes", compute)


def _energies(shop: Workshop) -> pd.DataFrame:
    """Return the energy of :data:`YEAR` by commune of today and filière, for all France."""
    register, production = _register(shop), shop.read("production_regionale")

    def compute() -> pd.DataFrame:
        lines = energy.estimate_energy(register, production, year=YEAR)
        others = register[~register["filiere"].isin(energy.CALIBRATED_AS)]
        others = others.assign(method="inconnue")
        return pd.concat([lines, others], ignore_index=True)

    lines = shop.carried(
        shop.once("registre:énergies", compute),
        by=["code", "region", "filiere", "method"],
        sums=["installations", "power_kw", "energy_mwh"],
        label="registre",
    )
    return energy.by_commune(lines)


def _known(measure: pd.DataFrame) -> pd.DataFrame:
    """Say that a value which a line should give and does not is absent, never 0."""
    return measure.assign(status=measure["value"].isna().map({True: "absent", False: "ok"}))


def _carried_register(asked: Asked) -> pd.DataFrame:
    return asked.shop.carried(
        _register(asked.shop),
        by=["code", "filiere"],
        sums=["installations", "power_kw"],
        label="registre",
    )


def _power(asked: Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = _known(energy.power_kw(_carried_register(asked), filieres))
    yield from _of_register(asked, measure)


def _installations(asked: Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = _known(energy.installations(_carried_register(asked), filieres))
    yield from _of_register(asked, measure)


def _energy(asked: Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = _known(energy.sum_energy(_energies(asked.shop), filieres))
    yield from _of_register(asked, measure)


def _of_register(asked: Asked, measure: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Complete a measure of the register, where a commune without a line is not always 0.

    The register leaves out the communes with fewer than ten small (under 36 kW)
    installations of a filière: no line says nothing of solar power, and no more than
    "nothing large" of the others. It has no line at all of some territories (Mayotte).
    """
    departements = communes.departements_of(_register(asked.shop)["code"].dropna())
    here = communes.departements_of(asked.codes).isin(departements)
    missing = "absent" if "solaire" in asked.indicator.build["filieres"] else "zero"
    yield from single(asked, measure, missing=missing, covered=set(asked.codes[here]))


# --------------------------------------------------------------------------- consumption


def _lines_of_consumption(shop: Workshop) -> pd.DataFrame:
    return shop.carried(
        shop.read("conso_communes"),
        by=["code", "year", "energy", "sector"],
        sums=["mwh"],
        label="conso_communes",
    )


def _consumption(asked: Asked) -> Iterator[pd.DataFrame]:
    build = asked.indicator.build
    lines = _lines_of_consumption(asked.shop)
    measure = energy.consumption_mwh(lines, energy=build["energy"], sector=build["sector"])
    yield from by_year(asked, measure, missing="absent")


def _coverage(asked: Asked) -> Iterator[pd.DataFrame]:
    """Renewable energy over the electricity consumed, %.

    Where the residential line lacks, the total holds a few sites only: it is no denominator.
    """
    lines = _lines_of_consumption(asked.shop)
    total = energy.consumption_mwh(lines, energy="electricite", sector="total")
    homes = energy.consumption_mwh(lines, energy="electricite", sector="residentiel")
    used = total.merge(homes, on=["code", "year"], suffixes=("", "_homes"))
    made = energy.sum_energy(_energies(asked.shop), _RENEWABLE).set_index("code")["value"]
    used["value"] = 100 * used["code"].map(made) / used["value"].where(used["value"] > 0)
    used.loc[used["status_homes"] == "secret", "value"] = float("nan")
    measure = _known(used[["code", "value"]]).round({"value": 2})
    measure.loc[used["status_homes"] == "secret", "status"] = "secret"
    yield from single(asked, measure, missing="absent")


def _region_share(asked: Asked) -> Iterator[pd.DataFrame]:
    every = _energies(asked.shop)
    every = every[every["filiere"].isin(_RENEWABLE)]
    region = every.groupby("region")["energy_mwh"].sum()
    own = every.groupby(["code", "region"])["energy_mwh"].sum(min_count=1).reset_index()
    own["value"] = 100 * own["energy_mwh"] / own["region"].map(region)
    yield from single(asked, _known(own[["code", "value"]]), missing="absent")


def _by_area(asked: Asked) -> Iterator[pd.DataFrame]:
    measure = energy.sum_energy(_energies(asked.shop), asked.indicator.build["filieres"])
    area = _areas(asked.shop)
    measure["value"] = measure["value"] / measure["code"].map(area)
    yield from single(asked, _known(measure), missing="absent")


def _areas(shop: Workshop) -> pd.Series:
    """Return the area of each commune of today, km²."""
    areas = shop.carried(
        shop.read("population_historique", read_areas),
        by=["code"],
        sums=["area_km2"],
        label="superficie",
    )
    known = areas.set_index("code")["area_km2"]
    return known[known > 0]


# --------------------------------------------------------------------------- tables


def _totals(shop: Workshop) -> pd.DataFrame:
    """Rank the communes of each region by their renewable energy, all filières together.

    Index ``code``; ``region``, ``rank_total`` (1: the most; communes without a known energy
    are not ranked).
    """
    every = _energies(shop)
    every = every[every["filiere"].isin(_RENEWABLE)]
    totals = every.groupby(["code", "region"])["energy_mwh"].sum(min_count=1).dropna()
    ranks = totals.groupby("region").rank(ascending=False, method="min")
    return ranks.rename("rank_total").reset_index("region")


def build_production(shop: Workshop) -> pd.DataFrame:
    """Build the energy of a year by town and filière, its method and its rank in the region.

    ``rank_total`` is the rank of the commune, all renewable filières together.
    """
    every = _energies(shop).assign(year=YEAR)
    every["rank_total"] = every["code"].map(_totals(shop)["rank_total"])
    lot = shop.carried(
        shop.read("registre_lot_2026"),
        by=["code", "filiere"],
        sums=["installations", "power_kw", "energy_kwh"],
        label="registre_lot_2026",
    )
    lot["energy_mwh"] = (lot["energy_kwh"] / 1000).where(lot["energy_kwh"] > 0)
    lot = lot.assign(year=LOT_YEAR, method="injectee")
    frame = pd.concat([every, lot], ignore_index=True)
    frame = frame[frame["code"].isin(universe(shop))]
    columns = ["code", "year", "filiere", "installations", "power_kw", "energy_mwh", "method"]
    ranks = ["rank", "rank_total"]
    frame = frame[[*columns, *ranks]].astype(dict.fromkeys(["installations", *ranks], "Int64"))
    frame = frame.round({"power_kw": 2, "energy_mwh": 2})
    return frame.sort_values(["code", "year", "filiere"], ignore_index=True)


def _factors(shop: Workshop) -> pd.DataFrame:
    return energy.calibration(_register(shop), shop.read("production_regionale"), year=YEAR)


def build_regions(shop: Workshop) -> pd.DataFrame:
    """Build power, energy and load factor by region and filière, over all communes."""
    every = _energies(shop)
    groups = every.groupby(["region", "filiere"])
    done = groups[["installations", "power_kw", "energy_mwh"]].sum(min_count=1)
    done["communes"] = groups.size()
    factors = _factors(shop)
    ranked = _totals(shop).groupby("region").size()
    done["communes_total"] = ranked.reindex(done.index.get_level_values("region")).to_numpy()
    done["odre_mwh"] = factors["odre_mwh"].reindex(done.index)
    done = done.reset_index().astype({"communes_total": "Int64"})
    groups_of = done["filiere"].map(energy.CALIBRATED_AS)
    keys = pd.MultiIndex.from_arrays([done["region"], groups_of])
    for name in ("factor", "method"):
        done[name] = factors[name].reindex(keys).to_numpy()
    done["method"] = done["method"].fillna("inconnue")
    cog = shop.read("cog_communes")
    cog = cog[cog["kind"] == "commune"]
    people = cog.groupby("region")["population"].sum()
    area = _areas(shop).groupby(cog.set_index("code")["region"]).sum()
    names = shop.read("cog_regions").set_index("code")["name"]
    done["name"] = done["region"].map(names)
    done["population"] = done["region"].map(people).astype("int64")
    done["area_km2"] = done["region"].map(area)
    return done.round({"power_kw": 1, "energy_mwh": 1, "factor": 5, "area_km2": 1})


def build_history(shop: Workshop) -> pd.DataFrame:
    """Build the production by region, year and filière since 2008, and the consumption.

    ``filiere`` is ``consommation`` for the net consumption of electricity, corrected for
    weather.
    """
    production = shop.read("production_regionale")[["region", "year", "filiere", "gwh"]]
    used = shop.read("consommation_regionale")
    used = used.assign(filiere="consommation", gwh=1000 * used["twh"])
    frame: pd.DataFrame = pd.concat([production, used[production.columns]], ignore_index=True)
    frame = frame[frame["year"] >= production["year"].min()].round({"gwh": 1})
    return frame.sort_values(["region", "filiere", "year"], ignore_index=True)


def build_consumption(shop: Workshop) -> pd.DataFrame:
    """Build the consumption of each region by energy and sector, summed over its communes.

    ``unknown`` counts the communes that have that energy and not that sector: the sum is a
    minimum where it is not 0.
    """
    cog = shop.read("cog_communes")
    lines = _with_region(shop, _lines_of_consumption(shop))
    keys = ["region", "year", "energy"]
    every = lines.groupby(keys)["code"].nunique().rename("every")
    groups = lines.dropna(subset=["mwh"]).groupby([*keys, "sector"])
    done = groups["mwh"].sum().to_frame().join(groups["code"].nunique().rename("communes"))
    done = done.join(every, on=keys).reset_index()
    done["unknown"] = done["every"] - done["communes"]
    people = cog[cog["kind"] == "commune"].groupby("region")["population"].sum()
    done["population"] = done["region"].map(people).astype("int64")
    return done.drop(columns="every").round({"mwh": 0})


def build_masked(shop: Workshop) -> pd.DataFrame:
    """Build what is known of the secrecy of the consumption of each town.

    ``unknown_mwh`` is published without a sector (``INCONNU``); ``masked`` counts the
    suppressed cells: at 0 the total is exact, above it is a minimum. The file of all France
    does not tell it where that of the Lot does; a line is kept where either is known.
    """
    lines = shop.read("conso_communes")
    told = pd.concat([lines, shop.read("conso_communes_lot")], ignore_index=True)
    told = told[(told["sector"] == "total") & told["masked"].notna()]
    unknown = lines[lines["sector"] == "inconnu"]
    keys = ["code", "energy"]
    sums = [
        frame.assign(code=today(shop, frame["code"])).groupby(keys)[column].sum(min_count=1)
        for frame, column in (
            (unknown, "mwh"),
            (told.drop_duplicates([*keys, "year"]), "masked"),
        )
    ]
    done = pd.concat(sums, axis=1).rename(columns={"mwh": "unknown_mwh"}).reset_index()
    done = done[done["code"].isin(universe(shop))].astype({"masked": "Int64"})
    return done.sort_values(keys, ignore_index=True).round({"unknown_mwh": 1})


def build_errors(shop: Workshop) -> pd.DataFrame:
    """Build, for all communes of the Lot, the injected energy and what the method would say.

    The method had the power of the same date and the load factor of the region in
    :data:`YEAR`; ``power_before_kw`` is the power of the register of 2024.
    """
    lot = _with_region(shop, shop.read("registre_lot_2026"))
    factor = _factors(shop)["factor"]
    keys = pd.MultiIndex.from_frame(lot[["region", "filiere"]])
    lot["factor"] = factor.reindex(keys).to_numpy()
    lot["injected_mwh"] = lot["energy_kwh"] / 1000
    lot["estimated_mwh"] = lot["power_kw"] * energy.HOURS_A_YEAR / 1000 * lot["factor"]
    before = _register(shop).set_index(["code", "filiere"])["power_kw"]
    before = before[~before.index.duplicated()]
    keys = pd.MultiIndex.from_frame(lot[["code", "filiere"]])
    lot["power_before_kw"] = before.reindex(keys).to_numpy()
    columns = ["code", "filiere", "power_kw", "power_before_kw", "injected_mwh", "estimated_mwh"]
    return lot[columns].sort_values(columns[:2], ignore_index=True).round({"estimated_mwh": 2})


def build_gaps(shop: Workshop) -> pd.DataFrame:
    """Build, by département, the estimate and what Enedis measured where it carries it all.

    Filières of ODRÉ whose regional production Enedis's network carries almost whole
    (:data:`utils.energy.NETWORK_COVERAGE`); farms at sea are on another network.
    """
    every = _energies(shop)
    every = every[every["filiere"] != "eolien_en_mer"]
    every = every.assign(departement=communes.departements_of(every["code"]))
    keys = ["region", "departement", "filiere"]
    estimated = every.groupby(keys)["energy_mwh"].sum(min_count=1).reset_index()
    network, production = shop.read("production_departement"), shop.read("production_regionale")
    done = energy.against_network(
        estimated, network[network["year"] == YEAR], production[production["year"] == YEAR]
    )
    return done.round({"network_mwh": 1, "estimated_mwh": 1, "coverage": 4})


def build_blanks(shop: Workshop) -> pd.DataFrame:
    """Build what the register does not place: lines without commune, or without region.

    ``region`` is derived from the commune (missing where there is none).
    """
    lines = shop.read(REGISTER)
    placed = _with_region(shop, lines)["region"]
    blank = lines.assign(
        no_commune=lines["code"].isna(), no_region=lines["region"].isna(), region=placed
    )
    groups = blank.groupby(["region", "filiere"], dropna=False)
    done = groups.size().rename("lines").to_frame()
    done["power_kw"] = groups["power_kw"].sum()
    for name in ("no_commune", "no_region"):
        some = blank[blank[name]].groupby(["region", "filiere"], dropna=False)
        done[f"{name}_lines"] = some.size()
        done[f"{name}_kw"] = some["power_kw"].sum()
    done = done.fillna(0).reset_index()
    counts = ["no_commune_lines", "no_region_lines"]
    return done.astype(dict.fromkeys(counts, "int64")).round(1)


def build_wind(shop: Workshop) -> pd.DataFrame:
    """Build the wind power of every commune of France, farms at sea apart."""
    every = _energies(shop)
    wind = every[every["filiere"].isin(["eolien", "eolien_en_mer"])]
    places = all_communes(shop).set_index("code")
    cog = shop.read("cog_communes")
    names = cog[cog["kind"] == "commune"].set_index("code")["name"]
    frame = wind.assign(
        name=wind["code"].map(names),
        lon=wind["code"].map(places["lon"]),
        lat=wind["code"].map(places["lat"]),
    ).astype({"installations": "int64"})
    columns = ["code", "name", "filiere", "installations", "power_kw", "energy_mwh", "method"]
    frame = frame[[*columns, "lon", "lat"]].sort_values(["code", "filiere"], ignore_index=True)
    return frame.round({"power_kw": 1, "energy_mwh": 1, "lon": 5, "lat": 5})


def _register_km(shop: Workshop, farms: pd.DataFrame) -> pd.Series:
    """Distance of each farm on land to the nearest commune with wind in the register, km.

    To the middle of the commune, in the CRS of the territory; NaN at sea, and in a territory
    whose register has no wind.
    """
    wind = _energies(shop)
    places = all_communes(shop)
    places = places[places["code"].isin(wind.loc[wind["filiere"] == "eolien", "code"])]
    found = pd.Series(np.nan, index=farms.index)
    land = located(farms.loc[~farms["at_sea"] & farms["code"].notna(), ["code", "lon", "lat"]])
    for epsg, group in land.groupby("epsg"):
        near = places[places["epsg"] == epsg]
        if len(near):
            tree = cKDTree(near[["x", "y"]].to_numpy())
            found[group.index] = tree.query(group[["x", "y"]].to_numpy())[0] / 1000
    return found


def build_farms(shop: Workshop) -> pd.DataFrame:
    """Build the wind farms that powerplantmatching places, with their energy estimated.

    A farm whose year of commissioning is :data:`YEAR` counts for half of it; a farm at sea
    has no estimate, for the regional load factor is that of wind on land. ``placed`` is false
    where the position cannot be right (:data:`utils.energy.FARM_KM`): farther than that from
    any commune with wind in the register, or a farm at sea that falls on land.
    """
    plants = shop.read("powerplants")
    farms = plants[plants["fuel"] == "Wind"].reset_index(drop=True)
    contours = shop.read("contours_communes")
    points = gpd.GeoDataFrame(
        farms, geometry=gpd.points_from_xy(farms["lon"], farms["lat"]), crs=4326
    )
    inside = gpd.sjoin(points, contours[["code", "geometry"]], how="left", predicate="within")
    inside = inside[~inside.index.duplicated()]
    farms["code"] = today(shop, inside["code"])
    farms["at_sea"] = farms["technology"] == "Offshore"
    farms = _with_region(shop, farms)
    year = farms["year_in"].astype("float64")
    share = (year < YEAR) + 0.5 * (year == YEAR)
    share = share.where(year.notna(), 1.0)
    factor = _factors(shop)["factor"].xs("eolien", level="filiere")
    energy_mwh = farms["power_mw"] * energy.HOURS_A_YEAR * share * farms["region"].map(factor)
    farms["energy_mwh"] = energy_mwh.where(~farms["at_sea"] & (share > 0))
    late = share == 0
    farms["method"] = farms["energy_mwh"].isna().map({True: "inconnue", False: "region"})
    farms.loc[late, "method"] = "hors_service"
    farms["name"] = farms["name"].str.removesuffix(" Wind Farm")
    farms["power_kw"] = 1000 * farms["power_mw"]
    farms["register_km"] = _register_km(shop, farms)
    astray = (farms["register_km"] > energy.FARM_KM) | (farms["at_sea"] & farms["code"].notna())
    farms["placed"] = ~astray
    columns = [
        "name",
        "code",
        "at_sea",
        "power_kw",
        "year_in",
        "energy_mwh",
        "method",
        "register_km",
        "placed",
        "lon",
        "lat",
    ]
    done = farms[columns].sort_values(["lon", "lat", "name"], ignore_index=True)
    return done.round({"power_kw": 0, "energy_mwh": 0, "register_km": 1, "lon": 4, "lat": 4})


METHODS: Final[Mapping[str, Method]] = {
    "power": _power,
    "installations": _installations,
    "energy": _energy,
    "energy_by_area": _by_area,
    "energy_region_share": _region_share,
    "energy_coverage": _coverage,
    "consumption": _consumption,
}

BUILDERS: Final[Mapping[str, Builder]] = {
    "production_energie": build_production,
    "energie_regions": build_regions,
    "energie_histoire": build_history,
    "consommation_regions": build_consumption,
    "consommation_secrets": build_masked,
    "erreur_energie": build_errors,
    "ecart_departements": build_gaps,
    "registre_manques": build_blanks,
    "eolien_communes": build_wind,
    "parcs_eoliens": build_farms,
}
