"""What the chapter on energy says of any town, the most awkward ones included."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from utils import tables, webmaps
from utils.publish import HtmlBlock
from utils.stories import comparison, energy, energy_use, wind

#: Golden towns, a Corsican, overseas without register, with wind around, a wind town, two whose
#: consumption lacks homes, the tidal plant of the Rance, the cable of Saint-Nazaire.
TOWNS = [
    "46127", "2B096", "97602", "97128", "52247", "80685", "31135", "35241", "44137",
]  # fmt: skip


@pytest.fixture(params=TOWNS)
def town(request: pytest.FixtureRequest) -> pd.Series:
    return tables.load_town(request.param)


def test_figures_that_a_town_may_lack_are_drawn_or_said_missing(town: pd.Series) -> None:
    lines = tables.load_energy().query("code == @town['code'] and year == 2023")
    known = lines[~lines["filiere"].isin(["eolien_en_mer", "thermique"])]["energy_mwh"].notna()
    for story in (energy.production(town), energy.weight(town)):
        assert (story is None) == (not known.any())
    overseas = town["code"].startswith("97")
    assert (energy.region_mix(town) is None) == overseas
    for kind in ("electricite", "gaz"):
        total = tables.load_indicators(f"conso_{kind}_total", codes=[town["code"]])["value"]
        assert (energy_use.consumption(town, kind) is None) == total.isna().item()


def test_the_production_of_a_town_is_that_of_its_indicators(town: pd.Series) -> None:
    story = energy.production(town)
    value = tables.load_indicators("production_renouvelable", codes=[town["code"]])["value"].item()
    drawn = story.drawn["value"].sum() if story else float("nan")
    assert drawn == pytest.approx(value, abs=0.1, nan_ok=True)


def test_shares_of_the_region_are_those_of_its_indicator(town: pd.Series) -> None:
    frame = energy.weight_table(town)
    share = tables.load_indicators("part_region_renouvelable", codes=[town["code"]])["value"].item()
    ensemble = frame.set_index("Filière")["Part de la production (%)"].tail(1) if len(frame) else ()
    own = float(*ensemble) if len(ensemble) else float("nan")
    assert own == pytest.approx(share, abs=1e-3, nan_ok=True)


def test_a_secret_sector_is_never_zero_and_the_table_adds_up(town: pd.Series) -> None:
    table = energy_use.consumption_table(town)
    for _, rows in table.groupby("Énergie"):
        total = rows.loc[rows["Secteur"] == "Ensemble", "Consommation (MWh)"].item()
        parts = rows.loc[rows["Secteur"] != "Ensemble", "Consommation (MWh)"]
        assert pd.isna(total) or parts.sum() == pytest.approx(total, abs=0.6)
    hidden = table["Ce que l’on sait"].isin(["secret ou inconnu", "hors du fichier"])
    assert table.loc[hidden, "Consommation (MWh)"].isna().all()
    told = table.loc[table["Secteur"] == "Ensemble", "Ce que l’on sait"]
    exact = town["code"] == "46127"  # the file of the Lot has no suppressed cell there
    assert told.str.startswith("exact" if exact else "minimum").all()


def test_what_is_published_without_a_sector_is_one_and_the_total_of_gourdon_is_exact() -> None:
    town = tables.load_town("46127")
    table = energy_use.consumption_table(town).set_index("Secteur")
    assert table.loc["Sans secteur", "Consommation (MWh)"] == 12.9
    assert "Non ventilé" not in table.index
    story = energy_use.consumption(town, "electricite")
    assert story
    assert "Ensemble" in set(story.drawn["label"])
    assert "il est exact" in story.note
    other = energy_use.consumption(tables.load_town("80685"), "gaz")
    assert other
    assert "Ensemble (minimum)" in set(other.drawn["label"])


def test_coverage_by_sector_stands_beside_the_comparables_and_the_region(town: pd.Series) -> None:
    table = energy_use.coverage_table(town).set_index("Secteur")
    own = table["Production rapportée au secteur (%)"]
    coverage = tables.load_indicators("couverture_electricite", codes=[town["code"]])["value"]
    assert own["Ensemble"] == pytest.approx(coverage.item(), abs=0.01, nan_ok=True)
    whole = table["Comparables, médiane (%)"]
    lines = comparison.values(town, ["couverture_electricite"], 2023, rates=False)
    others = comparison.split(lines)[1]
    assert whole["Ensemble"] == pytest.approx(others.median(), abs=0.01)
    assert table.loc["Ensemble", "Comparables connues"] == others.notna().sum()
    assert (table["Région (%)"].drop("Ensemble") > table.loc["Ensemble", "Région (%)"]).all() or (
        town["code"] == "97602"  # Mayotte: not in the register
    )


def test_every_figure_of_an_energy_estimated_says_by_which_method(town: pd.Series) -> None:
    figures = [energy.places(town), energy.weight(town), energy_use.coverage(town)]
    figures += [energy_use.coverage_map(town), energy.production(town)]
    for story in filter(None, figures):
        assert "facteur de charge" in story.note
        assert "%)" in story.note


def test_the_rank_of_a_town_counts_all_its_filieres(town: pd.Series) -> None:
    table = energy.weight_table(town)
    if table.empty:
        return
    rank, communes = re.findall(r"[\d\u202f]+", table["Rang dans la région"].iloc[-1])
    assert 1 <= int(rank.replace("\u202f", "")) <= int(communes.replace("\u202f", ""))
    if town["code"] == "80685":  # 170 GWh, nearly all of wind
        assert rank == "5"


def test_farms_that_cannot_be_where_they_are_said_are_left_out_and_counted() -> None:
    farms = tables.load_farms()
    land, sea = farms[~farms["at_sea"]], farms[farms["at_sea"]]
    assert (land["placed"] == (land["register_km"] <= 15)).all()
    assert (sea["placed"] == sea["code"].isna()).all()
    assert not farms.set_index("name").loc["Marsais", "placed"]
    assert farms.set_index("name").loc["Ersa Rogliano", "placed"]  # Corsica
    text = wind.astray()
    assert str(int((~land["placed"]).sum())) in text
    assert "1\u202f044" in text
    assert "Saint Brieuc" in text
    assert "Marsais" not in str(wind.interactive(tables.load_town("46127")))


def test_coverage_is_not_computed_on_a_total_without_homes() -> None:
    table = energy_use.coverage_table(tables.load_town("31324")).set_index("Secteur")
    assert pd.isna(table.loc["Ensemble", "Production rapportée au secteur (%)"])
    text = energy_use.missing_homes()
    assert all(name in text for name in ("Cazères", "Martres-Tolosane", "Lannemezan"))


def test_doubling_is_written_with_its_arithmetic() -> None:
    table = energy_use.double_table(tables.load_town("46127"))
    numbers = [
        [
            float(n.replace("\u202f", "").replace(",", "."))
            for n in re.findall(r"\d[\d\u202f,]*", calc)
        ]
        for calc in table["Calcul"]
    ]
    for goal, factor, hours, power, again, unit, units in numbers:
        assert goal / (factor * hours / 1000) == pytest.approx(power, rel=0.001)
        assert power == again
        assert power / unit == pytest.approx(units, rel=0.01, abs=0.051)


def test_the_error_of_the_method_is_told() -> None:
    table = energy.error_table().set_index("Filière")
    assert table.loc["Solaire", "Communes"] == 264
    low, high = (
        int(n.replace("\u2212", "-")) for n in table.loc["Solaire", "D1 à D9 (%)"].split(" à ")
    )
    assert low < table.loc["Solaire", "Médiane (%)"] < high
    assert abs(table.loc["Solaire", "Total (%)"]) < 10
    assert "%" in energy.error_sentence()
    assert energy.errors(tables.load_town("46127")).drawn["is_town"].sum() == 1
    assert energy.errors(tables.load_town("2B096")).drawn["is_town"].sum() == 0


def test_the_place_of_the_energy_is_judged_where_enedis_measured_it() -> None:
    table = energy.gap_table()
    assert {"Éolien terrestre", "Solaire", "Hydraulique"} == set(table["Filière"])
    assert table["Part d’Enedis (%)"].between(90, 105).all()
    assert (table["Le plus bas (%)"] <= 0).all()
    assert (table["Le plus haut (%)"] >= 0).all()
    assert "Marne" in energy.gap_sentence()


def test_the_register_has_lost_the_region_of_some_lines() -> None:
    assert "367" in energy.blanks_sentence()
    assert set(energy.blanks_table()["Région"]) == {"Hauts-de-France"}


def test_wind_around_a_town_is_near_it(town: pd.Series) -> None:
    table = wind.table(town)
    assert table["Distance (km)"].max() <= wind.AROUND_KM[-1] or table.empty
    assert table["Distance (km)"].is_monotonic_increasing


def page(block: object) -> str:
    """Return the page that the frame of an interactive map holds."""
    found = re.search(r'data-page="([^"]*)"', str(block))
    assert found
    return html.unescape(found[1])


def test_the_interactive_map_loads_nothing_from_elsewhere_and_is_the_same_twice() -> None:
    town = tables.load_town("80685")
    block = wind.interactive(town)
    assert isinstance(block, HtmlBlock)
    assert str(block) == str(wind.interactive(town))
    whole = page(block)
    assert str(block) == f"```{{=html}}\n{block.html}\n```"
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", whole) == []
    assert "Roye" in whole
    assert "Plan IGN" in whole
    assert set(re.findall(r"https://[\w.]+", whole)) <= {
        "https://data.geopf.fr", "https://geoservices.ign.fr", "https://leafletjs.com",
        "https://bugzilla.mozilla.org", "https://bugs.chromium.org",
    }  # fmt: skip
    assert "aucune éolienne" in str(wind.interactive(tables.load_town("97602")))


def test_the_map_says_what_the_town_has_of_the_wind_around() -> None:
    titles = {
        "46127": "Aucune éolienne à moins de 25\u00a0km de Gourdon",
        "80685": "À Roye, 80\u00a0MW d’éolien",
        "97128": "Pas d’éolienne à Sainte-Anne, mais 24\u00a0MW",
        "97419": "les seuls à moins de 25\u00a0km",
    }
    for code, words in titles.items():
        story = wind.wind_map(tables.load_town(code))
        assert story
        assert words in story.figure.get_suptitle().replace("\n", " ")
    assert "la plus proche" in wind.around(tables.load_town("46127"))
    assert "la plus proche" not in wind.around(tables.load_town("80685"))
    assert wind.wind_map(tables.load_town("97602")) is None


def test_texts_of_popups_are_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)></script>`${alert(2)}`"
    points = pd.DataFrame({"lon": [2.0], "lat": [49.0], "radius": [5.0], "name": [hostile]})
    layer = webmaps.Layer("Parcs", points, {"name": "Parc"}, "#0072B2")
    whole = page(
        webmaps.frame_map([layer], centre=(2.0, 49.0), radius_m=1e3, outline=None, title="Carte")
    )
    assert "<img" not in whole
    assert "\\u0026lt;img" in whole or "&lt;img" in whole
