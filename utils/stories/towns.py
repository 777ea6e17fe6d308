"""What small towns are, and how different: size, place, change, five findings."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from utils import charts, maps, tables
from utils.catalogue import load_indicators_catalogue
from utils.formats import counted, number, of_town, percent, typographic
from utils.publish import describe_strip
from utils.stories.common import Story
from utils.territory import AAV_LABELS, DENSITY_LABELS

__all__ = [
    "density_table",
    "findings",
    "identity",
    "map_of_programme",
    "regions_table",
    "role_table",
    "sizes",
    "spread",
    "vacancy_and_growth",
]

POPULATION = f"pop_{tables.LATEST_POPULATION}"
#: Under-served threshold of accessibility to general practitioners, consultations a year
#: and an inhabitant (Drees and Insee).
LOW_APL = 2.5


def _values(indicator: str, year: int, codes: pd.Series, *, rates: bool = False) -> pd.Series:
    rows = tables.load_indicators(indicator, codes=codes, years=[year], rates=rates)
    return rows.set_index("code")["rate" if rates else "value"]


def identity(town: pd.Series) -> str:
    """Say in one paragraph which town it is."""
    first, last = town["pop_2013"], town[POPULATION]
    growth = (
        f", {'+' if last >= first else ''}{percent(100 * (last / first - 1), 1)} depuis 2013"
        if pd.notna(first) and pd.notna(last)
        else ""
    )
    role = AAV_LABELS.get(town["aav_category"], "rôle inconnu").lower()
    if town["aav_category"] in AAV_LABELS and town["aav_category"] != "30":
        role = f"{role} de l’aire {of_town(town['aav_name'])}"
    density = (
        DENSITY_LABELS[int(town["density"])].lower()
        if pd.notna(town["density"])
        else "densité non classée"
    )
    programme = "membre du programme" if town["pvd"] else "hors du programme"
    where = ", ".join(dict.fromkeys((town["departement_name"], town["region_name"])))
    return typographic(
        f"**{town['name']}** ({town['code']}), {where} :"
        f" {counted(last, 'habitant')} en"
        f" {tables.LATEST_POPULATION}{growth} ; {density} ; {role} ; {programme}."
    )


def sizes() -> Story:
    """Distribution of the PVD by population."""
    towns = tables.load_towns(pvd=True)
    population = towns[POPULATION].astype("float64")
    under = 100 * (population < 3500).mean()
    title = f"La moitié des PVD ont moins de {number(population.median())} habitants"
    figure, drawn = charts.histogram_of_towns(
        pd.DataFrame({"code": towns["code"], "value": population}),
        title=typographic(title),
        label=f"Habitants en {tables.LATEST_POPULATION}",
        unit="habitants",
        decimals=0,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Les {number(len(towns))} Petites villes de demain selon leur population"
            f" municipale en {tables.LATEST_POPULATION}."
        ),
        alt=typographic(
            f"Histogramme très étalé à droite : de {number(population.min())} à"
            f" {number(population.max())} habitants, médiane {number(population.median())} ;"
            f" {percent(under)} des villes ont moins de 3 500 habitants."
        ),
        sources=("pvd_communes", "cog_communes"),
    )


def map_of_programme() -> Story:
    """Map of all PVD, with overseas insets, by population."""
    towns = tables.load_towns(pvd=True)
    overseas = int(towns["code"].str.startswith("97").sum())
    figure, drawn = maps.national_map(
        tables.load_departements(),
        towns[["code", "lon", "lat"]].assign(value=towns[POPULATION].astype("float64")),
        title=typographic(
            f"{number(len(towns))} petites villes, de toutes les régions et d’outre-mer"
        ),
        unit="habitants",
    )
    by_region = towns["region_name"].value_counts()
    return Story(
        figure,
        drawn,
        caption=typographic(
            "Les communes du programme Petites villes de demain ; la surface du cercle est"
            f" proportionnelle à la population de {tables.LATEST_POPULATION}."
        ),
        alt=typographic(
            f"Carte de France : {number(len(towns))} cercles répartis sur tout le territoire,"
            f" dont {number(overseas)} outre-mer, dans cinq cartons. Les régions qui en comptent"
            f" le plus sont {by_region.index[0]} ({number(by_region.iloc[0])}) et"
            f" {by_region.index[1]} ({number(by_region.iloc[1])})."
        ),
        sources=("pvd_communes", "cog_communes", "contours_departements"),
    )


def _shares(
    column: str, labels: Mapping[int, str] | Mapping[str, str], *, name: str
) -> pd.DataFrame:
    towns = tables.load_towns(pvd=True)
    kind = towns[column].map(dict(labels)).fillna("Non classée")
    population = towns[POPULATION].astype("float64")
    counts = kind.value_counts()
    frame = pd.DataFrame(
        {
            name: [*labels.values(), "Non classée"],
        }
    )
    frame["Villes"] = frame[name].map(counts).fillna(0)
    frame["Part (%)"] = 100 * frame["Villes"] / len(towns)
    frame["Population médiane"] = frame[name].map(population.groupby(kind).median())
    return frame[frame["Villes"] > 0].reset_index(drop=True)


def density_table() -> pd.DataFrame:
    """PVD by density level: ``Densité``, ``Villes``, ``Part (%)``, ``Population médiane``."""
    return _shares("density", DENSITY_LABELS, name="Densité")


def role_table() -> pd.DataFrame:
    """PVD by role in their attraction area: as :func:`density_table`, ``Rôle`` first."""
    return _shares("aav_category", AAV_LABELS, name="Rôle")


def regions_table() -> pd.DataFrame:
    """PVD by region: ``Région``, ``Villes``, ``Habitants``, ``Population médiane``."""
    towns = tables.load_towns(pvd=True)
    groups = towns.assign(population=towns[POPULATION].astype("float64")).groupby("region_name")
    frame = groups["population"].agg(["size", "sum", "median"]).reset_index()
    frame.columns = ["Région", "Villes", "Habitants", "Population médiane"]
    return frame.sort_values("Villes", ascending=False, ignore_index=True)


_SPREAD = {
    "evolution_population": 2023,
    "revenu_median": 2021,
    "part_75_plus": 2021,
    "part_logements_vacants": 2021,
    "part_residences_secondaires": 2021,
}


def spread(town: pd.Series) -> Story:
    """One town among the PVD on five structural indicators, each on its own scale."""
    codes = pd.Series(sorted({*tables.load_towns(pvd=True)["code"], town["code"]}))
    catalogue = load_indicators_catalogue()
    parts = []
    for name, year in _SPREAD.items():
        rows = tables.load_indicators(name, codes=codes, years=[year])
        indicator = catalogue[name]
        parts.append(
            pd.DataFrame(
                {
                    "label": f"{indicator.label}, {year}",
                    "code": rows["code"],
                    "value": rows["value"],
                    "unit": indicator.unit,
                    "decimals": indicator.decimals,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    figure, drawn = charts.strip_against(
        frame,
        town=town["code"],
        town_name=town["name"],
        group_name="Petites villes de demain",
        title=typographic("Il n’y a pas de petite ville type : les écarts sont partout"),
        shared=False,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"{town['name']} parmi les Petites villes de demain, cinq indicateurs de structure ;"
            " chaque bande a son échelle."
        ),
        alt=describe_strip(drawn, town_name=town["name"], group_name="Petites villes de demain"),
        sources=(
            "population_historique",
            "cog_communes",
            "filosofi_communes",
            "rp_ages",
            "rp_logement",
        ),
    )


def vacancy_and_growth(town: pd.Series) -> Story:
    """Vacant homes against the change of population, one point a PVD."""
    codes = pd.Series(sorted({*tables.load_towns(pvd=True)["code"], town["code"]}))
    frame = pd.DataFrame(
        {
            "x": _values("evolution_population", 2023, codes),
            "y": _values("part_logements_vacants", 2021, codes),
        }
    ).rename_axis("code")
    link = frame["x"].corr(frame["y"], method="spearman")
    losing = frame["x"] < 0
    medians = frame.groupby(losing)["y"].median()
    figure, drawn = charts.scatter(
        frame.reset_index(),
        x_label="Évolution de la population 2013-2023, % par an",
        y_label="Logements vacants en 2021, %",
        town=town["code"],
        town_name=town["name"],
        title=typographic("Plus une petite ville se vide, plus ses logements sont vacants"),
    )
    return Story(
        figure,
        drawn,
        caption="Logements vacants et évolution de la population des Petites villes de demain.",
        alt=typographic(
            f"Nuage de points décroissant (corrélation des rangs {number(link, 2)}). La vacance"
            f" médiane est de {percent(medians[True], 1)} dans les villes qui perdent des"
            f" habitants et de {percent(medians[False], 1)} dans les autres."
        ),
        sources=("population_historique", "cog_communes", "rp_logement"),
        note="Une association, pas une cause.",
    )


def findings() -> list[str]:
    """Return the five findings of the front page, numbers computed from the tables."""
    towns = tables.load_towns(pvd=True)
    codes = towns["code"]
    population = towns[POPULATION].astype("float64")
    growth = _values("evolution_population", 2023, codes).dropna()
    rows = tables.load_indicators("nb_boulangerie", codes=codes)
    bakers = rows.groupby("year")["value"].sum()
    bookless = (_values("nb_librairie_presse", 2018, codes) == 0).mean() * 100
    screens = _values("cinemas_ecrans", 2023, codes)
    monuments = _values("lieux_monuments", 2024, codes).sum()
    living = _values("lieux_vivants", 2024, codes).sum()
    power = _values("puissance_renouvelable", 2024, codes)
    top = power.sort_values(ascending=False)
    apl = _values("apl_medecin_generaliste", 2023, codes).dropna()
    return [
        typographic(text)
        for text in (
            f"**Pas de petite ville type.** Les {number(len(towns))} villes du programme vont de"
            f" {number(population.min())} à {number(population.max())} habitants ;"
            f" {percent(100 * (growth < 0).mean())} en ont perdu depuis 2013.",
            f"**Le pain reste, la presse part.** Les PVD comptent"
            f" {number(bakers.loc[2024])} boulangeries en 2024 contre {number(bakers.loc[2009])}"
            f" en 2009 ; {percent(bookless)} n’ont ni librairie ni maison de la presse en 2018.",
            f"**Un cinéma dans une ville sur {number(1 / (screens > 0).mean())}.** Les PVD"
            f" réunissent {number(screens.sum())} écrans en 2023, {number(monuments)} monuments"
            f" protégés et {number(living)} lieux de culture vivants.",
            f"**L’énergie renouvelable est très concentrée.** Un dixième des PVD réunit"
            f" {percent(100 * top.head(len(top) // 10).sum() / top.sum())} de la puissance"
            f" installée dans les PVD.",
            f"**Un médecin difficile à atteindre.** {percent(100 * (apl < LOW_APL).mean())} des PVD"
            f" sont sous le seuil de {number(LOW_APL, 1)} consultations accessibles par an et par"
            " habitant en 2023.",
        )
    ]
