"""The programme: a planted effect is recovered, a false one is not, trends are caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import programme
from utils.errors import TableError
from utils.stories import programme as story

YEARS = [2009, 2013, 2018, 2024]


def synthetic(
    *, effect: float = 0.0, trend: float = 0.0, n: int = 300, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Synthetic towns: ``n`` treated, each with three matched towns drawn among as many."""
    generator = np.random.default_rng(seed)
    treated, outside = [f"T{i:03d}" for i in range(n)], [f"C{i:03d}" for i in range(n)]
    level = generator.normal(3, 1, (2 * n, 1))
    values = level + generator.normal(0, 0.3, (2 * n, 4)) + np.array([0.0, 0.1, 0.3, -0.5])
    values[:n, 3] += effect
    values[:n] += trend * (np.array(YEARS) - 2018)
    matches = pd.DataFrame(
        {"code": np.repeat(treated, 3), "peer": generator.choice(outside, 3 * n)}
    ).drop_duplicates()
    return pd.DataFrame(values, index=[*treated, *outside], columns=YEARS), matches


def test_a_planted_effect_is_recovered_and_the_placebo_holds() -> None:
    study = programme.event_study(*synthetic(effect=0.4), base=2018).set_index("year")
    assert study.loc[2024, "low"] < 0.4 < study.loc[2024, "high"]
    assert study.loc[2024, "p"] < 0.001
    assert (study.loc[[2009, 2013], "p"] > 0.05).all()
    assert study.loc[2018, ["effect", "low", "high"]].tolist() == [0, 0, 0]
    assert programme.verdict(study.reset_index(), base=2018, p_after=0, p_before=0.9) == "ecart"


def test_the_interval_holds_the_truth_about_nineteen_times_in_twenty() -> None:
    held = 0
    for seed in range(60):
        last = programme.event_study(*synthetic(n=80, seed=seed), base=2018, draws=100).iloc[-1]
        held += last["low"] <= 0 <= last["high"]
    assert 52 <= held <= 60


def test_an_old_trend_is_not_taken_for_an_effect() -> None:
    study = programme.event_study(*synthetic(trend=0.05), base=2018)
    before = study.loc[study["year"] < 2018, "p"].min()
    assert before < 0.001
    assert programme.verdict(study, base=2018, p_after=0.0, p_before=before) == "tendances"


def test_a_gap_no_larger_than_those_before_is_not_an_effect() -> None:
    study = pd.DataFrame(
        {"year": [2013, 2018, 2024], "effect": [0.2, 0.0, 0.3], "low": [-0.3, 0.0, 0.15],
         "high": [0.7, 0.0, 0.45]}
    )  # fmt: skip
    assert programme.verdict(study, base=2018, p_after=0.001, p_before=0.5) == "tendances"
    assert programme.verdict(study, base=2018, p_after=0.2, p_before=0.5) == "rien"


def test_the_gap_by_hand() -> None:
    values = pd.DataFrame(
        {2018: [1.0, 2.0, 1.0, 1.0], 2024: [2.0, 2.0, 1.5, 1.0]}, index=["a", "b", "c", "d"]
    )
    matches = pd.DataFrame({"code": ["a", "a", "b"], "peer": ["c", "d", "d"]})
    study = programme.event_study(values, matches, base=2018, draws=20).set_index("year")
    # a: +1 against the mean of +0.5 and 0; b: 0 against 0
    assert study.loc[2024, "effect"] == pytest.approx((0.75 + 0) / 2)
    assert study.loc[2024, ["treated", "controls"]].tolist() == [2, 2]


def test_no_matched_town_is_an_error() -> None:
    values, _ = synthetic(n=3)
    with pytest.raises(TableError, match="appariée"):
        programme.event_study(
            values, pd.DataFrame({"code": ["T000"], "peer": ["absent"]}), base=2018
        )


def test_holm_by_hand() -> None:
    adjusted = programme.holm(pd.Series([0.01, 0.04, 0.03], index=["a", "b", "c"]))
    assert adjusted.to_dict() == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_helps_and_keeps_the_order(p: list[float]) -> None:
    raw = pd.Series(p)
    adjusted = programme.holm(raw)
    assert (adjusted >= raw - 1e-12).all()
    assert (adjusted <= 1).all()
    assert adjusted[raw.sort_values(kind="stable").index].is_monotonic_increasing


def test_matching_brings_towns_together_on_real_data() -> None:
    table = story.balance_table()
    assert table["Écart après"].abs().mean() < table["Écart avant"].abs().mean() / 2
    matches = story._matches()
    outside = story._allowed(far=False)
    assert outside[matches["peer"]].all()
    assert not outside.loc[outside].index.isin(story._treated()).any()


def test_the_chapter_says_what_was_found() -> None:
    assert {"nb_boulangerie", "nb_restaurant"} <= set(story.kinds())
    assert not {"nb_pharmacie", "nb_grande_surface"} & set(story.kinds())  # scopes that moved
    table = story.effects_table()
    assert len(table) == len(story.kinds())
    text = story.conclusion()
    assert "ne mesurent pas l’effet du programme" in text
    drawn = story.event_figure().drawn
    assert (drawn.loc[drawn["year"] == story.BASE, "value"] == 0).all()
    failed = story._apart_before()
    assert ("échoue" in story.placebo_sentence()) == bool(failed)
    assert not set(failed) & set(story._named("ecart"))
    assert len(story.sensitivity_table()) == len(table)
    assert "écart-type" in story.balance_sentence()
