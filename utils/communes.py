"""Codes and names of communes: their form, their territory, their passage to today (pure).

A commune that has merged into another keeps its code in old files. The passage table maps
every code met since 2009 to the commune of today, from Insee's *code officiel géographique*
as published by ``decoupage-administratif``: communes déléguées and associées, municipal
arrondissements, former codes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd

from utils.errors import LayoutError

__all__ = [
    "CarryReport",
    "build_passage",
    "carry",
    "departement_of",
    "departements_of",
    "fold_name",
    "local_epsg",
    "normalise_codes",
    "overseas",
]

#: Projected CRS of each territory (EPSG codes of the IGN's official systems); the keys are
#: départements, the mainland and Corsica have Lambert 93.
_EPSG: Final[Mapping[str, int]] = {
    "971": 5490,  # RGAF09 / UTM 20N, Guadeloupe
    "972": 5490,  # Martinique
    "977": 5490,  # Saint-Barthélemy
    "978": 5490,  # Saint-Martin
    "973": 2972,  # RGFG95 / UTM 22N, Guyane
    "974": 2975,  # RGR92 / UTM 40S, La Réunion
    "975": 4467,  # RGSPM06 / UTM 21N, Saint-Pierre-et-Miquelon
    "976": 4471,  # RGM04 / UTM 38S, Mayotte
}
_LAMBERT_93: Final = 2154

_CODE: Final = re.compile(r"(?:0[1-9]|[1-8]\d|9[0-5]|2[AB])\d{3}|9[78]\d{3}|99999")


def normalise_codes(codes: pd.Series, *, label: str) -> pd.Series:
    """Give commune codes their five characters.

    Lost leading zeros (``1001``), numbers written with decimals (``1001.0``), lower-case
    Corsican codes (``2a004``) and spaces are mended. Missing codes stay missing.

    Raises
    ------
    LayoutError
        A value is not the code of a commune.
    """
    text = codes.astype("str").str.strip().str.upper().str.replace(r"\.0$", "", regex=True)
    text = text.mask(text.isin(["", "NAN", "NONE", "<NA>"]))
    text = text.str.zfill(5)
    wrong = text.notna() & ~text.str.fullmatch(_CODE.pattern).fillna(False).astype(bool)
    if wrong.any():
        raise LayoutError(
            f"Dans {label}, ce n’est pas le code d’une commune : « {codes[wrong].iloc[0]} »"
            f" ({int(wrong.sum())} ligne(s)).",
            hint="Vérifiez le fichier du producteur : un code a cinq caractères, « 01306 ».",
        )
    return text


def departement_of(code: str) -> str:
    """Return the département of a commune code: ``"46"``, ``"2B"``, ``"974"``."""
    return code[:3] if code[:2] in {"97", "98"} else code[:2]


def departements_of(codes: pd.Series) -> pd.Series:
    """Return the département of each commune code."""
    return codes.str.slice(0, 2).where(~codes.str.match(r"9[78]"), codes.str.slice(0, 3))


def overseas(code: str) -> bool:
    """Tell whether a commune or département is overseas."""
    return code[:2] in {"97", "98"}


def local_epsg(code: str) -> int:
    """Return the EPSG code of the projected CRS (metres) of a commune or département."""
    return _EPSG.get(code[:3], _LAMBERT_93)


def fold_name(text: str) -> str:
    """Fold a town's name for search: no case, accent, hyphen, apostrophe; ``St`` is ``Saint``."""
    plain = text.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"['’]", " ", plain)).split()
    long = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}
    return " ".join(long.get(word, word) for word in words)


# --------------------------------------------------------------------------- passage


def build_passage(current: pd.DataFrame, older: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Build the passage from any known code to a commune of today.

    Parameters
    ----------
    current : DataFrame
        Today's ``cog_communes``: ``code``, ``kind``, ``parent``, ``former``.
    older : sequence of DataFrame
        The same of earlier years, the order does not matter.

    Returns
    -------
    DataFrame
        ``old``, ``new``, ``reason`` (``actuelle``, ``deleguee``, ``associee``,
        ``arrondissement``, ``ancienne``), one line a code, sorted.

    Notes
    -----
    A commune restored after a merger has its own code again: files of the years of the
    merger count it in the other, and cannot be split.
    """
    today = set(current.loc[current["kind"] == "commune", "code"])
    step: dict[str, tuple[str, str]] = {}
    for frame in [current, *older]:
        parts = frame[(frame["kind"] != "commune") & frame["parent"].notna()]
        for code, parent, kind in zip(parts["code"], parts["parent"], parts["kind"], strict=True):
            if code not in today and code != parent:
                step.setdefault(code, (parent, kind))
        merged = frame[frame["former"].notna()]
        for code, former in zip(merged["code"], merged["former"], strict=True):
            for old in former.split("|"):
                if old not in today and old != code:
                    step.setdefault(old, (code, "ancienne"))
    rows = [(code, code, "actuelle") for code in today]
    for old, (_, reason) in step.items():
        new, seen = old, set[str]()
        while new not in today and new in step and new not in seen:
            seen.add(new)
            new = step[new][0]
        if new in today:
            rows.append((old, new, reason))
    return pd.DataFrame(rows, columns=["old", "new", "reason"]).sort_values(
        "old", ignore_index=True
    )


@dataclass(frozen=True, slots=True)
class CarryReport:
    """What became of the codes of a file.

    Attributes
    ----------
    label
        The file.
    rows, carried, lost
        Lines in all; lines whose code changed; lines whose code is nowhere.
    lost_codes
        The codes that are nowhere, sorted.
    lost_sum
        What the lost lines held, summed over the summed columns.
    """

    label: str
    rows: int
    carried: int
    lost: int
    lost_codes: tuple[str, ...]
    lost_sum: float

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for the manifest."""
        return {**asdict(self), "lost_codes": list(self.lost_codes)}

    def __str__(self) -> str:
        return (
            f"{self.label} : {self.rows} lignes, {self.carried} reportées sur la commune"
            f" d’aujourd’hui, {self.lost} perdues"
            + (f" ({', '.join(self.lost_codes[:10])})." if self.lost_codes else ".")
        )


def carry(
    frame: pd.DataFrame,
    passage: pd.DataFrame,
    *,
    by: Sequence[str],
    sums: Sequence[str],
    label: str,
) -> tuple[pd.DataFrame, CarryReport]:
    """Carry a frame to the communes of today, summing what merged.

    Parameters
    ----------
    frame : DataFrame
        ``code`` and the columns of ``by`` and ``sums``; lines without a code are left out.
    passage : DataFrame
        From :func:`build_passage`.
    by : sequence of str
        Keys of the result, ``code`` among them.
    sums : sequence of str
        Columns to sum; a sum of missing values only stays missing.

    Returns
    -------
    DataFrame
        The columns of ``by`` and ``sums``, sorted by ``by``, one line a key.
    CarryReport
        How many lines were carried, and how many lost.
    """
    known = frame[frame["code"].notna()]
    new = known["code"].map(passage.set_index("old")["new"])
    lost = new.isna()
    lost_sum = float(known.loc[lost, list(sums)].astype("float64").sum().sum())
    report = CarryReport(
        label=label,
        rows=len(known),
        carried=int(((new != known["code"]) & ~lost).sum()),
        lost=int(lost.sum()),
        lost_codes=tuple(sorted(known.loc[lost, "code"].unique())),
        lost_sum=round(lost_sum, 3),
    )
    kept = known[~lost].assign(code=new[~lost])
    totals = kept.groupby(list(by), as_index=False, observed=True)[list(sums)].sum(min_count=1)
    return totals.sort_values(list(by), ignore_index=True), report
