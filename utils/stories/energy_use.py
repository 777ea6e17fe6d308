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
    every_line,
    lines_of,
    method_words,
    region_history,
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


def _secrets(town: pd.Series) -> pd.DataFrame:
    """What is known of the secrecy of the town's consumption, indexed by energy."""
    every = tables.load_consumption_secrets()
    here: pd.DataFrame = every[every["code"] == town["code"]]
    return here.set_index("energy").astype({"masked": "float64"})


def _masked(town: pd.Series, kind: str) -> float:
    """Count the suppressed cells of an energy in the town; NaN when that is not known."""
    return float(_secrets(town)["masked"].get(kind, math.nan))


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
    whole = "Ensemble" if _masked(town, kind) == 0 else "Ensemble (minimum)"
    for sector, label in [*SECTORS.items(), ("total", whole)]:
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
    total = sectors.iloc[-1]
    known = sectors.iloc[:-1].dropna(subset=["own"])
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
        sources=("conso_communes", "conso_communes_lot", "population_historique"),
        note=typographic(
            "« n. d. » : secteur secret ou absent du fichier, jamais nul. L’ensemble comprend ce"
            " que le fichier donne sans secteur. Il est un minimum là où des mailles sont secrètes,"
            " et là où leur nombre n’est pas connu, c’est-à-dire hors du Lot"
            + (
                f" ; {in_town(town['name'])}, aucune ne l’est : il est exact."
                if _masked(town, kind) == 0
                else "."
            )
        ),
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
        known, masked = 0.0, _masked(town, kind)
        words = {"ok": "connu", "zero": "connu", "secret": "secret ou inconnu"}
        for sector, label in SECTORS.items():
            value = at(lines, f"conso_{kind}_{sector}", "value")
            status = str(lines["status"].to_dict()[f"conso_{kind}_{sector}"])
            known += 0.0 if math.isnan(value) else value
            rows.append((name, label, value, value, words.get(status, "hors du fichier")))
        unknown = float(_secrets(town)["unknown_mwh"].get(kind, math.nan))
        if unknown > 0:
            rows.append((name, "Sans secteur", unknown, unknown, "publié, secteur inconnu"))
            known += unknown
        rest = total - known
        if rest > 0.5:
            rows.append((name, "Non ventilé", rest, rest, "dans le total, sans secteur"))
        told = (
            MISSING
            if math.isnan(total)
            else "exact : aucune maille secrète"
            if masked == 0
            else f"minimum : {counted(masked, 'maille secrète', 'mailles secrètes')}"
            if masked > 0
            else "minimum : mailles secrètes non dites"
        )
        rows.append((name, "Ensemble", total, total, told))
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
    known = ""
    if region == region:
        known = (
            f" Dans la région : {percent(region)}, sur la consommation de {POWER_YEAR} de ses"
            " communes (Agence ORE)"
        )
        history = region_history(town)
        if YEAR in history.index:
            known += (
                f" ; la figure de la région en donne {percent(history[YEAR])}, sur la consommation"
                f" de {YEAR}, nette et corrigée du climat (RTE)"
            )
        known += "."
    methods = method_words(comparison.among(town, every_line()))
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
            " consomme un soir d’hiver ; et les deux années diffèrent."
            f"{known} {methods}"
        ),
    )


def _region_coverage(town: pd.Series, sector: str = "total") -> float:
    """Renewable energy of the region over its electricity (of a sector), as for a town, %."""
    region = region_of(town)
    used = tables.load_consumption_regions()
    here = (
        (used["region"] == town["region"])
        & (used["energy"] == "electricite")
        & (used["sector"] == sector)
    )
    if region.empty or not here.any():
        return math.nan
    made = region.loc[region.index.isin(energy.FILIERES), "energy_mwh"].sum(min_count=1)
    return float(100 * made / used.loc[here, "mwh"].iloc[0])


def _coverages(town: pd.Series) -> pd.DataFrame:
    """Renewable energy of the town and of its comparables over each sector's electricity, %.

    Index ``code``, the town first; a column a sector, and ``total`` (NaN without homes: a
    total of a few sites is no denominator).
    """
    ids = [f"conso_electricite_{sector}" for sector in (*SECTORS, "total")]
    used = comparison.values(town, ids, POWER_YEAR, rates=False)
    made = comparison.values(town, ["production_renouvelable"], YEAR, rates=False)
    wide = used.pivot(index="code", columns="indicator", values="count").loc[made["code"], ids]
    wide = wide.set_axis([*SECTORS, "total"], axis=1)
    wide["total"] = wide["total"].where(wide["residentiel"].notna())
    shares: pd.DataFrame = (100 / wide.where(wide > 0)).mul(made.set_index("code")["count"], axis=0)
    return shares


def coverage_table(town: pd.Series) -> pd.DataFrame:
    """Compare the renewable energy with each sector of the electricity: town, others, region.

    Returns
    -------
    DataFrame
        ``Secteur``, ``Consommation (MWh)``, ``Production rapportée au secteur (%)``,
        ``Comparables, médiane (%)`` (of those known), ``Comparables connues``, ``Région (%)``.
    """
    shares = _coverages(town)
    others = shares.drop(index=town["code"])
    ids = [f"conso_electricite_{sector}" for sector in shares]
    lines = tables.load_indicators(ids, codes=[town["code"]], years=[POWER_YEAR])
    used = lines.set_index("indicator")
    return pd.DataFrame(
        [
            {
                "Secteur": label,
                "Consommation (MWh)": at(used, f"conso_electricite_{sector}", "value"),
                "Production rapportée au secteur (%)": at(shares, town["code"], sector),
                "Comparables, médiane (%)": others[sector].median(),
                "Comparables connues": int(others[sector].notna().sum()),
                "Région (%)": _region_coverage(town, sector),
            }
            for sector, label in {**SECTORS, "total": "Ensemble"}.items()
        ]
    )


def coverage_map(town: pd.Series) -> Story:
    """Map of the PVD by the share of their electricity that they produce."""
    towns = tables.load_towns(pvd=True)
    lines = tables.load_indicators("couverture_electricite", codes=towns["code"], years=[YEAR])
    points = towns.merge(lines[["code", "value"]], on="code")
    known, made = points["value"].dropna(), every_line()
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
        note=typographic(method_words(made[made["code"].isin(points["code"])])),
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
                        factor=number(factor[kind], 4),
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
