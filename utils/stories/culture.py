"""Culture in a town: living and heritage, how it is spread, how it is reached."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Final

import geopandas as gpd
import itables
import pandas as pd
from itables import to_html_datatable

from utils import charts, culture, maps, tables
from utils.catalogue import load_indicators_catalogue
from utils.formats import counted, in_town, join_words, number, of_town, percent, typographic
from utils.publish import (
    HtmlBlock,
    MarkdownBlock,
    describe_bars,
    describe_evolution,
    describe_map,
    describe_strip,
)
from utils.stories import comparison
from utils.stories.common import Story, place_of, ratio_words, share_below

__all__ = [
    "by_type",
    "cinema_evolution",
    "cinema_lives",
    "classes_table",
    "distances",
    "epci_sentence",
    "heritage_weight",
    "interactive_places",
    "kinds_table",
    "national_reach",
    "place_map",
    "rates",
    "spread_map",
    "spread_sentence",
    "summary",
    "town_cinemas",
]

YEAR: Final = 2024
PER_1000: Final = "pour 1 000 habitants"

#: Kinds of places -> indicator, living first; together they partition BASILIC.
LIVING: Final = (
    "lieux_bibliotheques",
    "lieux_cinemas",
    "lieux_musees",
    "lieux_theatres",
    "lieux_librairies",
    "lieux_conservatoires",
    "lieux_centres",
)
HERITAGE: Final = (
    "lieux_monuments",
    "lieux_espaces_proteges",
    "lieux_archeologie",
    "lieux_parcs",
    "lieux_memoire",
    "lieux_archives",
)

#: Places per 1,000 inhabitants under which a type is left out of the figure.
SHOWN: Final = 0.02

SOURCES: Final = ("basilic", "population_historique", "cog_communes")

_CLASS_WORDS: Final = {"vivant": "vivant", "patrimoine": "patrimoine", "autre": "autre"}


def _label(indicator: str) -> str:
    return load_indicators_catalogue()[indicator].label


def _own(town: pd.Series, indicator: str, year: int = YEAR) -> float:
    """Raw value of one indicator of the town, NaN when it has none."""
    lines = tables.load_indicators(indicator, codes=[town["code"]], years=[year])
    return float(lines["value"].iloc[0])


def summary(town: pd.Series) -> str:
    """Say how many living and heritage places the town has, and how that compares."""
    living, heritage = _own(town, "lieux_vivants"), _own(town, "lieux_patrimoine")
    if math.isnan(living):
        return typographic(
            f"La base des lieux culturels ne couvre pas {town['name']} : ses lieux ne sont pas"
            " dénombrés."
        )
    lines = comparison.values(town, ["lieux_vivants"], YEAR)
    own, others = comparison.split(lines)
    if living == 0 and heritage == 0:
        return typographic(
            "La base des lieux et équipements culturels (BASILIC) ne compte **aucun lieu**"
            f" {in_town(town['name'])} ; {percent(100 * (others == 0).mean())} de ses comparables"
            " n’ont aucun lieu vivant."
        )
    text = (
        f"La base des lieux et équipements culturels (BASILIC) compte {in_town(town['name'])}"
        f" **{counted(living, 'lieu vivant', 'lieux vivants')}** et"
        f" **{counted(heritage, 'lieu de patrimoine', 'lieux de patrimoine')}**."
    )
    if living == 0:
        return typographic(
            f"{text} {percent(100 * (others > 0).mean())} de ses comparables ont au moins un lieu"
            f" vivant ; leur médiane est de {number(others.median(), 2)} pour 1\u202f000 habitants."
        )
    text += (
        f" Soit {number(own, 2)} lieu vivant pour 1 000 habitants :"
        f" {ratio_words(own, others.median())} de ses comparables ({number(others.median(), 2)})."
    )
    return typographic(text)


def classes_table() -> pd.DataFrame:
    """List the types of BASILIC with their class: ``Type``, ``Classe``, ``Pourquoi``."""
    types = tables.load_culture_types()
    frame = pd.DataFrame(
        {
            "Type": types["type"].str.replace("'", "’"),
            "Classe": types["groupe"].map(_CLASS_WORDS),
            "Pourquoi": types["raison"],
        }
    )
    return frame.sort_values("Classe", ascending=False, kind="stable", ignore_index=True)


def by_type(town: pd.Series) -> Story:
    """Draw the places of each type per 1,000 inhabitants: the town and its comparables."""
    ids = [*LIVING, *HERITAGE]
    lines = comparison.values(town, ids, YEAR)
    rows = []
    for indicator in ids:
        own, others = comparison.split(lines[lines["indicator"] == indicator])
        kind = "vivant" if indicator in LIVING else "patrimoine"
        label = f"{_label(indicator)} ({kind})"
        rows.append((label, town["name"], own))
        rows.append((label, "moyenne des villes comparables", others.mean()))
    frame = pd.DataFrame(rows, columns=["label", "group", "value"])
    present = frame.groupby("label")["value"].transform("max") >= SHOWN
    counts = lines[lines["is_town"]].set_index("indicator")["count"]
    if counts.isna().all():
        title = f"Les lieux de culture {of_town(town['name'])} ne sont pas dénombrés"
    else:
        living, heritage = counts[list(LIVING)].sum(), counts[list(HERITAGE)].sum()
        title = (
            f"{place_of(town)}, {counted(living, 'lieu vivant', 'lieux vivants')}"
            f" et {number(heritage)} de patrimoine"
        )
        monuments = counts["lieux_monuments"]
        if monuments:
            title += f", dont {counted(monuments, 'monument')}"
    figure, drawn = charts.bars(frame[present], title=typographic(title), unit=PER_1000, decimals=2)
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Lieux de culture par type pour 1 000 habitants en {YEAR} : {town['name']} et ses"
            " villes comparables. Les types presque absents des deux ne sont pas montrés."
        ),
        alt=describe_bars(drawn, unit=PER_1000, decimals=2),
        sources=SOURCES,
        note="Les musées sont classés parmi les lieux vivants parce que la commande du défi les"
        " cite ainsi ; ils conservent aussi du patrimoine.",
    )


def rates(town: pd.Series) -> Story:
    """Draw the town among its comparables: living, heritage, share of living."""
    ids = ["lieux_vivants", "lieux_patrimoine", "lieux_bibliotheques", "lieux_monuments"]
    lines = comparison.values(town, ids, YEAR)
    share = comparison.values(town, ["part_vivants"], YEAR, rates=False)
    lines = pd.concat([lines, share], ignore_index=True)
    catalogue = load_indicators_catalogue()
    lines["label"] = lines["indicator"].map(_label)
    lines["unit"] = ["%" if name == "part_vivants" else PER_1000 for name in lines["indicator"]]
    lines["decimals"] = [
        catalogue[name].decimals if name == "part_vivants" else 2 for name in lines["indicator"]
    ]
    own, others = comparison.split(lines[lines["indicator"] == "part_vivants"])
    if math.isnan(own):
        title = f"{place_of(town)}, pas de lieu dénombré, donc pas de part de lieux vivants"
    else:
        place = share_below(others, own)
        side = "plus" if place >= 50 else "moins"
        rank = place if place >= 50 else 100 - place
        title = (
            f"{place_of(town)}, {percent(own)} des lieux sont vivants : {side} que dans"
            f" {percent(rank)} de ses comparables"
        )
    return comparison.strips(
        town,
        lines,
        title=title,
        caption=(
            f"{town['name']} parmi ses villes comparables : lieux vivants et patrimoine, {YEAR}."
        ),
        sources=SOURCES,
    )


def kinds_table(town: pd.Series) -> pd.DataFrame:
    """List the types of places of the town, with what its comparables have.

    Returns
    -------
    DataFrame
        ``Type``, ``Classe``, ``Nombre``, ``Pour 1 000 habitants``, ``Comparables`` (mean per
        1,000), ``En ont (%)``.
    """
    ids = [*LIVING, *HERITAGE]
    lines = comparison.values(town, ids, YEAR)
    rows = []
    for indicator in ids:
        group = lines[lines["indicator"] == indicator]
        own, others = comparison.split(group)
        known = group.loc[~group["is_town"], "count"].dropna()
        rows.append(
            {
                "Type": _label(indicator),
                "Classe": "vivant" if indicator in LIVING else "patrimoine",
                "Nombre": group.loc[group["is_town"], "count"].iloc[0],
                "Pour 1 000 habitants": own,
                "Comparables": others.mean(),
                "En ont (%)": 100 * (known > 0).mean() if len(known) else None,
            }
        )
    return pd.DataFrame(rows)


def heritage_weight() -> str:
    """Say how much monuments weigh in the base, over the PVD and over the universe."""
    ids = [*LIVING, *HERITAGE]
    lines = tables.load_indicators(ids, years=[YEAR])
    programme = lines["code"].isin(tables.load_towns(pvd=True)["code"])
    total = lines.loc[programme].groupby("indicator")["value"].sum()
    monuments = 100 * total["lieux_monuments"] / total.sum()
    living = 100 * total[list(LIVING)].sum() / total.sum()
    libraries = 100 * total["lieux_bibliotheques"] / total[list(LIVING)].sum()
    return typographic(
        f"Dans les Petites villes de demain, BASILIC compte {number(total.sum())} lieux :"
        f" **{percent(monuments)} sont des monuments protégés**, et {percent(living)} des lieux"
        f" vivants, dont {percent(libraries)} de bibliothèques. Additionner les deux classes ferait"
        " donc passer une ville riche en églises classées pour une ville riche en vie culturelle."
    )


# --------------------------------------------------------------------------- how spread


def _kind_of_offer() -> pd.DataFrame:
    """Class every PVD by its living places: ``code, category``."""
    towns = tables.load_towns(pvd=True)
    lines = tables.load_indicators([*LIVING], codes=towns["code"], years=[YEAR])
    wide = lines.pivot(index="code", columns="indicator", values="value")
    total, libraries = wide.sum(axis=1, min_count=1), wide["lieux_bibliotheques"]
    category = pd.Series("au moins un autre lieu vivant", index=wide.index)
    category[total == libraries] = "une bibliothèque seulement"
    category[total == 0] = "aucun lieu vivant"
    category[total.isna()] = "inconnu"
    return towns.merge(category.rename("category").reset_index(), on="code")


def spread_map(town: pd.Series) -> Story:
    """Map of the PVD by what their living offer is made of."""
    towns = _kind_of_offer()
    counts = towns["category"].value_counts()
    none = int(counts.get("aucun lieu vivant", 0))
    alone = int(counts.get("une bibliothèque seulement", 0))
    order = ["au moins un autre lieu vivant", "une bibliothèque seulement", "aucun lieu vivant"]
    towns = towns.sort_values(
        "category", key=lambda c: c.map({name: i for i, name in enumerate(order)}), kind="stable"
    )
    figure, drawn = maps.national_map(
        tables.load_departements(),
        towns[["code", "lon", "lat", "category"]],
        title=typographic(
            f"{number(none)} PVD n’ont aucun lieu vivant, {number(alone)} n’ont qu’une bibliothèque"
        ),
        town=town["code"] if town["pvd"] else "",
        town_name=town["name"] if town["pvd"] else "",
    )
    return Story(
        figure,
        drawn,
        caption=f"Les Petites villes de demain selon leurs lieux de culture vivants, {YEAR}.",
        alt=describe_map(drawn.assign(name=towns["name"].to_numpy()), what="lieux vivants des PVD"),
        sources=("basilic", "pvd_communes", "contours_departements"),
    )


def spread_sentence(town: pd.Series) -> str:
    """Say how concentrated living culture is in the town's département."""
    table = tables.load_concentration()
    living = table[table["group"] == "vivant"].set_index("departement")
    if town["departement"] not in living.index or pd.isna(
        living.loc[town["departement"], "half_share"]
    ):
        return typographic(
            f"BASILIC ne permet pas de mesurer la concentration ({town['departement_name']})."
        )
    own = living.loc[town["departement"]]
    share = share_below(living["half_share"], own["half_share"])
    return typographic(
        f"{town['departement_name']} : la moitié des {number(own['total'])} lieux vivants tient"
        f" dans {percent(own['half_share'], 1)} des communes, et"
        f" {percent(own['share_with'])} des communes en ont un au moins. L’offre y est plus"
        f" concentrée que dans {percent(100 - share)} des départements."
    )


def epci_sentence(town: pd.Series) -> str:
    """Set the town's part of its EPCI's living places against its part of the inhabitants."""
    living = _own(town, "part_epci_vivants")
    people = _own(town, "part_epci_population", 2023)
    if math.isnan(living) or math.isnan(people):
        return typographic(
            f"{place_of(town)}, la part dans l’intercommunalité n’est pas calculable : pas d’EPCI,"
            " pas de lieu vivant dans l’EPCI, ou commune que BASILIC ne couvre pas."
        )
    where = f"son intercommunalité ({town['epci_name']})"
    if living == 0:
        return typographic(
            f"Aucun des lieux vivants de {where} n’est {in_town(town['name'])}, qui a pourtant"
            f" {percent(people)} de ses habitants."
        )
    count = _own(town, "lieux_vivants")
    total = round(100 * count / living)
    # The share is kept to 0.01 point: past this size it no longer gives the total to the unit.
    about = "environ " if total**2 >= 10_000 * count else ""
    fair = total * people / 100
    words = (
        f"{percent(living)}, pour {percent(people)} des habitants ; à parts égales entre"
        f" habitants, elle en aurait {number(fair, 1)}"
    )
    if total == 1:
        return typographic(f"{town['name']} a le seul lieu vivant de {where}.")
    part = "les" if count == total else f"{number(count)} des {about}"
    return typographic(
        f"{town['name']} réunit {part}{' ' if count == total else ''}{number(total)} lieux vivants"
        f" de {where} : {words}."
    )


# --------------------------------------------------------------------------- how reached

_DISTANCE_YEARS: Final = {"cinema": 2023, "bibliotheque": 2023, "musee": 2025, "theatre": 2024}


def distances(town: pd.Series) -> Story:
    """Draw the straight distance to the nearest places, among the comparables."""
    parts = []
    for kind, label in culture.REACHED.items():
        lines = comparison.values(town, [f"distance_{kind}"], _DISTANCE_YEARS[kind], rates=False)
        parts.append(lines.assign(label=label))
    lines = pd.concat(parts, ignore_index=True)
    own = lines[lines["is_town"]].dropna(subset=["value"]).set_index("label")["value"]
    far = str(own.idxmax()) if len(own) else ""
    title = (
        f"Le plus loin {of_town(town['name'])} : {far.lower()}, à {number(own.max())} km"
        if len(own)
        else f"Distances inconnues {in_town(town['name'])}"
    )
    figure, drawn = charts.strip_against(
        lines[["label", "code", "value"]],
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(title),
        unit="km à vol d’oiseau",
        decimals=1,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Distance à vol d’oiseau au lieu le plus proche : {town['name']} et ses villes"
            " comparables."
        ),
        alt=describe_strip(
            drawn,
            town_name=town["name"],
            group_name=comparison.GROUP,
            unit="km",
        ),
        sources=("cinemas", "bibliotheques", "museofile", "basilic", "carreaux_200m"),
        note="À vol d’oiseau, depuis le centre habité de la commune : la route est plus longue,"
        " d’un tiers environ en plaine, bien davantage en montagne. Un lieu sans adresse est placé"
        " au centre habité de sa commune.",
    )


def national_reach() -> pd.DataFrame:
    """Share of the PVD, and of the inhabitants around them, within 5, 10 and 20 km.

    Returns
    -------
    DataFrame
        ``Lieu``, ``Distance médiane (km)``, ``PVD à 5 km (%)``, ``10 km``, ``20 km``, then
        the same for the inhabitants (a square near two PVD counts for each).
    """
    programme = tables.load_towns(pvd=True)["code"]
    reach = tables.load_reach().groupby("kind").sum(numeric_only=True)
    rows = []
    for kind, label in culture.REACHED.items():
        lines = tables.load_indicators(
            f"distance_{kind}", codes=programme, years=[_DISTANCE_YEARS[kind]]
        )
        metres = lines["value"].dropna()
        row: dict[str, object] = {"Lieu": label, "Distance médiane (km)": metres.median()}
        for km in culture.REACH_KM:
            row[f"PVD à {km} km (%)"] = 100 * (metres <= km).mean()
        for km in culture.REACH_KM:
            people = reach.loc[kind]
            row[f"Habitants à {km} km (%)"] = 100 * people[f"within_{km}"] / people["inhabitants"]
        rows.append(row)
    return pd.DataFrame(rows)


# --------------------------------------------------------------------------- cinemas

_GROUPS: Final = {
    "pvd": "Petites villes de demain",
    "petites": "autres petites villes",
    "ailleurs": "autres communes",
}


def cinema_evolution() -> Story:
    """Draw the screens of the PVD, of other small towns and elsewhere, base 100 in 2003."""
    history = tables.load_cinemas()
    first, last = int(history["year"].min()), int(history["year"].max())
    frame = pd.DataFrame(
        {
            "year": history["year"],
            "series": history["group"].map(_GROUPS),
            "value": 100
            * history["screens"]
            / history.groupby("group")["screens"].transform("first"),
        }
    )
    end = frame[frame["year"] == last].set_index("series")["value"]
    number_of = history[history["group"] == "pvd"].set_index("year")["cinemas"]
    pvd, small = end[_GROUPS["pvd"]] - 100, end[_GROUPS["petites"]] - 100
    figure, drawn = charts.evolution(
        frame,
        title=typographic(
            f"De {first} à {last}, {percent(pvd)} d’écrans de plus dans les PVD,"
            f" {percent(small)} dans les autres petites villes"
        ),
        unit=f"écrans, base 100 en {first}",
        decimals=0,
        from_zero=False,
    )
    return Story(
        figure,
        drawn,
        caption=f"Écrans des cinémas fixes actifs, {first}-{last}, base 100 en {first}.",
        alt=describe_evolution(drawn, unit=f"base 100 en {first}"),
        sources=("cinemas", "pvd_communes"),
        note=f"Le nombre de cinémas des PVD, lui, va de {number(number_of.loc[first])} à"
        f" {number(number_of.loc[last])} : on ouvre surtout des écrans dans les cinémas qui"
        " existent. Cinémas itinérants, de plein air et outre-mer exclus (le CNC ne couvre pas"
        " l’outre-mer).",
    )


def cinema_lives() -> pd.DataFrame:
    """Openings and closures of cinemas by group over the whole period.

    Returns
    -------
    DataFrame
        ``Cinémas des``, ``En <first>``, ``Ouvertures``, ``Fermetures``,
        ``En <last>``, ``Fauteuils (évolution, %)``, ``Art et essai (%)``.
    """
    history = tables.load_cinemas()
    first, last = int(history["year"].min()), int(history["year"].max())
    rows = []
    for group, label in _GROUPS.items():
        own = history[history["group"] == group].set_index("year")
        start = own.drop(columns="group").astype("float64").loc[first]
        end = own.drop(columns="group").astype("float64").loc[last]
        rows.append(
            {
                "Cinémas des": label,
                f"En {first}": start["cinemas"],
                "Ouvertures": own["openings"].sum(),
                "Fermetures": own["closures"].sum(),
                f"En {last}": end["cinemas"],
                "Fauteuils (évolution, %)": 100 * (end["seats"] / start["seats"] - 1),
                "Art et essai (%)": 100 * end["art_et_essai"] / end["cinemas"],
            }
        )
    return pd.DataFrame(rows)


def town_cinemas(town: pd.Series) -> str:
    """Say what the town's screens became, and how many of its comparables have some."""
    lines = tables.load_indicators("cinemas_ecrans", codes=[town["code"]])
    known = lines.dropna(subset=["value"]).set_index("year")["value"]
    if known.empty:
        return typographic("Le CNC ne couvre pas l’outre-mer : les écrans n’y sont pas connus.")
    first, last = int(known.index[0]), int(known.index[-1])
    others = comparison.values(town, ["cinemas_ecrans"], last, rates=False)
    with_one = 100 * (others.loc[~others["is_town"], "value"] > 0).mean()
    steps = join_words([f"{counted(value, 'écran')} en {year}" for year, value in known.items()])
    if known.max() == 0:
        text = f"{place_of(town)}, aucun écran aux dates suivies depuis {first}."
    elif known.min() == known.max():
        text = f"{place_of(town)} : {counted(known.iloc[0], 'écran')} de {first} à {last}."
    else:
        text = f"{place_of(town)} : {steps}."
    return typographic(f"{text} En {last}, {percent(with_one)} de ses comparables ont un écran.")


# --------------------------------------------------------------------------- the places


#: Classes of the places, in the order of the list; the map draws the first on top.
_MAP_WORDS: Final = {"vivant": "lieu vivant", "patrimoine": "patrimoine", "autre": "autre"}

#: A place farther than that out of its commune is not there, metres (outlines are simplified).
OUTSIDE_M: Final = 1000.0


def _places(town: pd.Series) -> pd.DataFrame:
    """Return the places of a town, living first, and the number of those that the map shows.

    ``number`` is missing for a place without an address, or that its source sets elsewhere.
    """
    places = tables.load_places()
    places = places[places["code"] == town["code"]]
    order = places["group"].map({group: rank for rank, group in enumerate(_MAP_WORDS)})
    places = places.assign(order=order).sort_values(["order", "kind", "name"], kind="stable")
    contours = tables.load_contours()
    outline = contours[contours["code"] == town["code"]]
    shown = pd.Series(False, index=places.index)
    if not outline.empty and "precise" in places:
        points = gpd.GeoSeries.from_xy(places["lon"], places["lat"], crs=4326).to_crs(town["epsg"])
        near = outline.to_crs(town["epsg"]).geometry.iloc[0].buffer(OUTSIDE_M)
        shown = places["precise"] & points.within(near).to_numpy()
    rank = shown.cumsum().where(shown).astype("Int64")
    numbered: pd.DataFrame = places.assign(number=rank).reset_index(drop=True)
    return numbered


def _map_title(town: pd.Series, shown: pd.DataFrame) -> str:
    """Say how the living places of a town stand to one another."""
    living = shown[shown["group"] == "vivant"]
    heritage = int((shown["group"] == "patrimoine").sum())
    of_heritage = counted(heritage, "lieu de patrimoine", "lieux de patrimoine")
    if shown.empty:
        return f"{place_of(town)}, aucun lieu de culture n’est situé à son adresse"
    if len(living) == 0:
        return f"{place_of(town)}, aucun lieu vivant n’est situé à une adresse, mais {of_heritage}"
    if len(living) == 1:
        return f"{place_of(town)}, un seul lieu vivant est situé à son adresse, et {of_heritage}"
    points = gpd.GeoSeries.from_xy(living["lon"], living["lat"], crs=4326).to_crs(town["epsg"])
    metres = max(float(points.distance(point).max()) for point in points)
    far = (
        f"{number(metres / 1000, 1)} km"
        if metres >= 1000
        else f"{number(10 * math.ceil(metres / 10))} m"
    )
    other = "l’un de l’autre" if len(living) == 2 else "les uns des autres"
    return (
        f"{place_of(town)}, les {number(len(living))} lieux vivants situés à leur adresse sont à"
        f" {far} au plus {other}"
    )


def place_map(town: pd.Series) -> Story | None:
    """Map the places of the town that have an address; ``None`` outside the programme.

    Each has the number that :func:`interactive_places` gives it.
    """
    contours = tables.load_contours()
    outline = contours[contours["code"] == town["code"]]
    if outline.empty:
        return None
    places = _places(town)
    shown = places[places["number"].notna()]
    points = pd.DataFrame(
        {
            "lon": shown["lon"],
            "lat": shown["lat"],
            "category": shown["group"].map(_MAP_WORDS),
            "name": shown["name"],
            "kind": shown["kind"],
            "label": shown["number"].astype(str),
        }
    )
    hidden = int((~places["precise"]).sum())
    away = len(places) - hidden - len(shown)
    figure, drawn = maps.town_map(
        outline, points, contours, focus=True, title=typographic(_map_title(town, shown))
    )
    note = "Les numéros sont ceux de la liste qui suit ; des lieux voisins partagent une étiquette."
    if hidden:
        note += (
            f" {counted(hidden, 'lieu', 'lieux')} sans adresse précise dans la base"
            " (placés par défaut au centre de la commune) ne sont pas dessinés."
        )
    if away:
        note += (
            f" {counted(away, 'lieu', 'lieux')} que la source place hors de la commune non plus."
        )
    return Story(
        figure,
        drawn,
        caption=typographic(f"Les lieux de culture {of_town(town['name'])} qui ont une adresse."),
        alt=describe_map(
            drawn,
            what="lieux vivants et patrimoine",
            noun="lieu",
            nouns="lieux",
            town_name=town["name"],
        ),
        sources=("basilic", "cinemas", "museofile", "bibliotheques", "contours_communes"),
        note=typographic(note),
    )


#: Words of the interactive table, in French.
_TABLE_WORDS: Final = {
    "search": "Chercher :",
    "lengthMenu": "_MENU_ lignes",
    "info": "_START_ à _END_ sur _TOTAL_",
    "infoEmpty": "aucune ligne",
    "infoFiltered": "(sur _MAX_)",
    "zeroRecords": "Aucun lieu ne correspond.",
    "emptyTable": "Aucun lieu.",
}

_SOURCE_WORDS: Final = {
    "basilic": "BASILIC",
    "cnc": "CNC",
    "museofile": "Muséofile",
    "bibliotheques": "adresses des bibliothèques",
}


@lru_cache(maxsize=1)
def _table_script() -> str:
    """Return the script and style of the interactive table, whole: nothing from a CDN."""
    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    page = itables.javascript.generate_init_offline_itables_html(bundle)
    return page[: page.index("</script>")] + "</script>\n"


def interactive_places(town: pd.Series) -> MarkdownBlock:
    """Return a searchable table of the town's places, its script within the page.

    ``N°`` is that of the map, empty for a place that it does not show.

    Names are escaped by the table: they come from outside.
    """
    places = _places(town)
    if places.empty:
        return MarkdownBlock(
            typographic(
                f"Aucun lieu nommé {in_town(town['name'])} : la liste ne couvre que les PVD."
            )
        )
    frame = pd.DataFrame(
        {
            "N°": ["" if pd.isna(n) else number(n) for n in places["number"]],
            "Lieu": places["name"].fillna("sans nom"),
            "Type": places["kind"].str.replace("'", "’"),
            "Classe": places["group"].map(_CLASS_WORDS),
            "Connu de": [
                ", ".join(_SOURCE_WORDS[source] for source in sources.split("+"))
                for sources in places["sources"]
            ],
        }
    )
    html = _table_script() + to_html_datatable(
        frame,
        connected=False,
        showIndex=False,
        classes="display compact",  # long names wrap: no column is cut
        order=[],  # living places first, as on the map
        language=_TABLE_WORDS,
        paging=len(frame) > 10,
        allow_html=False,
        display_logo_when_loading=False,
    )
    return HtmlBlock.of(html)
