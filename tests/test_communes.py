"""Codes and names of communes, and their passage to today's."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import communes as co
from utils.errors import LayoutError
from utils.readers import territory as te

NBSP = "\u00a0"


def codes(*values) -> pd.Series:
    return pd.Series(list(values))


# --------------------------------------------------------------------------- codes


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("01306", "01306"),
        ("1306", "01306"),
        (1306, "01306"),
        (1306.0, "01306"),
        ("1306.0", "01306"),
        ("1306.00", "01306"),
        (" 46127 ", "46127"),
        ("46 127", "46127"),
        (f"46127{NBSP}", "46127"),
        ("2a004", "2A004"),
        ("2b033", "2B033"),
        ("97424", "97424"),
        ("97801", "97801"),
        ("98735", "98735"),
        ("20004", "20004"),
        ("99999", "99999"),
    ],
)
def test_normalise_codes(written, expected):
    assert co.normalise_codes(codes(written), label="essai").tolist() == [expected]


def test_missing_codes_stay_missing():
    found = co.normalise_codes(codes("1306", None, "", " ", float("nan"), "nan"), label="essai")
    assert found.isna().tolist() == [False, True, True, True, True, True]
    assert co.normalise_codes(pd.Series([], dtype="str"), label="essai").empty


@pytest.mark.parametrize("wrong", ["1", "461270", "2C004", "00001", "96001", "Gourdon", "46127.5"])
def test_what_is_not_a_code_is_refused_and_named(wrong):
    with pytest.raises(LayoutError, match=rf"essai\.csv.*«{NBSP}{wrong}{NBSP}» \(1 ligne"):
        co.normalise_codes(codes("46127", wrong), label="essai.csv")


@settings(deadline=None)
@given(st.integers(1, 95).filter(lambda d: d != 20), st.integers(1, 999))
def test_lost_zeros_are_always_mended(departement, number):
    code = f"{departement:02d}{number:03d}"
    found = co.normalise_codes(codes(code, code.lstrip("0"), int(code)), label="")
    assert set(found) == {code}


def test_departements_of_codes():
    values = {"46127": "46", "2B033": "2B", "97424": "974", "98735": "987", "01306": "01"}
    assert {code: co.departement_of(code) for code in values} == values
    assert co.departements_of(codes(*values)).tolist() == list(values.values())


@pytest.mark.parametrize(
    ("code", "epsg"),
    [
        ("46127", 2154),
        ("2A247", 2154),
        ("01", 2154),
        ("97105", 5490),
        ("972", 5490),
        ("97701", 5490),
        ("97801", 5490),
        ("97302", 2972),
        ("97424", 2975),
        ("97502", 4467),
        ("97614", 4471),
        ("98735", 3297),
    ],
)
def test_local_epsg(code, epsg):
    assert co.local_epsg(code) == epsg
    assert co.overseas(code) is (epsg != 2154)


def test_a_territory_without_a_system_is_named():
    with pytest.raises(LayoutError, match="98411"):
        co.local_epsg("98411")


# --------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Gourdon", "gourdon"),
        ("  GOURDON ", "gourdon"),
        ("L'Haÿ-les-Roses", "l hay les roses"),
        ("L’Haÿ les roses", "l hay les roses"),
        ("L‐Haÿ\u00a0les–Roses", "l hay les roses"),
        ("St-Cirq-Lapopie", "saint cirq lapopie"),
        ("Saint-Cirq-Lapopie", "saint cirq lapopie"),
        ("Ste. Florence", "sainte florence"),
        ("Stes-Maries-de-la-Mer", "saintes maries de la mer"),
        ("Bréhal", "brehal"),
        ("Bre\u0301hal", "brehal"),
        ("Œuilly", "oeuilly"),
        ("Sœurdres", "soeurdres"),
        ("Mitry (77)", "mitry 77"),
        ("Estaing", "estaing"),
        ("", ""),
    ],
)
def test_fold_name(written, folded):
    assert co.fold_name(written) == folded


@settings(deadline=None)
@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text):
    once = co.fold_name(text)
    assert co.fold_name(once) == once


# --------------------------------------------------------------------------- passage


def cog(*rows: tuple[str, str, str | None, str | None]) -> pd.DataFrame:
    """Return a synthetic COG: code, kind, parent, former."""
    return pd.DataFrame(list(rows), columns=["code", "kind", "parent", "former"]).astype("str")


TODAY = cog(
    ("01001", "commune", None, None),
    ("01001", "deleguee", "01001", None),
    ("01002", "deleguee", "01001", "01009"),
    ("01003", "associee", "01001", None),
    ("01010", "commune", None, "01011|01012"),
    ("75056", "commune", None, None),
    ("75101", "arrondissement", "75056", None),
    ("94002", "commune", None, "75001"),
    ("2A004", "commune", None, "20004"),
    ("01020", "commune", None, None),
    ("01021", "commune", None, None),
)
BEFORE = cog(
    ("01002", "commune", None, None),
    ("01004", "deleguee", "01002", None),
    ("01005", "associee", "01004", None),
    ("01003", "deleguee", "01010", None),
    ("01020", "commune", None, None),
    ("01021", "deleguee", "01020", None),
    ("01030", "commune", None, None),
    ("01040", "deleguee", "01041", None),
    ("01041", "deleguee", "01040", None),
)


def test_passage_of_today():
    passage = co.build_passage(TODAY, [BEFORE])
    assert list(passage.columns) == ["old", "new", "reason"]
    assert passage["old"].is_unique
    assert passage["old"].is_monotonic_increasing
    found = passage.set_index("old")
    assert found.loc["01001"].tolist() == ["01001", "actuelle"]
    assert found.loc["01002"].tolist() == ["01001", "deleguee"]
    assert found.loc["01003"].tolist() == ["01001", "associee"], "today's link comes first"
    assert found.loc["75101"].tolist() == ["75056", "arrondissement"]
    assert found.loc["01012"].tolist() == ["01010", "ancienne"]
    assert found.loc["20004"].tolist() == ["2A004", "ancienne"]


def test_passage_follows_chains_across_versions():
    found = co.build_passage(TODAY, [BEFORE]).set_index("old")["new"]
    assert found["01009"] == "01001", "former code of a déléguée"
    assert found["01004"] == "01001", "déléguée of a commune that is a déléguée today"
    assert found["01005"] == "01001", "two steps in the older version"


def test_passage_leaves_out_what_leads_nowhere():
    found = co.build_passage(TODAY, [BEFORE]).set_index("old")["new"]
    assert "01030" not in found, "a commune that vanished without a link"
    assert "01040" not in found, "a loop"
    assert "75001" not in found, "a code of 1967, or a post code"


def test_restored_communes_are_listed():
    assert co.restored(TODAY, [BEFORE, BEFORE]).to_dict("list") == {
        "code": ["01021"],
        "within": ["01020"],
    }
    assert co.restored(TODAY, []).empty


def test_carry_sums_what_merged():
    passage = co.build_passage(TODAY, [BEFORE])
    frame = pd.DataFrame(
        {
            "code": ["01001", "01002", "01003", "01010", "01030", "99999", None],
            "kind": ["a", "a", None, "a", "a", "a", "a"],
            "count": pd.array([1, 2, 4, pd.NA, 16, 32, 64], dtype="Int64"),
            "mwh": [0.5, None, 1.0, None, 8.0, 1.5, 1.0],
        }
    )
    done, report = co.carry(
        frame, passage, by=["code", "kind"], sums=["count", "mwh"], label="essai"
    )
    rows = done.astype(object).where(done.notna(), None)
    assert rows.to_numpy().tolist() == [
        ["01001", "a", 3, 0.5],
        ["01001", None, 4, 1.0],
        ["01010", "a", None, None],
    ]
    assert report == co.CarryReport(
        label="essai",
        rows=6,
        carried=2,
        lost=2,
        lost_codes=("01030", "99999"),
        lost_sum=57.5,
        carried_codes=2,
        uncoded=1,
    )
    assert report.as_dict()["lost_codes"] == ["01030", "99999"]
    assert str(report).replace("\u202f", "~").replace(NBSP, "_") == (
        "essai_: 6_lignes, 2_anciens codes reportés sur la commune d’aujourd’hui (2_lignes),"
        " 2_lignes perdues (01030, 99999~; total_: 58) et 1_ligne sans code."
    )


def test_carry_of_nothing_loses_nothing():
    passage = co.build_passage(TODAY, [])
    empty = pd.DataFrame({"code": pd.Series([], dtype="str"), "n": pd.Series([], dtype="float64")})
    done, report = co.carry(empty, passage, by=["code"], sums=["n"], label="vide")
    assert done.empty
    assert (report.rows, report.lost, report.lost_sum) == (0, 0, 0.0)


def test_a_long_list_of_lost_codes_is_cut():
    passage = co.build_passage(TODAY, [])
    frame = pd.DataFrame({"code": [f"02{n:03d}" for n in range(1, 13)], "n": 0.0})
    _, report = co.carry(frame, passage, by=["code"], sums=["n"], label="essai")
    assert "02010…)" in str(report)
    assert "02011" not in str(report)


MEANS = pd.DataFrame(
    {
        "code": ["01001", "01002", "01003", "01010", "01012", "01020", "01030"],
        "share": [10.0, 40.0, None, 5.0, 7.0, 50.0, 1.0],
        "people": [300.0, 100.0, 50.0, None, 0.0, None, 1.0],
    }
)


def test_means_are_weighted():
    passage = co.build_passage(TODAY, [BEFORE])
    done, report = co.carry_means(
        MEANS, passage, by=["code"], means=["share"], weight="people", label="parts"
    )
    found = done.set_index("code")["share"]
    assert found["01001"] == pytest.approx((10 * 300 + 40 * 100) / 400)
    assert pd.isna(found["01010"]), "no weight at all: the mean is unknown"
    assert found["01020"] == 50, "alone: its value, whatever its weight"
    assert list(done.columns) == ["code", "share"]
    assert (report.carried, report.lost, report.lost_codes) == (3, 1, ("01030",))


def test_without_a_weight_only_todays_codes_stay():
    passage = co.build_passage(TODAY, [BEFORE])
    done, report = co.carry_means(MEANS, passage, by=["code"], means=["share"], label="niveaux")
    assert done["code"].tolist() == ["01001", "01010", "01020"]
    assert done["share"].tolist() == [10.0, 5.0, 50.0]
    assert (report.carried, report.lost) == (0, 4)
    assert report.lost_codes == ("01002", "01003", "01012", "01030")


# --------------------------------------------------------------------------- real files

OLDER = ("0.7.0", "1.1.1", "2.3.1", "4.1.0")


@pytest.fixture(scope="module")
def real(mirror):
    """Return today's COG and the older ones, of the mirror."""
    folder = mirror / "decoupage-administratif"
    current, *older = (
        te.read_cog_communes(folder / version / "communes.json") for version in ("6.0.0", *OLDER)
    )
    return current, older


@pytest.mark.mirror
def test_every_known_code_reaches_a_commune_of_today(real):
    current, older = real
    passage = co.build_passage(current, older)
    today = set(current.loc[current["kind"] == "commune", "code"])
    assert set(passage["new"]) == today
    for frame in [current, *older]:
        assert set(frame["code"]) <= set(passage["old"])
    found = passage.set_index("old")["new"]
    assert found["01091"] == "01033", "Châtillon-en-Michaille is in Valserhône"
    assert found["49069"] == "49126", "Orée d’Anjou changed its chief town, and its code"
    assert found["12076"] == "12218", "Conques-en-Rouergue too"
    assert found["75101"] == "75056"
    assert found["69381"] == "69123"
    assert found["98511"] == "97616", "Mayotte before it was a département"
    assert "75001" not in found


@pytest.mark.mirror
def test_every_pvd_is_a_commune_of_today(real, mirror):
    current, _ = real
    pvd = te.read_programme(next((mirror / "pvd").glob("*.csv")))
    assert set(pvd["code"]) <= set(current.loc[current["kind"] == "commune", "code"])


@pytest.mark.mirror
def test_real_communes_restored_after_a_merger(real):
    found = co.restored(*real).set_index("code")["within"].to_dict()
    assert found == {
        "14666": "14712",  # Sannerville, in Troarn (Saline)
        "15031": "15141",  # Celles, in Neussargues
        "15035": "15141",
        "15047": "15141",
        "15171": "15141",
        "60694": "60054",  # Les Hauts-Talican, then under the code of Beaumont-les-Nonains
        "85165": "85084",  # L’Oie, in Les Essarts
        "85212": "85084",
    }


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("year", "codes_carried", "equipments"),
    [("09", 1704, 1_882_591), ("13", 1746, 2_176_957), ("18", 509, 2_504_782)],
)
def test_no_equipment_of_the_old_bpe_is_lost(real, mirror, year, codes_carried, equipments):
    path = mirror / "bpe-ensemble" / f"bpe{year}_ensemble_csv.zip"
    raw = pd.read_csv(path, sep=";", dtype={"DEPCOM": "str"}, usecols=["DEPCOM", "NB_EQUIP"])
    frame = raw.rename(columns={"DEPCOM": "code", "NB_EQUIP": "count"})
    done, report = co.carry(
        frame, co.build_passage(*real), by=["code"], sums=["count"], label=f"BPE 20{year}"
    )
    assert (report.carried_codes, report.lost) == (codes_carried, 0)
    assert int(done["count"].sum()) == equipments == int(frame["count"].sum())
