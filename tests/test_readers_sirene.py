"""Readers of the national files: Sirene (stock, history) and the located BPE, in Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from utils import brands, tables
from utils.errors import LayoutError
from utils.readers import equipment, sirene

TOWN, OTHER = "46127", "75056"
SHOPS = ["47.11D", "10.71C"]

#: siren, nic, commune, state, activity, sign, usual name, creation.
STOCK = [
    ("100000001", "00011", TOWN, "A", "47.11D", "SUPER U", None, date(2012, 3, 1)),
    ("100000002", "00012", TOWN, "A", "10.71C", None, "AU BON PAIN", date(2020, 1, 2)),
    ("100000003", "00013", TOWN, "A", "10.71C", "[ND]", "[ND]", date(2020, 5, 6)),
    ("100000004", "00014", TOWN, "F", "10.71C", "FERMEE", None, date(2010, 7, 8)),
    ("100000005", "00015", TOWN, "A", "01.11Z", "UN CHAMP", None, date(2020, 9, 1)),
    ("100000006", "00016", TOWN, "A", "10.71C", "  ", None, None),
    *[("100000006", f"0{n}", OTHER, "A", "10.71C", None, None, None) for n in range(1000, 1006)],
    ("100000007", "00017", TOWN, "A", "10.71C", None, None, date(2020, 11, 3)),
    ("100000007", "00025", TOWN, "A", "10.71C", None, None, date(2020, 12, 3)),
]

#: siret, beginning, state, change of state, activity.
HISTORY = [
    ("10000000400014", date(2010, 7, 8), "A", False, "10.71C"),
    ("10000000400014", date(2015, 2, 3), "F", True, "10.71C"),
    ("10000000400014", date(2016, 2, 3), "A", True, "47.11D"),
    ("10000000400014", date(2017, 2, 3), "A", False, "10.71C"),  # a new sign, still open
    ("10000000400014", date(2018, 2, 3), "F", True, None),  # activity of the stock
    ("10000000500015", date(2021, 2, 3), "F", True, "01.11Z"),
    ("10000000600016", date(2005, 2, 3), "F", True, "10.71C"),  # before the nomenclature
    ("99999999900099", date(2018, 2, 3), "F", True, "10.71C"),  # of another town
]


def synthetic_stock(tmp_path: Path, *, without: str = "") -> Path:
    names = [
        "siren", "nic", "codeCommuneEtablissement", "etatAdministratifEtablissement",
        "activitePrincipaleEtablissement", "enseigne1Etablissement",
        "denominationUsuelleEtablissement", "dateCreationEtablissement",
    ]  # fmt: skip
    frame = pd.DataFrame(STOCK, columns=names)
    frame.insert(2, "siret", frame["siren"] + frame["nic"])
    path = tmp_path / "StockEtablissement_utf8.parquet"
    frame.drop(columns=[without] if without else []).to_parquet(path)
    return path


def synthetic_history(tmp_path: Path, *, flags_as_text: bool = False) -> Path:
    names = [
        "siret", "dateDebut", "etatAdministratifEtablissement",
        "changementEtatAdministratifEtablissement", "activitePrincipaleEtablissement",
    ]  # fmt: skip
    frame = pd.DataFrame(HISTORY, columns=names)
    if flags_as_text:
        frame[names[3]] = frame[names[3]].map({True: "true", False: "false"})
        frame["dateDebut"] = frame["dateDebut"].astype(str)
    path = tmp_path / "StockEtablissementHistorique_utf8.parquet"
    frame.to_parquet(path)
    return path


def read(path: Path, codes: Sequence[str] = (TOWN,)) -> pd.DataFrame:
    return sirene.read_shop_signs(path, codes=codes, activities=SHOPS)


def test_signs_are_counted_for_the_active_shops_of_the_towns(tmp_path: Path) -> None:
    frame = read(synthetic_stock(tmp_path))
    assert frame["shops"].sum() == 6  # neither the closed one nor the field
    assert set(frame["code"]) == {TOWN}
    signs = frame.dropna(subset="sign").set_index("sign")
    assert signs["shops"].to_dict() == {"SUPER U": 1}
    assert frame["usual_name"].dropna().tolist() == ["AU BON PAIN"]


def test_the_size_of_a_company_is_that_of_the_whole_file(tmp_path: Path) -> None:
    blank = read(synthetic_stock(tmp_path))
    blank = blank[blank["sign"].isna() & blank["usual_name"].isna()]
    # [ND]: alone; two shops of one company in town; one of a company with six elsewhere.
    assert blank.set_index("siren_size")["shops"].to_dict() == {1: 1, 2: 2, 5: 1}


def test_the_counts_go_through_the_detector(tmp_path: Path) -> None:
    classed = brands.classify(
        read(synthetic_stock(tmp_path)), tables.load_brands(), tables.load_naf()
    )
    counts = brands.count_classes(classed)
    total = counts[counts["famille"] == brands.TOTAL].set_index("classe")["value"]
    assert total.to_dict() == {"chaine": 2, "aucune_detectee": 1, "sans_enseigne": 3}


def test_reading_signs_gives_the_same_counts_as_the_whole_mirror(mirror: Path) -> None:
    path = mirror / "sirene" / "StockEtablissement_utf8.parquet"
    codes, naf = ["46127", "2B096", "04112"], tables.load_naf()
    stock = equipment.read_sirene_etablissements(path)
    slow = brands.classify(stock, tables.load_brands(), naf)
    slow = brands.count_classes(slow[slow["code"].isin(codes)])
    quick = sirene.read_shop_signs(path, codes=codes, activities=list(naf["naf"]))
    quick = brands.count_classes(brands.classify(quick, tables.load_brands(), naf))
    assert quick["value"].sum() > 200
    pd.testing.assert_frame_equal(quick, slow)


def test_no_town_asked_gives_no_line(tmp_path: Path) -> None:
    assert read(synthetic_stock(tmp_path), codes=[]).empty


@pytest.mark.parametrize("code", ["46127' OR '1'='1", "'; DROP TABLE x; --", "%", "*", "\x00"])
def test_a_code_is_a_value_never_a_part_of_the_query(tmp_path: Path, code: str) -> None:
    assert read(synthetic_stock(tmp_path), codes=[code]).empty


@pytest.mark.parametrize("folder", ["l'été", "a*b", "a[0-9]b", "a?b", "x'); SELECT 1; --"])
def test_a_path_is_a_value_never_a_pattern(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    assert read(synthetic_stock(place))["shops"].sum() == 6


@pytest.mark.parametrize("flags_as_text", [False, True])
def test_movements_by_year_and_activity(tmp_path: Path, flags_as_text: bool) -> None:
    frame = sirene.read_movements(
        synthetic_stock(tmp_path),
        synthetic_history(tmp_path, flags_as_text=flags_as_text),
        codes=[TOWN],
        activities=SHOPS,
    )
    found = {
        (row.naf, row.year): (row.creations, row.closures, row.reopenings)
        for row in frame.itertuples()
    }
    assert found == {
        ("47.11D", 2012): (1, 0, 0),
        ("10.71C", 2010): (1, 0, 0),
        ("10.71C", 2015): (0, 1, 0),
        ("47.11D", 2016): (0, 0, 1),
        ("10.71C", 2018): (0, 1, 0),
        ("10.71C", 2020): (4, 0, 0),
    }


def test_movements_keep_the_years_asked(tmp_path: Path) -> None:
    frame = sirene.read_movements(
        synthetic_stock(tmp_path), synthetic_history(tmp_path), codes=[TOWN],
        activities=SHOPS, first=2015, last=2016,
    )  # fmt: skip
    assert frame["year"].tolist() == [2015, 2016]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = synthetic_stock(tmp_path, without="enseigne1Etablissement")
    with pytest.raises(LayoutError, match="enseigne1Etablissement"):
        read(path)


def test_a_company_that_is_no_number_is_a_fault_of_layout(tmp_path: Path) -> None:
    path = synthetic_stock(tmp_path)
    pd.read_parquet(path).assign(siren="SIREN").to_parquet(path)
    with pytest.raises(LayoutError, match="StockEtablissement"):
        read(path)


@pytest.mark.parametrize("size", [0, 3, 200])
def test_a_cut_file_is_refused(tmp_path: Path, size: int) -> None:
    path = synthetic_stock(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(LayoutError, match="Parquet lisible"):
        read(path)


# --------------------------------------------------------------------------- BPE


def synthetic_points(tmp_path: Path, **more: list[object]) -> Path:
    columns: dict[str, list[object]] = {
        "AN": ["2024", "2024", "2024"],
        "NOMRS": ["X", "Y", "Z"],
        "DEPCOM": ["46127", "97128", "46127"],
        "TYPEQU": ["B207", "B207", "D265"],
        "LAMBERT_X": [573000.5, None, 573100.0],
        "LAMBERT_Y": [6404000.5, None, 6404100.0],
        "EPSG": ["EPSG:2154", "EPSG:5490", "EPSG:2154"],
        "QUALITE_XY": ["Bonne", None, "Mauvaise"],
        **more,
    }
    path = tmp_path / "BPE24.parquet"
    pd.DataFrame(columns).to_parquet(path)
    return path


def test_a_located_bpe_in_parquet_reads_as_in_csv(tmp_path: Path) -> None:
    path = synthetic_points(tmp_path)
    csv = tmp_path / "BPE24.csv"
    pd.read_parquet(path).to_csv(csv, sep=";", index=False)
    keys = ["code", "typequ"]
    quick, slow = (
        equipment.read_bpe_points(file).sort_values(keys, ignore_index=True) for file in (path, csv)
    )
    pd.testing.assert_frame_equal(quick, slow)
    assert quick["epsg"].tolist() == [2154, 2154, 5490]
    assert quick["x"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_located_bpe_keeps_the_types_and_communes_asked(tmp_path: Path, suffix: str) -> None:
    path = synthetic_points(tmp_path)
    if suffix == "csv":
        pd.read_parquet(path).to_csv(path.with_suffix(".csv"), sep=";", index=False)
        path = path.with_suffix(".csv")
    assert len(equipment.read_bpe_points(path, types=["B207"])) == 2
    assert len(equipment.read_bpe_points(path, types=["B207"], codes=["46127"])) == 1
    assert equipment.read_bpe_points(path, codes=["' OR 1=1 --"]).empty


def test_a_located_bpe_without_a_place_is_refused(tmp_path: Path) -> None:
    path = synthetic_points(tmp_path)
    pd.read_parquet(path).drop(columns="LAMBERT_X").to_parquet(path)
    with pytest.raises(LayoutError, match="LAMBERT_X"):
        equipment.read_bpe_points(path)
