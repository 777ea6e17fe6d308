"""Renewable installations and local consumption (pure functions)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["consumption_mwh", "installations", "power_kw"]


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
