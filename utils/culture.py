"""Places of culture of a town, living and heritage (pure functions)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["cinema_sum", "count_group", "count_kinds", "living_share"]


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
