"""Proofreading: each rule finds its fault, leaves code alone, and the book has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import prose
from utils.errors import BookError

ROOT = Path(__file__).resolve().parent.parent
needs_dictionary = pytest.mark.skipif(
    prose.find_dictionary() is None, reason="dictionnaire hunspell-fr absent"
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Que dit-on : rien ?", "Que dit-on\u00a0: rien\u202f?"),
        ("Un « vrai » zéro, 30 000 villes et 5 %.",
         "Un «\u00a0vrai\u00a0» zéro, 30\u202f000 villes et 5\u00a0%."),
        ("L'offre d'ici...", "L’offre d’ici…"),
        ("`VILLE : 1` : un code ; [a : b](x : y) !",
         "`VILLE : 1`\u00a0: un code\u202f; [a\u00a0: b](x : y)\u202f!"),
        ("```python\nd = {'a' : 1}\n```", "```python\nd = {'a' : 1}\n```"),
        ('---\ntitle: "Où : ici ?"\n---\n', '---\ntitle: "Où\u00a0: ici\u202f?"\n---\n'),
        ("::: {.callout-note title='a : b'}\n", "::: {.callout-note title='a : b'}\n"),
        ("En 2018, 2009 2013", "En 2018, 2009 2013"),
    ],
)  # fmt: skip
def test_what_is_sure_is_mended(text: str, wanted: str) -> None:
    assert prose._mended(text) == wanted
    assert not [said for _, said in prose.typography(wanted) if "corriger" in said]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Une hausse de 3.5 points.", "virgule décimale"),
        ('Un "mot".', "guillemets"),
        ("Un “mot”.", "guillemets"),
        ("Fin. A la ville.", "avec son accent"),
        ("Les Etats-unis", "majuscule"),
        ("Le coeur", "trait"),
        ("Les 16339 communes", "milliers"),
    ],
)
def test_what_is_not_is_told_with_its_line(text: str, told: str) -> None:
    faults = list(prose.typography(f"Bien.\n{text}"))
    assert [line for line, _ in faults] == [2] * len(faults)
    assert any(told in said for _, said in faults)


@pytest.mark.parametrize(
    "text",
    ["Licence Ouverte 2.0, ODbL 1.0, Python 3.11, WCAG 2.1.", "Gourdon (46127), le 27/04/2026.",
     "`3.5`, https://exemple.fr/v2.0 et {#sec-1.5}", "Quarto 1.10.18"],
)  # fmt: skip
def test_versions_codes_and_addresses_are_left_alone(text: str) -> None:
    assert not list(prose.typography(text))


@given(st.text(alphabet=" aé1:;!?«»'\"`\n%.(){}[]|*-", max_size=80))
def test_mending_twice_changes_nothing_more(text: str) -> None:
    once = prose._mended(text)
    assert prose._mended(once) == once
    assert once.count("\n") == text.count("\n")


@needs_dictionary
def test_a_misspelt_word_is_told() -> None:
    place = prose.find_dictionary()
    assert place is not None
    text = "La boulangerie d’Arcachon et l’acueil.\n`acueil` : aujourd’hui, quelqu’un, vis-à-vis."
    assert list(prose.spelling(text, dictionary=place)) == [(1, "l’acueil")]


def test_without_a_dictionary_nothing_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PVD_DICTIONNAIRE", str(tmp_path / "absent"))
    with pytest.raises(BookError, match="hunspell"):
        prose.proofread(tmp_path)


def test_the_words_of_the_project_are_sorted_and_told_once() -> None:
    words = prose.WORDS.read_text(encoding="utf-8").split()
    assert words == sorted(set(words), key=lambda word: (word.lower(), word))


@needs_dictionary
@pytest.mark.slow
def test_the_book_is_proofread() -> None:
    assert prose.proofread(ROOT) == []
