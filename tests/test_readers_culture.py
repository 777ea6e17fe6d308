"""Readers of the places of culture."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils import tables
from utils.errors import LayoutError
from utils.readers import culture as cu


def synthetic(tmp_path: Path, content: str, *, encoding: str = "utf-8") -> Path:
    path = tmp_path / "synthetique.csv"
    path.write_bytes(content.encode(encoding))
    return path


# --------------------------------------------------------------------------- BASILIC

LABELS = (
    "Nom;libelle_geographique;code_insee;Type équipement ou lieu;Latitude;Longitude\n"
    "Médiathèque;Synthétique;1004;Bibliothèque;45,9;5,3\n"
    "Micro-Folie;Synthétique;2a041;Musée;MF Mobile;\n"
    ";;99999;Lieu de mémoire;;\n"
)


@pytest.mark.parametrize(
    "content",
    [
        LABELS,
        "\ufeff" + LABELS,
        LABELS.replace("Type équipement ou lieu", "type_equipement_ou_lieu").lower(),
    ],
)
def test_basilic_layouts(tmp_path, content):
    frame = cu.read_basilic(synthetic(tmp_path, content))
    assert list(frame.columns) == ["code", "kind", "name", "lon", "lat"]
    assert frame["code"].fillna("-").tolist() == ["01004", "2A041", "-"]
    assert frame["lon"].fillna(0).tolist() == [5.3, 0, 0]
    assert frame["lat"].fillna(0).tolist() == [45.9, 0, 0]
    assert frame["name"].isna().tolist() == [False, False, True]


def test_basilic_keeps_active_places_only(tmp_path):
    content = (
        "code_insee;Demographie_AP;type_equipement_ou_lieu;latitude;longitude\n"
        "01004;Actif;Cinéma;;\n01004;Inactif;Cinéma;;\n01004;;Cinéma;;\n"
    )
    frame = cu.read_basilic(synthetic(tmp_path, content))
    assert len(frame) == 1
    assert frame["name"].isna().all()


def test_basilic_refuses_a_word_for_a_latitude(tmp_path):
    with pytest.raises(LayoutError, match="ici"):
        cu.read_basilic(synthetic(tmp_path, LABELS.replace("MF Mobile", "ici")))


def test_basilic_names_the_missing_column(tmp_path):
    with pytest.raises(LayoutError, match=r"synthetique\.csv.*code_insee.*libelle_geographique"):
        cu.read_basilic(synthetic(tmp_path, LABELS.replace("code_insee", "insee")))


# --------------------------------------------------------------------------- cinemas

CINEMAS = (
    '"id";"year";"AE";"ART ET ESSAI";"CODE COMMUNE";"COMMUNE";"DEPCOM";"ECRANS";"FAUTEUILS";'
    '"GENRE";"NAutoC";"NOM ETABLISSEMENT";"NomEtab";"N°AUTO"\n'
    ';2023;OUI;;;Synthétique;"46127";"2";"290";FIXE;"181262";;L\'ATALANTE;\n'
    ';2018;;NON;"46127";Synthétique;;"2";"290";FIXE;;L\'ATALANTE;;"181262"\n'
    ';2003;;E;"1004";Synthétique;;"1";"120.0";ITINERANT;;;;"7"\n'
    ';2016;;;"1004";Synthétique;;"1";"";;;;;"7"\n'
)


def test_cinemas_coalesce_the_columns_of_every_year(tmp_path):
    frame = cu.read_cinemas(synthetic(tmp_path, CINEMAS))
    assert list(frame.columns) == [
        "cnc_id", "year", "code", "name", "screens", "seats", "art_et_essai", "genre",
    ]  # fmt: skip
    assert frame["cnc_id"].tolist() == ["181262", "181262", "7", "7"]
    assert frame["code"].tolist() == ["46127", "46127", "01004", "01004"]
    assert frame["year"].tolist() == [2023, 2018, 2003, 2016]
    assert frame["name"].fillna("-").tolist() == ["L'ATALANTE", "L'ATALANTE", "-", "-"]
    assert frame["seats"].fillna(-1).tolist() == [290, 290, 120, -1]
    assert frame["art_et_essai"].tolist()[:3] == [True, False, True]
    assert frame["art_et_essai"].isna().tolist() == [False, False, False, True]


def test_cinemas_of_one_year(tmp_path):
    header = "n°auto;nom;code INSEE;écrans;fauteuils;AE;genre;entrées 2023"
    content = f"{header}\n7;SYNTH;1004;1;90;oui;FIXE;5\n"
    path = synthetic(tmp_path, content, encoding="latin-1")
    with pytest.raises(LayoutError, match="year"):
        cu.read_cinemas(path)
    frame = cu.read_cinemas(path, year=2023)
    assert frame.iloc[0].tolist() == ["7", 2023, "01004", "SYNTH", 1, 90, True, "FIXE"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ECRANS", "SALLES", "ECRANS"),
        (";OUI;", ";PEUT-ETRE;", "PEUT-ETRE"),
        ('"2";"290"', '"-2";"290"', "screens"),
        (";2018;", ";2023;", "2023|cnc_id|unique"),
    ],
)
def test_cinemas_refuse(tmp_path, old, new, said):
    with pytest.raises(LayoutError, match=said):
        cu.read_cinemas(synthetic(tmp_path, CINEMAS.replace(old, new)))


# --------------------------------------------------------------------------- Muséofile

MUSEOFILE = (
    "Identifiant|Nom_officiel|Code_postal|Ville|Departement|Histoire|Coordonnees\n"
    '"M0001"|"musée synthétique"|"1000"|"Ville"|"Ain"|"Deux\nlignes | et ""guillemets"""|'
    '"45.790491, -4.797411"\n'
    '"M0002"|"musée sans lieu"|"81003 cedex"|"Ville"|"Tarn"|""|""\n'
)


def test_museofile_reads_fields_on_several_lines(tmp_path):
    frame = cu.read_museofile(synthetic(tmp_path, MUSEOFILE))
    assert list(frame.columns) == [
        "museum_id", "name", "postcode", "city", "departement", "lon", "lat",
    ]  # fmt: skip
    assert frame.iloc[0].tolist() == [
        "M0001", "musée synthétique", "01000", "Ville", "Ain", -4.797411, 45.790491,
    ]  # fmt: skip
    assert frame["postcode"].iloc[1] == "81003"
    assert frame[["lon", "lat"]].iloc[1].isna().all()


def test_museofile_refuses_swapped_or_absurd_coordinates(tmp_path):
    with pytest.raises(LayoutError, match="lat"):
        cu.read_museofile(synthetic(tmp_path, MUSEOFILE.replace("45.790491", "6524000")))


# --------------------------------------------------------------------------- libraries

LIBRARIES = (
    "Code_bib,nom_de_l_etablissement,code_departement,CP,Ville,Longitude,Latitude,type_adresse\n"
    "LI1,Synthétique,1,2300,Ville,5.3,45.9,Bâtiment ouvert\n"
    "LI2,Synthétique,69M,69003,Lyon,,,0\n"
)


@pytest.mark.parametrize("content", [LIBRARIES, "\ufeff" + LIBRARIES.replace(",", ";").upper()])
def test_bibliotheques(tmp_path, content):
    frame = cu.read_bibliotheques(synthetic(tmp_path, content))
    assert list(frame.columns) == [
        "library_id", "name", "kind", "postcode", "city", "departement", "lon", "lat",
    ]  # fmt: skip
    assert frame["postcode"].tolist() == ["02300", "69003"]
    assert frame["departement"].tolist() == ["01", "69"]
    assert frame["kind"].isna().tolist() == [False, True]
    assert frame["lon"].fillna(0).tolist() == [5.3, 0]


def test_bibliotheques_refuse_a_repeated_id(tmp_path):
    with pytest.raises(LayoutError, match="library_id"):
        cu.read_bibliotheques(synthetic(tmp_path, LIBRARIES.replace("LI2", "LI1")))


# --------------------------------------------------------------------------- festivals

FESTIVALS = (
    "Nom du festival;Département principal de déroulement;Discipline dominante;"
    "Période principale de déroulement du festival;Identifiant;Géocodage xy\n"
    "Un;isère;Musique;saison (21 juin - 5 septembre);FEST_81222_5299;43.77, 2.19\n"
    "Deux;Ain;Musique;;FEST_1004_2;\n"
    "Trois;Ain;Musique;;FEST__7265;\n"
    "Quatre;Ain;Musique;;FEST_751113_4616;\n"
    "Cinq;Ain;Musique;;FEST_ 54431_5133;\n"
    "Six;Ain;Musique;;#REF!;\n"
    "Sept;Corse-du-Sud;Musique;;FEST_2A041_884;41.43, 9.18\n"
)


def test_festivals_take_the_commune_from_the_id(tmp_path):
    frame = cu.read_festivals(synthetic(tmp_path, FESTIVALS))
    assert frame["code"].fillna("-").tolist() == [
        "81222", "01004", "-", "-", "54431", "-", "2A041",
    ]  # fmt: skip
    assert frame["festival_id"].isna().sum() == 1
    assert frame.loc[0, ["departement", "period"]].tolist() == [
        "Isère", "Saison (21 juin - 5 septembre)",
    ]  # fmt: skip
    assert frame.loc[6, ["lon", "lat"]].tolist() == [9.18, 41.43]


def test_festivals_official_file_with_lost_zeros(tmp_path):
    content = (
        "nom_du_festival;code_insee_commune;departement_principal_de_deroulement;"
        "discipline_dominante;periode_principale_de_deroulement_du_festival;identifiant;"
        "geocodage_xy\nUn;1004;Ain;Musique;;FEST__1;45.9, 5.3\n"
    )
    frame = cu.read_festivals(synthetic(tmp_path, content))
    assert frame["code"].tolist() == ["01004"]


# --------------------------------------------------------------------------- real files


@pytest.mark.mirror
def test_basilic_of_the_golden_towns(mirror):
    frame = cu.read_basilic(mirror / "basilic" / "base-des-lieux-et-des-equipements-culturels.csv")
    assert len(frame) == 73_269
    assert frame["code"].isna().sum() == 6
    kinds = frame["kind"].value_counts()
    assert (kinds["Monument"], kinds["Bibliothèque"], kinds["Cinéma"]) == (47_010, 16_413, 2147)
    golden = {"46127": 9, "01306": 5, "54397": 1, "30133": 8, "50076": 2, "2A041": 26, "97117": 8}
    assert frame["code"].value_counts()[list(golden)].to_dict() == golden
    cinema = frame[(frame["code"] == "46127") & (frame["kind"] == "Cinéma")].iloc[0]
    assert cinema["name"] == "L'atalante"
    assert cinema[["lon", "lat"]].tolist() == [1.38369632786203, 44.7381945556801]


#: What the ministry publishes for 2024, and what the copy of the mirror holds: Corsica is there
#: for the PVD only, festivals and the cinemas listed twice are out.
BASILIC_2024 = {
    "Bibliothèque": (16_400, 16_413),
    "Cinéma": (2_142, 2_147),
    "Musée": (1_499, 1_503),
    "Monument": (47_031, 47_010),
}


@pytest.mark.mirror
def test_basilic_counts_what_the_ministry_publishes(mirror):
    frame = cu.read_basilic(mirror / "basilic" / "base-des-lieux-et-des-equipements-culturels.csv")
    counts = frame["kind"].value_counts()
    for kind, (published, held) in BASILIC_2024.items():
        assert counts[kind] == held
        assert held == pytest.approx(published, rel=0.005)
    assert len(frame) == 73_269
    assert len(frame) == pytest.approx(73_791, rel=0.01)
    assert set(counts.index) <= set(tables.load_culture_types()["type"])


@pytest.mark.mirror
def test_cinemas_2003_2023(mirror):
    folder = mirror / "cinemas"
    frame = cu.read_cinemas(folder / "etablissements-cinematographiques-2003-2023.csv")
    assert len(frame) == 43_132
    by_year = frame.groupby("year").size()
    assert (by_year[2003], by_year[2023], len(by_year)) == (2128, 2056, 21)
    assert frame[["code", "screens", "art_et_essai"]].notna().all(axis=None)
    town = frame.set_index(["code", "year"])
    columns = ["cnc_id", "name", "screens", "seats", "art_et_essai"]
    assert town.loc[("46127", 2003), columns].tolist() == ["181262", "L'ATALANTE", 2, 290, True]
    assert town.loc[("46127", 2023), columns].tolist() == ["181262", "L'ATALANTE", 2, 290, True]
    assert town.loc[("30133", 2003), "seats"] == 501
    assert town.loc[("30133", 2016), "seats"] == 425


@pytest.mark.mirror
def test_museofile_real(mirror):
    frame = cu.read_museofile(mirror / "museofile" / "museofile.csv").set_index("museum_id")
    assert len(frame) == 1222
    assert frame[["lon", "lat", "postcode"]].notna().all(axis=None)
    assert frame.loc["M0326", ["postcode", "city"]].tolist() == ["20170", "Levie"]
    assert frame.loc["M0576", ["postcode", "city"]].tolist() == ["46000", "Cahors"]


@pytest.mark.mirror
def test_bibliotheques_real(mirror):
    folder = mirror / "bibliotheques"
    frame = cu.read_bibliotheques(folder / "adresses-des-bibliotheques-publiques.csv")
    assert len(frame) == 15_702
    assert (frame["kind"] == "Bâtiment ouvert").sum() == 15_287
    town = frame.set_index("library_id")
    assert town.loc["LI1971", ["city", "postcode", "lon", "lat"]].tolist() == [
        "Gourdon", "46300", 1.381053, 44.736506,
    ]  # fmt: skip
    assert town.loc["LI6569", ["city", "postcode", "departement"]].tolist() == [
        "Pont-de-Veyle", "01290", "01",
    ]  # fmt: skip


@pytest.mark.mirror
def test_festivals_real(mirror):
    frame = cu.read_festivals(mirror / "festivals" / "festivals-global.csv")
    assert len(frame) == 7283
    assert frame["code"].isna().sum() == 38
    golden = {"97117": 4, "2A041": 1, "30133": 1, "54397": 1}
    assert frame["code"].value_counts()[list(golden)].to_dict() == golden
    assert frame["discipline"].nunique() == 6
