"""Chains: folding a sign, matching it, hiding small counts, measuring the detector."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utils import brands, build, sources, tables
from utils.build.commerce import ELSEWHERE, draw_control
from utils.build.workshop import Workshop
from utils.errors import LayoutError


@pytest.fixture(scope="module")
def real() -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables.load_brands(), tables.load_naf()


@pytest.mark.parametrize(
    ("sign", "folded"),
    [
        ("S.A.R.L. CHAUSS'EXPO", "chauss expo"),
        ("E.LECLERC", "e leclerc"),
        ("Épicerie  Ô-Délices", "epicerie o delices"),
        (None, ""),
        (float("nan"), ""),
        ("SARL", ""),
    ],
)
def test_a_sign_is_folded(sign: object, folded: str) -> None:
    assert brands.fold_sign(sign) == folded


@given(st.text(max_size=5000))
def test_any_text_is_folded_once_for_all(text: str) -> None:
    folded = brands.fold_sign(text)
    assert brands.fold_sign(folded) == folded or len(text) > brands.LONGEST


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_any_sign_gets_an_answer(real: tuple[pd.DataFrame, pd.DataFrame], texts: list[str]) -> None:
    known, gate = real
    some = known[known["value"] == "supermarket"]
    found = brands.match_signs(
        pd.DataFrame({"sign": texts, "naf": "47.11D"}), some, gate[gate["naf"] == "47.11D"]
    )
    assert len(found) == len(texts)


@pytest.mark.parametrize(
    ("sign", "naf", "chain"),
    [
        ("INTERMARCHE SUPER", "47.11D", True),
        ("CARREFOUR CONTACT", "47.11C", True),
        ("CENTRE LECLERC", "47.11F", True),
        ("STATION SUPER U", "47.30Z", True),
        ("MC DONALD'S", "56.10C", True),
        ("PEUGEOT - CITROEN", "45.20A", True),
        ("MAG PRESS", "47.62Z", True),
        ("BUT", "47.59A", True),
        ("ORANGE", "47.42Z", True),
        ("CHAUSS'EXPO", "47.72A", True),
        ("TOUPARGEL", "47.11A", True),
        ("JARDIVAL", "47.76Z", True),
        ("L'ATELIER", "96.02A", False),  # a brand elsewhere, no chain of hairdressers
        ("CASA", "56.10A", False),
        ("ESPRIT", "56.30Z", False),
        ("BOULANGERIE DU CENTRE", "10.71C", False),
        ("JULES", "47.71Z", True),  # a first name, alone, under the activity of the brand
        ("JULES COIFFURE", "96.02A", False),
        ("ESPRIT", "47.71Z", True),
        ("L'ATELIER", "56.10A", False),
        ("STATION SERVICE", "47.30Z", False),
        ("CLUB BOUYGUES TELECOM", "47.42Z", True),
        ("AGENT RENAULT", "45.20A", True),
        ("SALSA MASALA", "47.71Z", False),
        ("ORANGE", "10.71C", False),  # the gate: no bakery of that brand
        ("CAFE DE LA PLACE", "56.10A", False),  # names too common to be a brand
        ("SMART AUTO", "45.20A", False),
        ("AUGUSTINE", "56.30Z", False),  # a feminine, not a mistake
        ("LA PANETIERE AUX SAVEURS", "10.71B", False),
        ("CHINA WOK", "56.10A", False),
        ("AMBIANCE ET STYLE", "47.59B", True),
        ("PAPETERIE CALIPAGE", "47.62Z", True),  # a brand at the end
        ("TOUT FAIRE PERE ET FILS", "45.20A", False),
        ("STATION D'ESSENCE", "47.30Z", False),
        ("GARAGE DU MIDI", "45.20A", False),
    ],
)
def test_known_signs(
    sign: str, naf: str, chain: bool, real: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    found = brands.match_signs(pd.DataFrame({"sign": [sign], "naf": [naf]}), *real)
    assert found.notna().iloc[0] == chain


def test_the_name_of_the_commune_does_not_hide_a_brand(
    real: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    shops = pd.DataFrame({"sign": ["GOURDON BRICO CASH"], "naf": "47.52B", "place": "Gourdon"})
    assert brands.match_signs(shops, *real).notna().all()


@given(st.text("abcdef", min_size=1, max_size=8), st.integers(0, 8), st.sampled_from("xyz"))
def test_one_letter_apart(word: str, where: int, letter: str) -> None:
    where = min(where, len(word))
    for other in (
        word[:where] + letter + word[where:],
        word[:where] + word[where + 1 :],
        word[:where] + letter + word[where + 1 :],
    ):
        assert brands.one_letter_apart(word, other)
        assert brands.one_letter_apart(other, word)
    assert not brands.one_letter_apart(word, "xyz" + word)


INDEX = {
    "nsi": {
        "brands/shop/shoes": {
            "items": [
                {
                    "displayName": "Chausse",
                    "locationSet": {"include": ["fr-occ.geojson"]},
                    "matchNames": ["chausse plus"],
                    "tags": {"brand": "Chaussé", "brand:wikidata": "Q1", "name": "Chaussé"},
                },
                {
                    "displayName": "Elsewhere",
                    "locationSet": {"include": ["001"], "exclude": ["fr"]},
                    "tags": {"brand": "Elsewhere"},
                },
                {
                    "displayName": "Лента",
                    "locationSet": {"include": ["001"]},
                    "tags": {"brand": "Лента"},
                },
            ]
        },
        "operators/shop/shoes": {"items": []},
    }
}


def test_the_index_is_reduced_to_france() -> None:
    frame = brands.extract_brands(json.loads(json.dumps(INDEX)))
    assert frame.to_dict("records") == [
        {
            "brand": "Chaussé",
            "wikidata": "Q1",
            "key": "shop",
            "value": "shoes",
            "names": "chausse|chausse plus",
            "scope": "fr",
        }
    ]


@pytest.mark.parametrize("wrong", [{}, [], {"nsi": []}])
def test_another_file_is_refused(wrong: object) -> None:
    with pytest.raises(LayoutError, match="name-suggestion-index"):
        brands.extract_brands(wrong)  # type: ignore[arg-type]


def synthetic_shops() -> pd.DataFrame:
    return pd.DataFrame({
        "siren": ["1", "2", "3", *["4"] * 5, "5", "6"],
        "code": "00001",
        "naf": ["47.11D", "47.11D", "47.11D", *["10.71C"] * 5, "01.11Z", "47.72A"],
        "sign": ["SUPER U", None, "CHEZ LEO", *[None] * 5, "SUPER U", None],
        "usual_name": [None, None, None, *[None] * 5, None, "ERAM"],
    })  # fmt: skip


def test_the_three_classes_partition_the_shops(real: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    classed = brands.classify(synthetic_shops(), *real)
    assert classed["classe"].tolist() == [
        "chaine", "sans_enseigne", "aucune_detectee", *["chaine"] * 5, "chaine",
    ]  # fmt: skip
    counts = brands.count_classes(classed)
    total = counts[counts["famille"] == brands.TOTAL]["value"].sum()
    assert total == len(classed) == counts[counts["famille"] != brands.TOTAL]["value"].sum()


def test_the_brand_of_openstreetmap_counts(real: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    shops = synthetic_shops().assign(osm_brand=[None, None, "Réseau", *[None] * 7])
    assert brands.classify(shops, *real)["classe"].iloc[2] == "chaine"


def published(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    """Return a synthetic town as it is published: a line a family, and the total."""
    lines = [*rows, tuple(np.sum(rows, axis=0))]
    names = [*(f"f{i}" for i in range(len(rows))), brands.TOTAL]
    return brands.hide_small(
        pd.DataFrame(
            [
                {"code": "00001", "famille": name, "classe": classe, "value": value}
                for name, line in zip(names, lines, strict=True)
                for classe, value in zip(brands.CLASSES, line, strict=True)
            ]
        )
    )


def possible(
    sizes: list[int], columns: tuple[int, ...] | None
) -> list[tuple[tuple[int, ...], ...]]:
    """List every table of three classes with these sums of lines, and of columns if known."""
    lines = [
        [(a, b, size - a - b) for a in range(size + 1) for b in range(size + 1 - a)]
        for size in sizes
    ]
    return [
        table
        for table in itertools.product(*lines)
        if columns is None or tuple(map(sum, zip(*table, strict=True))) == columns
    ]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=3
    )
)
@example([(1, 1, 4), (0, 4, 0)])  # hidden alone, a line would be found by subtraction
@example([(1, 3, 0), (1, 3, 0)])
@example([(1, 0, 0), (2, 0, 0)])  # both of one class: the margins tell all
def test_no_small_cell_can_be_found_by_who_knows_all_the_totals(
    rows: list[tuple[int, int, int]],
) -> None:
    done = published(rows)
    assert not done.loc[done["status"] != "secret", "value"].between(1, 2).any()
    assert done.loc[done["status"] == "secret", "value"].isna().all()
    secret = done.pivot(index="famille", columns="classe", values="status") == "secret"
    assert (secret.all(axis=1) == secret.any(axis=1)).all()
    kept = [row for i, row in enumerate(rows) if secret.loc[f"f{i}"].all()]
    if not kept:
        return
    columns = None if secret.loc[brands.TOTAL].all() else tuple(map(sum, zip(*kept, strict=True)))
    tables_left = possible([sum(row) for row in kept], columns)
    for line, row in enumerate(kept):
        for column, value in enumerate(row):
            if 1 <= value <= 2:
                assert len({table[line][column] for table in tables_left}) > 1


@given(st.lists(st.floats(1, 50), max_size=20), st.lists(st.floats(1, 50), min_size=1, max_size=20))
def test_the_bounds_of_a_rare_sum_hold_it(met: list[float], others: list[float]) -> None:
    events = pd.Series(met, dtype=float)
    low, high = brands.rare_sum(events, pd.Series([*met, *others]))
    assert 0 <= low <= events.sum() < high
    assert brands.rare_sum(events, pd.Series(dtype=float)) == (events.sum(), events.sum())


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (20, 12.217, 30.888)],
)
def test_with_equal_weights_the_bounds_are_those_of_poisson(
    events: int, low: float, high: float
) -> None:
    found = brands.rare_sum(pd.Series([1.0] * events), pd.Series([1.0] * 50))
    assert found == pytest.approx((low, high), abs=1e-3)  # Garwood (1936)


def test_scores_of_a_detector() -> None:
    labelled = pd.DataFrame({
        "chain": [True, True, False, False], "found": [True, False, True, False],
        "famille": ["a", "a", "a", "b"],
    })  # fmt: skip
    scores = brands.detector_scores(labelled, by="famille").set_index("famille")
    assert scores.loc["ensemble", ["precision", "recall"]].tolist() == [0.5, 0.5]
    assert scores.loc["ensemble", ["recall_low", "recall_high"]].tolist() == [0.5, 0.5]
    assert np.isnan(scores.loc["b", "precision"])


def test_the_doubtful_are_apart_and_tell_the_worst() -> None:
    labelled = pd.DataFrame({
        "chain": [True, True, False, False], "found": [True, False, True, False],
        "doubtful": [False, False, True, True], "famille": "a",
    })  # fmt: skip
    scores = brands.detector_scores(labelled, by="famille").iloc[-1]
    assert scores[["signs", "doubtful"]].tolist() == [2, 2]
    assert scores[["precision", "precision_worst"]].tolist() == [1.0, 0.5]
    assert scores["recall"] == 0.5
    assert scores["recall_worst"] == pytest.approx(1 / 3)


# --------------------------------------------------------------------------- the real lists


def test_every_activity_has_a_family_and_kinds_of_places() -> None:
    naf = tables.load_naf()
    assert naf["naf"].is_unique
    assert set(naf["famille"]) <= {
        "alimentaire", "restauration", "equipement_personne", "equipement_maison",
        "culture_loisirs", "services", "automobile",
    }  # fmt: skip
    assert naf["osm"].str.fullmatch(r"[a-z]+=[a-z_*-]+(\|[a-z]+=[a-z_*-]+)*").all()


def test_the_supplement_says_where_each_brand_comes_from() -> None:
    supplement = pd.read_csv(tables.DATA / "brands_supplement.csv", keep_default_na=False)
    assert supplement["source"].str.len().min() > 20
    assert (supplement["names"] != "").all()
    weak = ~supplement["source"].str.contains("dans (?:[2-9]|1[0-9]) départements")
    judged = supplement["source"].str.contains("jugement de l’auteur")
    assert (judged == weak).all()  # a name met in one département proves no chain
    assert {"Toupargel", "Jardival"} <= set(supplement["brand"])
    assert {"But", "Orange", "Chaussexpo"} <= set(tables.load_brands()["brand"])


def test_the_labelled_signs_are_enough_and_hold_no_identifier() -> None:
    labelled = pd.read_csv(build.SIGNS, keep_default_na=False)
    assert len(labelled) >= 400
    assert list(labelled.columns) == [
        "enseigne", "naf", "etablissements", "chaine", "part", "strate", "poids", "raison",
    ]  # fmt: skip
    assert set(labelled["chaine"]) == {"oui", "non", "incertain"}
    assert labelled["naf"].nunique() >= 50
    assert not labelled["enseigne"].str.contains(r"\d{9}").any()
    pairs = labelled.assign(folded=labelled["enseigne"].map(brands.fold_sign))
    tuning = pairs[pairs["part"] == "reglage"]
    control = pairs[pairs["part"] == "controle"]
    again = control.merge(tuning, on=["folded", "naf"])
    assert again.empty
    elsewhere = control["strate"] == ELSEWHERE
    assert control["folded"].isin(tuning["folded"]).equals(elsewhere)
    assert set(control["strate"]) == {*brands.STRATA, ELSEWHERE}
    assert pd.to_numeric(control["poids"]).ge(1).all()
    assert (labelled.loc[labelled["part"] == "reglage", "poids"] == "").all()


def test_brands_are_written_again_from_the_index(tmp_path: Path) -> None:
    index = tmp_path / "nsi.json"
    index.write_text(json.dumps(INDEX), encoding="utf-8")
    target = tmp_path / "brands.csv"
    assert build.refresh_brands(fetch=lambda _: index, path=target) == 1
    assert pd.read_csv(target)["brand"].tolist() == ["Chaussé"]
    index.write_text("{", encoding="utf-8")
    with pytest.raises(LayoutError, match="JSON"):
        build.refresh_brands(fetch=lambda _: index, path=target)


def test_the_detector_is_precise() -> None:
    scores = tables.load_detector().set_index(["part", "famille"])
    for part in ("reglage", "controle", "pvd"):
        whole = scores.loc[(part, "ensemble")]
        assert whole["precision"] >= 0.97
        assert whole["recall"] >= 0.85
    assert scores.loc[("pvd", "ensemble"), ["precision_worst", "recall_low"]].ge([0.97, 0.85]).all()
    new = scores.loc[("neuves", "ensemble")]
    assert new["precision"] >= 0.9
    assert new["recall"] >= 0.7
    assert new["doubtful"] >= 1
    labelled = scores.xs("ensemble", level="famille")[["signs", "doubtful"]].sum(axis=1)
    assert labelled["controle"] >= (labelled["controle"] + labelled["reglage"]) / 3


@pytest.mark.mirror
def test_the_control_is_that_of_its_draws(mirror: Path) -> None:
    shop = Workshop(lambda name: sources.fetch(name, mirror=str(mirror), offline=True))
    drawn = draw_control(shop).set_index(["enseigne", "naf"])
    labelled = pd.read_csv(build.SIGNS, dtype=str, keep_default_na=False)
    kept = labelled[labelled["part"] == "controle"].set_index(["enseigne", "naf"])
    drawn = drawn.loc[kept.index]
    assert drawn["strate"].equals(kept["strate"].astype(drawn["strate"].dtype))
    assert drawn["etablissements"].tolist() == kept["etablissements"].tolist()
    assert pd.to_numeric(kept["poids"]).to_numpy() == pytest.approx(drawn["poids"], abs=1e-4)


def test_the_shops_by_class_hide_small_cells() -> None:
    signs = tables.load_signs()
    assert not signs["value"].between(1, 2).any()
    assert set(signs["classe"]) == set(brands.CLASSES)
    assert signs["code"].str[:2].nunique() == 15


def test_signs_are_drawn_by_stratum_with_their_weights(
    real: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    shops = pd.DataFrame({
        "siren": [str(i) for i in range(203)], "code": "00001", "naf": "47.11D",
        "sign": ["SUPER U", "LIDL", "CHEZ LIDL ET LEO", *(f"COMMERCE {i}" for i in range(200))],
        "usual_name": None,
    })  # fmt: skip
    classed = brands.classify(shops, *real)
    shares = {"annoncee": (1.0, 5), "proche": (0.4, 2), "autre": (0.04, 2)}
    drawn = brands.draw_signs(classed, real[0], seen=["Super U"], seed=1, shares=shares)
    assert "SUPER U" not in set(drawn["enseigne"])
    assert drawn.groupby("strate").size().to_dict() == {"annoncee": 1, "autre": 8, "proche": 1}
    assert drawn["poids"].sum() == pytest.approx(202)
    again = brands.draw_signs(
        classed.sample(frac=1), real[0], seen=["Super U"], seed=1, shares=shares
    )
    assert again.equals(drawn)


def test_a_missed_chain_weighs_the_shops_it_stands_for() -> None:
    labelled = pd.DataFrame({
        "chain": [True, True, True, False], "found": [True, True, False, False],
        "famille": "a", "weight": [1.0, 1.0, 4.0, 4.0], "shops": [1, 1, 2, 1],
    })  # fmt: skip
    scores = brands.detector_scores(labelled, by="famille").set_index("famille").loc["ensemble"]
    assert scores["recall"] == pytest.approx(0.2)
    assert scores["chains"] == 3
    assert scores["recall_low"] < 0.2 < scores["recall_high"]
    low, high = brands.rare_sum(pd.Series([8.0]), pd.Series([8.0, 4.0]))
    assert scores["recall_low"] == pytest.approx(2 / (2 + high))
    assert scores["recall_high"] == pytest.approx(2 / (2 + low))


def test_generic_names_are_no_brand_and_say_why() -> None:
    generic = pd.read_csv(tables.DATA / "brands_generic.csv", keep_default_na=False)
    assert generic["name"].is_unique
    assert generic["raison"].str.len().min() > 8
    assert not set("|".join(tables.load_brands()["names"]).split("|")) & set(generic["name"])
