"""French words and numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import formats as f


def read(text: str) -> Decimal:
    """Read a French number back."""
    return Decimal(text.replace(f.NNBSP, "").replace(f.MINUS, "-").replace(",", "."))


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (12345.6, 1, "12\u202f345,6"),
        (1646, 0, "1\u202f646"),
        (np.int64(999), 0, "999"),
        (-1234.5, 1, "\u22121\u202f234,5"),
        (-0.04, 1, "0,0"),
        (0.125, 2, "0,13"),
        (2.5, 0, "3"),
        (2.675, 2, "2,68"),
        (1e21, 0, "1" + "\u202f000" * 7),
        (float("nan"), 1, "n.\u00a0d."),
        (float("inf"), 1, "n.\u00a0d."),
        (None, 0, "n.\u00a0d."),
        (pd.NA, 0, "n.\u00a0d."),
        (pd.NaT, 0, "n.\u00a0d."),
        (np.float32(0.1), 3, "0,100"),
        (2**63 + 1, 0, "9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f809"),
    ],
)
def test_number(value, decimals, expected):
    assert f.number(value, decimals) == expected


@given(st.floats(min_value=-1e15, max_value=1e15, allow_nan=False), st.integers(0, 6))
def test_number_reads_back_to_the_rounded_value(value, decimals):
    step = Decimal(1).scaleb(-decimals)
    assert read(f.number(value, decimals)) == Decimal(repr(value)).quantize(
        step, rounding=ROUND_HALF_UP
    )


@given(st.integers(-(10**18), 10**18))
def test_integers_are_exact_and_hold_no_ordinary_space(value):
    text = f.number(value)
    assert read(text) == value
    assert not set(text) & {" ", "\u00a0", "-", ".", ","}


def test_percent_year_quantity():
    assert f.percent(12.34, 1) == "12,3\u00a0%"
    assert f.percent(np.nan) == f.MISSING
    assert f.year(2018.0) == "2018"
    assert f.year(pd.NA) == f.MISSING
    assert f.quantity(1234.5, "km²", 1) == "1\u202f234,5\u00a0km²"
    assert f.quantity(3, "") == "3"
    assert f.quantity(None, "km") == f.MISSING


def test_plural_is_french():
    assert [f.plural(n, "ville") for n in (0, 1, 1.9, -1, 2, -3)] == [
        "ville", "ville", "ville", "ville", "villes", "villes",
    ]  # fmt: skip
    assert f.plural(2, "cheval", "chevaux") == "chevaux"
    assert f.counted(1646, "ville") == "1\u202f646\u00a0villes"
    assert (f.ordinal(1), f.ordinal(1, feminine=True)) == ("1er", "1re")
    assert f.ordinal(12) == "12e"


@pytest.mark.parametrize(
    ("name", "of", "in_"),
    [
        ("Arcachon", "d’Arcachon", "à Arcachon"),
        ("Gourdon", "de Gourdon", "à Gourdon"),
        ("Le Puy", "du Puy", "au Puy"),
        ("Les Andelys", "des Andelys", "aux Andelys"),
        ("La Souterraine", "de La Souterraine", "à La Souterraine"),
        ("L'Isle", "de L’Isle", "à L’Isle"),
        ("L’Île-Rousse", "de L’Île-Rousse", "à L’Île-Rousse"),
        ("Étampes", "d’Étampes", "à Étampes"),
        ("Œting", "d’Œting", "à Œting"),
        ("Hirson", "d’Hirson", "à Hirson"),
        ("Ham", "de Ham", "à Ham"),
        ("Hombourg-Haut", "de Hombourg-Haut", "à Hombourg-Haut"),
        ("Haute-Goulaine", "de Haute-Goulaine", "à Haute-Goulaine"),
        ("Hœrdt", "de Hœrdt", "à Hœrdt"),
        ("Yvetot", "d’Yvetot", "à Yvetot"),
        ("Yerville", "d’Yerville", "à Yerville"),
        ("Yenne", "de Yenne", "à Yenne"),
        ("Lesneven", "de Lesneven", "à Lesneven"),
        ("Lesparre-Médoc", "de Lesparre-Médoc", "à Lesparre-Médoc"),
        ("Aix-d'Angillon", "d’Aix-d’Angillon", "à Aix-d’Angillon"),
        ("Y", "de Y", "à Y"),
    ],
)
def test_towns(name, of, in_):
    assert f.of_town(name) == of
    assert f.in_town(name) == in_


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Quoi ? L'eau : 12 % !", "Quoi\u202f? L’eau\u00a0: 12\u00a0% !".replace(" !", "\u202f!")),
        ("Quoi?! oui; non", "Quoi\u202f?! oui\u202f; non"),
        ("dit «bonjour»", "dit «\u00a0bonjour\u00a0»"),
        ("à 12:30, `a ? b : c` et https://insee.fr/a?b=1;c",
         "à 12:30, `a ? b : c` et https://insee.fr/a?b=1;c"),
        ("etc...", "etc…"),
        ("(?)", "(?)"),
        ("", ""),
    ],
)  # fmt: skip
def test_typographic(text, expected):
    assert f.typographic(text) == expected


@given(st.text(alphabet="ab0 '«»:;!?%.\u00a0\u202f`()", max_size=30))
def test_typographic_is_idempotent(text):
    once = f.typographic(text)
    assert f.typographic(once) == once


def test_join_words():
    assert f.join_words([]) == ""
    assert f.join_words(["a"]) == "a"
    assert f.join_words(["a", "b", "c"]) == "a, b et c"
    assert f.join_words(["a", "b"], last="ou") == "a ou b"
