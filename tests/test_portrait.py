"""Where a town differs, in words: what is said, what is not, and how it is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from utils import portrait, tables
from utils.catalogue import Indicator, load_indicators_catalogue
from utils.formats import number, typographic
from utils.portrait import Gap, choose, judge, sentence
from utils.stories import portrait as stories

CATALOGUE = load_indicators_catalogue()
#: Every sentence of the golden towns, read one by one before it was kept.
READ: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("portraits_relus.json").read_text(encoding="utf-8")
)


def indicator(name: str = "nb_essai", **changes: Any) -> Indicator:
    """Return a synthetic indicator: shops counted, unless changed."""
    fields: dict[str, Any] = {
        "label": "Essais",
        "unit": "équipements",
        "decimals": 0,
        "definition": "Nombre d’essais.",
        "theme": "commerces",
        "numerator": "Essais",
        "sources": ("bpe_2018",),
        "years": (2018,),
        "direction": "plus",
        "secrecy": "aucune",
        "denominator": "population",
        "scale": 1000,
        "rate_unit": "pour 1\u202f000 habitants",
        "noun": {"singular": "boucherie", "plural": "boucheries", "gender": "f"},
    }
    return Indicator(id=name, **{**fields, **changes})


def amount(name: str = "part_essai", **changes: Any) -> Indicator:
    """Return a synthetic indicator: a share."""
    bare = {"denominator": None, "scale": None, "rate_unit": None, "noun": None}
    return indicator(name, **{**bare, "unit": "%", "label": "Part d’essai", **changes})


def lines(
    own: float | None,
    others: list[float | None],
    *,
    name: str = "nb_essai",
    people: float = 4000.0,
) -> pd.DataFrame:
    """Return the synthetic lines of one indicator, all towns of the same size."""
    values = pd.Series([own, *others], dtype="float64")
    return pd.DataFrame(
        {
            "code": [f"{rank:05d}" for rank in range(len(values))],
            "indicator": name,
            "year": 2018,
            "is_town": [True, *[False] * len(others)],
            "value": values,
            "population": people,
            "rate": 1000 * values / people,
        }
    )


def one(own: float | None, others: list[float | None], **options: Any) -> Gap | None:
    found = judge(lines(own, others, **options), {"nb_essai": indicator()})
    return found[0] if found else None


# --------------------------------------------------------------------------- which


def test_an_indicator_added_to_the_catalogue_is_spoken_of() -> None:
    every = {
        "a": indicator("a"),
        "b": indicator("b", portrait=False),
        "c": indicator("c", theme="territoire"),
        "d": indicator("d", theme="soins"),
    }
    found = portrait.spoken(every)
    assert list(found) == list(portrait.THEMES)
    assert [one.id for one in found["Commerces et services"]] == ["a"]
    assert [one.id for one in found["Accès aux soins"]] == ["d"]


def test_totals_and_doubles_are_not_spoken_of() -> None:
    ids = {one.id for group in portrait.spoken(CATALOGUE).values() for one in group}
    assert "nb_boulangerie" in ids
    assert not {"nb_commerces", "nb_cinema", "lieux_vivants", "conso_gaz_total"} & ids
    assert not any(CATALOGUE[name].theme == "territoire" for name in ids)


def test_every_count_spoken_of_today_has_a_noun() -> None:
    for group in portrait.spoken(CATALOGUE).values():
        for each in group:
            if portrait.is_counted(each):
                assert each.noun, each.id


# --------------------------------------------------------------------------- judging


def test_a_difference_within_noise_is_not_told() -> None:
    gap = one(7, [4.0] * 20)  # more than all the others, yet 7 against 4 is chance
    assert gap is not None
    assert (gap.as_far, gap.kind) == (0, "")
    assert gap.chance > portrait.CHANCE


def test_a_clear_difference_is_told() -> None:
    gap = one(16, [4.0] * 20)
    assert gap is not None
    assert (gap.kind, gap.reference, gap.own) == ("more", 1.0, 4.0)
    assert gap.sure


def test_a_difference_that_many_share_is_not_told() -> None:
    gap = one(16, [4.0] * 16 + [16.0] * 4)
    assert gap is not None
    assert (gap.as_far, gap.kind) == (4, "")


def test_things_that_come_in_clusters_are_compared_with_clusters() -> None:
    """The same mean, and a count that is far from draws but not from its comparables."""
    regular, clustered = one(12, [4.0] * 20), one(12, [0.0] * 10 + [2.0] * 6 + [17.0] * 4)
    assert regular is not None
    assert clustered is not None
    assert (regular.reference, regular.dispersion, regular.kind) == (1.0, 1.0, "more")
    assert clustered.reference == 1.0
    assert clustered.dispersion > 5
    assert clustered.chance > portrait.CHANCE
    size = 92 / (clustered.dispersion - 1)
    law = stats.betabinom(92, size / 21, size * 20 / 21)
    assert clustered.chance == pytest.approx(2 * law.sf(11))


def test_a_missing_value_is_never_told_nor_taken_for_zero() -> None:
    assert one(None, [4.0] * 20) is None
    few = one(0, [4.0] * 9 + [None] * 11)
    assert few is None
    some = one(0, [4.0] * 10 + [None] * 10)
    assert some is not None
    assert (some.kind, len(some.others), some.having) == ("absent", 10, 10)
    assert "des 10 villes comparables renseignées" in str(sentence(some, indicator()))


def test_lacking_what_nearly_all_have_is_a_fact() -> None:
    every, some = one(0, [1.0] * 20), one(0, [7.0] * 17 + [0.0] * 3)
    luck, many = one(0, [1.0] * 19 + [0.0]), one(0, [7.0] * 16 + [0.0] * 4)
    assert every
    assert some
    assert luck
    assert many
    assert (every.kind, some.kind, some.having) == ("absent", "absent", 17)
    assert every.chance > portrait.CHANCE  # yet no other lacks it
    assert (luck.kind, many.kind) == ("", "")
    assert str(sentence(some, indicator())) == (
        "Aucune boucherie en 2018, alors que 17 des 20 villes comparables en ont au moins une."
    )


def test_having_what_nearly_none_has_is_a_fact() -> None:
    alone, gap = one(1, [0.0] * 20), one(3, [1.0] + [0.0] * 19)
    luck, many = one(1, [1.0] + [0.0] * 19), one(1, [1.0] * 2 + [0.0] * 18)
    assert alone
    assert gap
    assert luck
    assert many
    assert (alone.kind, gap.kind, luck.kind, many.kind) == ("present", "present", "", "")
    assert str(sentence(gap, indicator())) == (
        "Trois boucheries en 2018, alors qu’une seule des 20 villes comparables en a au moins une."
    )


def test_a_headline_says_less() -> None:
    def said(own: float, others: list[float | None]) -> str:
        gap = one(own, others)
        assert gap is not None
        return portrait.headline(gap, sentence(gap, indicator()))

    assert said(0, [1.0] * 20) == "Aucune boucherie, alors que toutes en ont"
    assert said(0, [9.0] * 18 + [0.0] * 2) == "Aucune boucherie, alors que presque toutes en ont"
    assert said(1, [0.0] * 20) == "Une boucherie, ce qu’aucune n’a"
    assert said(3, [1.0] + [0.0] * 19) == "Trois boucheries, ce que presque aucune n’a"
    assert said(16, [4.0] * 20) == "Environ quatre fois plus de boucheries"


def test_a_share_is_compared_in_points() -> None:
    others = list(np.linspace(40, 60, 20))
    every = {"part_essai": amount()}
    (gap,) = judge(lines(90, others, name="part_essai"), every)
    assert gap.kind == "more"
    assert math.isnan(gap.chance)
    assert str(sentence(gap, every["part_essai"])) == (
        "Part d’essai\u00a0: 40 points de plus que dans les villes comparables (90\u00a0% en 2018,"
        " contre 50 pour leur médiane), plus que dans chacune des 20 villes comparables."
    )
    (near,) = judge(lines(54, [50.0, 51.0] * 10, name="part_essai"), every)
    assert near.kind == ""  # more than all, but by less than five points


@pytest.mark.parametrize(
    ("own", "reference", "points"),
    [(77.6, 91.4, "13 points de moins"), (69.6, 64.4, "6 points de plus"),
     (51.4, 84.5, "34 points de moins")],
)  # fmt: skip
def test_points_are_those_of_the_numbers_written(own: float, reference: float, points: str) -> None:
    gap = replace(EMPTY, own=own, reference=reference, total=math.nan, chance=math.nan,
                  kind="more" if own > reference else "less")  # fmt: skip
    assert points in str(sentence(gap, amount()))


def test_two_places_as_near_are_not_told_apart() -> None:
    km = amount("distance_essai", unit="km", label="Distance à l’essai")
    near = [0.3, 0.4, 0.5, 0.6] * 5
    (gap,) = judge(lines(0.08, near, name="distance_essai"), {"distance_essai": km})
    assert gap.kind == ""
    (gap,) = judge(lines(0.08, [10 * one for one in near], name="distance_essai"), {km.id: km})
    assert gap.kind == "less"


def test_no_spread_no_claim() -> None:
    every = {"part_essai": amount()}
    (gap,) = judge(lines(90, [50.0] * 20, name="part_essai"), every)
    assert gap.kind == ""


def test_the_probability_is_exact() -> None:
    gap = one(3, [1.0] * 20)
    assert gap is not None
    share, count = Fraction(1, 21), 23
    above = sum(
        math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(3, count + 1)
    )
    assert gap.chance == pytest.approx(float(min(1, 2 * above)), rel=1e-4)


def test_chance_is_the_mean_of_random_draws() -> None:
    others = [1.0, 0.0, 2.0, 1.0, 3.0] * 4
    found = judge(lines(2, others), {"nb_essai": indicator()})
    expected = portrait.by_chance(found, {"nb_essai": indicator()})
    drawn = np.random.default_rng(1).poisson(np.mean(others), 3000)
    counts = np.bincount(drawn)
    told = sum(
        times * bool((gap := one(float(count), others)) and gap.kind)
        for count, times in enumerate(counts)
        if times
    )
    assert expected == pytest.approx(told / 3000, abs=0.01)


def test_the_strongest_come_first_and_five_at_most() -> None:
    every = {f"nb_{rank}": indicator(f"nb_{rank}") for rank in range(8)}
    frames = [lines(16 + 4 * rank, [4.0] * 20, name=f"nb_{rank}") for rank in range(8)]
    gaps = judge(pd.concat(frames), every)
    chosen = choose(gaps, list(every.values()))
    assert len(chosen) == portrait.MOST
    assert [g.strength for g in chosen] == sorted((g.strength for g in chosen), reverse=True)
    assert choose(gaps, [every["nb_3"]])[0].indicator == "nb_3"


@settings(max_examples=60)
@given(
    st.integers(0, 60),
    st.lists(st.integers(0, 60), min_size=10, max_size=20),
    st.integers(200, 30_000),
)
def test_what_is_told_is_far_and_not_noise(own: int, others: list[int], people: int) -> None:
    gap = one(float(own), [float(n) for n in others], people=float(people))
    assert gap is not None
    few = int(portrait.FARTHER * len(others))
    if gap.kind in ("more", "less"):
        assert gap.as_far <= few
        assert gap.chance < portrait.CHANCE
        assert (gap.own > gap.reference) == (gap.kind == "more")
    if gap.kind == "absent":
        assert own == 0
        assert all(others) or (sum(n == 0 for n in others) <= few and gap.chance < portrait.CHANCE)
    if gap.kind:
        text = str(sentence(gap, indicator()))
        assert text.endswith(".")
        assert "nan" not in text
    else:
        with pytest.raises(ValueError, match="nb_essai"):
            sentence(gap, indicator())


@given(st.integers(1, 40), st.integers(10, 20))
def test_a_town_like_the_others_is_said_nothing_of(count: int, known: int) -> None:
    gap = one(float(count), [float(count)] * known)
    assert gap is not None
    assert gap.kind == ""


def _told(name: str, strength: float, *subjects: str, theme: str = "culture") -> Gap:
    CHOSEN[name] = indicator(name, theme=theme, subjects=subjects)
    return replace(EMPTY, indicator=name, strength=strength, kind="more")


CHOSEN: dict[str, Indicator] = {}
EMPTY = Gap(
    indicator="", year=2018, count=4, own=1.0, known=20, others=(), reference=0.5, as_far=0,
    having=20, strength=0.0, total=40.0, share=0.05, dispersion=1.0, chance=0.001,
)  # fmt: skip


def test_of_one_subject_the_strongest_alone_is_told() -> None:
    CHOSEN.clear()
    gaps = [
        _told("partie", 2.0, "vent"),
        _told("total", 3.0, "vent", "soleil"),
        _told("autre_partie", 2.5, "soleil"),
        _told("sans_sujet", 1.0),
    ]
    told = choose(gaps, list(CHOSEN.values()))
    assert [gap.indicator for gap in told] == ["total", "sans_sujet"]


def test_what_is_told_first_comes_from_several_headings() -> None:
    CHOSEN.clear()
    gaps = [_told(f"c{rank}", 6.0) for rank in range(4)]
    gaps += [_told("s", 2.0, theme="soins"), _told("t", 9.0, theme="territoire")]
    gaps += [replace(_told("rien", 9.0), kind="")]
    assert [gap.indicator for gap in portrait.first(gaps, CHOSEN)] == ["c0", "c1", "s"]
    sure = [replace(gap, sure=gap.indicator == "c3") for gap in gaps]
    assert [gap.indicator for gap in portrait.first(sure, CHOSEN)] == ["c3", "c0", "s"]
    measured = [replace(gap, total=math.nan if gap.indicator == "s" else 40.0) for gap in sure]
    assert [gap.indicator for gap in portrait.first(measured, CHOSEN)] == ["c3", "s", "c0"]
    assert portrait.first(gaps[::-1], CHOSEN) == portrait.first(gaps, CHOSEN)


def test_a_town_is_judged_the_same_alone_and_among_many() -> None:
    """The arrays of many towns give what :func:`judge` gives of each."""
    rng = np.random.default_rng(4)
    own, others = rng.poisson(6, 40).astype(float), rng.poisson(4, (40, 20)).astype(float)
    people = np.full(40, 4000.0)
    among = portrait.Others.of(own / 4, others / 4, others, np.full((40, 20), 4000.0))
    found = portrait.standing(
        own / 4, among, counts=own, people=people, counted_too=np.ones(40, bool),
        in_points=np.zeros(40, bool), least=np.zeros(40), scale=np.full(40, 1000.0),
    )  # fmt: skip
    for place in range(40):
        gap = one(own[place], list(others[place]))
        assert gap is not None
        assert (gap.kind, gap.as_far) == (found.kind[place], found.as_far[place])
        assert gap.strength == pytest.approx(found.strength[place])


# --------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.8, "environ deux fois"),
        (2.5, "environ deux fois et demie"),
        (3.0, "environ trois fois"),
        (10.4, "environ dix fois"),
        (42.0, "au moins dix fois"),
    ],
)
def test_words_of_a_ratio(ratio: float, words: str) -> None:
    assert portrait.times_words(ratio) == words


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1.5, "consultations par an", "1,5\u00a0consultation par an"),
        (2.0, "consultations par an", "2,0\u00a0consultations par an"),
        (0.0, "lieux", "0,0\u00a0lieu"),
        (1.5, "kW par habitant", "1,5\u00a0kW par habitant"),
        (1.5, "% par an", "1,5\u00a0% par an"),
    ],
)
def test_a_unit_agrees_with_its_number(value: float, unit: str, written: str) -> None:
    assert portrait.measured(value, unit, 1) == written


@given(st.floats(0.001, 5000), st.floats(1.2, 50))
def test_two_values_said_different_are_written_differently(own: float, ratio: float) -> None:
    places = portrait.digits(own, own * ratio)
    assert number(own, places) != number(own * ratio, places)


NOUNS = [each for each in CATALOGUE.values() if each.noun]


@settings(max_examples=200)
@given(
    st.sampled_from(NOUNS),
    st.sampled_from(["more", "less", "present", "absent"]),
    st.integers(1, 400),
    st.floats(1.2, 30),
    st.integers(0, 3),
)
def test_every_noun_agrees_and_elides(
    each: Indicator, kind: Any, count: int, ratio: float, few: int
) -> None:
    reference = 2.0
    own = {"more": reference * ratio, "less": reference / ratio}.get(kind, 0.0)
    gap = Gap(
        indicator=each.id,
        year=2024,
        count=0 if kind == "absent" else count,
        own=own,
        known=20,
        others=(2.0,) * 20,
        reference=reference,
        as_far=few,
        having=20 - few if kind == "absent" else few,
        strength=3.0,
        total=40.0,
        share=0.05,
        dispersion=1.0,
        chance=0.001,
        kind=kind,
    )
    told = sentence(gap, each)
    text = str(told)
    assert each.noun is not None
    feminine = each.noun["gender"] == "f"
    assert text == typographic(text)
    assert "  " not in text
    assert text[0].isupper() or text[0].isdigit()
    assert text.endswith(".")
    assert not re.search(r"\bde [aàâeéèêiîoôuy]|\bd’[^aàâeéèêhiîoôuyœ]|\bque (aucune|une)\b", text)
    if kind == "absent":
        assert text.startswith("Aucune " if feminine else "Aucun ")
        assert each.noun["singular"] in text
        assert text.endswith("au moins une." if feminine else "au moins un.")
    elif kind == "present":
        assert each.noun["singular" if count == 1 else "plural"] in text
    else:
        assert f"{each.noun['plural']} " in told.claim
        assert ("plus" if kind == "more" else "moins") in told.claim
    if few == 1 and kind == "present":
        assert "une seule des 20 villes comparables en a au moins un" in text
    if few == 0 and kind == "present":
        assert "aucune des 20 villes comparables n’en a." in text


@pytest.mark.parametrize(
    ("own", "others", "words"),
    [
        (
            0.0,
            [3.0] * 20,
            "zéro ici en 2018, alors que chacune des 20 villes comparables le dépasse.",
        ),
        (3.0, [0.0] * 20, "en 2018, alors que les 20 villes comparables sont à zéro."),
        (9.0, [0.0] * 12 + [1.0] * 8, "en 2018, contre 0,0 pour la médiane des villes"),
    ],
)
def test_a_measure_against_zeros(own: float, others: list[float | None], words: str) -> None:
    km = amount(unit="km", label="Distance")
    (gap,) = judge(lines(own, others, name="part_essai"), {"part_essai": km})
    assert gap.kind
    assert words in str(sentence(gap, km))


# --------------------------------------------------------------------------- real towns


def told_of(code: str) -> Mapping[str, str]:
    gaps = judge(stories.lines_of(tables.load_town(code)), CATALOGUE)
    return {gap.indicator: str(sentence(gap, CATALOGUE[gap.indicator])) for gap in gaps if gap.kind}


@pytest.mark.parametrize("code", READ)
def test_sentences_read_by_hand_have_not_moved(code: str) -> None:
    told = told_of(code)
    assert told == READ[code]


def test_every_kind_of_sentence_was_read() -> None:
    text = json.dumps(READ, ensure_ascii=False)
    for words in (
        "Aucun ",
        "Aucune ",
        "n’en a",
        "fois plus d’",
        "fois moins de",
        "% de",
        "médiane",
    ):
        assert words in text


@pytest.mark.parametrize("code", READ)
def test_the_portrait_of_a_golden_town(code: str) -> None:
    town = tables.load_town(code)
    drawn = stories.draw(town)
    assert dict(drawn.facts)["Population"].startswith(number(town["pop_2023"]))
    assert len(drawn.comparables) == 20
    assert [part.title for part in drawn.parts] == list(portrait.THEMES)
    assert drawn.examined + sum(len(u.labels) for u in drawn.unknown) == len(stories.newest())
    assert str(drawn.examined) in stories.parts_sentence(drawn)
    assert "en moyenne" in stories.chance_sentence(drawn)
    assert stories.first_list(drawn).count("\n") == max(len(drawn.first) - 1, 0)
    assert len(stories.gaps_table(drawn)) == sum(len(part.told) for part in drawn.parts)
    for part in drawn.parts:
        assert part.apart <= part.examined
        assert len(part.told) == min(part.apart, portrait.MOST)
        story = stories.strips(drawn, part)
        assert (story is None) == (not part.told)
        if story:
            assert town["name"] in story.caption
            assert story.drawn["label"].nunique() == len(part.told)
            assert "nan" not in f"{story.caption} {story.alt}".lower().split()


def test_a_score_is_nowhere() -> None:
    text = stories.method().lower()
    assert "score" not in text
    assert "classement" not in text
