"""What the stories of energy share: the lines of a town and of its region, numbers, words."""

from __future__ import annotations

from typing import Final

import pandas as pd

from utils import energy, tables
from utils.formats import join_words, percent, quantity

__all__ = [
    "INJECTED_PERIOD",
    "INJECTED_YEAR",
    "MAIN",
    "OTHERS",
    "POWER_YEAR",
    "SOURCES",
    "YEAR",
    "at",
    "energy_words",
    "every_line",
    "first_of",
    "lines_of",
    "method_words",
    "power_words",
    "region_history",
    "region_of",
    "renewable",
    "total_mwh",
    "value_of",
]

YEAR: Final = 2023
#: Year of the power of the register, and of the consumption.
POWER_YEAR: Final = 2024
#: Year of the injected energy of the Lot.
INJECTED_YEAR: Final = 2026
#: The twelve months of that energy, in words.
INJECTED_PERIOD: Final = "12 mois au 31/07/2026"

SOURCES: Final = ("registre", "production_regionale", "population_historique", "cog_communes")

#: Filières that ODRÉ publishes by region -> name of their indicators.
MAIN: Final = ("eolien", "solaire", "hydraulique", "bioenergies")

#: What is not renewable, or not one town's -> name in the book.
OTHERS: Final = {
    "eolien_en_mer": "Éolien en mer (câble)",
    "nucleaire": "Nucléaire",
    "thermique": "Thermique non renouvelable",
    "stockage": "Stockage",
    "autre": "Autre",
}


def at(frame: pd.DataFrame, row: object, column: str) -> float:
    """Return a cell as a number."""
    return float(frame[column].to_dict()[row])


def first_of(frame: pd.DataFrame, column: str) -> float:
    """Return the first value of a column as a number."""
    return float(frame[column].iloc[0])


def every_line(year: int = YEAR) -> pd.DataFrame:
    """Lines of all the towns, one a town and filière."""
    every = tables.load_energy()
    kept: pd.DataFrame = every[every["year"] == year]
    return kept


def lines_of(town: pd.Series, year: int = YEAR) -> pd.DataFrame:
    """Lines of the town, one a filière, indexed by it."""
    every = every_line(year)
    here: pd.DataFrame = every[every["code"] == town["code"]]
    return here.set_index("filiere")


def region_history(town: pd.Series) -> pd.Series:
    """Share of the region's consumption that its renewables cover, by year, %.

    Both are of the same year: the production of ODRÉ, the net consumption corrected for
    weather of RTE. Empty overseas.
    """
    every = tables.load_energy_history()
    own = every[every["region"] == town["region"]]
    made = own[own["filiere"].isin(MAIN)].groupby("year")["gwh"].sum()
    used = own[own["filiere"] == "consommation"].set_index("year")["gwh"]
    shares: pd.Series = (100 * made / used).dropna()
    return shares


def renewable(lines: pd.DataFrame) -> pd.DataFrame:
    """Keep the renewable filières."""
    return lines[lines.index.isin(energy.FILIERES)]


def region_of(town: pd.Series) -> pd.DataFrame:
    """Lines of the town's region, one a filière, indexed by it; empty for Mayotte."""
    every = tables.load_energy_regions()
    here: pd.DataFrame = every[every["region"] == town["region"]]
    return here.set_index("filiere")


def value_of(town: pd.Series, indicator: str, year: int) -> float:
    """Return an indicator of the town as a number, NaN when it has none."""
    lines = tables.load_indicators(indicator, codes=[town["code"]], years=[year])
    return float(lines["value"].iloc[0])


def energy_words(mwh: float) -> str:
    """Write an energy in the unit that suits it."""
    if mwh >= 1000:
        return quantity(mwh / 1000, "GWh", 1)
    return quantity(mwh, "MWh")


def method_words(lines: pd.DataFrame) -> str:
    """Say by which methods the renewable energy of some lines is known, with their shares.

    ``""`` when no energy is known, or when it is all 0.
    """
    known = lines[lines["filiere"].isin(energy.FILIERES)].dropna(subset=["energy_mwh"])
    total = known["energy_mwh"].sum()
    if total == 0:
        return ""
    shares = 100 * known.groupby("method")["energy_mwh"].sum() / total
    parts = [
        f"{energy.METHODS[str(name)]} ({percent(share, 0 if share >= 1 or share == 0 else 1)})"
        for name, share in shares.sort_values(ascending=False).items()
    ]
    return f"Méthode, en part de l’énergie : {join_words(parts)}."


def power_words(kw: float) -> str:
    """Write a power in the unit that suits it."""
    return quantity(kw / 1000, "MW", 1) if kw >= 1000 else quantity(kw, "kW")


def total_mwh(lines: pd.DataFrame) -> float:
    """Sum of the renewable energies known, MWh; NaN when none is."""
    return float(renewable(lines)["energy_mwh"].sum(min_count=1))
