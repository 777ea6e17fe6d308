"""The chapters of sources and indicators, written from the two catalogues."""

from __future__ import annotations

import math
from datetime import date
from typing import Final

import yaml

from utils import reach, tables
from utils.catalogue import DATA, THEMES, load_indicators_catalogue, load_sources
from utils.formats import counted, join_words, number, typographic

__all__ = [
    "indicators_markdown",
    "reach_markdown",
    "sources_markdown",
    "tables_markdown",
    "timings_markdown",
    "towns_date",
]

_LICENCES: Final = {
    "LO-2.0": "Licence Ouverte 2.0",
    "BSD-3-Clause": "BSD 3-Clause",
    "ODbL-1.0": "ODbL 1.0",
    "CC-BY-4.0": "CC BY 4.0",
    "Eurostat": "réutilisation libre selon Eurostat",
}


def sources_markdown() -> str:
    """Write one section a source: what it is, from whom, how fresh, and its traps."""
    used = _sources_used()
    parts = []
    for title, kept in (
        ("Sources des tables du livre", used),
        ("Autres sources connues de la chaîne de calcul", set(load_sources()) - used),
    ):
        parts.append(f"## {title}\n")
        for name, source in load_sources().items():
            if name not in kept:
                continue
            landing = f", [page du producteur]({source.landing})" if source.landing else ""
            licence = _LICENCES.get(source.licence, source.licence)
            lines = [
                f"### {source.title} {{#src-{name.replace('_', '-')}}}\n",
                f"{source.producer}, millésime {source.vintage}, {licence}{landing}."
                f" Identifiant : `{name}`.\n",
                f"À citer ainsi : « {source.attribution} ».\n",
            ]
            if source.mirror_layout and source.mirror_layout != "officiel":
                lines.append(f"Fichier utilisé : {source.mirror_layout}.\n")
            lines += [f"- {trap}" for trap in source.traps]
            parts.append("\n".join(lines) + "\n")
    return typographic("\n".join(parts))


def _sources_used() -> set[str]:
    manifest = tables.load_manifest()["tables"]
    return {source["id"] for entry in manifest.values() for source in entry["sources"]}


def indicators_markdown() -> str:
    """Write one table of definitions a theme."""
    parts = []
    for theme, title in THEMES.items():
        rows = [i for i in load_indicators_catalogue().values() if i.theme == theme]
        parts.append(
            f"## {title}\n\n| Indicateur | Unité | Définition | Années | Sources |\n"
            "|:----|:---|:---------|:---|:---|"
        )
        for row in rows:
            links = ", ".join(
                f"[{source}](sources.qmd#src-{source.replace('_', '-')})" for source in row.sources
            )
            rate = f" ; {row.rate_unit}" if row.rate_unit else ""
            gaps = f" *{row.gaps}*" if row.gaps else ""
            parts.append(
                f"| {row.label} (`{row.id}`) | {row.unit}{rate} | {row.definition}{gaps}"
                f" | {join_words([str(y) for y in row.years])} | {links} |"
            )
        parts.append("")
    return typographic("\n".join(parts))


def tables_markdown() -> str:
    """Write what the manifest says of each embedded table."""
    lines = [
        "| Table | Lignes | Poids | Empreinte (SHA-256) | Codes reportés | Codes perdus |",
        "|:---|---:|---:|:---|---:|---:|",
    ]
    for name, entry in sorted(tables.load_manifest()["tables"].items()):
        carried = sum(report["carried"] for report in entry["passage"])
        lost = sum(report["lost"] for report in entry["passage"])
        lines.append(
            f"| `{name}` | {number(entry['rows'])} | {number(entry['bytes'] / 1024)} Kio"
            f" | `{entry['sha256'][:16]}…` | {number(carried)} | {number(lost)} |"
        )
    return typographic("\n".join(lines))


def reach_markdown() -> str:
    """Write from where the tables can be rebuilt, and which files only a mirror has."""
    found = reach.measure()
    only = set(found.tables[reach.MIRROR])
    without = [name for entries in found.tables.values() for name in entries if name not in only]
    lines = [" ".join(found.sentences()), ""]
    lines += ["| Le fichier se trouve | Sources |", "|:---|:---|"]
    for place, names in found.sources.items():
        lines.append(f"| {place} | {', '.join(map(source_link, names)) or 'aucune'} |")
    if without:
        lines.append(f"\nTables qui se refont sans miroir : {join_words(_coded(without))}.")
    return typographic("\n".join(lines))


def source_link(name: str) -> str:
    """Return the name of a source, linked to what its chapter says of it."""
    return f"[`{name}`](sources.qmd#src-{name.replace('_', '-')})"


def _coded(names: list[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def timings_markdown() -> str:
    """Write how long the commands take, as measured once (``data/timings.yml``)."""
    known = yaml.safe_load((DATA / "timings.yml").read_text(encoding="utf-8"))
    lines = ["| Commande | Ce qu’elle fait | Temps de calcul |", "|:---|:---|---:|"]
    for one in known["commands"]:
        took = _about(float(one["seconds"]))
        lines.append(f"| `{one['command']}` | {one['what']} | {took} |")
    day = _french_date(date.fromisoformat(known["measured"]))
    lines.append(
        f"\nOrdres de grandeur, mesurés le {day} ({known['machine']}) : temps d’un processeur, sans"
        " les téléchargements."
    )
    return typographic("\n".join(lines))


def _about(seconds: float) -> str:
    """Write a duration as an order of magnitude."""
    if seconds < 90:
        return f"environ {number(10 * math.ceil(seconds / 10))} secondes"
    return f"environ {counted(round(seconds / 60), 'minute')}"


_MONTHS: Final = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]


def towns_date() -> str:
    """Return the date of the list of towns: ``"27 avril 2026"``.

    It dates an edition of the book, each figure having the vintage of its own sources.
    """
    (vintage,) = {
        source["vintage"]
        for entry in tables.load_manifest()["tables"].values()
        for source in entry["sources"]
        if source["id"] == "pvd_communes"
    }
    return _french_date(date.fromisoformat(vintage))


def _french_date(when: date) -> str:
    day = "1er" if when.day == 1 else str(when.day)
    return f"{day} {_MONTHS[when.month - 1]} {when.year}"
