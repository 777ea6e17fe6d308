"""Renewable energy of a town: power, energy produced in a year, consumption (pure functions).

Units are in the names of the columns: ``power_kw``, ``energy_mwh``, ``energy_kwh``, ``gwh``.
Energy is what leaves for the grid; what is consumed on the spot is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from utils.errors import TableError
from utils.formats import number

__all__ = [
    "CALIBRATED_AS",
    "FARM_KM",
    "FILIERES",
    "HOURS_A_YEAR",
    "MAX_POWER_KW",
    "METHODS",
    "NETWORK_COVERAGE",
    "OFFSHORE",
    "Offshore",
    "against_network",
    "by_commune",
    "calibration",
    "consumption_mwh",
    "estimate_energy",
    "installations",
    "location_quotient",
    "power_kw",
    "relative_errors",
    "share_in_service",
    "split_offshore",
    "sum_energy",
]

#: Renewable filières of a town -> name in the book.
FILIERES: Final[Mapping[str, str]] = {
    "eolien": "Éolien terrestre",
    "solaire": "Solaire",
    "hydraulique": "Hydraulique",
    "bioenergies": "Bioénergies",
    "geothermie": "Géothermie",
    "energies_marines": "Énergies marines",
}

#: Filière of the register -> filière of the regional production that it is part of. ODRÉ
#: counts the tidal plant of the Rance as hydraulic and wind at sea as wind.
CALIBRATED_AS: Final[Mapping[str, str]] = {
    "eolien": "eolien",
    "eolien_en_mer": "eolien",
    "solaire": "solaire",
    "hydraulique": "hydraulique",
    "energies_marines": "hydraulique",
    "bioenergies": "bioenergies",
}

#: How an energy is known -> words of the book.
METHODS: Final[Mapping[str, str]] = {
    "injectee": "énergie injectée, lue au registre",
    "region": "puissance × facteur de charge régional",
    "france": "puissance × facteur de charge national",
    "mixte": "plusieurs méthodes",
    "hors_service": "mise en service après l’année",
    "inconnue": "non estimée",
}

#: Least share of a region's production that one network must carry for its départements to be
#: a truth, and by how much it may exceed it (convention: both files are rounded and revised).
NETWORK_COVERAGE: Final = (0.90, 1.05)

#: How far a wind farm may be from the middle of the nearest commune with wind in the register,
#: km. Half of the farms of powerplantmatching are within 2 km, 95 % within 11: the register has
#: the commune of the delivery point. Beyond 15 the farms are no more numerous than points put at
#: random would be (56 % of the communes of the mainland are that far), so they are misplaced.
FARM_KM: Final = 15.0

#: Hours of a year of 365 days.
HOURS_A_YEAR: Final = 8_760

#: No site of France reaches 10 GW (Gravelines: 5.46 GW): more is watts taken for kilowatts.
MAX_POWER_KW: Final = 10_000_000.0


class Offshore(NamedTuple):
    """A wind farm at sea, which the register counts in the commune of its cable.

    Attributes
    ----------
    code : str
        Commune where the register has it.
    landing : str
        Commune where its cable meets the grid.
    name : str
    power_kw : float
        Turbines times unit power, as the operators publish them.
    since : str
        First month of full service.
    """

    code: str
    landing: str
    name: str
    power_kw: float
    since: str


#: Farms at sea of the register of autumn 2024, from the most powerful line of a commune down.
#: Hénansal (22077) holds 736 MW: the 62 turbines of 8 MW of Saint-Brieuc, and 240 MW that are
#: the half of Saint-Nazaire (80 of 6 MW) missing at Prinquiau (44137). Fécamp: 71 of 7 MW.
OFFSHORE: Final = (
    Offshore("22077", "22077", "Saint-Brieuc", 496_000.0, "2024-05-01"),
    Offshore("22077", "44137", "Saint-Nazaire, seconde moitié", 240_000.0, "2022-12-01"),
    Offshore("44137", "44137", "Saint-Nazaire, première moitié", 240_000.0, "2022-12-01"),
    Offshore("76259", "76259", "Fécamp", 497_000.0, "2024-05-01"),
)


# --------------------------------------------------------------------------- power


def _sum(register: pd.DataFrame, filieres: Sequence[str], column: str) -> pd.DataFrame:
    rows = register[register["filiere"].isin(filieres)].dropna(subset=["code"])
    sums = rows.groupby("code")[column].sum(min_count=1)
    return sums.rename("value").rename_axis("code").reset_index()


def power_kw(register: pd.DataFrame, filieres: Sequence[str]) -> pd.DataFrame:
    """Installed power of some filières by commune of the delivery point: ``code, value`` (kW)."""
    return _sum(register, filieres, "power_kw")


def installations(register: pd.DataFrame, filieres: Sequence[str]) -> pd.DataFrame:
    """Count the installations of some filières, aggregated lines included: ``code, value``."""
    return _sum(register, filieres, "installations")


def split_offshore(register: pd.DataFrame) -> pd.DataFrame:
    """Take the wind farms at sea (:data:`OFFSHORE`) out of the wind of their communes.

    Parameters
    ----------
    register : DataFrame
        ``code``, ``filiere``, ``installations``, ``power_kw``, ``commissioned``…

    Returns
    -------
    DataFrame
        The same, with lines ``eolien_en_mer`` in the commune where the cable lands. A line
        left with no power goes; a farm that no line is large enough to hold is not there.
    """
    done = register.copy()
    new = []
    for farm in OFFSHORE:
        holds = (
            (done["code"] == farm.code)
            & (done["filiere"] == "eolien")
            & (done["power_kw"] >= farm.power_kw)
        )
        if not holds.any():
            continue
        line = done[holds].nsmallest(1, "power_kw")
        left = line["power_kw"] - farm.power_kw
        new.append(
            line.assign(
                code=farm.landing,
                filiere="eolien_en_mer",
                installations=1,
                power_kw=farm.power_kw,
                energy_kwh=line["energy_kwh"].where(left < 1),  # of a whole line only
                commissioned=pd.Timestamp(farm.since),
            )
        )
        rest = line.assign(power_kw=left, installations=line["installations"] - 1)
        done = pd.concat([done.drop(index=line.index), rest[left >= 1]])
    return pd.concat([done, *new]).astype(register.dtypes).reset_index(drop=True)


# --------------------------------------------------------------------------- energy of a year


def share_in_service(commissioned: pd.Series, year: int) -> pd.Series:
    """Share of a year during which each installation was in service, 0 to 1.

    Whole months, the month of commissioning left out; 1 where the date is not known.
    """
    months = (year - commissioned.dt.year) * 12 + 12 - commissioned.dt.month
    share: pd.Series = (months.clip(0, 12) / 12).fillna(1.0)
    return share


def _checked(lines: pd.DataFrame) -> None:
    for column, unit in (("power_kw", "kW"), ("energy_kwh", "kWh")):
        if column in lines and (lines[column] < 0).any():
            raise TableError(
                f"Registre : une valeur de {column} est négative"
                f" ({number(lines[column].min())} {unit}).",
                hint="Vérifiez le fichier : ni une puissance ni une injection ne sont négatives.",
            )
    if (lines["power_kw"] > MAX_POWER_KW).any():
        raise TableError(
            f"Registre : une puissance de {number(lines['power_kw'].max())} kW n’existe pas.",
            hint="Vérifiez l’unité : le registre est en kilowatts, pas en watts.",
        )


def _base(register: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return the lines of the calibrated filières, with what they injected or could at most.

    An injected energy of 0 means "not declared", and more than the power allows is an error
    of the register: both are taken as unknown.
    """
    lines = register.assign(as_filiere=register["filiere"].map(CALIBRATED_AS))
    lines = lines.dropna(subset=["as_filiere"]).reset_index(drop=True)
    _checked(lines)
    share = share_in_service(lines["commissioned"], year)
    lines["full_mwh"] = lines["power_kw"] * HOURS_A_YEAR / 1000 * share
    injected = lines["energy_kwh"] / 1000
    lines["injected_mwh"] = injected.where(injected.between(0, lines["full_mwh"], "right"))
    return lines


def calibration(register: pd.DataFrame, production: pd.DataFrame, *, year: int) -> pd.DataFrame:
    """Load factor of each region and filière that makes its communes sum to its production.

    Parameters
    ----------
    register : DataFrame
        One line an installation, or a commune and filière: ``region``, ``filiere``,
        ``power_kw``, ``energy_kwh`` (injected over the year, NaN when unknown),
        ``commissioned`` (NaT when unknown).
    production : DataFrame
        ODRÉ: ``region``, ``year``, ``filiere``, ``gwh``.
    year : int

    Returns
    -------
    DataFrame
        Index ``region``, ``filiere`` (of :data:`CALIBRATED_AS`); ``power_kw``, ``full_mwh``
        (what the lines without injected energy would give at full power all the year that
        they were in service), ``injected_mwh``, ``odre_mwh`` (NaN where ODRÉ has no region),
        ``factor`` (0 to 1), ``method`` (``region`` or ``france``), ``scale`` (of the injected
        energies, 1 but where they alone exceed the production).

    Raises
    ------
    TableError
        A power is negative or absurd; a production is more than the power allows.

    Notes
    -----
    ``factor = (production - injected) / full power of the others``. A region that ODRÉ does
    not cover (overseas) has the factor of all the others together.
    """
    lines = _base(register, year)
    known = lines["injected_mwh"].notna()
    sums = (
        lines.assign(full_mwh=lines["full_mwh"].where(~known, 0.0))
        .rename(columns={"as_filiere": "group"})
        .groupby(["region", "group"])[["power_kw", "full_mwh", "injected_mwh"]]
        .sum()
        .rename_axis(["region", "filiere"])
    )
    of_year = production[production["year"] == year].set_index(["region", "filiere"])["gwh"]
    sums["odre_mwh"] = 1000 * of_year.reindex(sums.index)
    left = sums["odre_mwh"] - sums["injected_mwh"]
    share = (left > 0) & (sums["full_mwh"] > 0)
    sums["factor"] = (left / sums["full_mwh"]).where(share)
    exceeding = sums["odre_mwh"].notna() & ~share & (sums["injected_mwh"] > 0)
    sums["scale"] = (sums["odre_mwh"] / sums["injected_mwh"]).where(exceeding, 1.0)
    sums.loc[sums["odre_mwh"].notna() & ~share, "factor"] = 0.0
    absurd = sums["factor"] > 1
    if absurd.any():
        region, filiere = sums.index[absurd][0]
        factor = number(sums.loc[absurd, "factor"].iloc[0], 2)
        raise TableError(
            f"Région {region}, {filiere} : la production de {year} dépasse ce que la puissance"
            f" du registre permet (facteur de charge {factor}).",
            hint="Vérifiez les unités (GWh, kW) et que le registre est complet.",
        )
    covered = sums[share].groupby("filiere")
    national = (covered["odre_mwh"].sum() - covered["injected_mwh"].sum()) / covered[
        "full_mwh"
    ].sum()
    outside = sums["odre_mwh"].isna()
    filiere = sums.index.get_level_values("filiere").to_series(sums.index)
    sums["factor"] = sums["factor"].where(~outside, filiere.map(national).astype("float64"))
    sums["method"] = np.where(outside, "france", "region")
    return sums


def estimate_energy(register: pd.DataFrame, production: pd.DataFrame, *, year: int) -> pd.DataFrame:
    """Energy that each line of the register gave to the grid in a year.

    The three steps: the injected energy where the register has it; else the power times the
    hours of the year times a load factor, weighted by the months in service; the load factor
    being the one (:func:`calibration`) that makes the lines of a region sum to the production
    that ODRÉ publishes for it.

    Returns
    -------
    DataFrame
        The lines of the calibrated filières, with ``energy_mwh`` (NaN when it cannot be
        said) and ``method`` (:data:`METHODS`).
    """
    factors = calibration(register, production, year=year)
    lines = _base(register, year)
    keys = pd.MultiIndex.from_frame(lines[["region", "as_filiere"]])
    found = factors.reindex(keys).set_axis(lines.index)
    injected = lines["injected_mwh"].notna()
    estimated = lines["full_mwh"] * found["factor"]
    lines["energy_mwh"] = (lines["injected_mwh"] * found["scale"]).where(injected, estimated)
    lines["method"] = found["method"].fillna("inconnue").where(~injected, "injectee")
    late = (lines["full_mwh"] == 0) & ~injected
    lines.loc[late, "energy_mwh"] = np.nan
    lines.loc[late, "method"] = "hors_service"
    lines.loc[lines["energy_mwh"].isna() & ~late, "method"] = "inconnue"
    return lines.drop(columns=["as_filiere", "full_mwh", "injected_mwh"])


def by_commune(lines: pd.DataFrame) -> pd.DataFrame:
    """Sum the energies of the lines of a commune and filière.

    Parameters
    ----------
    lines : DataFrame
        ``code``, ``region``, ``filiere``, ``method``, ``installations``, ``power_kw``,
        ``energy_mwh``.

    Returns
    -------
    DataFrame
        One line a commune and filière; ``method`` is ``mixte`` where several served;
        ``energy_mwh`` is NaN when no line has one; ``rank`` is its place among the
        communes of its region that have one (1: the most).
    """
    groups = lines.groupby(["code", "region", "filiere"])
    done = groups[["installations", "power_kw", "energy_mwh"]].sum(min_count=1)
    first, kinds = groups["method"].first(), groups["method"].nunique()
    done["method"] = first.where(kinds == 1, "mixte")
    done = done.reset_index()
    done["rank"] = done.groupby(["region", "filiere"])["energy_mwh"].rank(
        ascending=False, method="min"
    )
    return done


def sum_energy(lines: pd.DataFrame, filieres: Sequence[str]) -> pd.DataFrame:
    """Energy of some filières by commune: ``code, value`` (MWh), NaN when none is known."""
    return _sum(lines, filieres, "energy_mwh")


# --------------------------------------------------------------------------- comparisons


def location_quotient(own: float, own_total: float, region: float, region_total: float) -> float:
    """Location quotient: the share of a filière in the town over its share in the region.

    Above 1 the town is more specialised in it than its region (Florence, 1939). NaN when a
    denominator is 0 or unknown.
    """
    if not own_total > 0 or not region > 0 or not region_total > 0:
        return float("nan")
    return float((own / own_total) / (region / region_total))


def relative_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Error of an estimate against the truth, by filière.

    Parameters
    ----------
    frame : DataFrame
        ``filiere``, ``injected_mwh`` (positive), ``estimated_mwh``; one line a commune.

    Returns
    -------
    DataFrame
        Index ``filiere``: ``communes``, ``injected_mwh``, ``estimated_mwh``, ``total``
        (relative error of the sum, %), ``q10``, ``q25``, ``median``, ``q75``, ``q90`` (of
        the relative errors of the communes, %), ``absolute`` (median of their absolute
        values, %).
    """
    error = 100 * (frame["estimated_mwh"] / frame["injected_mwh"] - 1)
    groups = error.groupby(frame["filiere"], sort=False)
    sums = frame.groupby("filiere", sort=False)[["injected_mwh", "estimated_mwh"]].sum()
    done = pd.DataFrame({"communes": groups.size()}).join(sums)
    done["total"] = 100 * (done["estimated_mwh"] / done["injected_mwh"] - 1)
    for name, quantile in (("q10", 0.1), ("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
        done[name] = groups.quantile(quantile)
    done["q90"] = groups.quantile(0.9)
    done["absolute"] = error.abs().groupby(frame["filiere"], sort=False).median()
    return done


def against_network(
    estimated: pd.DataFrame, network: pd.DataFrame, production: pd.DataFrame
) -> pd.DataFrame:
    """Set the estimates beside what one network measured, where it carries a whole region.

    Parameters
    ----------
    estimated : DataFrame
        ``region``, ``departement``, ``filiere``, ``energy_mwh``: one line a département and
        filière at most.
    network : DataFrame
        ``departement``, ``filiere``, ``mwh``: production of the year on that network, NaN
        when secret.
    production : DataFrame
        ``region``, ``filiere``, ``gwh``: all the production of the year.

    Returns
    -------
    DataFrame
        ``region``, ``departement``, ``filiere``, ``network_mwh`` (positive), ``estimated_mwh``,
        ``coverage`` (share of the region's production that the network carries, within
        :data:`NETWORK_COVERAGE`).

    Notes
    -----
    The estimates of a region sum to its production: the gap of a département says how they
    are spread, not how high they are. A secret cell makes the coverage a minimum.
    """
    keys = ["departement", "filiere"]
    both = estimated.merge(network[[*keys, "mwh"]], on=keys).rename(
        columns={"energy_mwh": "estimated_mwh", "mwh": "network_mwh"}
    )
    groups = ["region", "filiere"]
    carried = both.groupby(groups)["network_mwh"].sum()
    total = 1000 * production.set_index(groups)["gwh"]
    both["coverage"] = (carried / total).reindex(pd.MultiIndex.from_frame(both[groups])).to_numpy()
    kept = both["coverage"].between(*NETWORK_COVERAGE) & (both["network_mwh"] > 0)
    columns = ["region", "departement", "filiere", "network_mwh", "estimated_mwh", "coverage"]
    done = both.loc[kept, columns].dropna()
    return done.sort_values(["filiere", "region", "departement"], ignore_index=True)


# --------------------------------------------------------------------------- consumption


def consumption_mwh(lines: pd.DataFrame, *, energy: str, sector: str) -> pd.DataFrame:
    """Yearly consumption of an energy by a sector: ``code, year, value, status`` (MWh).

    A commune with lines for that energy and none for the sector is ``secret`` (secret or
    unknown, the producer does not say); a commune without any line is left out.
    """
    rows = lines[(lines["energy"] == energy)]
    known = rows[rows["sector"] == sector].groupby(["code", "year"], as_index=False)["mwh"].sum()
    every = rows[["code", "year"]].drop_duplicates()
    full = every.merge(known, on=["code", "year"], how="left").rename(columns={"mwh": "value"})
    full["status"] = full["value"].isna().map({True: "secret", False: "ok"})
    return full
