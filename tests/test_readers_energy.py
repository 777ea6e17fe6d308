"""Readers of energy: register, production, consumption, power plants."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from utils.errors import LayoutError
from utils.readers import energy as en


def synthetic(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "synthetique.csv"
    path.write_bytes(content.encode())
    return path


# --------------------------------------------------------------------------- register

API = (
    "nominstallation;codeinseecommune;codefiliere;filiere;technologie;datemiseenservice;"
    "datemiseenservice_date;regime;nbinstallations;puismaxinstallee;"
    "energieannuelleglissanteinjectee\n"
    "Agrégation;1004;SOLAI;Solaire;Photovoltaïque;07/10/2009;2009-10-07;En service;14;49.46;0\n"
    "Confidentiel;2a191;HYDLQ;Hydraulique;Photovoltaïque;;;En service;1;55000;1000\n"
    "Confidentiel;;SOLAI;Solaire;;;;;1;100;\n"
    "Arrêtée;1004;EOLIE;Eolien;;;;Hors service;1;2000;5\n"
)
LABELLED = (
    "\ufeffnomInstallation;codeINSEECommune;filiere;technologie;dateMiseEnService;nbInstallations;"
    "puisMaxInstallee;energieAnnuelleGlissanteInjectee\n"
    "Agrégation;01004;Solaire;Photovoltaïque;07/10/2009;14;49,46;0\n"
    "Confidentiel;2A191;Hydraulique;Photovoltaïque;;1;55000;1000\n"
    "Confidentiel;;Solaire;;;1;100;\n"
)
BEFORE_2020 = LABELLED.replace("energieAnnuelleGlissanteInjectee", "energieAnnuelleInjectee")


def as_parquet(tmp_path: Path) -> Path:
    path = tmp_path / "synthetique.parquet"
    pd.DataFrame(
        {
            "codeinseecommune": ["01004", "2A191", None],
            "nominstallation": ["Agrégation", "Confidentiel", "Confidentiel"],
            "filiere": ["Solaire", "Hydraulique", "Solaire"],
            "technologie": ["Photovoltaïque", "Photovoltaïque", None],
            "datemiseenservice_date": pd.to_datetime(["2009-10-07", None, None]),
            "nbinstallations": [14.0, 1.0, 1.0],
            "puismaxinstallee": [49.46, 55000.0, 100.0],
            "energieannuelleglissanteinjectee": [0.0, 1000.0, None],
        }
    ).to_parquet(path)
    return path


@pytest.mark.parametrize("layout", ["api", "labelled", "before_2020", "parquet"])
def test_registre_layouts(tmp_path, layout):
    texts = {"api": API, "labelled": LABELLED, "before_2020": BEFORE_2020}
    path = as_parquet(tmp_path) if layout == "parquet" else synthetic(tmp_path, texts[layout])
    frame = en.read_registre(path)
    assert list(frame.columns) == [
        "code", "filiere", "installations", "power_kw", "energy_kwh", "commissioned", "name",
        "region",
    ]  # fmt: skip
    assert frame["code"].fillna("-").tolist() == ["01004", "2A191", "-"]
    assert frame["filiere"].tolist() == ["solaire", "hydraulique", "solaire"]
    assert frame["installations"].tolist() == [14, 1, 1]
    assert frame["power_kw"].tolist() == [49.46, 55000, 100]
    assert frame["energy_kwh"].fillna(-1).tolist() == [0, 1000, -1]
    assert frame["commissioned"].iloc[0] == pd.Timestamp("2009-10-07")
    assert frame["commissioned"].isna().tolist() == [False, True, True]
    assert frame["commissioned"].dtype == "datetime64[s]"


def test_registre_without_energy_nor_dates(tmp_path):
    content = "codeinseecommune;filiere;puismaxinstallee\n75108;Nucléaire;10\n"
    frame = en.read_registre(synthetic(tmp_path, content))
    assert (
        frame[["installations", "energy_kwh", "commissioned", "name", "region"]]
        .isna()
        .all(axis=None)
    )
    assert frame["code"].tolist() == ["75108"]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Eolien", "eolien"),
        ("Solaire photovoltaïque", "solaire"),
        ("Bioénergies", "bioenergies"),
        ("Géothermie", "geothermie"),
        ("Energies Marines", "energies_marines"),
        ("Nucléaire", "nucleaire"),
        ("Thermique non renouvelable", "thermique"),
        ("Stockage non hydraulique", "stockage"),
        ("Autre", "autre"),
    ],
)
def test_registre_filieres(tmp_path, written, canonical):
    content = f"codeinseecommune;filiere;puismaxinstallee\n01004;{written};10\n"
    assert en.read_registre(synthetic(tmp_path, content))["filiere"].tolist() == [canonical]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (";49.46;", ";-1;", "power_kw"),
        (";49.46;", ";49460000;", "power_kw"),
        (";49.46;", ";beaucoup;", "beaucoup"),
        (";Solaire;", ";Lunaire;", "Lunaire"),
        (";Solaire;", ";;", "filière"),
        ("puismaxinstallee", "puissance", r"synthetique\.csv.*puismaxinstallee.*puissance"),
        ("07/10/2009;2009-10-07", "07/10/2009;hier", "hier"),
    ],
)
def test_registre_refuses(tmp_path, old, new, said):
    with pytest.raises(LayoutError, match=said):
        en.read_registre(synthetic(tmp_path, API.replace(old, new)))


# --------------------------------------------------------------------------- regions


def test_production_regionale_is_long_and_keeps_blanks(tmp_path):
    content = (
        "\ufeffAnnée;Code INSEE région;Région;Production nucléaire (GWh);"
        "Production thermique (GWh);Production hydraulique (GWh);Production éolienne (GWh);"
        "Production solaire (GWh);Production bioénergies (GWh);Géo-shape région\r\n"
        '2023;1;Synthétique;;2426.0;-5,5;106;1010;563;"{""coordinates"": [[1, 2]]}"\r\n'
    )
    frame = en.read_production_regionale(synthetic(tmp_path, content))
    assert set(frame["region"]) == {"01"}
    values = frame.set_index("filiere")["gwh"].fillna(-1).to_dict()
    assert values == {
        "nucleaire": -1, "thermique": 2426, "hydraulique": -5.5, "eolien": 106, "solaire": 1010,
        "bioenergies": 563,
    }  # fmt: skip


def test_consommation_regionale(tmp_path):
    content = "Année;Code INSEE région;Région;Conso_nette_corrigée_TWh\n2006;52;X;22,45\n"
    frame = en.read_consommation_regionale(synthetic(tmp_path, content))
    assert frame.iloc[0].tolist() == ["52", 2006, 22.45]


def test_consommation_regionale_refuses_two_values(tmp_path):
    content = "Année;Code INSEE région;Conso_nette_corrigée_TWh\n2006;52;1\n2006;52;2\n"
    with pytest.raises(LayoutError, match="synthetique"):
        en.read_consommation_regionale(synthetic(tmp_path, content))


def test_production_departement_sums_voltages_and_counts_blanks(tmp_path):
    names = ["Photovoltaïque", "Eolien", "Hydraulique", "Bio Energie", "Cogénération",
             "Autres filières"]  # fmt: skip
    columns = [f"Nb sites {n} Enedis;Energie produite annuelle {n} Enedis (MWh)" for n in names]
    header = "Année;Code département;Domaine de tension;" + ";".join(columns)
    content = f"{header}\n2023;1;BT;2;10.5;;;;;;;;;;\n2023;01;HTA;1;4;;;3;7;;;;;;\n"
    frame = en.read_production_departement(synthetic(tmp_path, content)).set_index("filiere")
    assert set(frame["departement"]) == {"01"}
    assert frame.loc["solaire", ["sites", "mwh", "masked"]].tolist() == [3, 14.5, 0]
    assert frame.loc["hydraulique", ["sites", "mwh", "masked"]].tolist() == [3, 7, 1]
    assert pd.isna(frame.loc["eolien", "mwh"])
    assert frame.loc["eolien", "masked"] == 2


def test_powerplants_of_france_with_their_errors(tmp_path):
    content = (
        "id,Name,Fueltype,Technology,Country,Capacity,DateIn,lat,lon,projectID\n"
        "1,Barrage,Hydro,Reservoir,France,10,1899.0,45,1,\"{'a', 'b'}\"\n"
        "2,Vent,Wind,Onshore,France,12.5,0.0,45,1,x\n"
        "3,Vent,Wind,not found,France,12.5,1958.0,45,1,x\n"
        "4,Vent,Wind,Onshore,France,12.5,2015.0,45,1,x\n"
        "5,Viento,Wind,Onshore,Spain,12.5,2015.0,40,1,x\n"
    )
    frame = en.read_powerplants(synthetic(tmp_path, content))
    assert frame["plant_id"].tolist() == ["1", "2", "3", "4"]
    assert frame["year_in"].fillna(-1).tolist() == [1899, -1, -1, 2015]
    assert frame["technology"].isna().tolist() == [False, False, True, False]


MASTS = (
    "id_aerogenerateur,nom_parc,nom_commune,code_dept,statut_parc,etat_mat,en_service,puissance_mw,"
    "hauteur_totale,x_aerogenerateur,y_aerogenerateur,epsg\n"
    "1,Crête,Synthétique,1,Autorisé,CO,Non,2.5,150,700000,6600000,2154\n"
    "2,Crête,Synthétique,1,Autorisé,,Oui,,150,3,46.5,4326\n"
    "3,Crête,Synthétique,1,Autorisé,EC,Non,2.5,150,700000,6600000,2154\n"
    "4,Val,Synthétique,01,Refusé,CO,Oui,2.5,150,700000,6600000,2154\n"
    "5,Val,Synthétique,01,Autorisé,CO,Oui,2.5,,,,\n"
)


def test_masts_that_stand_with_the_system_of_each_line(tmp_path):
    frame = en.read_eoliennes(synthetic(tmp_path, MASTS)).set_index("mast_id")
    assert frame.index.tolist() == ["1", "2", "5"]
    assert frame["power_kw"].fillna(-1).tolist() == [2500, -1, 2500]
    assert frame.loc[["1", "2"], "lon"].tolist() == pytest.approx([3, 3])
    assert frame.loc[["1", "2"], "lat"].tolist() == pytest.approx([46.5, 46.5], abs=1e-3)
    assert frame.loc["5", ["lon", "lat"]].isna().all()
    assert set(frame["departement"]) == {"01"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",2.5,150,700000", ",-2.5,150,700000", "power_kw"),
        (",2.5,150,700000", ",2500,150,700000", "power_kw"),
        (",2154", ",999999", "999999"),
        ("puissance_mw", "puissance", "puissance_mw"),
    ],
)
def test_masts_refuse(tmp_path, old, new, said):
    with pytest.raises(LayoutError, match=said):
        en.read_eoliennes(synthetic(tmp_path, MASTS.replace(old, new)))


# --------------------------------------------------------------------------- consumption

CONSO = (
    "Année,FILIERE,Code Commune,CODE GRAND SECTEUR,Conso totale (MWh),Nb sites\n"
    "2024,Electricité,1001,AGRICULTURE,339.462,9.0\n"
    "2024,Electricité,1001,TOTAL,500,\n"
    "2024,Gaz,1001,RESIDENTIEL,10,2\n"
)


def test_conso_communes(tmp_path):
    frame = en.read_conso_communes(synthetic(tmp_path, CONSO))
    assert list(frame.columns) == ["code", "year", "energy", "sector", "mwh", "sites", "masked"]
    assert set(frame["code"]) == {"01001"}
    values = frame.set_index(["energy", "sector"])
    assert values.loc[("electricite", "agriculture"), "mwh"] == 339.462
    assert values.loc[("electricite", "total"), "mwh"] == 500
    assert pd.isna(values.loc[("electricite", "total"), "sites"])
    assert ("electricite", "residentiel") not in values.index
    assert frame["masked"].isna().all()


def test_conso_communes_by_category(tmp_path):
    content = (
        "Année;FILIERE;Code Commune;Code catégorie consommation (RES,ENT,PRO);"
        "Conso totale (MWh);Nb sites;Nombre de mailles secrétisées\n"
        "2024;Electricité;46001;RES;1767;392;2\n2024;Electricité;46001;TOTAL;2265;;2\n"
        "2024;Electricité;46001;ENT;1;1;0\n2024;Electricité;46001;PRO;1;1;0\n"
    )
    frame = en.read_conso_communes(synthetic(tmp_path, content)).set_index("sector")
    assert set(frame.index) == {"residentiel", "total", "entreprises", "professionnels"}
    assert frame.loc["residentiel", ["mwh", "sites", "masked"]].tolist() == [1767, 392, 2]


def test_conso_communes_official_sums_operators_and_adds_the_total(tmp_path):
    content = (
        "operateur,annee,filiere,code_commune,code_grand_secteur,code_categorie_consommation,"
        "conso_totale_mwh,nb_sites,nombre_de_mailles_secretisees\n"
        "Enedis,2024,Electricité,01001,RESIDENTIEL,RES,10,5,0\n"
        "ELD,2024,Electricité,01001,RESIDENTIEL,RES,2.5,1,1\n"
        "ELD,2024,Electricité,01001,NAP,X,0.5,1,0\n"
        "ELD,2024,Electricité,01001,,X,,,3\n"
    )
    frame = en.read_conso_communes(synthetic(tmp_path, content)).set_index("sector")
    assert frame.loc["residentiel", ["mwh", "sites", "masked"]].tolist() == [12.5, 6, 1]
    assert frame.loc["inconnu", ["mwh", "sites", "masked"]].tolist() == [0.5, 1, 3]
    assert frame.loc["total", ["mwh", "sites", "masked"]].tolist() == [13, 7, 4]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("AGRICULTURE", "LOISIRS", "LOISIRS"),
        ("Gaz", "Charbon", "Charbon"),
        ("339.462", "-1", "mwh"),
        ("CODE GRAND SECTEUR", "SECTEUR", "CODE GRAND SECTEUR.*Nb sites"),
    ],
)
def test_conso_communes_refuse(tmp_path, old, new, said):
    with pytest.raises(LayoutError, match=said):
        en.read_conso_communes(synthetic(tmp_path, CONSO.replace(old, new)))


# --------------------------------------------------------------------------- real files

REGISTRE = "registre-national-installation-production-stockage-electricite-agrege.csv"


@pytest.mark.mirror
def test_registre_2024(mirror):
    frame = en.read_registre(mirror / "registre" / REGISTRE)
    assert len(frame) == 28_662
    assert frame["filiere"].value_counts()[["solaire", "eolien"]].tolist() == [23_339, 1348]
    assert frame["energy_kwh"].isna().all()
    lines = frame.set_index(["code", "filiere"])[["installations", "power_kw"]]
    golden = {
        ("46127", "solaire"): [78, 1398.56],
        ("01306", "solaire"): [18, 64.51],
        ("54397", "solaire"): [58, 204.23],
        ("30133", "solaire"): [177, 997.59],
        ("2A041", "solaire"): [39, 6008.97],
        ("97117", "bioenergies"): [1, 33300],
        ("97401", "solaire"): [107, 763.72],
        ("2A191", "hydraulique"): [1, 55000],
    }
    assert {key: lines.loc[key].tolist() for key in golden} == golden
    assert "50076" not in set(frame["code"])  # under the threshold of publication, not a 0


@pytest.mark.mirror
def test_registre_of_the_lot_2026(mirror):
    frame = en.read_registre(mirror / "registre-energie" / "registre-2026-07-31-departement-46.csv")
    gourdon = frame[frame["code"] == "46127"].iloc[0]
    assert gourdon[["filiere", "installations", "power_kw", "energy_kwh"]].tolist() == [
        "solaire", 106, 2219.1, 2_329_000,
    ]  # fmt: skip
    assert set(frame["filiere"]) == {"solaire", "hydraulique", "bioenergies"}


@pytest.mark.mirror
def test_regions_real(mirror):
    folder = mirror / "energie-regionale"
    production = en.read_production_regionale(folder / "prod-region-annuelle-filiere.csv")
    assert len(production) == 208 * 6
    one = production.set_index(["region", "year", "filiere"])["gwh"].sort_index()
    assert one["76", 2023].to_dict() == {
        "nucleaire": 4523, "thermique": 270, "hydraulique": 9262, "eolien": 3453, "solaire": 4342,
        "bioenergies": 818,
    }  # fmt: skip
    assert pd.isna(one["94", 2023, "nucleaire"])
    consumption = en.read_consommation_regionale(folder / "consommation-nette-regionale.csv")
    assert len(consumption) == 234
    assert consumption.set_index(["region", "year"])["twh"]["76", 2023] == 33.15
    enedis = en.read_production_departement(
        folder / "production-electrique-par-filiere-a-la-maille-departement.csv"
    )
    lot = enedis[(enedis["departement"] == "46") & (enedis["year"] == 2023)].set_index("filiere")
    assert lot.loc["solaire", "sites"] == 509 + 12
    assert lot.loc["solaire", "mwh"] == pytest.approx(63405.779 + 63594.06, abs=1e-3)
    assert lot.loc["solaire", "masked"] == 1


@pytest.mark.mirror
def test_powerplants_real(mirror):
    frame = en.read_powerplants(mirror / "powerplantmatching" / "powerplants.csv")
    assert len(frame) == 2572
    assert (frame["fuel"] == "Wind").sum() == 1054
    assert frame["year_in"].isna().sum() == 264 + 8 + 3
    flamanville = frame.set_index("plant_id").loc["1"]
    assert flamanville[["name", "power_mw", "year_in"]].tolist() == ["Flamanville", 2660, 1985]


@pytest.mark.mirror
def test_conso_communes_real(mirror):
    folder = mirror / "conso-ore"
    name = "consommation-annuelle-d-electricite-et-gaz-par-commune"
    frame = en.read_conso_communes(folder / f"{name}.csv")
    assert len(frame) == 176_937
    one = frame.set_index(["code", "energy", "sector"])
    golden = {
        ("46127", "electricite", "residentiel"): 13332.412,
        ("46127", "electricite", "total"): 29682.741916,
        ("30133", "gaz", "total"): 28496.43236,
        ("2A041", "electricite", "tertiaire"): 22961.785,
        ("97117", "electricite", "industrie"): 15284.848,
        ("97401", "electricite", "total"): 24816.005,
    }
    assert {key: one.loc[key, "mwh"] for key in golden} == golden
    lot = en.read_conso_communes(folder / f"{name}-departement-46.csv")
    gourdon = lot[lot["code"] == "46127"].set_index("sector")
    assert gourdon.loc["residentiel", ["mwh", "sites", "masked"]].tolist() == [13332, 2968, 0]
    assert gourdon.loc["total", "mwh"] == 29683
