"""What moved between two editions of the tables: by indicator, by town, by source.

``pvd data --diff`` writes it when a vintage changes.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from utils import tables
from utils.catalogue import Indicator, load_indicators_catalogue
from utils.errors import TableError
from utils.formats import counted, join_words, number, percent, typographic

__all__ = ["Move", "compare_frames", "indicator_moves", "keep_committed", "report"]

#: Two numbers are the same within this share of the larger one: the last bits of a logarithm
#: depend on the processor.
RELATIVE_TOLERANCE: Final = 1e-6
#: And within this, for numbers close to 0, in the unit of the column.
ABSOLUTE_TOLERANCE: Final = 1e-9

#: Rows named in a finding; the others are counted.
MAX_ROWS: Final = 5

#: Towns listed for an indicator, those that moved most.
MAX_TOWNS: Final = 10

# --------------------------------------------------------------------------- comparing


def compare_frames(expected: pd.DataFrame, found: pd.DataFrame) -> str:
    """Say how two frames differ, row by row in their order; empty when they are the same.

    Numbers are the same within :data:`RELATIVE_TOLERANCE`; all else must be equal. A missing
    value equals only another.
    """
    if list(expected.columns) != list(found.columns):
        gone = [str(name) for name in expected.columns if name not in found.columns]
        new = [str(name) for name in found.columns if name not in expected.columns]
        told = [f"sans {join_words(gone)}"] if gone else []
        told += [f"avec {join_words(new)} en plus"] if new else []
        return f"colonnes {', '.join(told) or 'dans un autre ordre'}"
    if len(expected) != len(found):
        return f"{counted(len(found), 'ligne')} au lieu de {number(len(expected))}"
    wrong = np.zeros(len(expected), dtype=bool)
    columns, largest = [], 0.0
    for place, name in enumerate(expected.columns):
        apart, gap = _apart(expected.iloc[:, place], found.iloc[:, place])
        if apart.any():
            columns.append(str(name))
            wrong |= apart
            largest = max(largest, gap)
    if not columns:
        return ""
    rows = [str(row) for row in np.flatnonzero(wrong)[:MAX_ROWS] + 1]
    more = "…" if wrong.sum() > MAX_ROWS else ""
    share = f"{counted(int(wrong.sum()), 'ligne')} sur {number(len(expected))}"
    where = f"{share}, n° {', '.join(rows)}{more}"
    most = f" ; écart d’au plus {_share(largest)}" if largest else ""
    return f"{where}, dans {join_words(columns)}{most}"


def _share(gap: float) -> str:
    """Write a relative gap."""
    return percent(100 * gap, 1) if gap >= 0.0005 else "0,05 %"


def _apart(expected: pd.Series, found: pd.Series) -> tuple[np.ndarray, float]:
    """Return where two columns differ, and the largest relative gap of their numbers."""
    missing = expected.isna().to_numpy() != found.isna().to_numpy()
    both = (expected.notna() & found.notna()).to_numpy()
    before, after = _numbers(expected), _numbers(found)
    numeric = both & ~np.isnan(before) & ~np.isnan(after)
    close = np.isclose(
        after, before, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True
    )
    equal = expected.astype(object).to_numpy() == found.astype(object).to_numpy()
    apart = missing | (numeric & ~close) | (both & ~numeric & ~equal)
    moved = numeric & ~close
    scale = np.maximum(np.abs(before[moved]), np.abs(after[moved]))
    gaps = np.abs(after[moved] - before[moved]) / scale
    return apart, float(gaps.max(initial=0.0))


def _numbers(column: pd.Series) -> np.ndarray:
    if column.dtype.kind == "M":
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


# --------------------------------------------------------------------------- indicators


@dataclass(frozen=True, slots=True)
class Move:
    """What moved in one indicator and year.

    Attributes
    ----------
    indicator, year
        Which.
    towns, changed
        Towns in both editions; those whose value or status moved.
    median, largest
        Change of the values known in both editions and moved, in the indicator's unit: the
        median, and the one farthest from 0. ``NaN`` when there is none.
    statuses
        ``("ok", "secret")`` -> number of towns that went from one to the other.
    top
        The :data:`MAX_TOWNS` towns that moved most: ``code``, ``before``, ``after``,
        ``change`` (unit of the indicator), by decreasing absolute change, then code.
    """

    indicator: str
    year: int
    towns: int
    changed: int
    median: float
    largest: float
    statuses: Mapping[tuple[str, str], int]
    top: pd.DataFrame


def indicator_moves(before: pd.DataFrame, after: pd.DataFrame) -> list[Move]:
    """Compare two editions of indicators, for the towns and years that both have.

    Parameters
    ----------
    before, after : DataFrame
        ``code``, ``indicator``, ``year``, ``value``, ``status``.

    Returns
    -------
    list of Move
        Only what moved, by indicator and year.
    """
    keys = ["indicator", "year", "code"]
    both = before.merge(after, on=keys, suffixes=("_before", "_after"))
    old, new = both["value_before"].to_numpy(), both["value_after"].to_numpy()
    close = np.isclose(new, old, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True)
    both["change"] = np.where(close, 0.0, new - old)
    same_status = (both["status_before"] == both["status_after"]).to_numpy()
    both["moved"] = ~close | ~same_status
    moves = []
    for (name, year), lines in both.groupby(keys[:2]):
        if lines["moved"].any():
            moves.append(_move(str(name), int(str(year)), len(lines), lines[lines["moved"]]))
    return moves


def _move(name: str, year: int, towns: int, lines: pd.DataFrame) -> Move:
    valued = lines[lines["change"].notna() & (lines["change"] != 0)]
    order = valued.assign(size=valued["change"].abs()).sort_values(
        ["size", "code"], ascending=[False, True]
    )
    top = order.head(MAX_TOWNS).rename(columns={"value_before": "before", "value_after": "after"})
    passed = lines[lines["status_before"] != lines["status_after"]]
    statuses = Counter(zip(passed["status_before"], passed["status_after"], strict=True))
    return Move(
        indicator=name,
        year=year,
        towns=towns,
        changed=len(lines),
        median=float(valued["change"].median()),
        largest=float(top["change"].iloc[0]) if len(top) else float("nan"),
        statuses=dict(sorted(statuses.items())),
        top=top[["code", "before", "after", "change"]].reset_index(drop=True),
    )


# --------------------------------------------------------------------------- two editions


def keep_committed(folder: Path, into: Path) -> str:
    """Copy the committed edition of the tables, and say which it is.

    Outside a git repository, the tables as they are.

    Parameters
    ----------
    folder : Path
        Where the tables are (:data:`utils.tables.TABLES`).
    into : Path
        An empty folder.
    """
    done = subprocess.run(
        ["git", "-C", str(folder), "archive", "HEAD", "."], capture_output=True, check=False
    )
    if done.returncode == 0:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(into, filter="data")
        if (into / "manifest.json").is_file():
            return "les tables versionnées"
    for path in folder.glob("*.*"):
        shutil.copyfile(path, into / path.name)
    return "les tables d’avant la reconstruction"


def report(
    before: Path, after: Path, *, reference: str, failed: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Write in Markdown what moved between two editions of the tables.

    Parameters
    ----------
    before, after : Path
        Folders of the two editions, each with its manifest.
    reference : str
        What the first one is, in French (:func:`keep_committed`).
    failed : mapping
        Name of each table that could not be built -> why: it is the old one, and proves nothing.

    Raises
    ------
    TableError
        An edition lacks its manifest, or a table of it is unreadable.
    """
    old, new = (tables.load_manifest(folder)["tables"] for folder in (before, after))
    names = [name for name in new if name in old and new[name]["sha256"] != old[name]["sha256"]]
    gone = sorted(set(old) - set(new))
    fresh = sorted(set(new) - set(old))
    parts = [f"# Ce qui a changé dans les tables\n\nPar rapport à : {reference}.\n"]
    if failed:
        parts.append(_failed_part(failed, len(new)))
    if not names and not gone and not fresh:
        if not failed:
            parts.append("Rien n’a bougé : chaque table est identique à l’octet.\n")
        elif len(failed) < len(new):
            parts.append("Les tables refaites sont identiques à l’octet.\n")
        return typographic("\n".join(parts))
    counts = [f"{counted(len(names), 'table modifiée', 'tables modifiées')} sur {len(new)}"]
    counts += [f"nouvelles : {join_words(fresh)}"] if fresh else []
    counts += [f"disparues : {join_words(gone)}"] if gone else []
    parts.append(f"{' ; '.join(counts)}.\n")
    parts.append(_sources_part(old, new))
    moves, others, towns = [], [], {}
    for name in names:
        first, last = _read(before, old[name]), _read(after, new[name])
        if name == "towns":
            others.append(_universe_line(first, last))
        if name.startswith("indicators_"):
            moves += indicator_moves(first, last)
            others += _years_lines(first, last)
            continue
        gap = compare_frames(first, last)
        others.append(f"Table `{name}` : {gap or 'mêmes valeurs, écrites autrement'}.")
    if (after / "towns.parquet").is_file():
        known = _read(after, new["towns"])
        towns = dict(zip(known["code"], known["name"], strict=True))
    if others:
        parts.append("## Tables\n\n" + "\n".join(f"- {line}" for line in others if line) + "\n")
    parts.append(_moves_part(moves, towns))
    return typographic("\n".join(part for part in parts if part))


def _read(folder: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    path = folder / str(entry["file"])
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TableError(
            f"La table {path.name} ne se lit pas : {error}.",
            hint="Reconstruisez-la avec « pvd data ».",
        ) from error


def _failed_part(failed: Mapping[str, str], count: int) -> str:
    """List the tables that could not be built, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for name, why in failed.items():
        reasons.setdefault(" ".join(why.split()), []).append(f"`{name}`")
    lines = [f"- {join_words(names)} : {_cell(why)}" for why, names in reasons.items()]
    head = f"{counted(len(failed), 'table')} sur {count}, laissées comme elles étaient :"
    return "\n".join(["## Tables non refaites\n", f"{head}\n", *lines, ""])


def _sources_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """List the sources whose file is another."""
    first, last = (
        {one["id"]: one for entry in entries.values() for one in entry["sources"]}
        for entries in (old, new)
    )
    lines = [
        f"- `{name}` : millésime {first[name]['vintage']} → {last[name]['vintage']},"
        f" SHA-256 `{first[name]['sha256'][:12]}` → `{last[name]['sha256'][:12]}`"
        for name in sorted(first.keys() & last.keys())
        if first[name]["sha256"] != last[name]["sha256"]
    ]
    lines += [f"- `{name}` : nouvelle" for name in sorted(last.keys() - first.keys())]
    lines += [f"- `{name}` : n’est plus lue" for name in sorted(first.keys() - last.keys())]
    told = "\n".join(lines) or "Les mêmes fichiers qu’avant : c’est le calcul qui a changé."
    return f"## Sources dont le fichier a changé\n\n{told}\n"


def _universe_line(first: pd.DataFrame, last: pd.DataFrame) -> str:
    came = sorted(set(last["code"]) - set(first["code"]))
    left = sorted(set(first["code"]) - set(last["code"]))
    if not came and not left:
        return ""
    told = [
        f"{counted(len(codes), word)} ({', '.join(codes[:MAX_TOWNS])}"
        f"{'…' if len(codes) > MAX_TOWNS else ''})"
        for codes, word in ((came, "entrée"), (left, "sortie"))
        if codes
    ]
    return f"Univers des communes : {' ; '.join(told)}."


def _years_lines(first: pd.DataFrame, last: pd.DataFrame) -> list[str]:
    """Tell the indicators and years that only one edition has."""
    old, new = (
        {(str(name), int(year)) for name, year in frame[["indicator", "year"]].drop_duplicates()
         .itertuples(index=False)}
        for frame in (first, last)
    )  # fmt: skip
    lines = [f"`{name}` {year} : nouveau." for name, year in sorted(new - old)]
    return lines + [f"`{name}` {year} : disparu." for name, year in sorted(old - new)]


def _moves_part(moves: list[Move], towns: Mapping[str, str]) -> str:
    if not moves:
        return ""
    catalogue = load_indicators_catalogue()
    rows = [
        "## Indicateurs\n",
        "| Indicateur | Année | Villes changées | Écart médian | Écart le plus grand"
        " | Statuts changés |",
        "|:---|---:|---:|---:|---:|:---|",
    ]
    details = []
    for move in sorted(moves, key=lambda one: (-one.changed, one.indicator, one.year)):
        known = catalogue.get(move.indicator)
        label = known.label if known else move.indicator
        statuses = ", ".join(f"{a} → {b} : {number(n)}" for (a, b), n in move.statuses.items())
        share = percent(100 * move.changed / move.towns, 1)
        rows.append(
            f"| {label} (`{move.indicator}`) | {move.year} | {number(move.changed)} ({share})"
            f" | {_signed(move.median, known)} | {_signed(move.largest, known)}"
            f" | {statuses or 'aucun'} |"
        )
        if len(move.top):
            details.append(_top(move, label, known, towns))
    return "\n".join([*rows, "", "## Les villes qui ont le plus bougé\n", *details])


def _top(move: Move, label: str, known: Indicator | None, towns: Mapping[str, str]) -> str:
    decimals = known.decimals if known else 2
    unit = f" ({known.unit})" if known else ""
    rows = [
        f"### {label}, {move.year}\n",
        f"| Ville | Avant{unit} | Après{unit} | Écart |",
        "|:---|---:|---:|---:|",
    ]
    for code, before, after, change in move.top.astype({"code": "str"}).to_numpy().tolist():
        rows.append(
            f"| {_cell(towns.get(code, ''))} ({code}) | {number(before, decimals)}"
            f" | {number(after, decimals)} | {_signed(change, known)} |"
        )
    return "\n".join([*rows, ""])


def _cell(text: str) -> str:
    """Write a name in a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _signed(change: float, known: Indicator | None) -> str:
    """Write a change with its sign, with two decimals more than the indicator at most."""
    if np.isnan(change):
        return "sans objet"
    decimals = known.decimals if known else 2
    while decimals < 6 and change and round(abs(change), decimals) == 0:
        decimals += 1
    return f"{'+' if change > 0 else ''}{number(change, decimals)}"
