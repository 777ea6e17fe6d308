"""Readers of equipments, establishments and care."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from utils import tables
from utils.errors import ArchiveError, LayoutError
from utils.readers import equipment as eq


def synthetic(tmp_path: Path, content: str | bytes, name: str = "synthetique.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def synthetic_zip(tmp_path: Path, members: dict[str, str], name: str = "synthetique.zip") -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def counts(frame: pd.DataFrame) -> dict[tuple[str, str], int]:
    return {
        (r.code, r.typequ): int(r.count_)
        for r in frame.rename(columns={"count": "count_"}).itertuples()
    }


# --------------------------------------------------------------------------- BPE

IRIS = (
    "REG;DEP;DEPCOM;DCIRIS;AN;TYPEQU;NB_EQUIP\n"
    "84;01;1001;1001_0101;2018.0;B203;2\n"
    "84;01;1001;1001_0102;2018.0;B203;3\n"
    "94;2A;2a004;2A004;2018.0;A504;1\n"
)


@pytest.mark.parametrize(
    "content",
    [
        IRIS,
        "\ufeff" + IRIS.replace(";", ","),
        IRIS.replace("2018.0", "2018"),
        "NB_EQUIP;TYPEQU;AN;EXTRA;DEPCOM\n2;B203;2018;x;01001\n3;B203;2018;x;01001\n1;A504;2018;x;2A004\n",
    ],
)
def test_bpe_ensemble_sums_iris_in_every_layout(tmp_path, content):
    frame = eq.read_bpe_ensemble(synthetic(tmp_path, content))
    assert list(frame.columns) == ["code", "year", "typequ", "count"]
    assert counts(frame) == {("01001", "B203"): 5, ("2A004", "A504"): 1}
    assert set(frame["year"]) == {2018}
    assert [str(t) for t in frame.dtypes] == ["str", "int16", "str", "Int64"]


def test_bpe_ensemble_takes_the_data_of_the_archive_not_the_variables(tmp_path):
    path = synthetic_zip(
        tmp_path, {"varmod_ensemble.csv": "COD_VAR;LIB_VAR\n", "bpe18_ensemble.csv": IRIS}
    )
    assert len(eq.read_bpe_ensemble(path)) == 2


def test_bpe_ensemble_names_the_missing_column(tmp_path):
    path = synthetic(tmp_path, IRIS.replace("TYPEQU", "TYPE"), "bpe18.csv")
    with pytest.raises(LayoutError, match=r"bpe18\.csv.*TYPEQU.*DCIRIS"):
        eq.read_bpe_ensemble(path)


@pytest.mark.parametrize(
    "values",
    ["01001;2018;B203;-1", "01001;2018;B203;2.5", "01001;2018;B203;", "01001;;B203;1",
     ";2018;B203;1", "ABCDE;2018;B203;1", "01001;2018;B203;beaucoup", "01001;2018;;1"],
)  # fmt: skip
def test_bpe_ensemble_refuses_what_is_not_a_count(tmp_path, values):
    with pytest.raises(LayoutError):
        eq.read_bpe_ensemble(synthetic(tmp_path, f"DEPCOM;AN;TYPEQU;NB_EQUIP\n{values}\n"))


def test_bpe_ensemble_refuses_a_broken_archive(tmp_path):
    with pytest.raises(ArchiveError):
        eq.read_bpe_ensemble(synthetic(tmp_path, b"PK\x03\x04 truncated", "bpe18_ensemble_csv.zip"))


MELODI = (
    '"GEO";"GEO_OBJECT";"FACILITY_DOM";"FACILITY_SDOM";"FACILITY_TYPE";"BPE_MEASURE";'
    '"TIME_PERIOD";"OBS_VALUE"\n'
    '"01004";"COM";"B";"B2";"B207";"FACILITIES";"2024";"10"\n'
    '"01004";"COM";"B";"B1";"B104+B105";"FACILITIES";"2024";"4"\n'
    '"01004";"COM";"B";"_T";"_T";"FACILITIES";"2024";"14"\n'
    '"01004";"COM";"_T";"_T";"_T";"FACILITIES";"2024";"14"\n'
    '"69381";"ARM";"B";"B2";"B207";"FACILITIES";"2024";"3"\n'
    '"01";"DEP";"B";"B2";"B207";"FACILITIES";"2024";"10"\n'
)


@pytest.mark.parametrize("data", ["DS_BPE_2024_data.csv", "DS_BPE_data.csv"])
def test_bpe_melodi_keeps_types_of_communes(tmp_path, data):
    path = synthetic_zip(
        tmp_path, {data: MELODI, "DS_BPE_2024_metadata.csv": "COD_VAR;LIB_VAR;COD_MOD;LIB_MOD\n"}
    )
    frame = eq.read_bpe_melodi(path)
    assert counts(frame) == {("01004", "B207"): 10, ("01004", "B104+B105"): 4}
    assert set(frame["year"]) == {2024}


def test_bpe_melodi_refuses_two_values_for_a_type(tmp_path):
    line = '"01004";"COM";"B";"B2";"B207";"FACILITIES";"2024";"10"\n'
    with pytest.raises(LayoutError, match="synthetique"):
        eq.read_bpe_melodi(synthetic(tmp_path, MELODI + line))


def test_bpe_departement_counts_lines(tmp_path):
    content = "DEPCOM;TYPEQU;Libelle_TYPEQU;SIRET\n42001;B207;x;1\n42001;B207;x;2\n42002;B207;x;\n"
    frame = eq.read_bpe_departement(synthetic(tmp_path, content))
    assert counts(frame) == {("42001", "B207"): 2, ("42002", "B207"): 1}
    assert set(frame["year"]) == {2024}
    assert set(eq.read_bpe_departement(synthetic(tmp_path, content), year=2023)["year"]) == {2023}


def test_bpe_departement_reads_the_official_located_file(tmp_path):
    path = synthetic_zip(
        tmp_path,
        {"BPE23.csv": "AN;NOMRS;DEPCOM;TYPEQU\n2023;A;1001;B207\n2023;B;1001;B207\n"},
    )
    frame = eq.read_bpe_departement(path)
    assert counts(frame) == {("01001", "B207"): 2}
    assert set(frame["year"]) == {2023}


def test_bpe_points_are_in_the_crs_of_their_territory(tmp_path):
    content = (
        "AN;DEP;DEPCOM;DCIRIS;LAMBERT_X;LAMBERT_Y;TYPEQU\n"
        "2021;46;46127;x;570650;6403450;D201\n"
        "2021;971;97117;x;668350,5;1808650;D201\n"
        "2021;974;97401;x;340000;7650000;D201\n"
        "2021;976;97601;x;;;D201\n"
    )
    frame = eq.read_bpe_points(synthetic_zip(tmp_path, {"bpe21_ensemble_xy.csv": content}))
    assert list(frame.columns) == ["code", "year", "typequ", "x", "y", "epsg"]
    assert list(frame["epsg"]) == [2154, 5490, 2975, 4471]
    assert frame["x"].iloc[1] == 668350.5
    assert frame["x"].isna().tolist() == [False, False, False, True]


def test_bpe_points_official_columns_win(tmp_path):
    content = (
        "AN;DEPCOM;TYPEQU;LAMBERT_X;LAMBERT_Y;LONGITUDE;LATITUDE;QUALITE_XY;EPSG\n"
        "2023;97117;D265;668350;1808650;-61.4;16.3;Bonne;EPSG:32620\n"
        "2023;46127;D265;570650;6403450;1.3;44.7;Mauvaise;\n"
    )
    frame = eq.read_bpe_points(synthetic(tmp_path, content))
    assert list(frame["epsg"]) == [32620, 2154]
    assert list(frame["quality"]) == ["Bonne", "Mauvaise"]


# --------------------------------------------------------------------------- Sirene


def sirene(tmp_path: Path, **columns: list[object]) -> Path:
    base: dict[str, list[object]] = {
        "siren": ["000000001", "000000002"],
        "siret": ["00000000100001", "00000000200001"],
        "extra": [1, 2],
        "codeCommuneEtablissement": ["46127", None],
        "etatAdministratifEtablissement": ["A", "F"],
        "enseigne1Etablissement": ["LE SYNTHETIQUE", "[ND]"],
        "denominationUsuelleEtablissement": [None, None],
        "activitePrincipaleEtablissement": ["56.10A", "47.11D"],
    }
    path = tmp_path / "StockEtablissement_synthetique.parquet"
    pd.DataFrame({**base, **columns}).to_parquet(path)
    return path


def test_sirene_reads_only_what_is_needed(tmp_path):
    frame = eq.read_sirene_etablissements(
        sirene(tmp_path, longitude=[1.38, None], latitude=[44.73, None])
    )
    assert list(frame.columns) == [
        "siret", "siren", "code", "naf", "sign", "usual_name", "active", "lon", "lat",
    ]  # fmt: skip
    assert frame["code"].tolist()[0] == "46127"
    assert frame["code"].isna().tolist() == [False, True]
    assert frame["active"].tolist() == [True, False]
    assert frame["sign"].isna().tolist() == [False, True]


def test_sirene_official_file_has_no_longitude(tmp_path):
    assert eq.read_sirene_etablissements(sirene(tmp_path))["lon"].isna().all()


def test_sirene_official_coordinates_are_projected(tmp_path):
    frame = eq.read_sirene_etablissements(
        sirene(
            tmp_path,
            coordonneeLambertAbscisseEtablissement=["700000", "[ND]"],
            coordonneeLambertOrdonneeEtablissement=["6600000", "[ND]"],
        )
    )
    # The origin of Lambert 93: 700 km, 6,600 km is 3° E, 46.5° N by definition.
    assert frame[["lon", "lat"]].iloc[0].tolist() == pytest.approx([3.0, 46.5], abs=1e-9)
    assert frame["lon"].isna().iloc[1]


def test_sirene_unknown_state_is_refused(tmp_path):
    with pytest.raises(LayoutError, match="active"):
        eq.read_sirene_etablissements(sirene(tmp_path, etatAdministratifEtablissement=["A", "X"]))


def test_sirene_missing_column_is_named(tmp_path):
    path = tmp_path / "synthetique.parquet"
    pd.DataFrame({"siret": ["1"]}).to_parquet(path)
    with pytest.raises(LayoutError, match=r"synthetique\.parquet.*codeCommuneEtablissement"):
        eq.read_sirene_etablissements(path)


CREATIONS = (
    "codeCommuneEtablissement;total_etab;secteur_etab_commerce;"
    "secteur_etab_hebergement_restauration;crea_etab_2019;crea_etab_2020\n"
    "1001;149.0;14.0;5.0;13.0;16.0\n"
)


def test_sirene_creations_are_long(tmp_path):
    frame = eq.read_sirene_creations(synthetic(tmp_path, CREATIONS))
    assert frame.to_dict("list") == {
        "code": ["01001", "01001"],
        "year": [2019, 2020],
        "creations": [13, 16],
    }


def test_sirene_creations_without_any_year(tmp_path):
    with pytest.raises(LayoutError, match="crea_etab"):
        eq.read_sirene_creations(synthetic(tmp_path, CREATIONS.replace("crea_etab", "x")))


def test_establishments(tmp_path):
    frame = eq.read_establishments(synthetic(tmp_path, CREATIONS))
    assert frame.iloc[0].tolist() == ["01001", 149, 14, 5]


# --------------------------------------------------------------------------- APL


def apl_workbook(tmp_path: Path, titles: list[str], *, sheet: str = "APL 2023") -> Path:
    book = Workbook()
    book.active.title = "Paramètres"
    page = book.create_sheet(sheet)
    page.append(["Indicateur d'APL (synthétique)"])
    page.append([])
    page.append(titles)
    page.append([None, None, "En nombre de consultations"])
    page.append(["01001", "Synthétique", *range(2, len(titles))])
    page.append([1002, "Zéro perdu", *range(12, 10 + len(titles))])
    page.append(["Note : synthétique"])
    path = tmp_path / "apl_synthetique.xlsx"
    book.save(path)
    return path


def test_apl_generalistes_finds_its_header(tmp_path):
    path = apl_workbook(
        tmp_path,
        ["Code commune INSEE", "Commune", "APL aux médecins généralistes",
         "APL aux médecins généralistes de 65 ans et moins",
         "APL aux médecins généralistes de 62 ans et moins",
         "APL aux médecins généralistes de moins de 60 ans",
         "Population standardisée 2021 pour la médecine générale", "Population totale 2021"],
    )  # fmt: skip
    frame = eq.read_apl_generalistes(path)
    assert list(frame.columns) == [
        "code", "year", "apl", "apl_65", "apl_62", "apl_60", "population_std",
    ]  # fmt: skip
    assert frame.iloc[0].tolist() == ["01001", 2023, 2, 3, 4, 5, 6]
    assert frame.iloc[1]["code"] == "01002"
    assert len(frame) == 2


def test_apl_generalistes_without_the_younger_practitioners(tmp_path):
    titles = ["Code commune", "Commune", "APL aux médecins généralistes", "Population standardisée"]
    frame = eq.read_apl_generalistes(apl_workbook(tmp_path, titles))
    assert frame[["apl_65", "apl_62", "apl_60"]].isna().all(axis=None)


def test_apl_generalistes_says_what_is_missing(tmp_path):
    titles = ["Code commune", "Commune", "APL aux médecins généralistes"]
    with pytest.raises(LayoutError, match="APL 2023"):
        eq.read_apl_generalistes(apl_workbook(tmp_path, titles))
    with pytest.raises(LayoutError, match="Code commune"):
        eq.read_apl_generalistes(apl_workbook(tmp_path, ["Code", "Commune"]))
    with pytest.raises(LayoutError, match="feuille"):
        eq.read_apl_generalistes(apl_workbook(tmp_path, titles, sheet="Feuille 2"))


def test_apl_professions_blanks_a_population_that_is_none(tmp_path):
    path = tmp_path / "apl_synthetique.parquet"
    pd.DataFrame(
        {
            "code_commune": ["01001", "01002"] * 2,
            "profession": ["medecin_generaliste"] * 2 + ["infirmiere"] * 2,
            "annee": [2023] * 4,
            "score_apl": [3.0, 2.0, 100.0, 90.0],
            "population_standardisee": [2.9, 2.0, 750.0, 220.0],
        }
    ).to_parquet(path)
    frame = eq.read_apl_professions(path)
    assert frame["population_std"].isna().tolist() == [True, True, False, False]
    assert frame["profession"].iloc[2] == "infirmiere"


# --------------------------------------------------------------------------- FINESS

FINESS_CSV = (
    "nofinesset,rs,categetab,libcategetab,departement,libdepartement,code_insee,latitude,longitude\n"
    '10000024,"PHARMACIE, SYNTHETIQUE",620,Pharmacie d\'Officine,01,AIN,1004,45.9,5.3\n'
)


def test_finess_with_a_header(tmp_path):
    frame = eq.read_finess(synthetic(tmp_path, FINESS_CSV))
    assert frame.iloc[0].tolist() == [
        "010000024", "PHARMACIE, SYNTHETIQUE", "620", "Pharmacie d'Officine", "01004", 5.3, 45.9,
    ]  # fmt: skip


def structureet(finess_id: str, name: str, commune: str, departement: str, *, more: int = 0) -> str:
    fields = ["structureet", finess_id, "000000000", name, *[""] * 8, commune, departement,
              "SYNTHETIQUE", "00000 VILLE", "", "", "620", "Pharmacie d'Officine",
              *[""] * (12 + more)]  # fmt: skip
    return ";".join(fields)


def finess_official(*, more: int = 0, geolocalised: bool = True) -> bytes:
    lines = [
        "finess;etalab;98;2026-05-12",
        structureet("010000024", '"PHARMACIE ""DE L\'ÉTÉ"""', "451", "01", more=more),
        structureet("970100012", "GUADELOUPE", "117", "9A", more=more),
        structureet("2A0000014", "CORSE", "041", "2A", more=more),
        structureet("980600027", "WALLIS", "613", "9J", more=more),
        structureet("990000000", "AILLEURS", "001", "99", more=more),
    ]
    if geolocalised:
        lines += [
            "geolocalisation;010000024;700000;6600000;1,ATLASANTE,100,IGN,BD_ADRESSE,LAMBERT_93;2026-05-04",
            "geolocalisation;980600027;590000;8530000;1,ATLASANTE;2026-05-04",
            "geolocalisation;970100012;500000;1800000;2,ATLASANTE,96,BAN,"
            "EPSG:5490 RGAF09/UTM Zone 20N (Antilles);2026-05-04",
        ]
    return "\r\n".join(lines).encode("cp1252")


@pytest.mark.parametrize("more", [0, 2])
def test_finess_as_published(tmp_path, more):
    path = synthetic(tmp_path, finess_official(more=more), "etalab-cs1100507-synthetique.csv")
    frame = eq.read_finess(path).set_index("finess_id")
    assert frame.loc["010000024", "name"] == 'PHARMACIE "DE L\'ÉTÉ"'
    assert frame["code"].dropna().to_dict() == {
        "010000024": "01451", "970100012": "97117", "2A0000014": "2A041", "980600027": "98613",
    }  # fmt: skip
    mainland = frame.loc["010000024", ["lon", "lat"]].astype(float).tolist()
    assert mainland == pytest.approx([3.0, 46.5], abs=1e-9)
    assert frame.loc["970100012", "lon"] == pytest.approx(-63.0, abs=1e-9)  # axis of zone 20
    assert frame.loc[["2A0000014", "980600027"], ["lon", "lat"]].isna().all(axis=None)
    assert set(frame["category"]) == {"620"}


def test_finess_without_its_second_section(tmp_path):
    frame = eq.read_finess(synthetic(tmp_path, finess_official(geolocalised=False)))
    assert len(frame) == 5
    assert frame["lon"].isna().all()


def test_finess_with_neither_layout(tmp_path):
    with pytest.raises(LayoutError, match="nofinesset"):
        eq.read_finess(synthetic(tmp_path, "a,b\n1,2\n"))


# --------------------------------------------------------------------------- real files


@pytest.mark.mirror
def test_bpe_2018_whole(mirror):
    frame = eq.read_bpe_ensemble(mirror / "bpe-ensemble" / "bpe18_ensemble_csv.zip")
    assert frame["count"].sum() == 2_504_782
    assert frame["typequ"].nunique() == 186
    assert frame["code"].nunique() == 34_065
    assert frame.loc[frame["typequ"] == "B203", "count"].sum() == 48_568
    found = counts(frame[frame["typequ"].isin(["A504", "B203", "D201"])])
    assert {key: found[key] for key in GOLDEN_2018} == GOLDEN_2018


#: Read by eye in bpe18_ensemble.csv, IRIS summed by hand.
GOLDEN_2018 = {
    ("46127", "A504"): 19, ("46127", "B203"): 6, ("46127", "D201"): 8,
    ("01306", "A504"): 4, ("01306", "B203"): 4, ("01306", "D201"): 4,
    ("54397", "A504"): 17, ("54397", "B203"): 7, ("54397", "D201"): 11,
    ("30133", "A504"): 247, ("30133", "B203"): 23, ("30133", "D201"): 8,
    ("50076", "A504"): 11, ("50076", "B203"): 5, ("50076", "D201"): 5,
    ("2A041", "A504"): 110, ("2A041", "B203"): 11, ("2A041", "D201"): 1,
    ("97117", "A504"): 139, ("97117", "B203"): 20, ("97117", "D201"): 14,
    ("97401", "A504"): 27, ("97401", "B203"): 5, ("97401", "D201"): 12,
}  # fmt: skip


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("year", "total", "bakeries", "golden"),
    [
        ("09", 1_882_591, 46_454, {("46127", "B203"): 7, ("2A041", "B203"): 7}),
        ("13", 2_176_957, 46_245, {("46127", "D201"): 9, ("97117", "D301"): 11}),
    ],
)  # fmt: skip
def test_bpe_before(mirror, year, total, bakeries, golden):
    frame = eq.read_bpe_ensemble(mirror / "bpe-ensemble" / f"bpe{year}_ensemble_csv.zip")
    assert frame["count"].sum() == total
    assert frame.loc[frame["typequ"] == "B203", "count"].sum() == bakeries
    assert set(frame["year"]) == {2000 + int(year)}
    codes = frame["code"].isin({code for code, _ in golden})
    found = counts(frame[codes])
    assert {key: found[key] for key in golden} == golden


@pytest.mark.mirror
def test_bpe_2024(mirror):
    frame = eq.read_bpe_melodi(mirror / "bpe-2024" / "DS_BPE_CSV_FR.zip")
    assert frame["typequ"].nunique() == 47
    totals = frame.groupby("typequ")["count"].sum()
    assert (totals["B207"], totals["D307"]) == (50_106, 20_725)
    found = counts(frame[frame["code"].isin(["46127", "01306", "50076", "2A041", "97117"])])
    golden = {
        ("46127", "B104+B105"): 7, ("46127", "B207"): 7, ("46127", "D265"): 4, ("01306", "B207"): 3,
        ("50076", "D307"): 2, ("2A041", "D265"): 3, ("97117", "B207"): 26,
    }  # fmt: skip
    assert {key: found[key] for key in golden} == golden


@pytest.mark.mirror
def test_bpe_2024_of_the_loire_agrees_where_lines_have_a_siret(mirror):
    lines = eq.read_bpe_departement(mirror / "bpe-2024" / "BPE24_departement_42.csv")
    assert lines["count"].sum() == 24_866
    assert counts(lines)["42218", "B207"] == 145
    melodi = eq.read_bpe_melodi(mirror / "bpe-2024" / "DS_BPE_CSV_FR.zip")
    loire = melodi[melodi["code"].str.startswith("42")].groupby("typequ")["count"].sum()
    shops = ["A401", "A504", "B207", "D307", "F305"]
    assert loire[shops].tolist() == lines.groupby("typequ")["count"].sum()[shops].tolist()


@pytest.mark.mirror
def test_the_correspondence_tells_the_loire_as_its_files_do(mirror):
    after = eq.read_bpe_departement(mirror / "bpe-2024" / "BPE24_departement_42.csv")
    before = eq.read_bpe_ensemble(mirror / "bpe-ensemble" / "bpe18_ensemble_csv.zip")
    before = before[before["code"].str.startswith("42")]
    totals = [frame.groupby("typequ")["count"].sum() for frame in (before, after)]
    checked = 0
    for line in tables.load_bpe_types().itertuples():
        told = re.search(r"dans la Loire, (\S+) en 2018, (\S+) en 2024", line.raison)
        if told:
            codes = (line.codes_avant_2023.split("+"), line.codes_2024.split("+"))
            counts_ = [total[wanted].sum() for total, wanted in zip(totals, codes, strict=True)]
            assert [int(text.replace("\u202f", "")) for text in told.groups()] == counts_
            checked += 1
    assert checked > 20


@pytest.mark.mirror
def test_bpe_points_2021(mirror):
    frame = eq.read_bpe_points(mirror / "bpe-xy-2021" / "bpe21_ensemble_xy_csv.zip")
    assert len(frame) == 289_224
    assert frame["x"].isna().sum() == 282
    assert set(frame.loc[frame["x"].isna(), "code"].str[:3]) == {"976"}
    gourdon = frame[(frame["code"] == "46127") & (frame["typequ"] == "D201")]
    assert len(gourdon) == 6
    assert (gourdon["x"].min(), gourdon["y"].min()) == (570650, 6403450)
    assert set(frame.loc[frame["code"] == "97117", "epsg"]) == {5490}


@pytest.mark.mirror
def test_sirene(mirror):
    frame = eq.read_sirene_etablissements(mirror / "sirene" / "StockEtablissement_utf8.parquet")
    assert len(frame) == 119_197
    assert frame["code"].isna().sum() == 178
    assert (frame["code"] == "46127").sum() == 295
    creations = mirror / "sirene" / "creations-etablissements-2019-2024.csv"
    long = eq.read_sirene_creations(creations).set_index(["code", "year"])["creations"]
    assert [long["46127", year] for year in range(2019, 2025)] == [89, 76, 109, 74, 86, 86]
    assert [long["2A041", year] for year in (2019, 2024)] == [132, 229]
    stock = eq.read_establishments(creations).set_index("code")
    assert stock.loc["30133"].tolist() == [4160, 541, 507]
    assert stock.loc["97117"].tolist() == [5339, 785, 362]


@pytest.mark.mirror
def test_apl(mirror):
    folder = mirror / "apl"
    workbook = eq.read_apl_generalistes(folder / "indicateur-apl-medecins-generalistes.xlsx")
    assert workbook.groupby("year").size().to_dict() == {2022: 34_964, 2023: 34_954}
    golden = workbook.set_index(["code", "year"])
    assert golden.loc[("01001", 2023), ["apl", "apl_65", "population_std"]].tolist() == [
        1.942, 1.881, 838.154,
    ]  # fmt: skip
    assert golden.loc[("46127", 2023), "apl"] == 3.991
    professions = eq.read_apl_professions(folder / "apl-cinq-professions-2022-2023.parquet")
    assert professions["profession"].nunique() == 5
    one = professions.set_index(["code", "year", "profession"])
    assert one.loc[("46127", 2023, "medecin_generaliste"), "apl"] == 3.991
    assert one.loc[("01001", 2023, "infirmiere"), ["apl", "population_std"]].tolist() == [
        122.416, 751.084,
    ]  # fmt: skip
    doctors = professions["profession"] == "medecin_generaliste"
    assert professions.loc[doctors, "population_std"].isna().all()
    assert professions.loc[~doctors, "population_std"].notna().all()


@pytest.mark.mirror
def test_finess_occitanie(mirror):
    frame = eq.read_finess(mirror / "finess" / "finess-occitanie.csv")
    assert len(frame) == 10_004
    pharmacies = frame[frame["category"] == "620"]
    assert len(pharmacies) == 1888
    assert set(pharmacies.loc[pharmacies["code"] == "46127", "finess_id"]) == {
        "460003684", "460003635", "460003650",
    }  # fmt: skip
    assert (pharmacies["code"] == "30133").sum() == 4
