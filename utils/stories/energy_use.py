"""Energy used in a town, how much of it local renewables cover, and what would double them."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from utils import charts, energy, maps, tables
from utils.formats import (
    MISSING,
    counted,
    in_town,
    join_words,
    number,
    of_town,
    percent,
    typographic,
)
from utils.publish import describe_bars, describe_map, describe_strip
from utils.stories import comparison
from utils.stories.common import Story, place_of, ratio_words
from utils.stories.energy_common import (
    POWER_YEAR,
    YEAR,
    at,
    energy_words,
    lines_of,
    region_of,
    total_mwh,
    value_of,
)

__all__ = [
    "consumption",
    "consumption_table",
    "coverage",
    "coverage_map",
    "coverage_table",
    "double_sentence",
    "double_table",
    "missing_homes",
    "solar_surface",
]

#: Sectors of the consumption -> name in the book.
SECTORS: Final = {
    "residentiel": "Résidentiel",
    "tertiaire": "Tertiaire",
    "industrie": "Industrie",
    "agriculture": "Agriculture",
}
ENERGIES: Final = {"electricite": "électricité", "gaz": "gaz"}

#: Orders of magnitude of "what would double it": a roof of a house, a recent wind turbine on
#: land, a solar plant on the ground (kW, kW, kW a hectare).
ROOF_KW: Final = 3.0
TURBINE_KW: Final = 3_000.0
GROUND_KW_A_HA: Final = 1_000.0


# --------------------------------------------------------------------------- consumption


def _of_sectors(town: pd.Series, kind: str) -> pd.DataFrame:
    """Consumption per inhabitant: ``label``, ``own``, ``others``, ``region`` (MWh)."""
    ids = [f"conso_{kind}_{sector}" for sector in SECTORS]
    lines = comparison.values(town, [*ids, f"conso_{kind}_total"], POWER_YEAR)
    every = tables.load_consumption_regions()
    here = every[(every["region"] == town["region"]) & (every["energy"] == kind)]
    region = here.set_index("sector")["mwh"] / (
        here["population"].iloc[0] if len(here) else math.nan
    )
    rows = []
    for sector, label in [*SECTORS.items(), ("total", "Ensemble (minimum)")]:
        own, others = comparison.split(lines[lines["indicator"] == f"conso_{kind}_{sector}"])
        rows.append((label, own, others.median(), region.get(sector, math.nan)))
    return pd.DataFrame(rows, columns=["label", "own", "others", "region"])


def consumption(town: pd.Series, kind: str) -> Story | None:
    """Draw the consumption per inhabitant by sector: town, comparables, region.

    ``None`` where the file has no line of that energy for the town.
    """
    sectors = _of_sectors(town, kind)
    if sectors["own"].isna().all():
        return None
    groups = {
        "own": town["name"],
        "others": "médiane des villes comparables",
        "region": "région",
    }
    frame = sectors.melt("label", list(groups), var_name="group", value_name="value")
    frame["group"] = frame["group"].map(groups)
    order = {label: rank for rank, label in enumerate(sectors["label"])}
    frame = frame.sort_values("label", key=lambda c: c.map(order), kind="stable")
    total = sectors.set_index("label").loc["Ensemble (minimum)"]
    known = sectors[sectors["label"] != "Ensemble (minimum)"].dropna(subset=["own"])
    what = f"d’{ENERGIES[kind]}" if kind == "electricite" else f"de {ENERGIES[kind]}"
    if known[known["label"] == SECTORS["residentiel"]].empty:
        title = f"La consommation {what} {of_town(town['name'])} n’est connue qu’en partie"
    else:
        first = known.sort_values("own", ascending=False).iloc[0]
        title = (
            f"{place_of(town)}, {number(total['own'], 1)} MWh {what} par habitant ; premier"
            f" secteur : {str(first['label']).lower()}"
        )
    figure, drawn = charts.bars(
        frame, title=typographic(title), unit="MWh par habitant", decimals=1
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Consommation {what} par habitant et par secteur en {POWER_YEAR} : {town['name']}, ses"
            " villes comparables, sa région."
        ),
        alt=describe_bars(drawn, unit="MWh par habitant", decimals=1),
        sources=("conso_communes", "population_historique"),
        note="« n. d. » : secteur secret ou absent du fichier, jamais nul. L’ensemble comprend les"
        " secteurs secrets quand le fichier en donne le total ; c’est un minimum.",
    )


def consumption_table(town: pd.Series) -> pd.DataFrame:
    """List the consumption of the town by energy and sector.

    Returns
    -------
    DataFrame
        ``Énergie``, ``Secteur``, ``Consommation (MWh)``, ``Part (%)``, ``Ce que l’on sait``.
    """
    rows = []
    for kind, name in ENERGIES.items():
        ids = [f"conso_{kind}_{sector}" for sector in (*SECTORS, "total")]
        lines = tables.load_indicators(ids, codes=[town["code"]], years=[POWER_YEAR])
        lines = lines.set_index("indicator")
        total = at(lines, f"conso_{kind}_total", "value")
        if kind != "electricite" and math.isnan(total):
            continue  # no network of that energy, or none that the file has
        known = 0.0
        for sector, label in SECTORS.items():
            value = at(lines, f"conso_{kind}_{sector}", "value")
            status = str(lines["status"].to_dict()[f"conso_{kind}_{sector}"])
            known += 0.0 if math.isnan(value) else value
            words = {"ok": "connu", "zero": "connu", "secret": "secret ou inconnu"}
            told = words.get(status, "hors du fichier")
            rows.append((name, label, value, value, told))
        rest = total - known
        if rest > 0.5:
            rows.append((name, "Non ventilé", rest, rest, "secret, ou secteur inconnu"))
        rows.append((name, "Ensemble", total, total, "minimum" if total == total else MISSING))
    frame = pd.DataFrame(
        rows, columns=["Énergie", "Secteur", "Consommation (MWh)", "Part (%)", "Ce que l’on sait"]
    )
    whole = frame[frame["Secteur"] == "Ensemble"].set_index("Énergie")["Consommation (MWh)"]
    frame["Part (%)"] = 100 * frame["Part (%)"] / frame["Énergie"].map(whole)
    frame["Énergie"] = frame["Énergie"].str.capitalize()
    return frame


def missing_homes() -> str:
    """Say which PVD have no residential line, and why."""
    programme = tables.load_towns(pvd=True).set_index("code")
    lines = tables.load_indicators(
        ["conso_electricite_residentiel", "conso_electricite_total"], codes=programme.index
    )
    wide = lines.pivot(index="code", columns="indicator", values="value")
    lost = wide[wide["conso_electricite_residentiel"].isna()]
    names = programme.loc[lost.index, "name"]
    return typographic(
        f"{counted(len(lost), 'Petite ville de demain', 'Petites villes de demain')} n’ont pas de"
        f" ligne résidentielle pour l’électricité : {join_words(list(names))}. Le fichier n’y a que"
        " quelques gros sites, sans doute parce que le réseau y est celui d’une entreprise locale"
        " de distribution dont les autres consommations n’ont pas été transmises ou publiées. Leur"
        " total n’en est pas un : la part de la consommation couverte n’y est pas calculée."
    )


def coverage(town: pd.Series) -> Story:
    """Draw the renewable energy over the electricity consumed, among the comparables."""
    lines = comparison.values(town, ["couverture_electricite"], YEAR, rates=False)
    own, _ = comparison.split(lines)
    region = _region_coverage(town)
    if math.isnan(own):
        title = f"La part de la consommation couverte {in_town(town['name'])} n’est pas connue"
    else:
        title = (
            f"{place_of(town)}, l’électricité renouvelable produite équivaut à {percent(own)} de"
            " celle qui est consommée"
        )
    known = f" Dans la région : {percent(region)}." if region == region else ""
    figure, drawn = charts.strip_against(
        lines.assign(label="Production renouvelable / consommation d’électricité")[
            ["label", "code", "value"]
        ],
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(title),
        unit="%",
        decimals=0,
        shared=False,
        cut=True,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Production renouvelable de {YEAR} (estimée) rapportée à l’électricité consommée en"
            f" {POWER_YEAR} : {town['name']} et ses villes comparables."
        ),
        alt=describe_strip(
            drawn, town_name=town["name"], group_name=comparison.GROUP, unit="%", decimals=0
        ),
        sources=("registre", "production_regionale", "conso_communes"),
        note=typographic(
            "Un bilan annuel : l’électricité produite en été ou la nuit n’est pas celle que l’on"
            " consomme un soir d’hiver ; et les deux années diffèrent." + known
        ),
    )


def _region_coverage(town: pd.Series) -> float:
    """Renewable energy of the region over its electricity, as for a town, %."""
    region = region_of(town)
    used = tables.load_consumption_regions()
    here = (
        (used["region"] == town["region"])
        & (used["energy"] == "electricite")
        & (used["sector"] == "total")
    )
    if region.empty or not here.any():
        return math.nan
    made = region.loc[region.index.isin(energy.FILIERES), "energy_mwh"].sum()
    return float(100 * made / used.loc[here, "mwh"].iloc[0])


def coverage_table(town: pd.Series) -> pd.DataFrame:
    """Compare the renewable energy of the town with each sector of its electricity.

    Returns
    -------
    DataFrame
        ``Secteur``, ``Consommation (MWh)``, ``Production rapportée au secteur (%)``.
    """
    made = total_mwh(lines_of(town))
    table = consumption_table(town)
    table = table[(table["Énergie"] == "Électricité") & (table["Secteur"] != "Non ventilé")]
    homes = table.loc[table["Secteur"] == "Résidentiel", "Consommation (MWh)"].iloc[0]
    used = table["Consommation (MWh)"].where(
        (table["Secteur"] != "Ensemble") | (homes == homes)  # a total without homes is none
    )
    return pd.DataFrame(
        {
            "Secteur": table["Secteur"],
            "Consommation (MWh)": table["Consommation (MWh)"],
            "Production rapportée au secteur (%)": 100 * made / used.where(used > 0),
        }
    ).reset_index(drop=True)


def coverage_map(town: pd.Series) -> Story:
    """Map of the PVD by the share of their electricity that they produce."""
    towns = tables.load_towns(pvd=True)
    lines = tables.load_indicators("couverture_electricite", codes=towns["code"], years=[YEAR])
    points = towns.merge(lines[["code", "value"]], on="code")
    known = points["value"].dropna()
    full = int((known >= 100).sum())
    figure, drawn = maps.national_map(
        tables.load_departements(),
        points[["code", "lon", "lat", "value"]],
        symbol="classes",
        bounds=[5, 20, 50, 100, max(101.0, float(known.max()))],
        title=typographic(
            f"{number(full)} PVD sur {number(len(known))} produisent plus d’électricité"
            f" renouvelable qu’elles n’en consomment ; la moitié, moins de"
            f" {percent(known.median())}"
        ),
        legend_title="production renouvelable / consommation (%)",
        town=town["code"] if town["pvd"] else "",
        town_name=town["name"] if town["pvd"] else "",
    )
    return Story(
        figure,
        drawn,
        caption=f"Les Petites villes de demain selon la part de leur électricité que couvre leur"
        f" production renouvelable, {YEAR}.",
        alt=describe_map(
            drawn.assign(name=points["name"].to_numpy()),
            what="production renouvelable rapportée à la consommation d’électricité",
            unit="%",
        ),
        sources=("registre", "production_regionale", "conso_communes", "contours_departements"),
    )


# --------------------------------------------------------------------------- surface, doubling


def solar_surface(town: pd.Series) -> str:
    """Say the solar energy and power per square metre of the commune."""
    lines = comparison.values(town, ["production_solaire_surface"], YEAR, rates=False)
    own, others = comparison.split(lines)
    if math.isnan(own):
        return typographic(f"Le solaire {of_town(town['name'])} n’est pas connu du registre.")
    power = value_of(town, "puissance_solaire", POWER_YEAR) / float(town["area_km2"])
    return typographic(
        f"Rapporté au sol, le solaire {of_town(town['name'])} donne {number(own, 1)} Wh par mètre"
        f" carré de commune et par an ({number(power / 1000, 3)} W de puissance par mètre carré,"
        f" sur {number(town['area_km2'], 1)} km²) : {ratio_words(own, others.median())} de ses"
        f" comparables ({number(others.median(), 1)} Wh). À titre de repère, un mètre carré de"
        " panneau en donne de l’ordre de 200 000."
    )


def _national_factors() -> pd.Series:
    """Load factor of all the regions that ODRÉ covers, by filière."""
    known = tables.load_energy_regions().dropna(subset=["odre_mwh"])
    sums = known.groupby("filiere")[["energy_mwh", "power_kw"]].sum()
    return 1000 * sums["energy_mwh"] / sums["power_kw"] / energy.HOURS_A_YEAR


def _goal(town: pd.Series) -> tuple[float, str]:
    """Energy to add, MWh, and what it is: as much as today, else a tenth of what is used."""
    made = total_mwh(lines_of(town))
    if made > 0:
        return made, "doubler la production renouvelable"
    used = value_of(town, "conso_electricite_total", POWER_YEAR)
    homes = value_of(town, "conso_electricite_residentiel", POWER_YEAR)
    known = used if homes == homes else math.nan
    return known / 10, "couvrir un dixième de la consommation d’électricité"


def double_sentence(town: pd.Series) -> str:
    """Say what is to be added."""
    goal, words = _goal(town)
    if math.isnan(goal):
        return typographic(
            f"Ni la production ni la consommation {of_town(town['name'])} ne sont connues : rien à"
            " doubler ici."
        )
    return typographic(
        f"Pour {words} {of_town(town['name'])}, il faudrait {energy_words(goal)} de plus par an."
        " Chaque ligne du tableau y suffit à elle seule."
    )


def double_table(town: pd.Series) -> pd.DataFrame:
    """Show what would double the production, the arithmetic written out.

    Returns
    -------
    DataFrame
        ``Moyen``, ``Calcul``, ``Résultat``; empty where nothing can be doubled.
    """
    goal, _ = _goal(town)
    if math.isnan(goal):
        return pd.DataFrame()
    region, national = region_of(town), _national_factors()
    factor = {name: float(region["factor"].get(name, math.nan)) for name in ("solaire", "eolien")}
    factor = {name: national[name] if math.isnan(f) else f for name, f in factor.items()}
    sun = 1000 * goal / (factor["solaire"] * energy.HOURS_A_YEAR)
    wind = 1000 * goal / (factor["eolien"] * energy.HOURS_A_YEAR)
    formula = "{goal} MWh ÷ ({factor} × {hours} h) = {power} kW ; {power} ÷ {unit} kW = {units}"
    rows = [
        (
            "Solaire en toiture de maison",
            "solaire", sun, ROOF_KW, sun / ROOF_KW, "toit", "toits", 0,
        ),
        (
            "Solaire au sol",
            "solaire", sun, GROUND_KW_A_HA, sun / GROUND_KW_A_HA, "hectare", "hectares", 1,
        ),
        (
            "Éolien terrestre",
            "eolien", wind, TURBINE_KW, wind / TURBINE_KW, "éolienne", "éoliennes", 1,
        ),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {
                "Moyen": label,
                "Calcul": typographic(
                    formula.format(
                        goal=number(goal),
                        hours=number(energy.HOURS_A_YEAR),
                        factor=number(factor[kind], 3),
                        power=number(power),
                        unit=number(unit),
                        units=number(units, decimals),
                    )
                ),
                "Résultat": f"{number(units, decimals)} {noun if units < 2 else nouns}",
            }
            for label, kind, power, unit, units, noun, nouns, decimals in rows
        ]
    )
