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
from utils.formats import NBSP, NNBSP, counted, join_words, number, plural

__all__ = [
    "CarryReport",
    "build_passage",
    "carry",
    "carry_means",
    "departement_of",
    "departements_of",
    "fold_name",
    "local_epsg",
    "normalise_codes",
    "overseas",
    "restored",
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
    "986": 8903,  # RGWF96 / UTM 1S, Wallis-et-Futuna
    "987": 3297,  # RGPF / UTM 6S, Polynésie française (Tahiti)
    "988": 3163,  # RGNC91-93 / Lambert, Nouvelle-Calédonie
}
_LAMBERT_93: Final = 2154

_SAINTS: Final[Mapping[str, str]] = {
    "st": "saint",
    "ste": "sainte",
    "sts": "saints",
    "stes": "saintes",
}

_ACCENTS: Final = re.compile(r"[\u0300-\u036f]+")
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")

_CODE: Final = re.compile(r"(?:0[1-9]|[1-8]\d|9[0-5]|2[AB])\d{3}|9[78]\d{3}|99999")


def normalise_codes(codes: pd.Series, *, label: str) -> pd.Series:
    """Give commune codes their five characters.

    Lost leading zeros (``1001``), numbers written with decimals (``1001.0``), lower-case
    Corsican codes (``2a004``) and spaces are mended. Missing codes stay missing. ``99999``,
    "in no commune" in some files, is let through: it is then lost by :func:`carry`.

    Raises
    ------
    LayoutError
        A value is not the code of a commune.
    """
    text = codes.astype("str").str.replace(r"\s+|\.0+$", "", regex=True).str.upper()
    text = text.mask(text.isin(["", "NAN", "NONE", "<NA>"]))
    text = text.str.zfill(5)
    wrong = text.notna() & ~text.str.fullmatch(_CODE.pattern).fillna(False).astype(bool)
    if wrong.any():
        raise LayoutError(
            f"Dans {label}, ce n’est pas le code d’une commune : « {codes[wrong].iloc[0]} »"
            f" ({int(wrong.sum())} ligne(s)).",
            hint="Vérifiez le fichier du producteur : un code a cinq caractères, « 01306 ».",
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
    """Return the EPSG code of the projected CRS (metres) of a commune or département.

    Raises
    ------
    LayoutError
        The territory is overseas and has no system of its own here (98415, 98901).
    """
    if not overseas(code):
        return _LAMBERT_93
    if code[:3] not in _EPSG:
        raise LayoutError(
            f"Aucun système de coordonnées n’est connu pour le code « {code} ».",
            hint="Complétez la table des systèmes de utils/communes.py.",
        )
    return _EPSG[code[:3]]


def fold_name(text: str) -> str:
    """Fold a town's name for search: no case, accent, hyphen, apostrophe; ``St`` is ``Saint``.

    ``"L’Haÿ-les-Roses"`` gives ``"l hay les roses"``, ``"St Cirq"`` gives ``"saint cirq"``.
    """
    plain = text.lower().replace("œ", "oe").replace("æ", "ae")
    letters = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))
    words = _NOT_A_WORD.sub(" ", letters).split()
    return " ".join(_SAINTS.get(word, word) for word in words)


# --------------------------------------------------------------------------- passage


def build_passage(current: pd.DataFrame, older: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Build the passage from any known code to a commune of today.

    The links of today's geography come first, then those of each older one; chains are
    followed (a commune of 2020, then part of a second, itself part of a third).

    Parameters
    ----------
    current : DataFrame
        Today's ``cog_communes``: ``code``, ``kind``, ``parent``, ``former``.
    older : sequence of DataFrame
        The same of earlier years, the newest link winning if the newest comes first.

    Returns
    -------
    DataFrame
        ``old``, ``new``, ``reason`` (``actuelle``, ``deleguee``, ``associee``,
        ``arrondissement``, ``ancienne``), one line a code, sorted by ``old``.

    Notes
    -----
    A commune restored after a merger has its own code again: files of the years of the
    merger count it in the other, and cannot be split (:func:`restored` lists them). A
    piece of territory given to a neighbour leaves no trace in codes. The codes of the Seine
    and of Seine-et-Oise (before 1968) are left out: no file is that old, and ``75001`` is
    rather a post code written in the wrong column.
    """
    today = set(current.loc[current["kind"] == "commune", "code"])
    step: dict[str, tuple[str, str]] = {}
    for frame in [current, *older]:
        parts = frame[(frame["kind"] != "commune") & frame["parent"].notna()]
        for code, parent, kind in zip(parts["code"], parts["parent"], parts["kind"], strict=True):
            if code not in today and code != parent:
                step.setdefault(code, (parent, kind))
        renamed = frame[frame["former"].notna()]
        for code, former in zip(renamed["code"], renamed["former"], strict=True):
            for old in former.split("|"):
                if old not in today and old != code and not _of_1968(old, code):
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


def _of_1968(old: str, new: str) -> bool:
    """Tell whether a code changed when the Seine and Seine-et-Oise were divided."""
    return old[:2] in {"75", "78"} and old[:2] != new[:2]


def restored(current: pd.DataFrame, older: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """List the communes of today that were a part of another commune of today.

    A file of the years between counts them in that other: their 0 there is not a 0, and the
    other's count is too large. Nothing in the codes can split it.

    Parameters
    ----------
    current, older : DataFrame, sequence of DataFrame
        As for :func:`build_passage`.

    Returns
    -------
    DataFrame
        ``code``, ``within`` (the other commune), sorted, one line a commune.
    """
    today = set(current.loc[current["kind"] == "commune", "code"])
    # A déléguée that bears its commune's code (the chief town's) appears twice: not a part.
    parts = [
        frame.loc[frame["kind"].isin(["deleguee", "associee"]), ["code", "parent"]]
        for frame in older
    ]
    pairs = pd.concat(parts or [pd.DataFrame(columns=["code", "parent"], dtype="str")])
    kept = pairs["code"].isin(today) & pairs["parent"].isin(today)
    kept &= pairs["code"] != pairs["parent"]
    return (
        pairs[kept]
        .rename(columns={"parent": "within"})
        .drop_duplicates("code")
        .sort_values("code", ignore_index=True)
    )


@dataclass(frozen=True, slots=True)
class CarryReport:
    """What became of the codes of a file.

    Attributes
    ----------
    label
        The file.
    rows
        Lines that have a code.
    carried, lost
        Lines whose code changed; lines whose code is nowhere, or cannot be used.
    lost_codes
        The codes of the lost lines, sorted.
    lost_sum
        What the lost lines held, summed over the summed columns.
    carried_codes
        How many codes changed.
    uncoded
        Lines without any code, left out.
    """

    label: str
    rows: int
    carried: int
    lost: int
    lost_codes: tuple[str, ...]
    lost_sum: float
    carried_codes: int = 0
    uncoded: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for the manifest."""
        return {**asdict(self), "lost_codes": list(self.lost_codes)}

    def sentence(self) -> str:
        """Return the report as one French sentence."""
        parts = [
            counted(self.rows, "ligne"),
            f"{counted(self.carried_codes, 'ancien code', 'anciens codes')}"
            f" {plural(self.carried_codes, 'reporté')} sur la commune d’aujourd’hui"
            f" ({counted(self.carried, 'ligne')})",
            f"{counted(self.lost, 'ligne')} {plural(self.lost, 'perdue')}{self._lost_detail()}",
        ]
        if self.uncoded:
            parts.append(f"{counted(self.uncoded, 'ligne')} sans code")
        return f"{self.label}{NBSP}: {join_words(parts)}."

    def _lost_detail(self) -> str:
        if not self.lost_codes:
            return ""
        shown = ", ".join(self.lost_codes[:10]) + ("…" if len(self.lost_codes) > 10 else "")
        total = f"{NNBSP}; total{NBSP}: {number(self.lost_sum)}" if self.lost_sum else ""
        return f" ({shown}{total})"

    def __str__(self) -> str:
        return self.sentence()


def _carried(
    frame: pd.DataFrame, passage: pd.DataFrame, *, sums: Sequence[str], label: str, exact: bool
) -> tuple[pd.DataFrame, CarryReport]:
    """Give each line today's code, drop and report those that have none."""
    known = frame[frame["code"].notna()]
    new = known["code"].map(passage.set_index("old")["new"])
    changed = new.notna() & (new != known["code"])
    lost = (new.isna() | changed) if exact else new.isna()
    carried = changed & ~lost
    report = CarryReport(
        label=label,
        rows=len(known),
        carried=int(carried.sum()),
        lost=int(lost.sum()),
        lost_codes=tuple(sorted(known.loc[lost, "code"].unique())),
        lost_sum=round(float(known.loc[lost, list(sums)].astype("float64").sum().sum()), 3),
        carried_codes=int(known.loc[carried, "code"].nunique()),
        uncoded=len(frame) - len(known),
    )
    return known[~lost].assign(code=new[~lost]), report


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
    label : str
        Name of the file in the report.

    Returns
    -------
    DataFrame
        The columns of ``by`` and ``sums``, sorted by ``by``, one line a key.
    CarryReport
        How many lines were carried, and how many lost.

    Notes
    -----
    A file that has both Paris, Lyon or Marseille and their arrondissements counts them
    twice: leave out one or the other before.
    """
    kept, report = _carried(frame, passage, sums=sums, label=label, exact=False)
    totals = kept.groupby(list(by), as_index=False, observed=True, dropna=False)[list(sums)]
    return totals.sum(min_count=1).sort_values(list(by), ignore_index=True), report


def carry_means(
    frame: pd.DataFrame,
    passage: pd.DataFrame,
    *,
    by: Sequence[str],
    means: Sequence[str],
    weight: str | None = None,
    label: str,
) -> tuple[pd.DataFrame, CarryReport]:
    """Carry what cannot be summed (a share, an income, a level) to the communes of today.

    With a weight, a commune that merged has the weighted mean of its parts: exact for a
    share when the weight is its denominator, an approximation for a median. Without one,
    only the lines whose code is still today's are kept, the others are lost and reported.

    Parameters
    ----------
    frame : DataFrame
        ``code``, the columns of ``by`` and ``means``, and the weight.
    passage : DataFrame
        From :func:`build_passage`.
    by : sequence of str
        Keys of the result, ``code`` among them.
    means : sequence of str
        Columns to average. A line alone under its key keeps its value, whatever its weight;
        a missing value, or a weight missing or null, counts for nothing.
    weight : str, optional
        Column of the weights.
    label : str
        Name of the file in the report.

    Returns
    -------
    DataFrame
        The columns of ``by`` and ``means``, sorted by ``by``, one line a key with a weight.
    CarryReport
        How many lines were carried, and how many lost.
    """
    kept, report = _carried(frame, passage, sums=(), label=label, exact=weight is None)
    keys = list(by)
    if weight is None:
        return kept[[*keys, *means]].sort_values(keys, ignore_index=True), report
    alone = ~kept.duplicated(keys, keep=False)
    heft = kept[weight].astype("float64").where(kept[weight] > 0).mask(alone, 1.0)
    values = kept[list(means)].astype("float64")
    shares = values.notna().mul(heft, axis=0).where(values.notna())

    def total(column: pd.DataFrame) -> pd.DataFrame:
        groups = column.groupby([kept[key] for key in keys], observed=True, dropna=False)
        return groups.sum(min_count=1)

    averages = total(values.mul(heft, axis=0)) / total(shares)
    return averages.reset_index().sort_values(keys, ignore_index=True), report
