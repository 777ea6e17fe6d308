"""Chains: folding a sign, matching it, hiding small counts, measuring the detector."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import brands, build, tables
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
        ("ORANGE", "10.71C", False),  # the gate: no bakery of that brand
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


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=7
    )
)
def test_no_small_cell_is_shown_nor_found_by_subtraction(rows: list[tuple[int, int, int]]) -> None:
    lines = [
        {"code": "00001", "famille": f"f{i}", "classe": name, "value": value}
        for i, row in enumerate(rows)
        for name, value in zip(brands.CLASSES, row, strict=True)
    ]
    total = pd.DataFrame(lines).groupby(["code", "classe"])["value"].sum().reset_index()
    frame = pd.concat([pd.DataFrame(lines), total.assign(famille=brands.TOTAL)])
    done = brands.hide_small(frame)
    shown = done[done["status"] != "secret"]
    assert not shown["value"].between(1, 2).any()
    assert done.loc[done["status"] == "secret", "value"].isna().all()
    for by in (["code", "famille"], ["code", "classe"]):
        for _, group in done.groupby(by):
            hidden = (group["status"] == "secret").sum()
            positive = (group["value"] > 0).sum()
            assert hidden != 1 or positive == 0


@given(st.integers(0, 50), st.integers(0, 50))
def test_wilson_holds_the_proportion(hits: int, more: int) -> None:
    low, high = brands.wilson(hits, hits + more)
    if hits + more:
        assert 0 <= low <= hits / (hits + more) + 1e-9
        assert hits / (hits + more) - 1e-9 <= high <= 1
    else:
        assert np.isnan(low)


def test_scores_of_a_detector() -> None:
    labelled = pd.DataFrame({
        "chain": [True, True, False, False], "found": [True, False, True, False],
        "famille": ["a", "a", "a", "b"],
    })  # fmt: skip
    scores = brands.detector_scores(labelled, by="famille").set_index("famille")
    assert scores.loc["ensemble", ["precision", "recall"]].tolist() == [0.5, 0.5]
    assert np.isnan(scores.loc["b", "precision"])


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


def test_the_labelled_signs_are_enough_and_hold_no_identifier() -> None:
    labelled = pd.read_csv(build.SIGNS, keep_default_na=False)
    assert len(labelled) >= 400
    assert list(labelled.columns) == ["enseigne", "naf", "etablissements", "chaine", "part"]
    assert set(labelled["chaine"]) == {"oui", "non", "incertain"}
    assert labelled["naf"].nunique() >= 50
    assert not labelled["enseigne"].str.contains(r"\d{9}").any()


def test_the_detector_is_precise() -> None:
    scores = tables.load_detector().set_index(["part", "famille"])
    assert scores.loc[("reglage", "ensemble"), "precision"] >= 0.97
    assert scores.loc[("reglage", "ensemble"), "recall"] >= 0.85
    assert scores.loc[("controle", "ensemble"), "precision"] >= 0.95


def test_the_shops_by_class_hide_small_cells() -> None:
    signs = tables.load_signs()
    assert not signs["value"].between(1, 2).any()
    assert set(signs["classe"]) == set(brands.CLASSES)
    assert signs["code"].str[:2].nunique() == 15
