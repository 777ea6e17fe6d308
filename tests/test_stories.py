"""What the book says: sentences and figures of any town, the most awkward ones included."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from utils import tables
from utils.catalogue import load_indicators_catalogue
from utils.formats import percent, typographic
from utils.stories import (
    care,
    catalogue_pages,
    commerce,
    comparison,
    culture,
    energy,
    energy_use,
    towns,
    wind,
)
from utils.stories.common import Story, ratio_words, share_below

#: Golden towns, the smallest and largest PVD, overseas, Corsica, a commune nouvelle, a town
#: that lacks a density level, and a town outside the programme.
TOWNS = [
    "46127", "01306", "54397", "30133", "50076", "52247", "97128", "97602", "2B096", "01033",
    "11339",
]  # fmt: skip


@pytest.fixture(params=TOWNS)
def town(request: pytest.FixtureRequest) -> pd.Series:
    return tables.load_town(request.param)


def checked(story: Story) -> Story:
    assert story.caption
    assert story.alt
    assert len(story.drawn)
    assert "nan" not in f"{story.caption} {story.alt} {story.note}".lower().split()
    return story


@pytest.mark.parametrize(
    "make",
    [
        commerce.families,
        commerce.variety,
        commerce.basket,
        commerce.food_formats,
        commerce.chains,
        commerce.evolution,
        commerce.evolution_2024,
        commerce.creations,
        towns.spread,
        comparison.structure_strips,
        comparison.map_of_comparables,
        culture.by_type,
        culture.rates,
        culture.distances,
        energy.places,
        energy_use.coverage,
        care.density,
    ],
)
def test_every_figure_can_be_drawn_for_every_town(
    town: pd.Series, make: Callable[[pd.Series], Story]
) -> None:
    story = checked(make(town))
    assert town["name"] in story.caption


def test_every_sentence_can_be_written_for_every_town(town: pd.Series) -> None:
    for text in (
        towns.identity(town),
        commerce.summary(town),
        commerce.basket_sentence(town),
        commerce.chain_sentence(town),
        commerce.core(town),
        comparison.atypical(town),
        culture.summary(town),
        culture.epci_sentence(town),
        culture.spread_sentence(town),
        culture.town_cinemas(town),
        energy.summary(town),
        energy.method_sentence(town),
        energy.weight_sentence(town),
        energy_use.solar_surface(town),
        energy_use.double_sentence(town),
        wind.around(town),
        care.summary(town),
        care.distance_sentence(town),
        care.on_streets(town),
        care.imputed_note(town),
    ):
        assert text.rstrip("*").endswith(".")
        assert "nan" not in text.lower().split()
        assert "'" not in text.replace(town["name"], "")
        assert " %" not in text  # a plain space before the sign
        assert " :" not in text


def test_the_comparables_are_listed_with_their_reasons(town: pd.Series) -> None:
    frame = comparison.comparables_table(town)
    assert len(frame) == 20
    assert frame["Distance"].is_monotonic_increasing
    assert town["name"] not in set(frame["Ville"])
    assert frame["Ce qui l’éloigne"].str.len().min() > 5
    assert set(comparison.among(town, tables.load_towns())["code"]) == {
        town["code"],
        *comparison.comparables(town),
    }


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("54397", "plutôt proches : 64 % des PVD en ont de plus éloignées."),
        ("46127", "à distance ordinaire : 45 % des PVD en ont de plus éloignées."),
        ("30133", "plutôt éloignées : 97 % des PVD en ont de plus proches."),
    ],
)
def test_it_is_said_how_near_the_comparables_are(code: str, told: str) -> None:
    assert typographic(f"a vingt comparables {told}") in comparison.atypical(tables.load_town(code))


def test_an_atypical_town_is_said_so() -> None:
    assert "atypique" in comparison.atypical(tables.load_town("30133"))
    assert "atypique" not in comparison.atypical(tables.load_town("54397"))
    assert "fragile" in comparison.atypical(tables.load_town("97602"))


def test_the_stability_of_the_comparables_is_said() -> None:
    text = comparison.stability_sentence(tables.load_town("46127"))
    assert text.count("%") >= 4


def test_the_comparables_predict_better_than_every_reference() -> None:
    table = comparison.validity_table()
    assert len(table) == len(comparison.OUTCOMES)
    clearly = (table.iloc[:, 2:-1] >= comparison.CLEARLY).sum()
    assert (clearly > len(table) / 2).all()
    assert clearly["ensemble des PVD"] >= 16
    assert (table["Villes"] > 1500).all()
    everywhere = comparison.validity_table(inside=False)
    assert (everywhere["ensemble des PVD"] > 1).sum() >= 16
    assert "puissance solaire" in comparison.validity_sentence()
    assert "plus grande" in comparison.weights_sentence()


def test_the_kinds_of_culture_add_up_to_the_two_classes(town: pd.Series) -> None:
    frame = culture.kinds_table(town)
    for classe, total in (("vivant", "lieux_vivants"), ("patrimoine", "lieux_patrimoine")):
        value = tables.load_indicators(total, codes=[town["code"]])["value"].iloc[0]
        own = frame.loc[frame["Classe"] == classe, "Nombre"].sum(min_count=1)
        assert own == value or (pd.isna(own) and pd.isna(value))


def test_a_town_without_any_place_is_said_so() -> None:
    empty = tables.load_town("52247")
    assert "aucun lieu" in culture.summary(empty)
    assert culture.epci_sentence(empty).startswith("Aucun des lieux vivants")
    assert "2 des 4 lieux vivants" in culture.epci_sentence(tables.load_town("46127"))


def test_the_places_of_a_town_are_mapped_and_listed(town: pd.Series) -> None:
    story = culture.place_map(town)
    assert (story is None) == (not town["pvd"])
    listed = str(culture.interactive_places(town))
    places = tables.load_places()
    assert ("<table" in listed) == bool((places["code"] == town["code"]).any())


def test_the_map_of_places_is_numbered_as_the_list() -> None:
    story = culture.place_map(tables.load_town("46127"))
    assert story is not None
    assert story.drawn["label"].tolist() == ["1", "2", "3", "4"]
    assert story.drawn["category"].iloc[0] == "lieu vivant"  # drawn above the monument beside it
    told = " ".join(story.figure.get_suptitle().split())
    assert "les 2 lieux vivants" in told.replace("\u00a0", " ")
    away = culture.place_map(tables.load_town("97128"))  # a library that its source sets elsewhere
    assert away is not None
    assert "hors de la commune" in away.note
    assert away.drawn["lon"].max() < -61


def test_a_town_without_living_place_is_not_a_hundred_percent_below() -> None:
    text = culture.summary(tables.load_town("54397"))
    assert "100" not in text
    assert "de ses comparables ont au moins un lieu" in text


def test_names_of_places_are_escaped_in_the_interactive_table() -> None:
    hostile = pd.DataFrame({
        "code": ["46127"], "kind": ["Musée"], "group": ["vivant"],
        "name": ["<img src=x onerror=alert(1)>"], "sources": ["basilic"],
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "load_places", lambda: hostile)
        listed = str(culture.interactive_places(tables.load_town("46127")))
    assert "<img" not in listed


def test_the_national_figures_of_culture() -> None:
    reach = culture.national_reach().set_index("Lieu")
    assert reach.loc["Cinéma", "PVD à 5 km (%)"] < reach.loc["Cinéma", "PVD à 20 km (%)"] <= 100
    assert reach.loc["Bibliothèque", "PVD à 5 km (%)"] > 90
    lives = culture.cinema_lives()
    balance = lives["En 2003"] + lives["Ouvertures"] - lives["Fermetures"]
    assert (balance - lives["En 2023"]).abs().max() <= 5  # closed for works one of the years
    assert "66\u00a0%" in culture.heritage_weight()
    checked(culture.cinema_evolution())
    checked(culture.spread_map(tables.load_town("46127")))


def test_the_table_of_types_has_one_line_a_type(town: pd.Series) -> None:
    frame = commerce.types(town)
    assert len(frame) == 37
    assert frame["En ont (%)"].dropna().between(0, 100).all()


def test_the_families_add_up_to_the_shops(town: pd.Series) -> None:
    total = tables.load_indicators("nb_commerces", codes=[town["code"]], years=[2018])["value"]
    assert commerce.types(town)["Nombre"].sum() == total.item()


def test_shares_of_signs_sum_to_one_hundred(town: pd.Series) -> None:
    drawn = commerce.chains(town).drawn
    assert drawn.groupby("label")["share"].sum().round(6).unique().tolist() == [100]


def test_the_town_is_on_the_figure_of_chains_only_where_it_may_be() -> None:
    assert "Gourdon" in set(commerce.chains(tables.load_town("46127")).drawn["label"])
    outside = commerce.chains(tables.load_town("01306"))
    assert "Pont-de-Veyle" not in set(outside.drawn["label"])
    assert "quinze départements" in outside.note


def test_only_types_of_stable_scope_reach_2024() -> None:
    kinds = commerce._stable()
    table = tables.load_bpe_types().set_index("type")
    assert set(table.loc[list(kinds), "comparable_2024"]) == {"oui"}
    assert {"boulangerie", "restaurant"} <= set(kinds)
    assert not {"pharmacie", "grande_surface"} & set(kinds)
    title = commerce.evolution_2024(tables.load_town("46127")).figure.get_suptitle()
    assert "27 commerces" in " ".join(title.split())  # 7 bakers, 1 superette, 19 restaurants
    assert len(commerce.correspondence_table()) == 43  # those of the seven families, six trades


def test_2024_is_said_comparable_only_where_it_has_been_seen() -> None:
    types, catalogue = tables.load_bpe_types(), load_indicators_catalogue()
    told = {
        kind: 2024 in catalogue[f"nb_{kind}"].years
        for kind in types["type"]
        if f"nb_{kind}" in catalogue
    }
    said = types.set_index("type")["comparable_2024"]
    assert {kind for kind in told if said[kind] == "oui"} <= {k for k, seen in told.items() if seen}
    assert not any(told[kind] for kind in told if said[kind] == "non vérifié")


def test_2024_stands_beside_the_change_never_in_it(town: pd.Series) -> None:
    frame = commerce.changes(town)
    dates = [name for name in ("2009", "2013", "2018") if name in frame.columns]
    told = frame["Écart"].astype(float)
    assert told.equals((frame[dates[-1]] - frame[dates[0]]).astype(float))  # unknown stays unknown
    assert (frame["2024"].isna() == (frame["2024 comparable"] == "absent")).all()
    assert set(frame["2024 comparable"]) <= {"oui", "prudence", "non", "absent"}
    assert told.dropna().is_monotonic_increasing


def test_the_programme_in_2024_is_that_of_the_raw_file() -> None:
    frame = commerce.national_counts().set_index("Type")
    # Mayotte, not surveyed in 2009, is left out of every column
    assert frame.loc["Boulangeries", "2024"] == pytest.approx(7424, rel=0.01)
    assert pd.isna(frame.loc["Magasins de chaussures", "2024"])
    assert frame.loc["Boucheries-charcuteries", "2024 comparable"] == "prudence"
    assert "Maçons" in frame.index


def test_the_detector_is_told_with_its_intervals() -> None:
    table = commerce.detector_table().set_index("Famille")
    assert table.loc["Ensemble", "Enseignes"] >= 200
    assert "à" in table.loc["Ensemble", "Rappel"]


def test_the_chains_that_the_brief_names_are_told_apart() -> None:
    drawn = commerce.chains(tables.load_town("46127")).drawn
    share = drawn[drawn["part"] == "chaîne"].set_index("label")["share"]
    assert share["PVD : supermarchés et hypermarchés"] > 60
    assert share["PVD : supermarchés et hypermarchés"] > share["PVD : alimentation"]
    assert 0 < share["PVD : restauration rapide"] < 10
    assert any(label.endswith("villes comparables") for label in share.index)


def test_the_detector_is_judged_against_its_target() -> None:
    text = commerce.detector_sentence()
    score = tables.load_detector().query("part == 'controle' and famille == 'ensemble'").iloc[0]
    missed = int(score["precision"] < 0.97) + int(score["recall"] < 0.85)
    assert text.count("n’atteint pas") == missed
    assert text.index("contrôle") < text.index("réglage")  # the signs never seen come first
    unsure = score["recall_low"] < 0.85 <= score["recall"]
    assert ("sans que l’intervalle exclue" in text) == unsure
    new = tables.load_detector().query("part == 'neuves' and famille == 'ensemble'").iloc[0]
    assert percent(100 * new["recall"]) in text
    assert "deux premiers contrôles" in commerce.labelling_sentence()
    assert "4\u202f551 enseignes" in commerce.labelling_sentence()  # lines of the labelled file


def test_the_food_formats_count_what_the_survey_counts() -> None:
    drawn = commerce.food_formats(tables.load_town("46127")).drawn
    own = drawn[drawn["label"] == "Gourdon, 2018"].set_index("part")["value"]
    assert own.tolist() == [6, 1, 9]  # read in the file of the BPE 2018
    empty = commerce.food_formats(tables.load_town("52247"))
    assert "n’ont pas de sens" in empty.note


def test_the_maps_of_shops_are_drawn_where_they_may_be(town: pd.Series) -> None:
    squares, shops = tables.load_shop_squares(), tables.load_osm_shops()
    drawn = {"squares": commerce.squares_map(town), "osm": commerce.osm_map(town)}
    for name, table in (("squares", squares), ("osm", shops)):
        story = drawn[name]
        assert (story is None) == (not town["pvd"] or town["code"] not in set(table["code"]))
        if story:
            checked(story)
            assert len(story.drawn) == (table["code"] == town["code"]).sum()


def test_missing_needs_of_the_smallest_town() -> None:
    missing = commerce.missing_needs(tables.load_town("52247"))
    assert "boulangerie" in set(missing["Besoin"])
    assert missing["Comparables sans"].is_monotonic_increasing
    assert commerce.missing_needs(tables.load_town("46127")).empty


def test_figures_of_the_programme() -> None:
    for make in (towns.sizes, towns.map_of_programme):
        assert len(checked(make()).drawn) == 1646
    checked(towns.vacancy_and_growth(tables.load_town("46127")))


def test_tables_of_the_programme_count_every_town() -> None:
    for frame in (towns.density_table(), towns.role_table(), towns.regions_table()):
        assert frame["Villes"].sum() == 1646


def test_five_findings_with_computed_numbers() -> None:
    findings = towns.findings()
    assert len(findings) == 5
    assert "1\u202f646" in findings[0]
    assert "7\u202f424" in findings[1]  # PVD bakeries in 2024, summed from the raw file
    assert all("n. d." not in finding for finding in findings)


def test_rank_counts_ties_for_one_half() -> None:
    assert share_below(pd.Series([0.0, 0.0, 1.0, None]), 0.0) == pytest.approx(100 / 3)
    assert share_below(pd.Series([1.0, 2.0]), 3.0) == 100
    assert math.isnan(share_below(pd.Series([], dtype=float), 1.0))


@pytest.mark.parametrize(
    ("own", "reference", "words"),
    [
        (1.05, 1.0, "proche de la médiane"),
        (3.0, 1.0, "3,0 fois la médiane"),
        (0.5, 1.0, "50\u00a0% en dessous de la médiane"),
        (1.5, 1.0, "50\u00a0% au-dessus de la médiane"),
        (0.0, 0.0, "égal à la médiane"),
        (1.0, 0.0, "au-dessus d’une médiane nulle"),
        (math.nan, 1.0, "non comparable"),
    ],
)
def test_words_of_a_ratio(own: float, reference: float, words: str) -> None:
    assert ratio_words(own, reference) == words


def test_catalogue_pages_hold_every_entry() -> None:
    page = catalogue_pages.sources_markdown()
    assert "#src-bpe-2018" in page
    assert catalogue_pages.indicators_markdown().count("](sources.qmd#src-") > 120
    assert catalogue_pages.tables_markdown().count("`indicators_") == len(tables.INDICATOR_GROUPS)
    assert catalogue_pages.towns_date() == "27 avril 2026"
    kept = (Path(__file__).resolve().parent.parent / "_variables.yml").read_text(encoding="utf-8")
    assert kept == f"date-liste: {catalogue_pages.towns_date()}\n"


# --------------------------------------------------------------------------- care


@pytest.mark.parametrize("make", [care.accessibility, care.distances, care.age_distances])
def test_care_is_drawn_for_a_town_or_said_unknown(
    town: pd.Series, make: Callable[[pd.Series], Story | None]
) -> None:
    story = make(town)
    if story is None:  # ages by distance are kept for the programme only
        outside = make is care.age_distances and not town["pvd"]
        assert outside or town["code"][:2] in {"97", "2A", "2B"}
        return
    checked(story)
    assert town["name"].removeprefix("Le ") in story.caption


def test_without_squares_there_is_no_distance() -> None:
    overseas = tables.load_town("97602")
    assert care.distances(overseas) is None
    assert care.reach_table(overseas).empty
    assert "carreaux" in care.distance_sentence(overseas)


@pytest.mark.parametrize("code", care.STREET_TOWNS)
def test_a_town_with_streets_has_its_figures_and_sentences(code: str) -> None:
    name = tables.load_town(code)["name"].replace("'", "’")
    for story in (care.time_map(code), care.reach_curves(code)):
        assert name in story.caption.replace("'", "’")
        checked(story)
    for text in (
        care.places_sentence(code),
        care.bicycle_sentence(code),
        care.far_sentence(code),
        care.straight_error_sentence(code),
        care.edge_sentence(code),
    ):
        assert text.endswith(".")
        assert "nan" not in text.lower().split()
    frame = care.shares_table(code)
    shares = frame[["5 min (%)", "10 min (%)", "15 min (%)", "20 min (%)"]]
    assert (shares.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert (frame["10 min, au plus (%)"] >= frame["10 min (%)"]).all()
    together = frame[frame["Service"].str.contains("services")].set_index("Mode")["10 min (%)"]
    others = frame[~frame["Service"].isin(["hôpital"])].groupby("Mode")["10 min (%)"].min()
    assert (together == others).all()  # nobody reaches all before each


def test_distances_have_their_minutes_for_the_three_professions() -> None:
    table = care.reach_table(tables.load_town("46127"))
    assert len(table) == 9
    ratio = table["À pied, environ (min)"] / table["Distance médiane (km)"]
    assert ratio.min() == pytest.approx(ratio.max())
    assert ratio.min() > 1000 / (4.5 * 1000 / 60)  # longer than the straight line
    assert (table["À 5 km (%)"] >= table["À 1 km (%)"]).all()


def test_the_second_place_is_further_than_the_nearest() -> None:
    table = care.ranks_table(["01306", "06012"])
    assert set(table["Ville"]) == {"Pont-de-Veyle", "Beausoleil"}
    assert (table["2e (min)"] >= table["1er (min)"]).all()
    assert table["2e (min)"].notna().all()
    assert "pharmacie" not in set(table.loc[table["Ville"] == "Pont-de-Veyle", "Service"])


def test_the_squares_are_set_against_the_census_of_their_year() -> None:
    assert "99\u00a0%" in care.imputed_note(tables.load_town("46127"))  # of 2019, not of 2023
    assert "59\u00a0% de la population" in care.places_sentence("01306")
    assert "Les parts sont celles de ces habitants-là" in care.places_sentence("01306")
    assert "plus que la population municipale" in care.places_sentence("06012")


def test_a_town_with_streets_that_the_chapter_does_not_show_is_shown_as_that_of_the_notebook() -> (
    None
):
    elsewhere, shown, other = (tables.load_town(code) for code in ("46127", "06012", "06032"))
    assert care.own_streets(elsewhere, care.time_map) is None
    assert care.own_streets(shown, care.time_map) is None
    own = care.own_streets(other, care.reach_curves)
    assert own is not None
    assert "Cap-d’Ail" in own.caption
    assert "Cap-d’Ail" in care.on_streets(other)
    assert "Monaco" in care.edge_sentence("06032")
    assert "Monaco" not in care.edge_sentence("01306")


def test_the_bicycle_and_the_ages_are_compared() -> None:
    story = checked(care.age_bars(["01306", "06012"]))
    assert set(story.drawn["group"]) == {"Pont-de-Veyle", "Beausoleil"}
    # Fifty-seven persons make no title, whatever their gap.
    assert "Trop peu pour une comparaison" in story.note
    assert "80 ans ou plus à Pont-de-Veyle" in story.note
    table = care.sensitivity_table(["01306", "06012"]).set_index("Choix")
    straight = table.loc["À vol d’oiseau"]
    assert (straight >= table.loc["Calcul du livre"]).all()
    assert (table.loc["Vitesse haute"] >= table.loc["Vitesse basse"]).all()


def test_the_detours_are_measured_with_their_error() -> None:
    assert (care.detours_table()["Médiane"] > 1).all()
    errors = care.detour_errors_table()
    assert errors["Réseau"].is_unique
    assert (errors["Erreur (min)"] >= errors["Biais (min)"].abs()).all()
    assert errors.notna().all(axis=None)  # nothing that does not apply
    assert "approximation" in care.distance_sentence(tables.load_town("46127"))
    said = care.detour_sentence()
    assert said.count("minute") >= 3
    assert "ne veut rien dire" in said
