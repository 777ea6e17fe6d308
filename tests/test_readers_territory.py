"""Readers of the official geography, and the layouts that every reader by commune accepts."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from openpyxl import Workbook
from shapely.geometry import Polygon, box

from utils.errors import ArchiveError, LayoutError
from utils.readers import READERS, _base, people
from utils.readers import territory as te

# --------------------------------------------------------------------------- layouts

#: Reader, synthetic file as it is published (separator ;), what it gives as text.
TABLES = {
    "programme": (
        te.read_programme,
        "insee_com;lib_com;id_pvd;date_signature\n"
        "01004;Île-d’Æbly;;12/03/2021\n2A041;Façade;;\n97424;Nœud;7;2021-05-26\n",
        [
            ["01004", "Île-d’Æbly", "2021-03-12"],
            ["2A041", "Façade", "nan"],
            ["97424", "Nœud", "2021-05-26"],
        ],
    ),
    "areas": (
        te.read_areas,
        "CODGEO;SUPERFICIE_KM2;PMUN2022\n01004;15,95;10\n2A041;0,5;20\n97424;84,4;\n",
        [["01004", "15.95"], ["2A041", "0.5"], ["97424", "84.4"]],
    ),
    "densite": (
        te.read_densite,
        "CODGEO;DENS7\n01004;5\n2A041;7\n97424;1\n",
        [["01004", "5"], ["2A041", "7"], ["97424", "1"]],
    ),
    "filosofi": (
        people.read_filosofi,
        "CODGEO;MED21\n01004;21420,5\n2A041;s\n97424;13780\n",
        [["01004", "21420.5"], ["97424", "13780.0"]],
    ),
    "rp_logement": (
        people.read_rp_logement,
        "CODGEO;P22_LOG;P22_RP;P22_RSECOCC;P22_LOGVAC\n"
        "01004;10,5;8;1,5;1\n2A041;3;2;1;0\n97424;1;1;0;0\n",
        [
            ["01004", "10.5", "8.0", "1.5", "1.0"],
            ["2A041", "3.0", "2.0", "1.0", "0.0"],
            ["97424", "1.0", "1.0", "0.0", "0.0"],
        ],
    ),
    "rp_ages": (
        people.read_rp_ages,
        "CODGEO;Part des moins de 15 ans 2021;Part des 15-29 ans 2021;Part des 30-44 ans 2021;"
        "Part des 45-59 ans 2021;Part des 60-74 ans 2021\n"
        "01004;10;15,5;20;20;20\n2A041;;;;;\n97424;25;25;25;25,2;0\n",
        [
            ["01004", "10.0", "15.5", "20.0", "20.0", "20.0", "14.5"],
            ["2A041", *["nan"] * 6],
            ["97424", "25.0", "25.0", "25.0", "25.2", "0.0", "0.0"],
        ],
    ),
    "rp_ages_counts": (
        people.read_rp_ages,
        "CODGEO;P22_POP;P22_POP0014;P22_POP1529;P22_POP3044;P22_POP4559;P22_POP6074\n"
        "01004;200;20;31;40;40;40\n2A041;0;0;0;0;0;0\n97424;8,0;2;2;2;1;1\n",
        [
            ["01004", "10.0", "15.5", "20.0", "20.0", "20.0", "14.5"],
            ["2A041", *["nan"] * 6],
            ["97424", "25.0", "25.0", "25.0", "12.5", "12.5", "0.0"],
        ],
    ),
    "tourisme": (
        people.read_tourisme,
        "CODGEO;LITS_TOURISTIQUES25\n01004;0\n2A041;1 234,5\n97424;\n",
        [["01004", "0.0"], ["2A041", "1234.5"], ["97424", "nan"]],
    ),
    "navettes": (
        people.read_navettes,
        "CODGEO;ACTOCC22;PART_VOITURE22;PART_TC22\n01004;10;88,4;0\n2A041;;;\n97424;3;0;100\n",
        [
            ["01004", "10.0", "88.4", "0.0"],
            ["2A041", "nan", "nan", "nan"],
            ["97424", "3.0", "0.0", "100.0"],
        ],
    ),
    "population": (
        te.read_population,
        "CODGEO;PMUN2021;PMUN22\n01004;1,5;2\n2A041;3;\n97424;0;6\n",
        [
            ["01004", "2021", "1.5"],
            ["2A041", "2021", "3.0"],
            ["97424", "2021", "0.0"],
            ["01004", "2022", "2.0"],
            ["2A041", "2022", "nan"],
            ["97424", "2022", "6.0"],
        ],
    ),
}


def cells(text: str) -> list[list[str]]:
    return [line.split(";") for line in text.splitlines()]


def joined(rows: list[list[str]], separator: str = ";") -> str:
    return "\n".join(separator.join(row) for row in rows) + "\n"


def quoted(rows: list[list[str]]) -> list[list[str]]:
    return [[f'"{cell}"' for cell in row] for row in rows]


def loose(text: str) -> str:
    return text.replace("\n01004", "\n1004").replace("\n2A041", "\n 2a041 ")


LAYOUTS: dict[str, Callable[[str], bytes]] = {
    "published": lambda t: t.encode(),
    "mark": lambda t: ("\ufeff" + t).encode(),
    "windows": lambda t: t.replace("\n", "\r\n").encode("cp1252"),
    "commas": lambda t: joined(quoted(cells(t)), ",").encode(),
    "bars": lambda t: joined(cells(t), "|").encode(),
    "tabs": lambda t: joined(cells(t), "\t").encode(),
    "points": lambda t: t.replace(",", ".").encode(),
    "backwards": lambda t: joined([row[::-1] for row in cells(t)]).encode(),
    "more columns": lambda t: joined([["x", *row, ""] for row in cells(t)]).encode(),
    "blank name": lambda t: joined([["", *row, ""] for row in cells(t)]).encode(),
    "loose codes": lambda t: loose(t).encode(),
    "capitals": lambda t: (t.split("\n", 1)[0].upper() + "\n" + t.split("\n", 1)[1]).encode(),
    "no last line end": lambda t: t.rstrip("\n").encode(),
    "spaces": lambda t: joined([[f" {cell} " for cell in row] for row in cells(t)]).encode(),
}


def as_text(frame: pd.DataFrame) -> list[list[str]]:
    frame = frame.round(9)
    return [[str(v) if pd.notna(v) else "nan" for v in row] for row in frame.to_numpy().tolist()]


def written(tmp_path: Path, content: bytes, name: str = "synthetique.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write dates as days."""
    return frame.assign(
        **{c: frame[c].dt.strftime("%Y-%m-%d") for c in frame.select_dtypes("datetime")}
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("table", TABLES)
def test_every_layout_gives_the_same_frame(tmp_path, table, layout):
    reader, text, expected = TABLES[table]
    path = written(tmp_path, LAYOUTS[layout](text))
    assert as_text(plain(reader(path))) == expected


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"population", "rp_ages_counts"}))
def test_a_renamed_column_is_named(tmp_path, table):
    reader, text, _ = TABLES[table]
    column = cells(text)[0][1]
    path = written(tmp_path, text.replace(column, "colonne_nouvelle").encode())
    with pytest.raises(LayoutError) as caught:
        reader(path)
    message = caught.value.message
    assert "synthetique.csv" in message
    assert "colonne introuvable" in message
    assert "colonne_nouvelle" in message
    assert caught.value.hint


@pytest.mark.parametrize("table", TABLES)
def test_missing_codes_duplicates_and_empty_files_are_refused(tmp_path, table):
    reader, text, _ = TABLES[table]
    code = cells(text)[0][0]
    with pytest.raises(LayoutError, match="introuvable"):
        reader(written(tmp_path, text.replace(code, "autre_chose", 1).encode()))
    with pytest.raises(LayoutError, match="vide"):
        reader(written(tmp_path, b""))
    with pytest.raises(LayoutError, match="synthetique"):
        reader(written(tmp_path, (text + text.splitlines()[1] + "\n").encode()))


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("programme", "12/03/2021", "12 mars 2021"),
        ("programme", "01004", "Belley"),
        ("areas", "15,95", "grande"),
        ("densite", "01004;5", "01004;8"),
        ("filosofi", "21420,5", "21,5"),
        ("rp_logement", "10,5", "-10,5"),
        ("rp_ages", "15,5", "155"),
        ("navettes", "88,4", "884"),
        ("population", "1,5", "-1,5"),
    ],
)
def test_impossible_values_are_refused(tmp_path, table, old, new):
    reader, text, _ = TABLES[table]
    with pytest.raises(LayoutError, match=r"synthetique\.csv"):
        reader(written(tmp_path, text.replace(old, new).encode()))


@pytest.mark.parametrize("name", ["filosofi", "rp_logement", "rp_ages_counts", "tourisme"])
def test_archives_of_insee(tmp_path, name):
    reader, text, expected = TABLES[name]
    path = tmp_path / "base_csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("base-cc.CSV", text)
        archive.writestr("meta_base-cc.CSV", "COD_VAR;LIB_VAR\n")
    assert as_text(reader(path)) == expected


# --------------------------------------------------------------------------- shared helpers


def test_decimal_commas_without_quotes_do_not_shift_columns(tmp_path):
    path = written(tmp_path, b"CODGEO,SUPERFICIE_KM2,PMUN2022\n01004,15,95,10\n")
    with pytest.raises(LayoutError, match="ligne 2 a plus de champs"):
        te.read_areas(path)


def test_an_open_quote_is_an_error(tmp_path):
    path = written(tmp_path, b'CODGEO;SUPERFICIE_KM2\n"01004;15\n')
    with pytest.raises(LayoutError, match="lisible"):
        te.read_areas(path)


def test_column_names():
    assert _base.column_names(b'\xef\xbb\xbf"a b";c\r\n1;2\n') == ["a b", "c"]
    assert _base.column_names("é|à".encode("cp1252")) == ["é", "à"]
    with pytest.raises(LayoutError, match="vide"):
        _base.column_names(b"\n1;2\n", name="x")


def test_numbers_and_dates():
    numbers = _base.to_numbers(
        pd.Series(["1\u202f234,5", "1 234.5", "s", "", None, "N/A - secret", "-3"]), label="essai"
    )
    assert numbers.fillna(0).tolist() == [1234.5, 1234.5, 0, 0, 0, 0, -3]
    twice = pd.Series(["1,5", "2", "s"], index=[7, 7, 7])
    assert _base.to_numbers(twice, label="essai").fillna(0).tolist() == [1.5, 2, 0]
    dates = _base.to_dates(
        pd.Series(["31/12/2021", "1-2-2021", "2021-12-31T00:00:00+01:00", "31/12/2021 08:30", ""]),
        label="essai",
    )
    assert dates.dt.strftime("%Y-%m-%d").fillna("").tolist() == [
        "2021-12-31",
        "2021-02-01",
        "2021-12-31",
        "2021-12-31",
        "",
    ]


def test_damaged_archives(tmp_path):
    with pytest.raises(ArchiveError, match="illisible"):
        _base.read_archive_member(written(tmp_path, b"PK\x03\x04 tronque", "a.zip"), "csv")
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "x" * 10_000)
    raw = bytearray(path.read_bytes())
    raw[40:50] = b"\xff" * 10
    path.write_bytes(bytes(raw))
    with pytest.raises(ArchiveError, match=r"b\.zip"):
        _base.read_archive_member(path, "csv")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(ArchiveError, match="et un seul"):
        _base.read_archive_member(path, "csv")


# --------------------------------------------------------------------------- COG

COMMUNES = [
    {"code": "01033", "nom": "Synthèse", "type": "commune-actuelle", "zone": "metro",
     "departement": "01", "region": "84", "population": 12, "anciensCodes": ["01091", "01126"]},
    {"code": "01033", "nom": "Chef", "type": "commune-deleguee", "chefLieu": "01033"},
    {"code": "01091", "nom": "Part", "type": "commune-deleguee", "chefLieu": "01033"},
    {"code": "75101", "nom": "Arr", "type": "arrondissement-municipal", "commune": "75056"},
    {"code": "98901", "nom": "Île", "type": "commune-actuelle"},
]  # fmt: skip


def as_json(tmp_path: Path, records: object) -> Path:
    return written(tmp_path, b"\xef\xbb\xbf" + json.dumps(records).encode(), "synthetique.json")


def test_cog_communes(tmp_path):
    frame = te.read_cog_communes(as_json(tmp_path, COMMUNES))
    assert frame["kind"].tolist() == [
        "commune",
        "deleguee",
        "deleguee",
        "arrondissement",
        "commune",
    ]
    assert frame["parent"].fillna("").tolist() == ["", "01033", "01033", "75056", ""]
    assert frame["former"].fillna("").tolist() == ["01091|01126", "", "", "", ""]
    assert frame["population"].fillna(-1).tolist() == [12, -1, -1, -1, -1]
    assert frame["zone"].fillna("").tolist() == ["metro", "", "", "", ""]


def test_cog_of_the_first_versions_has_fewer_fields(tmp_path):
    records = [{"code": "01001", "nom": "Synthèse", "type": "commune-actuelle"}]
    frame = te.read_cog_communes(as_json(tmp_path, records))
    assert frame.loc[0, ["parent", "departement", "zone", "former"]].isna().all()


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"code": "01001", "type": "commune-actuelle"}], "introuvable.*nom"),
        ([{**COMMUNES[0], "type": "hameau"}], "inconnu.*hameau"),
        ([COMMUNES[0], COMMUNES[0]], "même code"),
        ({"message": "erreur"}, "liste d’objets"),
        ([1, 2], "liste d’objets"),
    ],
)
def test_cog_faults_are_told(tmp_path, records, message):
    with pytest.raises(LayoutError, match=message):
        te.read_cog_communes(as_json(tmp_path, records))


def test_cog_truncated(tmp_path):
    with pytest.raises(LayoutError, match="JSON lisible"):
        te.read_cog_communes(written(tmp_path, b'[{"code": "01', "synthetique.json"))


def test_cog_epci(tmp_path):
    record = {"code": "200000172", "nom": "CC", "type": "CC", "membres": [{"code": "1033"}]}
    frame = te.read_cog_epci(as_json(tmp_path, [record]))
    assert frame.to_numpy().tolist() == [["200000172", "CC", "CC", "01033"]]
    with pytest.raises(LayoutError, match="membres"):
        te.read_cog_epci(as_json(tmp_path, [{"code": "1", "nom": "a", "type": "CC"}]))


# --------------------------------------------------------------------------- outlines


def outlines(tmp_path: Path, columns: dict[str, list[str]], crs: int = 2154) -> Path:
    bow = Polygon([(6e5, 6.3e6), (6.1e5, 6.31e6), (6.1e5, 6.3e6), (6e5, 6.31e6)])
    frame = gpd.GeoDataFrame(columns, geometry=[box(6e5, 6.3e6, 6.1e5, 6.31e6), bow], crs=crs)
    path = tmp_path / "synthetique.gpkg"
    frame.to_file(path)
    return path


def test_contours_are_valid_and_in_wgs84(tmp_path):
    path = outlines(tmp_path, {"INSEE_COM": ["1004", "2a041"], "NOM": ["Été", "Île"]})
    frame = te.read_contours(path)
    assert list(frame.columns) == ["code", "name", "geometry"]
    assert frame["code"].tolist() == ["01004", "2A041"]
    assert frame["name"].tolist() == ["Été", "Île"]
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.is_valid.all()
    assert frame.total_bounds[0] == pytest.approx(1.7, abs=0.3)


def test_contours_of_departements(tmp_path):
    frame = te.read_contours(outlines(tmp_path, {"code": ["1", "971"]}))
    assert frame["code"].tolist() == ["01", "971"]
    assert frame["name"].isna().all()


def test_contours_faults_are_told(tmp_path):
    with pytest.raises(LayoutError, match="n’est pas un fichier de contours lisible"):
        te.read_contours(written(tmp_path, b"rien", "synthetique.geojson"))
    with pytest.raises(LayoutError, match="introuvable"):
        te.read_contours(outlines(tmp_path, {"autre": ["a", "b"]}))


# --------------------------------------------------------------------------- workbooks


def workbook(tmp_path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = tmp_path / "synthetique.xlsx"
    book.save(path)
    return path


AAV = {
    "AAV2020": [["Aires"], ["Code"], ["AAV2020", "x", "TAAV2017"], ["000", "", 0], [7, "", "4"]],
    "Composition_communale": [
        ["Aires"],
        ["LIBGEO", None, "CODGEO", "AAV2020", "LIBAAV2020", "CATEAAV2020"],
        ["Synthèse", None, 1004, 7, "Île", 11],
        ["Autre", None, "2a041", "000", "Hors", "30"],
        [None, None, None, None, None, None],
    ],
}


def test_aav(tmp_path):
    frame = te.read_aav(workbook(tmp_path, AAV))
    assert as_text(frame) == [
        ["01004", "007", "Île", "11", "4"],
        ["2A041", "000", "Hors", "30", "0"],
    ]


def test_aav_faults_are_told(tmp_path):
    with pytest.raises(LayoutError, match=r"feuille.*Composition_communale.*manque"):
        te.read_aav(workbook(tmp_path, {"AAV2020": AAV["AAV2020"]}))
    with pytest.raises(LayoutError, match=r"ne contient.*CODGEO"):
        te.read_aav(workbook(tmp_path, {**AAV, "Composition_communale": [["a"], ["b"]]}))
    renamed = [
        [c if c != "CATEAAV2020" else "CAT" for c in r] for r in AAV["Composition_communale"]
    ]
    with pytest.raises(LayoutError, match=r"introuvable.*CATEAAV2020.*CAT"):
        te.read_aav(workbook(tmp_path, {**AAV, "Composition_communale": renamed}))
    with pytest.raises(ArchiveError, match="illisible"):
        te.read_aav(written(tmp_path, b"<html>", "synthetique.xlsx"))


def test_appartenance_pads_what_a_spreadsheet_dropped(tmp_path):
    header = ["CODGEO", "LIBGEO", "DEP", "REG", "EPCI", "ZE2020", "UU2020", "AAV2020", "BV2022"]
    rows: list[list[object]] = [
        ["Titre"],
        header,
        [1004, "Été", 1, 84, 240100883, 59, 1303, 84, 1004],
        ["97701", "Île", "977", "977", "ZZZZZZZZZ", "0101", "9A301", "000", "97701"],
    ]
    frame = te.read_appartenance(workbook(tmp_path, {"COM": rows}))
    assert as_text(frame) == [
        ["01004", "Été", "01", "84", "240100883", "0059", "01303", "084", "01004"],
        ["97701", "Île", "977", "977", "nan", "0101", "9A301", "000", "97701"],
    ]


def test_density_in_a_workbook(tmp_path):
    rows: list[list[object]] = [["Grille"], ["CODGEO", "LIBGEO", "DENS"], ["01004", "Été", 5]]
    path = workbook(tmp_path, {"Lisez-moi": [["texte"]], "Grille": rows})
    assert as_text(te.read_densite(path)) == [["01004", "5"]]


# --------------------------------------------------------------------------- real files


def test_every_source_has_one_reader():
    assert all(
        callable(reader) and reader.__name__.startswith("read_") for reader in READERS.values()
    )
    assert {"pvd_communes", "cog_communes_2020", "bpe_points_2021", "registre_lot_2026"} <= set(
        READERS
    )


def one(frame: pd.DataFrame, code: str) -> pd.Series:
    found = frame[frame["code"] == code]
    assert len(found) == 1
    return found.iloc[0]


#: Read by hand in the raw files: name, signature, area, PMUN2006, PMUN2022, density, AAV.
GOLDEN = {
    "46127": ("Gourdon", "2021-07-12", 45.56, 4669, 4080, 5, "410", "11", 1),
    "01306": ("Pont-de-Veyle", "2021-04-08", 1.94, 1496, 1600, 5, "084", "20", 2),
    "54397": ("Neuves-Maisons", "2021-10-05", 4.44, 6941, 6572, 2, "020", "20", 3),
    "30133": ("Le Grau-du-Roi", "2021-07-20", 54.73, 7892, 8513, 4, "316", "11", 1),
    "50076": ("Bréhal", "2021-05-26", 12.71, 2945, 3480, 5, "186", "20", 1),
    "2A247": ("Porto-Vecchio", "2021-03-30", 168.65, 9484, 11536, 3, "298", "11", 1),
    "97424": ("Cilaos", "2022-04-08", 84.4, 5838, 5215, 5, "000", "30", 0),
    "01033": ("Valserhône", "2021-03-12", 62.53, 15450, 16162, 2, "GEN", "20", 4),
}


@pytest.mark.mirror
def test_real_programmes(mirror):
    pvd = te.read_programme(mirror / "pvd" / "liste-pvd-com2025-20260427.csv")
    assert (len(pvd), int(pvd["signed"].isna().sum())) == (1646, 58)
    for code, (name, signed, *_) in GOLDEN.items():
        town = one(pvd, code)
        assert (town["name"], str(town["signed"].date())) == (name, signed)
    assert one(pvd, "2B134")["name"] == "L'Île-Rousse"
    assert pd.isna(one(pvd, "2B152")["signed"])
    acv = te.read_programme(mirror / "acv" / "liste-acv-com2025-20250704.csv")
    assert len(acv) == 245
    assert str(one(acv, "2B033")["signed"].date()) == "2024-03-01"


@pytest.mark.mirror
def test_real_population_area_and_grids(mirror):
    path = mirror / "population" / "base-pop-historiques.csv"
    population = te.read_population(path).set_index(["code", "year"])["population"]
    areas = te.read_areas(path)
    density = te.read_densite(mirror / "densite" / "grille_densite_7_niveaux.csv")
    assert sorted(population.index.unique("year")) == list(range(2006, 2023))
    for code, (_, _, area, first, last, level, *_) in GOLDEN.items():
        assert one(areas, code)["area_km2"] == area
        assert (population[code, 2006], population[code, 2022]) == (first, last)
        assert one(density, code)["density"] == level
    assert len(areas) == 34_920
    assert not density["code"].str.startswith("976").any(), "Mayotte is not in this copy"


@pytest.mark.mirror
def test_real_workbooks(mirror):
    aav = te.read_aav(mirror / "aav" / "AAV2020_au_01-01-2021.xlsx")
    zones = te.read_appartenance(
        mirror / "appartenance" / "table-appartenance-geo-communes-2024.xlsx"
    )
    assert (len(aav), len(zones)) == (34_965, 34_935)
    for code, (name, *_, area, category, size) in GOLDEN.items():
        town = one(aav, code)
        assert (town["aav"], town["aav_category"], town["aav_size"]) == (area, category, size)
        assert (one(zones, code)["name"], one(zones, code)["aav"]) == (name, area)
    assert one(zones, "01306").tolist() == [
        "01306", "Pont-de-Veyle", "01", "84", "200070555", "0059", "01126", "084", "71270",
    ]  # fmt: skip
    assert one(zones, "97424")[["departement", "zone_emploi"]].tolist() == ["974", "0404"]


@pytest.mark.mirror
def test_real_cog(mirror):
    folder = mirror / "decoupage-administratif" / "6.0.0"
    cog = te.read_cog_communes(folder / "communes.json")
    towns = cog[cog["kind"] == "commune"]
    assert len(towns) == 34_969
    assert one(towns, "46127")[["name", "departement", "region", "zone"]].tolist() == [
        "Gourdon", "46", "76", "metro",
    ]  # fmt: skip
    assert one(towns, "46127")["population"] == 4206
    assert one(towns, "97424")[["departement", "region", "zone", "population"]].tolist() == [
        "974", "04", "drom", 5040,
    ]  # fmt: skip
    assert one(towns, "2A247")["former"] == "20247"
    assert one(towns, "98715")["zone"] == "com"
    departements = te.read_cog_departements(folder / "departements.json")
    assert one(departements, "2A").tolist() == ["2A", "Corse-du-Sud", "94", "2A004"]
    regions = te.read_cog_regions(folder / "regions.json")
    assert one(regions, "04")["name"] == "La Réunion"
    epci = te.read_cog_epci(folder / "epci.json")
    found = {code: one(epci, code)["epci"] for code in ("46127", "2A247", "97424")}
    assert found == {"46127": "244600482", "2A247": "200040764", "97424": "249740077"}


@pytest.mark.mirror
def test_real_contours(mirror):
    communes = te.read_contours(mirror / "contours" / "communes-100m.geojson")
    pvd = te.read_programme(mirror / "pvd" / "liste-pvd-com2025-20260427.csv")
    assert len(communes) == 35_357
    assert set(pvd["code"]) <= set(communes["code"])
    assert communes.geometry.is_valid.all()
    west, south, east, north = one(communes, "46127").geometry.bounds
    assert 1.3 < west < east < 1.5
    assert 44.6 < south < north < 44.8
    assert one(communes, "30133")["name"] == "Grau-du-Roi", "the outlines drop the article"
    departements = te.read_contours(mirror / "contours" / "departements-100m.geojson")
    assert len(departements) == 101
    assert {"01", "2A", "976"} <= set(departements["code"])


@pytest.mark.mirror
@pytest.mark.parametrize("layout", ["mark", "commas", "backwards", "loose codes", "spaces"])
@pytest.mark.parametrize(
    ("reader", "file"),
    [
        (te.read_areas, "population/base-pop-historiques.csv"),
        (te.read_densite, "densite/grille_densite_7_niveaux.csv"),
        (people.read_filosofi, "filosofi/cc_filosofi_2021_COM.csv"),
        (people.read_rp_logement, "rp-logement/base-cc-logement-2021.csv"),
        (people.read_rp_ages, "rp-ages/structure-par-age-2021.csv"),
        (people.read_navettes, "navettes/mode-domicile-travail-2022.csv"),
    ],
)
def test_real_rows_in_other_layouts(mirror, tmp_path, reader, file, layout):
    lines = (mirror / file).read_text(encoding="utf-8-sig").splitlines()
    text = "\n".join([lines[0], *lines[1:40], *lines[-5:]]) + "\n"
    expected = reader(written(tmp_path, text.encode()))
    loosened = text.replace("\n0", "\n").replace(".", ",") if layout == "loose codes" else text
    found = reader(written(tmp_path, LAYOUTS[layout](loosened)))
    pd.testing.assert_frame_equal(found, expected)
