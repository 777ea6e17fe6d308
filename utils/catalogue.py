"""The two catalogues: what data exists (``sources.yml``), what is measured (``indicators.yml``)."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml

from utils.errors import CatalogueError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML without libyaml: the same, ten times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

__all__ = [
    "DATA",
    "DIRECTIONS",
    "THEMES",
    "Indicator",
    "Source",
    "load_indicators_catalogue",
    "load_sources",
    "source",
]

#: Folder of the catalogues and of the embedded tables.
DATA: Final = Path(
    os.environ.get("PVD_DATA_DIR") or Path(__file__).resolve().parent.parent / "data"
)

#: Themes of the indicators, in the order in which the book shows them.
THEMES: Final[Mapping[str, str]] = {
    "territoire": "Territoire",
    "commerces": "Commerces",
    "culture": "Culture",
    "energie": "Énergie",
    "soins": "Accès aux soins",
    "services": "Artisans et services",
}

#: Which way an indicator is better.
DIRECTIONS: Final = ("plus", "moins", "neutre")

_ID: Final = re.compile(r"[a-z][a-z0-9_]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

#: Ways to find the address of a file, and what each needs.
_RESOLVERS: Final[Mapping[str, frozenset[str]]] = {
    "datagouv": frozenset({"kind", "dataset", "match"}),
    "opendatasoft_attachment": frozenset({"kind", "listing", "match"}),
    "datafair": frozenset({"kind"}),
    "npm": frozenset({"kind", "package", "version", "member"}),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset: where it comes from, how it is laid out, what to beware of.

    Attributes
    ----------
    id, title, producer, licence
        Identifier in ``sources.yml``, title, producer, licence (``LO-2.0``, ``ODbL-1.0``…).
    landing, url, resolve
        Page for people; address of the file; how to find that address when it moves.
    mirror, mirror_layout, sha256
        Path in a mirror; how that copy differs from the official file; its checksum.
    format, separator, encoding
        Layout of the official file.
    vintage, geography, updated, rhythm
        What it describes, on which communes, when it was published, how often.
    traps
        What a reader of the file must know.
    attribution
        Source line as Insee writes it, without what the authors computed.
    themes
        Rooms of the book that use it.
    """

    id: str
    title: str
    producer: str
    licence: str
    format: str
    vintage: str
    attribution: str
    landing: str | None = None
    url: str | None = None
    resolve: Mapping[str, str] | None = None
    mirror: str | None = None
    mirror_layout: str | None = None
    sha256: str | None = None
    separator: str | None = None
    encoding: str | None = None
    geography: str | None = None
    updated: str | None = None
    rhythm: str | None = None
    traps: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """A measure of every town: its name, its definition, and how it is built.

    Attributes
    ----------
    denominator, scale, rate_label, rate_unit
        What the value is set against, by how much the ratio is multiplied, the name of the
        ratio when it has its own, its unit; ``None`` when the value is not made a rate.
    direction
        ``plus``, ``moins`` or ``neutre``: which way is better.
    noun
        What is counted, for sentences: ``singular``, ``plural``, ``gender`` (``m``, ``f``).
    portrait
        False when the portrait of a town does not speak of it: totals and doubles of other
        indicators, shares of few things.
    subjects
        What it is about; of two indicators on one subject, only one is told of a town.
    build
        For ``utils/build/``: the table and the parameters of the method.
    """

    id: str
    label: str
    unit: str
    decimals: int
    definition: str
    theme: str
    numerator: str
    sources: tuple[str, ...]
    years: tuple[int, ...]
    direction: str
    secrecy: str
    denominator: str | None = None
    scale: float | None = None
    rate_label: str | None = None
    rate_unit: str | None = None
    gaps: str | None = None
    noun: Mapping[str, str] | None = None
    portrait: bool = True
    subjects: tuple[str, ...] = ()
    build: Mapping[str, Any] = field(default_factory=dict)


_Entry = TypeVar("_Entry", Source, Indicator)


class _Loader(_SafeLoader):
    """YAML in which a name given twice is an error, not the last of the two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"la clé « {twice[0]} » est donnée deux fois",
                problem_mark=node.start_mark,
            )
        return super().construct_mapping(node, deep)


def _load(path: Path, kind: type[_Entry]) -> dict[str, _Entry]:
    """Read a catalogue: one mapping, an entry an identifier; keys with a dot are templates."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 — safe
    except FileNotFoundError as error:
        raise CatalogueError(
            f"Le catalogue {path} n’existe pas.",
            hint="Retirez PVD_DATA_DIR, ou désignez par elle un dossier qui l’a.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogueError(
            f"Le catalogue {path.name} est illisible : {error}.",
            hint="Corrigez la ligne indiquée : c’est du YAML.",
        ) from error
    if not isinstance(content, dict):
        raise CatalogueError(f"Le catalogue {path.name} n’est pas une liste d’entrées nommées.")
    return {
        name: _entry(name, values, kind, path.name)
        for name, values in content.items()
        if not str(name).startswith(".")
    }


def _entry(name: str, values: object, kind: type[_Entry], label: str) -> _Entry:
    where = f"Dans {label}, entrée « {name} »"
    if not isinstance(values, dict) or not _ID.fullmatch(str(name)):
        raise CatalogueError(f"{where} : identifiant ou contenu mal formé.")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(values) - set(known) | ({"id"} & set(values)))
    if unknown:
        raise CatalogueError(f"{where} : clé inconnue « {unknown[0]} ».")
    required = {
        f.name
        for f in known.values()
        if f.default is MISSING and f.default_factory is MISSING and f.name != "id"
    }
    missing = sorted(k for k in required if values.get(k) in (None, "", []))
    if missing:
        raise CatalogueError(f"{where} : clé manquante « {missing[0]} ».")
    for key, value in values.items():
        wanted, words = _shape(str(known[key].type))
        if value is not None and not isinstance(value, wanted):
            raise CatalogueError(f"{where} : « {key} » devrait être {words}.")
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return kind(id=name, **plain)


def _shape(annotation: str) -> tuple[tuple[type, ...], str]:
    """Return the types that YAML gives for a field, and how to name them."""
    for start, types, words in (
        ("tuple", (list,), "une liste"),
        ("Mapping", (dict,), "une liste de clés et de valeurs"),
        ("bool", (bool,), "true ou false"),
        ("int", (int,), "un entier"),
        ("float", (int, float), "un nombre"),
    ):
        if annotation.startswith(start):
            return types, words
    return (str,), "un texte (entre apostrophes si c’est une date ou un nombre)"


@lru_cache(maxsize=4)
def load_sources(path: Path | None = None) -> Mapping[str, Source]:
    """Load ``sources.yml``: identifier -> :class:`Source`.

    Raises
    ------
    CatalogueError
        The file is malformed; the message names the entry and the key.
    """
    path = path or DATA / "sources.yml"
    every = _load(path, Source)
    for entry in every.values():
        where = f"Dans {path.name}, entrée « {entry.id} »"
        rule = entry.resolve or {}
        if rule and _RESOLVERS.get(rule.get("kind", "")) != frozenset(rule):
            raise CatalogueError(f"{where} : règle resolve inconnue ou incomplète.")
        if unknown := set(entry.themes) - set(THEMES):
            raise CatalogueError(f"{where} : thème inconnu « {min(unknown)} ».")
        if (entry.mirror is None) != (entry.sha256 is None):
            raise CatalogueError(f"{where} : mirror et sha256 vont ensemble.")
        if entry.sha256 is not None and not _SHA256.fullmatch(entry.sha256):
            raise CatalogueError(f"{where} : sha256 mal formé.")
        for address in (entry.landing, entry.url, rule.get("dataset"), rule.get("listing")):
            if address is not None and not address.startswith("https://"):
                raise CatalogueError(f"{where} : l’adresse {address} n’est pas en https.")
    return MappingProxyType(every)


def source(name: str) -> Source:
    """Return one source; an unknown identifier is an error that suggests the nearest ones."""
    every = load_sources()
    if name not in every:
        near = difflib.get_close_matches(name, every, n=3)
        raise CatalogueError(
            f"La source « {name} » n’est pas dans data/sources.yml.",
            hint=f"Vouliez-vous dire : {', '.join(near)} ?"
            if near
            else "Les identifiants sont les clés de data/sources.yml.",
        )
    return every[name]


def _check_noun(indicator: Indicator, where: str) -> None:
    """Refuse a noun that cannot be put in a sentence."""
    noun = indicator.noun or {}
    if set(noun) != {"singular", "plural", "gender"} or noun["gender"] not in ("m", "f"):
        raise CatalogueError(f"{where} : noun demande singular, plural et gender (m ou f).")
    for form in (noun["singular"], noun["plural"]):
        if not isinstance(form, str) or not form or form != form.strip() or form[0].isupper():
            raise CatalogueError(f"{where} : noun s’écrit sans majuscule ni espace autour.")
    if indicator.denominator is None:
        raise CatalogueError(f"{where} : noun ne va qu’à ce que l’on compte par habitant.")


@lru_cache(maxsize=4)
def load_indicators_catalogue(path: Path | None = None) -> Mapping[str, Indicator]:
    """Load ``indicators.yml``: identifier -> :class:`Indicator`, in the order of the file.

    Raises
    ------
    CatalogueError
        The file is malformed, a theme or direction is unknown, a source does not exist.
    """
    path = path or DATA / "indicators.yml"
    every = _load(path, Indicator)
    sources = load_sources()
    for indicator in every.values():
        where = f"Dans {path.name}, entrée « {indicator.id} »"
        if indicator.theme not in THEMES:
            raise CatalogueError(f"{where} : thème inconnu « {indicator.theme} ».")
        if indicator.direction not in DIRECTIONS:
            raise CatalogueError(f"{where} : sens de lecture inconnu « {indicator.direction} ».")
        unknown = [s for s in indicator.sources if s not in sources]
        if unknown:
            raise CatalogueError(f"{where} : source inconnue « {unknown[0]} ».")
        if (indicator.denominator is None) != (indicator.scale is None):
            raise CatalogueError(f"{where} : un dénominateur va avec un multiplicateur.")
        if indicator.noun is not None:
            _check_noun(indicator, where)
    return MappingProxyType(every)
