"""Care within reach of a town (pure functions)."""

from __future__ import annotations

import pandas as pd

__all__ = ["accessibility"]


def accessibility(apl: pd.DataFrame, profession: str) -> pd.DataFrame:
    """Accessibilité potentielle localisée (Drees) to a profession: ``code, year, value``.

    General practitioners: consultations a year and an inhabitant; other professions:
    full-time equivalents per 100,000 inhabitants (women, for midwives).
    """
    rows = apl.loc[apl["profession"] == profession, ["code", "year", "apl"]]
    return rows.rename(columns={"apl": "value"}).reset_index(drop=True)
