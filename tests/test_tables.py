"""The embedded tables: what the manifest says, golden values, and how a town is found.

The golden values were read by hand in the raw files (grep on the code), not computed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import tables
from utils.build import code_digest
from utils.catalogue import load_indicators_catalogue
from utils.errors import CatalogueError, TableError, TownAmbiguousError, TownNotFoundError

LIMIT_BYTES = 12 * 1024**2


def test_tables_are_those_of_the_manifest() -> None:
    assert tables.verify_tables() == []


def test_tables_were_built_by_this_code() -> None:
    codes = {entry["code"] for entry in tables.load_manifest()["tables"].values()}
    assert {code.partition("+")[2] for code in codes} == {code_digest()}, (
        "les tables datent d’un autre code : make data"
    )


def test_tables_are_small() -> None:
    assert sum(path.stat().st_size for path in tables.TABLES.iterdir()) < LIMIT_BYTES


def test_every_pvd_is_there_with_its_place() -> None:
    towns = tables.load_towns(pvd=True)
    assert len(towns) == 1646
    assert towns["code"].is_unique
    assert towns[["lon", "lat", "pop_2023"]].notna().all(axis=None)
    # An island outside every EPCI, by law (CGCT, L. 5210-1-1).
    assert towns.loc[towns["epci"].isna(), "name"].tolist() == ["L'Île-d'Yeu"]
    assert towns["code"].str.startswith("97").sum() == 35
    assert towns["pvd_signed"].isna().sum() == 58


#: code -> name, population 2023 (0 means unknown here), density level (0: not classed).
GOLDEN = {
    "46127": ("Gourdon", 4206, 5),
    "01306": ("Pont-de-Veyle", 1594, 5),
    "54397": ("Neuves-Maisons", 6524, 2),
    "30133": ("Le Grau-du-Roi", 8588, 4),
    "50076": ("Bréhal", 3487, 5),
    "2B096": ("Corte", 7819, 3),
    "97602": ("Bandraboua", 13989, 0),
    "01033": ("Valserhône", 16712, 2),
    "52247": ("Illoud", 191, 6),
    "97128": ("Sainte-Anne", 23973, 3),
}


@pytest.mark.parametrize("code", GOLDEN)
def test_golden_towns(code: str) -> None:
    name, population, density = GOLDEN[code]
    town = tables.load_town(code)
    assert town["name"] == name
    assert town["pvd"]
    assert town["pop_2023"] == population
    assert (0 if pd.isna(town["density"]) else town["density"]) == density


def test_smallest_and_largest_pvd() -> None:
    towns = tables.load_towns(pvd=True).set_index("code")["pop_2023"]
    assert towns.idxmin() == "52247"
    assert towns.idxmax() == "97128"


#: (code, indicator, year) -> value read in the raw file.
VALUES = {
    ("46127", "nb_boulangerie", 2009): 7,
    ("46127", "nb_boulangerie", 2018): 6,
    ("46127", "nb_boulangerie", 2024): 7,
    ("46127", "nb_restaurant", 2013): 19,
    ("46127", "nb_medecin_generaliste", 2024): 4,
    ("46127", "revenu_median", 2021): 21420,
    ("46127", "conso_electricite_residentiel", 2024): 13332.412,
    ("46127", "puissance_solaire", 2024): 1398.56,
    ("46127", "lits_touristiques", 2025): 323,
    ("46127", "creations_etablissements", 2021): 109,
    ("01306", "nb_boulangerie", 2009): 4,
    ("01306", "nb_restaurant", 2009): 0,
    ("01306", "nb_medecin_generaliste", 2024): 4,
    ("01306", "installations_solaires", 2024): 18,
    ("54397", "nb_restaurant", 2018): 17,
    ("54397", "part_logements_vacants", 2021): 100 * 276 / 3247,
    ("30133", "nb_restaurant", 2018): 140 + 107,
    ("30133", "nb_boulangerie", 2018): 16 + 7,
    ("30133", "part_residences_secondaires", 2021): 100 * 19480 / 24268,
    ("50076", "nb_restaurant", 2024): 21,
    ("50076", "revenu_median", 2021): 24170,
    ("2B096", "nb_restaurant", 2018): 50 + 19,
    ("2B096", "nb_boulangerie", 2024): 18,
    ("2B096", "puissance_solaire", 2024): 10096.07,
    ("97602", "nb_boulangerie", 2018): 4,
    ("97602", "nb_restaurant", 2024): 20,
    ("97602", "conso_electricite_total", 2024): 17226.0838,
    # Commune nouvelle of 2019: 01033, 01091 and 01205 are summed.
    ("01033", "nb_restaurant", 2018): (4 + 35 + 4 + 6 + 1) + 7 + 1,
    ("01033", "nb_boulangerie", 2009): 10 + 2,
    ("52247", "nb_boulangerie", 2018): 0,
    ("52247", "nb_restaurant", 2024): 1,
    ("97128", "nb_restaurant", 2009): 110,
    ("97128", "lits_touristiques", 2025): 869,
}

#: Values that are not known, and why.
UNKNOWN = {
    ("50076", "puissance_solaire", 2024): "absent",  # fewer than ten small installations
    ("97128", "revenu_median", 2021): "absent",  # Filosofi does not cover Guadeloupe
    ("97602", "apl_medecin_generaliste", 2023): "absent",
    ("2B096", "apl_infirmiere", 2023): "absent",
    ("97128", "carreaux_personnes", 2019): "absent",
    ("97602", "nb_boulangerie", 2009): "absent",  # the BPE did not survey Mayotte
    ("76095", "nb_boulangerie", 2013): "absent",  # Bihorel, then within Bois-Guillaume
}


@pytest.mark.parametrize(("key", "status"), UNKNOWN.items(), ids=str)
def test_golden_unknowns(key: tuple[str, str, int], status: str) -> None:
    code, indicator, year = key
    row = tables.load_indicators(indicator, codes=[code], years=[year]).iloc[0]
    assert row["status"] == status
    assert pd.isna(row["value"])


@pytest.mark.parametrize(("key", "value"), VALUES.items(), ids=str)
def test_golden_values(key: tuple[str, str, int], value: float) -> None:
    code, indicator, year = key
    row = tables.load_indicators(indicator, codes=[code], years=[year]).iloc[0]
    assert row["value"] == pytest.approx(value)
    assert row["status"] == ("zero" if value == 0 else "ok")


def test_every_indicator_of_the_catalogue_has_every_town_and_year() -> None:
    number = len(tables.load_towns())
    frame = tables.load_indicators()
    sizes = frame.groupby(["indicator", "year"]).size()
    expected = {(i.id, year) for i in load_indicators_catalogue().values() for year in i.years}
    assert set(sizes.index) == expected
    assert (sizes == number).all()


def test_missing_values_are_never_zero_and_zeros_are_said() -> None:
    frame = tables.load_indicators()
    known = frame["status"].isin(["ok", "zero"])
    assert frame.loc[known, "value"].notna().all()
    assert frame.loc[~known, "value"].isna().all()
    assert (frame.loc[frame["status"] == "zero", "value"] == 0).all()
    assert (frame.loc[frame["status"] == "ok", "value"] != 0).all()


def test_rate_is_the_value_over_the_population_of_the_year() -> None:
    row = tables.load_indicators("nb_boulangerie", codes=["46127"], years=[2018], rates=True).iloc[
        0
    ]
    population = tables.load_town("46127")["pop_2018"]
    assert row["rate"] == pytest.approx(1000 * row["value"] / population)
    plain = tables.load_indicators("revenu_median", codes=["46127"], rates=True)
    assert plain["rate"].isna().all()


def test_unknown_indicator_suggests_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="nb_boulangerie"):
        tables.load_indicators("nb_boulangeries")


# --------------------------------------------------------------------------- towns


@pytest.mark.parametrize(
    "query",
    ["46127", " 46127 ", "gourdon (46)", "GOURDON (46)", "Gourdon(46)"],
)
def test_a_town_is_found_whatever_the_typing(query: str) -> None:
    assert tables.load_town(query)["code"] == "46127"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("neuves maisons", "54397"),
        ("le grau du roi", "30133"),
        ("brehal", "50076"),
        ("1306", "01306"),
        ("st blin", "52444"),
        ("2b096", "2B096"),
    ],
)
def test_a_town_is_found_without_accents_or_zeros(query: str, code: str) -> None:
    assert tables.load_town(query)["code"] == code


def test_several_towns_of_that_name_are_listed() -> None:
    with pytest.raises(TownAmbiguousError, match=r"Gourdon \(46127\), Gourdon \(71222\)") as caught:
        tables.load_town("Gourdon")
    assert caught.value.matches == ("Gourdon (46127)", "Gourdon (71222)")


def test_no_town_of_that_name_suggests_the_nearest() -> None:
    with pytest.raises(TownNotFoundError, match="Gourdon") as caught:
        tables.load_town("Gordon")
    assert "Gourdon (46127)" in caught.value.suggestions


@given(st.text(max_size=40))
def test_any_text_finds_one_town_or_says_why_not(text: str) -> None:
    with contextlib.suppress(TownAmbiguousError, TownNotFoundError):
        assert len(tables.load_town(text)["code"]) == 5


# --------------------------------------------------------------------------- writing


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = tables.load_towns(pvd=True)
    for name in ("a", "b"):
        tables.write_parquet(frame, tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)
    assert {p.name for p in tmp_path.iterdir()} == {"a.parquet", "b.parquet"}


def test_a_changed_or_missing_table_is_a_fault(tmp_path: Path) -> None:
    for name in ("towns.parquet", "contours_departements.parquet"):
        shutil.copy(tables.TABLES / name, tmp_path / name)
    manifest = tables.load_manifest()
    manifest["tables"] = {
        name: manifest["tables"][name]
        for name in ("towns", "contours_departements", "contours_pvd")
    }
    tables.write_json(manifest, tmp_path / "manifest.json")
    with (tmp_path / "towns.parquet").open("ab") as stream:
        stream.write(b"x")
    faults = tables.verify_tables(tmp_path)
    assert len(faults) == 2
    assert "contours_pvd" in faults[0]
    assert "towns" in faults[1]


def test_a_manifest_that_is_missing_or_corrupt_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="n’existe pas"):
        tables.load_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(TableError, match="pvd data"):
        tables.load_manifest(tmp_path)


def test_manifest_tells_sources_and_their_checksums() -> None:
    text = (tables.TABLES / "manifest.json").read_text(encoding="utf-8")
    for entry in json.loads(text)["tables"].values():
        assert entry["rows"] > 0
        assert entry["sources"]
        assert all(len(source["sha256"]) == 64 for source in entry["sources"])
