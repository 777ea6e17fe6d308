"""Readers of income, homes, ages, squares, beds and commuting.

The layouts that all readers by commune accept are tried in test_readers_territory.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from utils.errors import LayoutError
from utils.readers import people as pe


def synthetic(tmp_path: Path, content: str, name: str = "synthetique.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return path


# --------------------------------------------------------------------------- Filosofi

MELODI = (
    "GEO;GEO_OBJECT;FILOSOFI_MEASURE;UNIT_MEASURE;TIME_PERIOD;CONF_STATUS;OBS_VALUE\n"
    "01004;COM;MED_SL;EUR_YR;2023;F;23450\n"
    "01004;COM;MED_SL;EUR_YR;2022;F;22000\n"
    "01004;COM;PR_MD60;PT;2023;F;14,5\n"
    "2A041;COM;MED_SL;EUR_YR;2023;C;\n"
    "01;DEP;MED_SL;EUR_YR;2023;F;25000\n"
    "2A004;COM;MED_SL;EUR_YR;2023;F;22 100,5\n"
)


@pytest.mark.parametrize("content", [MELODI, "\ufeff" + MELODI, MELODI.replace(";", "|")])
def test_filosofi_in_melodis_form(tmp_path, content):
    frame = pe.read_filosofi(synthetic(tmp_path, content))
    assert frame.to_numpy().tolist() == [["01004", 23450.0], ["2A004", 22100.5]]


def test_filosofi_in_melodis_form_without_a_year(tmp_path):
    lines = [line.split(";") for line in MELODI.splitlines() if ";2022;" not in line]
    content = "\n".join(";".join(cells[:4] + cells[5:]) for cells in lines)
    assert len(pe.read_filosofi(synthetic(tmp_path, content))) == 2


def test_filosofi_melodi_names_what_is_missing(tmp_path):
    path = synthetic(tmp_path, MELODI.replace("OBS_VALUE", "VALEUR"))
    with pytest.raises(LayoutError, match=r"OBS_VALUE.*VALEUR"):
        pe.read_filosofi(path)


@pytest.mark.parametrize("column", ["MED13", "MED21", "Q221", "q219", "Med20"])
def test_filosofi_vintages(tmp_path, column):
    path = synthetic(tmp_path, f"CODGEO;NBMENFISC21;{column};D121\n1004;10;21420;1\n")
    assert pe.read_filosofi(path).to_numpy().tolist() == [["01004", 21420.0]]


# --------------------------------------------------------------------------- census


@pytest.mark.parametrize("prefix", ["P21", "P22", "p16"])
def test_vintages_of_homes(tmp_path, prefix):
    columns = ";".join(f"{prefix}_{c}" for c in ("LOG", "RP", "RP_PROP", "RSECOCC", "LOGVAC"))
    path = synthetic(tmp_path, f"CODGEO;{columns}\n1004;10;7;5;2;1\n")
    assert pe.read_rp_logement(path).to_numpy().tolist() == [["01004", 10.0, 7.0, 2.0, 1.0]]


def test_rounded_shares_of_a_hamlet_may_exceed_100(tmp_path):
    shares = ["moins de 15 ans", "15-29 ans", "30-44 ans", "45-59 ans", "60-74 ans"]
    header = "CODGEO;" + ";".join(f"Part des {s}" for s in shares)
    path = synthetic(tmp_path, f"{header}\n26030;0;0;0;70;35\n26031;0;0;0;70;30,2\n")
    assert pe.read_rp_ages(path)["share_75_plus"].tolist() == [0.0, 0.0]
    with pytest.raises(LayoutError, match="share_75_plus"):
        pe.read_rp_ages(synthetic(tmp_path, f"{header}\n26030;0;0;0;70;36\n"))


def test_the_oldest_are_those_left_whatever_the_columns_of_the_file(tmp_path):
    groups = ["POP", "POP0014", "POP1529", "POP3044", "POP4559", "POP6074", "POP7589", "POP90P"]
    header = "CODGEO;" + ";".join(f"P22_{g}" for g in groups)
    frame = pe.read_rp_ages(synthetic(tmp_path, f"{header}\n1004;100;10;10;20;20;20;15;5\n"))
    assert frame["share_75_plus"].tolist() == [20.0]
    assert frame.drop(columns="code").sum(axis=1).tolist() == [100.0]


# --------------------------------------------------------------------------- squares

AGES = ["0_3", "4_5", "6_10", "11_17", "18_24", "25_39", "40_54", "55_64", "65_79", "80p"]
OFFICIAL = {
    "idcar_200m": ["CRS3035RES200mN2442200E3638800", "CRS3035RES200mN2570000E3928400"],
    "idcar_1km": ["CRS3035RES1000mN2442000E3638000", "CRS3035RES1000mN2570000E3928000"],
    "i_est_200": [0, 1],
    "lcog_geo": ["46127", "0100101002"],
    "ind": [134.5, 2.0],
    "men": [92.0, 0.9],
    "men_pauv": [31.0, 0.0],
    "ind_snv": [1e6, 2e4],
    **{f"ind_{age}": [float(n), 0.1] for n, age in enumerate(AGES)},
}
#: Names of 2015 and 2017.
OLD_NAMES = {"idcar_200m": "IdINSPIRE", "i_est_200": "I_est_cr", "ind": "Ind", "lcog_geo": "Depcom"}
COLUMNS = [
    "idcar", "codes", "x", "y", "imputed", "persons", "households", "poor_households",
    "age_0_3", "age_4_5", "age_6_10", "age_11_17", "age_18_24", "age_25_39", "age_40_54",
    "age_55_64", "age_65_79", "age_80_plus",
]  # fmt: skip


def squares(tmp_path: Path, layout: str, **changes: list[object]) -> Path:
    frame = pd.DataFrame({**OFFICIAL, **changes})
    path = tmp_path / "carreaux_200m_met.csv"
    if layout == "parquet":
        frame.to_parquet(path := path.with_suffix(".parquet"))
    elif layout == "gpkg":
        points = gpd.GeoDataFrame(frame, geometry=[Point(0, 0), Point(1, 1)], crs=2154)
        points.to_file(path := path.with_suffix(".gpkg"))
    elif layout == "csv, commas for decimals":
        frame.to_csv(path, index=False, sep=";", decimal=",")
    elif layout == "csv, marked":
        frame.iloc[:, ::-1].to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    elif layout == "csv, old names":
        frame.rename(columns=OLD_NAMES).to_csv(path, index=False)
    else:
        frame.rename(columns={"i_est_200": "i_est_200m"}).to_csv(path, index=False)
    return path


LAYOUTS = [
    "parquet", "gpkg", "csv", "csv, commas for decimals", "csv, marked", "csv, old names",
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squares_in_every_layout(tmp_path, layout):
    frame = pe.read_carreaux_200m(squares(tmp_path, layout))
    assert list(frame.columns) == COLUMNS
    assert frame["codes"].tolist() == ["46127", "0100101002"]
    assert frame[["x", "y"]].to_numpy().tolist() == [[3638800, 2442200], [3928400, 2570000]]
    assert frame["imputed"].tolist() == [False, True]
    assert frame["imputed"].dtype == bool
    assert frame["persons"].tolist() == [134.5, 2.0]
    assert frame["households"].round(3).tolist() == pytest.approx([92, 0.9])
    assert frame["age_80_plus"].tolist() == pytest.approx([9, 0.1])
    assert (frame.dtypes[COLUMNS[5:]] == "float32").all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squares_keep_the_columns_asked_for(tmp_path, layout):
    path = squares(tmp_path, layout)
    asked = ("epsg", "persons", "x", "codes")
    assert list(pe.read_carreaux_200m(path, columns=asked).columns) == list(asked)
    assert list(pe.read_carreaux_200m(path, columns=["imputed"]).columns) == ["imputed"]


def test_squares_overseas_have_their_own_system(tmp_path):
    path = squares(tmp_path, "csv", idcar_200m=["CRS2975RES200mN7634000E338000"] * 2)
    frame = pe.read_carreaux_200m(path, columns=["x", "y", "epsg"])
    assert frame.iloc[0].tolist() == [338000, 7634000, 2975]


def test_squares_in_an_archive(tmp_path):
    path = tmp_path / "csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(squares(tmp_path, "csv"), "carreaux_200m_met.csv")
    assert len(pe.read_carreaux_200m(path)) == 2


@pytest.mark.parametrize("layout", ["parquet", "gpkg", "csv"])
def test_faults_of_squares_are_told(tmp_path, layout):
    with pytest.raises(LayoutError, match=r"identifiant.*E36"):
        pe.read_carreaux_200m(squares(tmp_path, layout, idcar_200m=["N24E36", "N25E39"]))
    with pytest.raises(LayoutError, match=r"persons.*-1"):
        pe.read_carreaux_200m(squares(tmp_path, layout, ind=[-1.0, 2.0]))


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_missing_column_of_squares_is_named(tmp_path, suffix):
    frame = pd.DataFrame(OFFICIAL).rename(columns={"men_pauv": "pauvres"})
    path = tmp_path / f"carreaux{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    with pytest.raises(LayoutError, match=rf"carreaux\{suffix}.*men_pauv.*pauvres"):
        pe.read_carreaux_200m(path)
    assert len(pe.read_carreaux_200m(path, columns=["persons"])) == 2


def test_a_ragged_csv_of_squares_is_an_error(tmp_path):
    path = squares(tmp_path, "csv")
    path.write_text(path.read_text() + "a,b\n")
    with pytest.raises(LayoutError, match="lisible"):
        pe.read_carreaux_200m(path)


GRID = {
    "E_km": [3763, 3395], "N_km": [2892, 2304], "T": [34331, 6], "M": [16626, 5],
    "F": [17705, 3], "Y_LT15": [5478, 0], "Y_1564": [23908, 3], "Y_GE65": [4945, 0],
    "T_CI": [None, 1],
}  # fmt: skip


def test_census_grid(tmp_path):
    path = tmp_path / "synthetique.parquet"
    pd.DataFrame(GRID).to_parquet(path)
    frame = pe.read_recensement_1km(path)
    assert frame[["x", "y", "total"]].to_numpy().tolist() == [
        [3763000, 2892000, 34331],
        [3395000, 2304000, 6],
    ]
    assert frame["confidential"].tolist() == [False, True]
    pd.DataFrame(GRID).drop(columns="T").to_parquet(path)
    with pytest.raises(LayoutError, match="introuvable"):
        pe.read_recensement_1km(path)
    pd.DataFrame({**GRID, "T": [-9999, 1]}).to_parquet(path)
    with pytest.raises(LayoutError, match="total"):
        pe.read_recensement_1km(path)


# --------------------------------------------------------------------------- real files

#: Read by hand in the raw files: income; homes, main, second, vacant; five shares of ages;
#: beds; workers, by car, by public transport (None where the file lacks the town).
GOLDEN = {
    "46127": (21420, (2881, 2046, 199, 636), (10, 10.8, 11.6, 19.6, 25.4), 323, (627, 68.8, 5.9)),
    "01306": (21330, (864, 740, 20, 103), (15.4, 18.6, 17.9, 15.6, 16.2), 0, (358, 82.9, 4.1)),
    "54397": (22650, (3247, 2936, 36, 276), (16.9, 16.8, 18.5, 19.9, 18), 18, (1485, 73.1, 13.3)),
    "30133": (
        21870, (24268, 4620, 19480, 168), (8.5, 9.3, 10.5, 19.6, 30.6), 7581, (1157, 68.6, 1.7),
    ),
    "50076": (24170, (2850, 1759, 905, 187), (11.9, 10.4, 11.8, 17.2, 29.8), 450, (516, 86.4, 0)),
    "2A247": (21560, (12986, 5063, 7657, 266), (16.7, 15.9, 20.1, 22.2, 16.4), None, None),
    "97424": (13780, (3047, 2213, 509, 325), (20.1, 15.7, 18, 24.4, 15.4), 186, (684, 65.3, 5.3)),
    "01033": (23780, (8546, 7172, 261, 1114), (20, 17.2, 20.6, 20.1, 14.2), 148, (3203, 73, 13.4)),
}  # fmt: skip


def values(frame: pd.DataFrame, code: str) -> tuple[float, ...] | None:
    found = frame[frame["code"] == code].drop(columns="code")
    return tuple(found.iloc[0]) if len(found) else None


@pytest.mark.mirror
def test_real_towns(mirror):
    income = pe.read_filosofi(mirror / "filosofi" / "cc_filosofi_2021_COM.csv")
    homes = pe.read_rp_logement(mirror / "rp-logement" / "base-cc-logement-2021.csv")
    ages = pe.read_rp_ages(mirror / "rp-ages" / "structure-par-age-2021.csv")
    beds = pe.read_tourisme(mirror / "tourisme" / "capacite-hebergement-2025.csv")
    work = pe.read_navettes(mirror / "navettes" / "mode-domicile-travail-2022.csv")
    assert [len(f) for f in (income, homes, ages, beds, work)] == [
        31_322, 34_955, 34_935, 34_494, 34_192,
    ]  # fmt: skip
    for code, (median, dwellings, shares, capacity, commuting) in GOLDEN.items():
        assert values(income, code) == (median,)
        assert values(homes, code) == dwellings
        *young, old = values(ages, code) or ()
        assert tuple(young) == shares
        assert old == pytest.approx(100 - sum(shares), abs=0.051)
        assert values(beds, code) == (None if capacity is None else (capacity,))
        assert values(work, code) == commuting


@pytest.mark.mirror
def test_real_squares(mirror):
    path = mirror / "filosofi-200m" / "carreaux_200m_met_2019.parquet"
    asked = ["idcar", "codes", "x", "y", "imputed", "persons", "poor_households", "age_80_plus"]
    frame = pe.read_carreaux_200m(path, columns=asked)
    assert len(frame) == 2_287_884
    assert frame["persons"].astype("float64").sum() == pytest.approx(62.97e6, rel=1e-3)
    town = frame[frame["codes"] == "46127"]
    sums = town[["persons", "poor_households", "age_80_plus"]].astype("float64").sum()
    assert sums.round(1).tolist() == [3927.5, 363.6, 518.3]
    assert (len(town), int(town["imputed"].sum())) == (462, 423)
    largest = town.loc[town["persons"].idxmax()]
    assert largest[["x", "y", "persons"]].tolist() == [3638800, 2442200, 134.5]


@pytest.mark.mirror
def test_real_census_grid(mirror):
    folder = mirror / "recensement-1km"
    frame = pe.read_recensement_1km(folder / "census_grid_2021_1km_autour_des_pvd.parquet")
    assert len(frame) == 369_806
    top = frame.loc[frame["total"].idxmax()]
    assert top.tolist() == [3763000, 2892000, 34331, 16626, 17705, 5478, 23908, 4945, False]
