"""From where the embedded tables can be rebuilt: producers, a registry of packages, a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from utils import tables
from utils.catalogue import Source, load_sources
from utils.formats import counted, number, typographic

__all__ = ["MIRROR", "OFFICIAL", "PACKAGE", "PRODUCER", "Reach", "measure", "origin"]

PRODUCER: Final = "chez le producteur"
PACKAGE: Final = "dans un paquet npm"
MIRROR: Final = "dans un miroir seulement"

#: What ``mirror_layout`` says of a copy that is the producer’s own file.
OFFICIAL: Final = "officiel"


def origin(source: Source) -> str:
    """Tell where the file of a source can be had: the best of the three."""
    if source.resolve and source.resolve["kind"] == "npm":
        return PACKAGE
    return PRODUCER if source.url or source.resolve else MIRROR


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be rebuilt from where.

    Attributes
    ----------
    sources
        Where -> identifiers of the sources of the tables, in the order of the catalogue.
    reduced
        Those whose copy, the one that was read, is not the producer’s own file.
    tables
        Where the last of its files can be had -> names of tables.
    same
        Tables that the producers and packages alone would give as they are: every file can be
        had there, and is the one that was read.
    """

    sources: dict[str, list[str]]
    reduced: list[str]
    tables: dict[str, list[str]]
    same: list[str]

    def sentences(self) -> list[str]:
        """Say it in French: the files, the copies, the tables."""
        files = sum(map(len, self.sources.values()))
        places = [f"{number(len(names))} {where}" for where, names in self.sources.items()]
        total = sum(map(len, self.tables.values()))
        without = total - len(self.tables[MIRROR])
        rebuilt = f"{counted(without, 'table')} sur {total}" if without else "aucune table"
        can = "peuvent" if without > 1 else "ne peut" if not without else "peut"
        return [
            typographic(text)
            for text in (
                f"Les tables sont tirées de {counted(files, 'fichier')} : {', '.join(places)}.",
                f"{number(len(self.reduced))} d’entre eux ont été lus dans une copie qui n’est pas"
                " le fichier officiel : réduite, ou mise en forme par un tiers.",
                f"Sans miroir, {rebuilt} {can} être {'refaites' if without > 1 else 'refaite'} ;"
                f" à l’identique : {number(len(self.same)) if self.same else 'aucune'}.",
            )
        ]


def measure() -> Reach:
    """Measure it on the embedded tables and the catalogue of sources."""
    catalogue = load_sources()
    entries = tables.load_manifest()["tables"]
    used = {name: [one["id"] for one in entry["sources"]] for name, entry in entries.items()}
    read = {one for ids in used.values() for one in ids}
    places = (PRODUCER, PACKAGE, MIRROR)  # the last one is the farthest
    where = {one: origin(source) for one, source in catalogue.items() if one in read}
    reduced = [one for one in where if catalogue[one].mirror_layout not in {None, OFFICIAL}]
    farthest = {
        name: max((where[one] for one in ids), key=places.index, default=PRODUCER)
        for name, ids in used.items()
    }
    return Reach(
        sources={place: [one for one in where if where[one] == place] for place in places},
        reduced=reduced,
        tables={place: [name for name in used if farthest[name] == place] for place in places},
        same=[
            name
            for name, ids in used.items()
            if farthest[name] != MIRROR and not set(ids) & set(reduced)
        ],
    )
