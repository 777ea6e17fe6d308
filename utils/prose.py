"""Proofreading the prose of the book: French typography, then spelling (``pvd relire``).

Only what a person reads is looked at: code, addresses, attributes and the syntax of Markdown
are hidden first. What a rule can mend without doubt (spaces, apostrophes, ellipses) is mended
by ``--corriger``; the rest is told with its line.
"""

from __future__ import annotations

import gc
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from spylls.hunspell import Dictionary

from utils import tables
from utils.catalogue import DATA, load_indicators_catalogue, load_sources
from utils.errors import BookError
from utils.formats import NBSP, NNBSP, typographic

__all__ = ["correct", "find_dictionary", "proofread", "spelling", "typography"]

#: Words of the field and of the project that the dictionary lacks, one a line.
WORDS: Final = DATA / "mots.txt"
#: Where Debian and Ubuntu put the French dictionary of hunspell (package ``hunspell-fr``).
_DICTIONARIES: Final = tuple(
    Path("/usr/share/hunspell") / name for name in ("fr_FR", "fr", "fr_classique")
)

_HIDDEN: Final = re.compile(
    r"```.*?^```[ \t]*$"  # code
    r"|^:::.*?$"  # divs
    r"|`[^`\n]*(?:\n[^`\n]+)?`"  # inline code, over two lines at most
    r"|<!--.*?-->|</?[a-zA-Z][^>]*>"
    r"|\]\([^)]*\)|^\[[^\]\n]+\]:.*?$"  # targets of links
    r"|\{\{<.*?>\}\}|\{[^}\n]*\}"  # shortcodes, attributes
    r"|https?://[^\s)>\]]+|[\w./-]+\.(?:fr|org|com|yml|md|csv|json|parquet|py|sh|lock|qmd|ipynb)\b"
    r"|@(?:fig|tbl|sec)-[\w-]+|\[@[^\]]+\]"
    r"|^\|[-:| ]+\|$"
    r"|^\*In short:.*?\*$",  # the summary in English of the README
    re.MULTILINE | re.DOTALL,
)
_FRONT: Final = re.compile(r"\A---\n(.*?)^---(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_QUOTED: Final = re.compile(r'(?<=")[^"\n]*(?=")')
_MASK: Final = "\ue000"
_THOUSANDS: Final = re.compile(rf"(?<![\d,])(\d{{1,3}})[ {NBSP}](?=\d{{3}}(?:\D|$))")


class _Rule(NamedTuple):
    """A fault that a person must mend: its pattern, and what to write."""

    pattern: re.Pattern[str]
    advice: str


#: Numbers with a dot that are names of versions, not decimals.
_VERSION: Final = (
    r"(?<!Ouverte )(?<!ODbL )(?<!Python )(?<!Quarto )(?<!WCAG )(?<!version )(?<![\d.])"
)
_RULES: Final = (
    _Rule(re.compile(_VERSION + r"\b\d+\.\d+\b(?!\.\d)"), "une virgule décimale"),
    _Rule(re.compile(r'(?<!=)"|[“”]'), "des guillemets « »"),
    _Rule(re.compile(r"(?:^|[.!?…]\s+)A (?=[a-zà-ÿ])", re.MULTILINE), "« À » avec son accent"),
    _Rule(
        re.compile(
            r"\b(?:Etats?|Ecoles?|Eglises?|Energies?|Equipements?|Etudes?|Evolution|Iles?)\b"
        ),
        "la majuscule avec son accent",
    ),
    _Rule(re.compile(r"\b(?:[Cc]oeurs?|[Oo]euvres?|[Ss]oeurs?|[Oo]eil)\b"), "« œ » d’un trait"),
    _Rule(re.compile(r"(?<![\d(/-])\b(?!0)\d{5,}\b(?![)\d])"), "une espace entre les milliers"),
)

_WORD: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŒœ]+(?:[’-][A-Za-zÀ-ÖØ-öø-ÿŒœ]+)*")
_ELIDED: Final = re.compile(
    r"^(?:[ldjmnstcç]|qu|jusqu|lorsqu|puisqu|quoiqu|presqu|aujourd(?=’hui$))’", re.IGNORECASE
)


# -- what is read ----------------------------------------------------------------------


def _pages(root: Path) -> list[Path]:
    found = [*root.glob("*.qmd"), *root.glob("*.md"), *root.glob("chapters/*.qmd")]
    return sorted([*found, *root.glob("data/*.md"), *root.glob("sspcloud/*.md")])


def _notebooks(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9]*.ipynb"))


def _mended(text: str) -> str:
    """Set the spaces, apostrophes and ellipses of a Markdown text, and nothing else."""
    hidden: list[str] = []

    def hide(found: re.Match[str]) -> str:
        hidden.append(found[0])
        return _MASK

    front = _FRONT.match(text)
    head = _QUOTED.sub(lambda found: _french(found[0]), front[0]) if front else ""
    body = _HIDDEN.sub(hide, text[len(front[0]) if front else 0 :])
    parts = _french(body).split(_MASK)
    whole = parts[0] + "".join(a + b for a, b in zip(hidden, parts[1:], strict=True))
    return head + whole


def _french(text: str) -> str:
    return _THOUSANDS.sub(rf"\1{NNBSP}", typographic(text))


def _visible(text: str) -> str:
    """Return what a person reads, the lines kept."""
    body = _FRONT.sub(
        lambda found: "\n".join(" ".join(_QUOTED.findall(line)) for line in found[0].split("\n")),
        text,
    )
    return _HIDDEN.sub(lambda found: _MASK + "\n" * found[0].count("\n"), body)


def _each(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Give the texts of the book: file, place in it, Markdown."""
    for path in _pages(root):
        yield path, "ligne ", path.read_text(encoding="utf-8")
    for path in _notebooks(root):
        for rank, cell in enumerate(_load(path)["cells"], start=1):
            if cell["cell_type"] != "code":
                yield path, f"cellule {rank}, ligne ", "".join(cell["source"])


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


# -- typography ------------------------------------------------------------------------


def typography(text: str) -> Iterator[tuple[int, str]]:
    """Find the faults of typography of a Markdown text: line, French sentence."""
    lines = zip(text.split("\n"), _mended(text).split("\n"), strict=True)
    for line, (now, wanted) in enumerate(lines, start=1):
        if now != wanted:
            yield line, f"espaces ou apostrophes à corriger (pvd relire --corriger) : {now.strip()}"
    seen = _visible(text)
    for rule in _RULES:
        for found in rule.pattern.finditer(seen):
            start = found.start() + len(found[0]) - len(found[0].lstrip())
            line = seen.count("\n", 0, start) + 1
            yield line, f"« {found[0].strip()} » : il faut {rule.advice}."


def correct(root: Path) -> list[Path]:
    """Mend the spaces, apostrophes and ellipses of the whole prose.

    Returns
    -------
    list of Path
        The files that changed.
    """
    changed = []
    for path in _pages(root):
        changed += _rewritten(path, _mended)
    for path in _notebooks(root):
        changed += _rewritten(path, _mended_notebook)
    return changed


def _mended_notebook(text: str) -> str:
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cell["source"] = _mended("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _rewritten(path: Path, mend: Callable[[str], str]) -> list[Path]:
    text = path.read_text(encoding="utf-8")
    wanted = mend(text)
    if wanted == text:
        return []
    path.write_text(wanted, encoding="utf-8")
    return [path]


# -- spelling --------------------------------------------------------------------------


def find_dictionary() -> Path | None:
    """Return the French dictionary of hunspell, without extension: ``PVD_DICTIONNAIRE``, Debian."""
    asked = os.environ.get("PVD_DICTIONNAIRE", "").strip()
    places = (Path(asked),) if asked else _DICTIONARIES
    return next((place for place in places if place.with_suffix(".dic").is_file()), None)


@lru_cache(maxsize=1)
def _dictionary(place: Path) -> Dictionary:
    with warnings.catch_warnings():  # the library leaves its two files to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        book = Dictionary.from_files(str(place))
        gc.collect()
    return book


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Return the words that are right here: the project's own, and the names of places."""
    towns = tables.load_towns()
    names = [*towns["name"], *towns["departement_name"].unique(), *towns["region_name"].unique()]
    places = {word for name in names for word in _WORD.findall(name.replace("'", "’"))}
    own = set(WORDS.read_text(encoding="utf-8").split())
    return frozenset(own | places | {part for word in places for part in word.split("-")})


def spelling(text: str, *, dictionary: Path) -> Iterator[tuple[int, str]]:
    """Find the words of a Markdown text that no dictionary has: line, word."""
    book, known = _dictionary(dictionary), _known()
    for line, words in enumerate(_visible(text).split("\n"), start=1):
        for word in _WORD.findall(words):
            if not _is_right(word, book, known):
                yield line, word


def _is_right(word: str, book: Dictionary, known: frozenset[str]) -> bool:
    bare = _ELIDED.sub("", word)
    tried = [word, bare, bare.replace("’", "'")]
    if any(one in known or _looked_up(book, one) for one in tried):
        return True
    parts = re.split(r"[-’]", bare)
    return len(parts) > 1 and all(
        len(part) < 2 or part in known or _looked_up(book, part) for part in parts
    )


@lru_cache(maxsize=20_000)
def _looked_up(book: Dictionary, word: str) -> bool:
    return bool(book.lookup(word))


# -- the whole -------------------------------------------------------------------------


def proofread(root: Path) -> list[str]:
    """Proofread chapters, notebooks, README and catalogues; one French sentence a fault.

    Raises
    ------
    BookError
        No French dictionary: the spelling cannot be looked at, and it is not passed over.
    """
    place = find_dictionary()
    if place is None:
        raise BookError(
            "Le dictionnaire français de hunspell manque : l’orthographe ne peut être relue.",
            hint="Installez le paquet hunspell-fr, ou désignez le dictionnaire par"
            " PVD_DICTIONNAIRE.",
        )
    faults = []
    for path, where, text in _each(root):
        name = path.relative_to(root)
        faults += [f"{name}, {where}{line} : {said}" for line, said in typography(text)]
        faults += [
            f"{name}, {where}{line} : « {word} » n’est pas dans le dictionnaire."
            for line, word in spelling(text, dictionary=place)
        ]
    for where, text in _catalogues():
        faults += [
            f"{where} : « {word} » n’est pas dans le dictionnaire."
            for _, word in spelling(text, dictionary=place)
        ]
    return [typographic(fault) for fault in faults]


def _catalogues() -> Iterator[tuple[str, str]]:
    for one in load_indicators_catalogue().values():
        said = (one.label, one.definition, one.rate_label, one.gaps, one.secrecy, one.numerator)
        yield f"indicateur {one.id}", "\n".join(filter(None, said))
    for source in load_sources().values():
        yield f"source {source.id}", "\n".join([source.title, *source.traps])
