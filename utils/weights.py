"""What each page of the site asks of the network on a first visit, against a written budget.

The weight of a page is that of all the files it loads when it is read to the end, compressed as
a server sends them, nothing being in the cache. What it has loaded before the reader moves is
its opening, which may have a budget of its own.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from utils.formats import NBSP, join_words, number, typographic

__all__ = [
    "BUDGETS",
    "COMMON",
    "Budget",
    "Weight",
    "budget_of",
    "budgets_markdown",
    "report",
    "sent_bytes",
    "table",
]

#: Level at which the servers of static sites compress (gzip).
GZIP_LEVEL: Final = 6
#: Kinds of files that they compress; images and fonts in PNG, JPEG or WOFF already are.
COMPRESSED: Final = frozenset({".css", ".csv", ".html", ".js", ".json", ".svg", ".txt", ".xml"})
#: Files named for a page that is too heavy.
MAX_FILES: Final = 3
#: Bytes of a kilobyte.
KILOBYTE: Final = 1000


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that some pages may weigh, kilobytes of 1,000 bytes, and why; both in French.

    ``opening`` is the most that it may load before the reader moves, where that is less.
    """

    pages: str
    kilobytes: int
    reason: str
    opening: int | None = None


#: For every page that has no budget of its own.
COMMON: Final = Budget(
    "toute autre page", 400, "deux secondes d’attente au plus à 1,6 Mbit/s, une 3G correcte"
)

#: Beginning of the name of some pages -> their own budget; the first that fits holds.
BUDGETS: Final[Mapping[str, Budget]] = {
    "notebooks/": Budget(
        "les carnets",
        750,
        "les carnets ont une douzaine de figures et de cartes, et parfois un tableau que l’on"
        " trie, dont la bibliothèque pèse 300 ko ; le texte se lit avant qu’elles n’arrivent",
    ),
    "chapters/tableau_de_bord": Budget(
        "le tableau de bord",
        750,
        "la bibliothèque qui trace l’évolution et la carte, 305 ko, n’est demandée que lorsque"
        " l’on descend jusqu’à elles",
        opening=COMMON.kilobytes,
    ),
}


def budget_of(page: str) -> Budget:
    """Return the budget of a page, named from the root of the site."""
    return next((one for start, one in BUDGETS.items() if page.startswith(start)), COMMON)


def budgets_markdown() -> str:
    """Return the budgets as a list in French, for the page that says what is verified."""
    lines = []
    for one in (*BUDGETS.values(), COMMON):
        opening = f", dont {one.opening} ko à l’ouverture" if one.opening else ""
        lines.append(f"- {one.pages} : {one.kilobytes} ko{opening} ({one.reason}) ;")
    return typographic("\n".join(lines).removesuffix(" ;") + ".")


@functools.cache
def sent_bytes(path: Path) -> int:
    """Return the bytes that a server sends for a file: compressed when that is shorter."""
    content = path.read_bytes()
    if path.suffix not in COMPRESSED:
        return len(content)
    return min(len(content), len(gzip.compress(content, GZIP_LEVEL)))


@dataclass(frozen=True, slots=True)
class Weight:
    """What a page loads: name of each file from the root of the site -> bytes sent.

    ``opening`` names those that it loads before the reader moves.
    """

    page: str
    files: Mapping[str, int]
    opening: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Return the bytes of the whole page."""
        return sum(self.files.values())

    @property
    def opening_size(self) -> int:
        """Return the bytes of its opening."""
        return sum(self.files[name] for name in self.opening)

    @property
    def heaviest(self) -> list[tuple[str, int]]:
        """Return its files, the heaviest first."""
        return sorted(self.files.items(), key=lambda one: (-one[1], one[0]))

    def faults(self) -> list[str]:
        """Say in French that the page, or its opening, is over its budget, if it is."""
        budget = budget_of(self.page)
        opening = [one for one in self.heaviest if one[0] in self.opening]
        return [
            typographic(
                f"{self.page} : {subject} {_told(size)}, plus que les {allowed} ko de son budget ;"
                " ses fichiers les plus lourds : "
                + join_words([f"{name} ({_told(sent)})" for name, sent in files[:MAX_FILES]])
                + "."
            )
            for subject, size, allowed, files in (
                ("la page pèse", self.size, budget.kilobytes, self.heaviest),
                ("son ouverture pèse", self.opening_size, budget.opening, opening),
            )
            if allowed is not None and size > allowed * KILOBYTE
        ]


def _told(size: int) -> str:
    return f"{number(size / KILOBYTE)}{NBSP}ko"


def report(weights: Iterable[Weight]) -> dict[str, Any]:
    """Return what ``poids.json`` holds: each page, its bytes, its budget, its files."""
    return {
        one.page: {
            "bytes": one.size,
            "budget": budget.kilobytes * KILOBYTE,
            "opening_bytes": one.opening_size,
            "opening_budget": (budget.opening or budget.kilobytes) * KILOBYTE,
            "files": dict(one.heaviest),
        }
        for one in weights
        for budget in (budget_of(one.page),)
    }


def table(weights: Iterable[Weight]) -> Table:
    """Return the table of the weights, in French, for a terminal."""
    shown = Table(title="Poids des pages, première visite, compressé", title_justify="left")
    shown.add_column("page", overflow="fold")
    shown.add_column("ouverture, ko", justify="right")
    shown.add_column("jusqu’au bout, ko", justify="right")
    shown.add_column("budget", justify="right")
    shown.add_column("fichier le plus lourd", overflow="fold")
    for one in weights:
        name, size = next(iter(one.heaviest), ("", 0))
        budget = budget_of(one.page)
        allowed = " et ".join(str(most) for most in (budget.opening, budget.kilobytes) if most)
        sizes = (number(sent / KILOBYTE) for sent in (one.opening_size, one.size))
        shown.add_row(one.page, *sizes, allowed, f"{name} ({_told(size)})")
    return shown
