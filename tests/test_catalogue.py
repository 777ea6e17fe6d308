"""The two catalogues: what they refuse, and what the real ones say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from utils.catalogue import (
    THEMES,
    load_indicators_catalogue,
    load_sources,
    source,
)
from utils.errors import CatalogueError

SOURCE = """
essai:
  title: Table d’essai
  producer: Essai
  licence: LO-2.0
  format: csv
  vintage: '2026'
  attribution: Essai, 2026
"""

INDICATOR = """
.modele: &modele
  unit: équipements
  decimals: 0
  direction: plus
  secrecy: aucune
  sources: [bpe_2018]
nb_essai:
  <<: *modele
  label: Essais
  definition: Nombre d’essais.
  theme: commerces
  numerator: Essais
  years: [2018]
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a synthetic catalogue."""

    def one(text: str) -> Path:
        path = tmp_path / "essai.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return one


def test_reads_a_source(write: Write) -> None:
    one = load_sources(write(SOURCE + "  traps: [Un piège., Un autre.]\n"))["essai"]
    assert (one.id, one.vintage, one.url) == ("essai", "2026", None)
    assert one.traps == ("Un piège.", "Un autre.")


def test_reads_an_indicator_and_its_template(write: Write) -> None:
    every = load_indicators_catalogue(write(INDICATOR))
    assert list(every) == ["nb_essai"]
    assert every["nb_essai"].unit == "équipements"
    assert every["nb_essai"].years == (2018,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- une liste\n", "liste d’entrées nommées"),
        ("a: [\n", "illisible"),
        (SOURCE + SOURCE, "« essai » est donnée deux fois"),
        (SOURCE + "  title: Un autre titre\n", "« title » est donnée deux fois"),
        (SOURCE + "  couleur: bleu\n", "clé inconnue « couleur »"),
        (SOURCE + "  id: autre\n", "clé inconnue « id »"),
        (SOURCE.replace("  title: Table d’essai\n", ""), "clé manquante « title »"),
        (SOURCE.replace("Table d’essai", "''"), "clé manquante « title »"),
        (SOURCE.replace("essai:", "Essai-1:"), "mal formé"),
        (SOURCE + "  url: http://exemple.fr/t.csv\n", "https"),
        (SOURCE + "  landing: exemple.fr\n", "https"),
        (SOURCE.replace("'2026'", "2026"), "« vintage » devrait être un texte"),
        (SOURCE + "  updated: 2026-01-01\n", "« updated » devrait être un texte"),
        (SOURCE + "  traps: un piège\n", "« traps » devrait être une liste"),
        (SOURCE + "  resolve: npm\n", "« resolve » devrait être une liste de clés"),
        (SOURCE + "  themes: [sport]\n", "thème inconnu « sport »"),
        (SOURCE + "  mirror: a/b.csv\n", "vont ensemble"),
        (SOURCE + "  mirror: a/b.csv\n  sha256: abc\n", "sha256 mal formé"),
        (SOURCE + "  resolve: {kind: magie}\n", "resolve"),
        (SOURCE + "  resolve: {kind: npm, package: a}\n", "resolve"),
        (SOURCE + "  resolve: {kind: datagouv, dataset: 'http://a.fr', match: b}\n", "https"),
    ],
)
def test_refuses_a_source(write: Write, text: str, words: str) -> None:
    with pytest.raises(CatalogueError) as raised:
        load_sources(write(text))
    message = raised.value.message.replace("\u00a0", " ")
    assert words in message
    assert "essai.yml" in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("theme: commerces", "theme: sport", "thème inconnu « sport »"),
        ("direction: plus", "direction: haut", "sens de lecture inconnu « haut »"),
        ("[bpe_2018]", "[bpe_1918]", "source inconnue « bpe_1918 »"),
        ("years: [2018]", "years: [2018]\n  scale: 1000", "dénominateur"),
        ("  years: [2018]\n", "", "clé manquante « years »"),
        ("nb_essai:", "nb-essai:", "mal formé"),
        ("[2018]", "2018", "« years » devrait être une liste"),
        ("decimals: 0", "decimals: zéro", "« decimals » devrait être un entier"),
        ("years: [2018]", "years: [2018]\n  portrait: peut-être", "devrait être true ou false"),
        ("years: [2018]", "years: [2018]\n  noun: {singular: essai}", "noun demande"),
        (
            "years: [2018]",
            "years: [2018]\n  noun: {singular: essai, plural: essais, gender: x}",
            "gender (m ou f)",
        ),
        (
            "years: [2018]",
            "years: [2018]\n  noun: {singular: Essai, plural: essais, gender: m}",
            "sans majuscule",
        ),
        (
            "years: [2018]",
            "years: [2018]\n  noun: {singular: essai, plural: essais, gender: m}",
            "par habitant",
        ),
    ],
)
def test_refuses_an_indicator(write: Write, old: str, new: str, words: str) -> None:
    with pytest.raises(CatalogueError) as raised:
        load_indicators_catalogue(write(INDICATOR.replace(old, new)))
    assert words in raised.value.message.replace("\u00a0", " ")


def test_catalogue_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="n’existe pas"):
        load_sources(tmp_path / "rien.yml")


def test_unknown_source_suggests_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="bpe_2018"):
        source("bpe2018")
    with pytest.raises(CatalogueError) as raised:
        source("zzzzzz")
    assert raised.value.hint


# --------------------------------------------------------------------------- the real ones


def test_every_source_says_who_and_under_which_licence() -> None:
    for one in load_sources().values():
        assert one.licence in {
            "LO-2.0",
            "ODbL-1.0",
            "CC-BY-4.0",
            "Eurostat",
            "BSD-3-Clause",
        }, one.id
        assert one.themes, one.id
        assert "calculs des auteurs" not in one.attribution, one.id
        assert not one.attribution.endswith("."), one.id
        assert (one.mirror is None) == (one.mirror_layout is None), one.id
        assert one.mirror or one.url or one.resolve or one.landing, one.id


def test_addresses_are_https_and_hold_no_secret() -> None:
    for one in load_sources().values():
        rule = one.resolve or {}
        for address in filter(None, (one.landing, one.url, rule.get("dataset"))):
            parts = urlsplit(address)
            assert parts.scheme == "https", one.id
            assert parts.hostname, one.id
            assert "@" not in parts.netloc, one.id
        if "match" in rule:
            re.compile(rule["match"])


def test_traps_are_french_sentences() -> None:
    spaces = re.compile(r"« | »|\w [:;?!](?:\s|$)")
    for one in load_sources().values():
        for text in (one.title, one.attribution, one.mirror_layout or "", *one.traps):
            assert not spaces.search(text), f"{one.id} : espace sécable dans {text!r}"
        for trap in one.traps:
            assert re.match(r"[\wÉÀ«]", trap), one.id
            assert trap.endswith("."), f"{one.id} : {trap!r}"


def test_every_theme_has_indicators_and_sources() -> None:
    indicators = load_indicators_catalogue().values()
    assert {one.theme for one in indicators} == set(THEMES)
    assert {theme for one in load_sources().values() for theme in one.themes} <= set(THEMES)


@pytest.mark.mirror
def test_every_file_of_the_mirror_is_in_the_catalogue(mirror: Path) -> None:
    manifest = yaml.safe_load((mirror / "manifest.yml").read_text(encoding="utf-8"))
    known = {one.mirror: one.sha256 for one in load_sources().values() if one.mirror}
    assert known == {one["path"]: one["sha256"] for one in manifest}
