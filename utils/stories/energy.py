"""Renewable energy in a town: what is there, what it gives, what it weighs in its region."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from utils import charts, energy, tables
from utils.formats import (
    MISSING,
    counted,
    in_town,
    join_words,
    number,
    of_town,
    ordinal,
    percent,
    quantity,
    typographic,
)
from utils.publish import (
    describe_bars,
    describe_evolution,
    describe_scatter,
)
from utils.stories import comparison
from utils.stories.common import Story, place_of, ratio_words, share_below
from utils.stories.energy_common import (
    INJECTED_PERIOD,
    INJECTED_YEAR,
    MAIN,
    OTHERS,
    POWER_YEAR,
    SOURCES,
    YEAR,
    at,
    energy_words,
    every_line,
    first_of,
    lines_of,
    method_words,
    power_words,
    region_history,
    region_of,
    renewable,
    total_mwh,
    value_of,
)

__all__ = [
    "blanks_sentence",
    "blanks_table",
    "error_sentence",
    "error_table",
    "errors",
    "gap_sentence",
    "gap_table",
    "installed",
    "method_sentence",
    "places",
    "production",
    "production_table",
    "region_mix",
    "summary",
    "weight",
    "weight_sentence",
    "weight_table",
]

#: Filière -> what the energy is drawn from.
ORIGINS: Final = {
    "eolien": "du vent",
    "solaire": "du soleil",
    "hydraulique": "des rivières",
    "bioenergies": "de la biomasse et des déchets",
    "geothermie": "de la chaleur du sol",
    "energies_marines": "de la marée et des courants",
}


# --------------------------------------------------------------------------- what is there


def summary(town: pd.Series) -> str:
    """Say what the register places in the town, and how its power compares."""
    lines = renewable(lines_of(town))
    if lines.empty:
        why = (
            "ni pour le reste de sa région, qu’il ne couvre pas"
            if region_of(town).empty
            else "pas de grande installation, et moins de dix petites, dont il tait alors le nombre"
        )
        return typographic(
            f"Le registre n’a aucune ligne {in_town(town['name'])} : {why}. La puissance"
            " renouvelable n’est donc pas connue."
        )
    parts = [
        f"{energy.FILIERES[str(name)].lower()} {power_words(line['power_kw'])}"
        f" ({counted(line['installations'], 'installation')})"
        for name, line in lines.sort_values("power_kw", ascending=False).iterrows()
    ]
    values = comparison.values(town, ["puissance_renouvelable"], POWER_YEAR)
    own, others = comparison.split(values)
    text = (
        f"Le registre national situe {in_town(town['name'])} :"
        f" **{join_words(parts)}**, à l’automne {POWER_YEAR}. Soit {number(own, 2)} kW renouvelable"
        f" par habitant : {ratio_words(own, others.median())} de ses comparables"
        f" ({number(others.median(), 2)})."
    )
    return typographic(text)


def installed(town: pd.Series) -> pd.DataFrame:
    """List the installations of the town by filière, the non-renewable ones last.

    Returns
    -------
    DataFrame
        ``Filière``, ``Installations``, ``Puissance (kW)``, ``kW par habitant``,
        ``kW par km²``, ``Comparables (kW par habitant)`` (median of those known).
    """
    lines = lines_of(town)
    people = float(town[f"pop_{tables.LATEST_POPULATION}"])
    rows = []
    for name, label in {**energy.FILIERES, **OTHERS}.items():
        reference = math.nan
        if name in MAIN:
            values = comparison.values(town, [f"puissance_{name}"], POWER_YEAR)
            reference = float(comparison.split(values)[1].median())
        if name not in lines.index and name not in MAIN:
            continue
        if name in lines.index:
            power, count = at(lines, name, "power_kw"), at(lines, name, "installations")
        else:
            power = count = value_of(town, f"puissance_{name}", POWER_YEAR)  # 0, or not known
        rows.append(
            {
                "Filière": label,
                "Installations": count,
                "Puissance (kW)": power,
                "kW par habitant": power / people,
                "kW par km²": power / float(town["area_km2"]),
                "Comparables (kW par habitant)": reference,
            }
        )
    return pd.DataFrame(rows)


def places(town: pd.Series) -> Story:
    """Draw the town among its comparables: power, energy, solar surface, coverage."""
    asked = {
        "puissance_renouvelable": ("Puissance renouvelable", POWER_YEAR, "kW par habitant", 2),
        "puissance_solaire": ("Puissance solaire", POWER_YEAR, "kW par habitant", 2),
        "production_renouvelable": ("Production renouvelable estimée", YEAR, "MWh par habitant", 2),
    }
    parts = []
    for name, (label, year, unit, decimals) in asked.items():
        lines = comparison.values(town, [name], year)
        parts.append(lines.assign(label=label, unit=unit, decimals=decimals))
    surface = comparison.values(town, ["production_solaire_surface"], YEAR, rates=False)
    parts.append(
        surface.assign(
            label="Production solaire rapportée à la surface de la commune",
            unit="Wh par m²",
            decimals=1,
        )
    )
    lines = pd.concat(parts, ignore_index=True)
    own, others = comparison.split(lines[lines["indicator"] == "puissance_renouvelable"])
    if math.isnan(own):
        title = f"La puissance renouvelable {of_town(town['name'])} n’est pas connue"
    else:
        rank = share_below(others, own)
        side, share = ("plus", rank) if rank >= 50 else ("moins", 100 - rank)
        title = (
            f"{place_of(town)}, {side} de puissance renouvelable par habitant que dans"
            f" {percent(share)} de ses comparables"
        )
    return comparison.strips(
        town,
        lines,
        title=title,
        cut=True,
        caption=(
            f"{town['name']} parmi ses villes comparables : puissance à l’automne {POWER_YEAR} et"
            f" production estimée de {YEAR}."
        ),
        sources=SOURCES,
        note="Une commune sans ligne au registre n’a pas une puissance nulle : elle n’est pas"
        " connue. Les parcs éoliens en mer, comptés dans la commune de leur câble, sont exclus."
        " " + typographic(method_words(comparison.among(town, every_line()))),
    )


def blanks_table() -> pd.DataFrame:
    """List the lines of the register without region, by the region of their commune.

    Returns
    -------
    DataFrame
        ``Région``, ``Filière``, ``Lignes``, ``Puissance (MW)``, ``Part de la filière dans la
        région (%)``.
    """
    blanks = tables.load_register_blanks()
    names = tables.load_towns().drop_duplicates("region").set_index("region")["region_name"]
    some = blanks[blanks["no_region_lines"] > 0].sort_values("no_region_kw", ascending=False)
    known = {**energy.FILIERES, "eolien": "Éolien", **OTHERS}
    return pd.DataFrame(
        {
            "Région": some["region"].map(names),
            "Filière": some["filiere"].map(known),
            "Lignes": some["no_region_lines"],
            "Puissance (MW)": some["no_region_kw"] / 1000,
            "Part de la filière dans la région (%)": 100 * some["no_region_kw"] / some["power_kw"],
        }
    ).reset_index(drop=True)


def blanks_sentence() -> str:
    """Say how much of the register has no commune, or no region."""
    blanks = tables.load_register_blanks()
    lost, lost_kw = blanks["no_commune_lines"].sum(), blanks["no_commune_kw"].sum()
    region, kw = blanks["no_region_lines"].sum(), blanks["no_region_kw"].sum()
    names = tables.load_towns().drop_duplicates("region").set_index("region")["region_name"]
    where = names[blanks[blanks["no_region_lines"] > 0]["region"].dropna().unique()]
    first = (
        "Toutes les lignes de cette édition du registre ont une commune"
        if lost == 0
        else f"{counted(lost, 'ligne')} du registre ({power_words(lost_kw)}) n’ont pas de commune"
    )
    return typographic(
        f"{first} ; mais {counted(region, 'ligne')}, soit {quantity(kw / 1e6, 'GW', 1)}, y ont"
        f" perdu leur région ({join_words(list(where))}). Ce livre déduit donc la région de"
        " la commune, sans quoi une partie de l’éolien manquerait à l’appel."
    )


# --------------------------------------------------------------------------- what it gives


def production(town: pd.Series) -> Story | None:
    """Draw the renewable energy of the town by filière; ``None`` when none is known."""
    lines, rows = lines_of(town), []
    for name in MAIN:
        value = value_of(town, f"production_{name}", YEAR)
        rows.append((energy.FILIERES[name], value))
    rare = [name for name in ("geothermie", "energies_marines") if name in lines.index]
    rows += [(energy.FILIERES[name], at(lines, name, "energy_mwh")) for name in rare]
    frame = pd.DataFrame(rows, columns=["label", "value"])
    total = total_mwh(lines)
    if math.isnan(total):
        return None
    title = f"{place_of(town)}, environ {energy_words(total)} d’électricité renouvelable en {YEAR}"
    known = renewable(lines)["energy_mwh"].dropna()
    if total:
        most = str(known.idxmax())
        share = 100 * known.max() / total
        part = (
            "toute tirée"
            if len(known) == 1
            else "presque toute tirée"
            if share >= 99
            else f"tirée à {percent(share)}"
        )
        title += f", {part} {ORIGINS[most]}"
    figure, drawn = charts.bars(frame, title=typographic(title), unit="MWh", decimals=0)
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Électricité renouvelable injectée sur le réseau en {YEAR}, estimée :"
            f" {town['name']}, MWh."
        ),
        alt=describe_bars(drawn, unit="MWh"),
        sources=SOURCES[:2],
        note=method_sentence(town),
    )


def method_sentence(town: pd.Series) -> str:
    """Say by which method the energy of the town is known, with the share of each."""
    words = method_words(lines_of(town).reset_index())
    if not words:
        return typographic("Aucune valeur n’est estimée ici.")
    return typographic(f"{words} « n. d. » : aucune ligne au registre.")


def production_table(town: pd.Series) -> pd.DataFrame:
    """List the energy of the town by filière and year, with its method.

    Returns
    -------
    DataFrame
        ``Période``, ``Filière``, ``Puissance (kW)``, ``Énergie (MWh)``, ``Heures à pleine
        puissance``, ``Méthode``; empty when the register has no line.
    """
    parts = []
    for year, period in ((YEAR, str(YEAR)), (INJECTED_YEAR, INJECTED_PERIOD)):
        lines = lines_of(town, year)
        lines = lines[lines.index.isin([*energy.FILIERES, "eolien_en_mer"])]
        names = {**energy.FILIERES, **OTHERS}
        parts.append(
            pd.DataFrame(
                {
                    "Période": period,
                    "Filière": [names[str(name)] for name in lines.index],
                    "Puissance (kW)": lines["power_kw"].to_numpy(),
                    "Énergie (MWh)": lines["energy_mwh"].to_numpy(),
                    "Heures à pleine puissance": (
                        1000 * lines["energy_mwh"] / lines["power_kw"]
                    ).to_numpy(),
                    "Méthode": [energy.METHODS[method] for method in lines["method"]],
                }
            )
        )
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


# --------------------------------------------------------------------------- the error


def _judged() -> pd.DataFrame:
    frame = tables.load_energy_errors()
    return frame[frame["injected_mwh"] > 0].reset_index(drop=True)


def _stable(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the communes whose power moved by less than 2 % since the register of 2024."""
    moved = (frame["power_kw"] / frame["power_before_kw"] - 1).abs()
    return frame[moved < 0.02]


def error_table() -> pd.DataFrame:
    """Error of the method where the truth is known, by filière.

    Returns
    -------
    DataFrame
        ``Filière``, ``Communes``, ``Injecté (GWh)``, ``Estimé (GWh)``, ``Total (%)`` (error of
        the sum), ``Absolue (%)`` (median of the absolute errors of the communes), then the
        quantiles of their errors: ``Médiane (%)``, ``Q1 à Q3 (%)``, ``D1 à D9 (%)`` (text).
    """
    frame = _judged()
    parts = [
        (energy.relative_errors(frame), ""),
        (energy.relative_errors(_stable(frame)), ", puissance stable"),
    ]
    rows = []
    for errors_of, suffix in parts:
        for name, line in errors_of.sort_values("injected_mwh", ascending=False).iterrows():
            rows.append(
                {
                    "Filière": energy.FILIERES[str(name)] + suffix,
                    "Communes": line["communes"],
                    "Injecté (GWh)": line["injected_mwh"] / 1000,
                    "Estimé (GWh)": line["estimated_mwh"] / 1000,
                    "Total (%)": line["total"],
                    "Absolue (%)": line["absolute"],
                    "Médiane (%)": line["median"],
                    "Q1 à Q3 (%)": f"{number(line['q25'])} à {number(line['q75'])}",
                    "D1 à D9 (%)": f"{number(line['q10'])} à {number(line['q90'])}",
                }
            )
    return pd.DataFrame(rows)


def error_sentence() -> str:
    """Say what the error is and what explains it, with the numbers."""
    frame = _judged()
    every, stable = energy.relative_errors(frame), energy.relative_errors(_stable(frame))
    sun, water = every.loc["solaire"], every.loc["hydraulique"]
    return typographic(
        f"Pour le solaire, l’erreur du total du Lot est de {percent(sun['total'], 1)}, mais celle"
        f" d’une commune dépasse {percent(sun['absolute'])} une fois sur deux. Deux biais"
        " contraires s’y compensent. Le facteur de charge rapporte l’énergie de"
        f" {YEAR} à la puissance de la fin {POWER_YEAR}, plus grande : là où la puissance n’a pas"
        " changé depuis, l’estimation est trop basse (médiane"
        f" {percent(stable.loc['solaire', 'median'])}). Et ce qui a été raccordé en cours d’année"
        " n’a pas encore donné une année pleine, tandis que l’autoconsommation n’est pas"
        " injectée : là, elle est trop haute. Pour l’hydraulique"
        f" ({percent(water['total'], 1)} au total), un facteur commun ne peut rendre ni le débit"
        " de chaque rivière ni une année plus ou moins pluvieuse."
    )


def _gaps() -> pd.DataFrame:
    """Compare the share of each département in its region: estimated, and measured by Enedis.

    ``gap`` is relative (%); ``moved`` is the part of the region's energy, %, by which the
    two shares differ.
    """
    frame = tables.load_energy_gaps()
    sums = frame.groupby(["filiere", "region"])[["network_mwh", "estimated_mwh"]].transform("sum")
    measured, estimated = (frame[name] / sums[name] for name in sums)
    gap = 100 * (estimated / measured - 1)
    return frame.assign(gap=gap, absolute=gap.abs(), moved=100 * (estimated - measured).abs())


def gap_table() -> pd.DataFrame:
    """Set the estimate beside the measure of départements, where Enedis carries the region.

    Returns
    -------
    DataFrame
        ``Filière``, ``Région``, ``Départements``, ``Part d’Enedis (%)``, ``Mesuré (GWh)``,
        ``Mal placé (%)`` (half the sum of the absolute differences of shares), ``Le plus bas
        (%)`` and ``Le plus haut (%)`` (relative gaps of the shares of départements).
    """
    names = tables.load_energy_regions().drop_duplicates("region").set_index("region")["name"]
    groups = _gaps().groupby(["filiere", "region"])
    done = groups.agg(
        departements=("gap", "size"),
        coverage=("coverage", "first"),
        measured=("network_mwh", "sum"),
        moved=("moved", "sum"),
        least=("gap", "min"),
        most=("gap", "max"),
    ).reset_index()
    return (
        pd.DataFrame(
            {
                "Filière": done["filiere"].map(energy.FILIERES),
                "Région": done["region"].map(names),
                "Départements": done["departements"],
                "Part d’Enedis (%)": 100 * done["coverage"],
                "Mesuré (GWh)": done["measured"] / 1000,
                "Mal placé (%)": done["moved"] / 2,
                "Le plus bas (%)": done["least"],
                "Le plus haut (%)": done["most"],
            }
        )
        .sort_values(["Filière", "Mesuré (GWh)"], ascending=[True, False])
        .reset_index(drop=True)
    )


def gap_sentence() -> str:
    """Say how well the energy of départements is placed, and where the wind is not."""
    gaps = _gaps()
    wind = gaps[gaps["filiere"] == "eolien"]
    largest = wind.groupby("region")["network_mwh"].sum().idxmax()
    wind = wind[wind["region"] == largest].sort_values("gap")
    towns = tables.load_towns().drop_duplicates("departement").set_index("departement")
    names = towns["departement_name"]
    low, high = (
        f"{names[str(line['departement'])]}"
        f" ({'+' if line['gap'] > 0 else ''}{percent(line['gap'])})"
        for line in (wind.iloc[0], wind.iloc[-1])
    )
    name = gap_table().query("Filière == 'Éolien terrestre'")["Région"].iloc[0]
    sun = gaps[gaps["filiere"] == "solaire"].groupby("region")["moved"].sum() / 2
    return typographic(
        f"Éolien : dans la région où la mesure en compte le plus ({name}), la méthode attribue"
        f" {percent(wind['moved'].sum() / 2)} de l’énergie à un autre département que celui où"
        f" Enedis l’a reçue. Les plus grands écarts : {low} et {high}. Solaire : de"
        f" {number(sun.min())} à {percent(sun.max())} selon la région. Le vent, l’âge des machines"
        " et la date de leur mise en service diffèrent d’un parc à l’autre ; le registre et Enedis"
        " ne situent peut-être pas non plus de la même façon un parc qui se raccorde dans le"
        " département voisin. L’erreur d’une commune est plus grande encore."
    )


def errors(town: pd.Series) -> Story:
    """Draw estimate against truth for the solar power of the communes of the Lot."""
    frame = _judged()
    frame = frame[frame["filiere"] == "solaire"]
    half = energy.relative_errors(frame).loc["solaire", "absolute"]
    here = frame["code"] == town["code"]
    figure, drawn = charts.scatter(
        pd.DataFrame(
            {"code": frame["code"], "x": frame["injected_mwh"], "y": frame["estimated_mwh"]}
        ),
        x_label="énergie injectée en douze mois, MWh (registre de 2026)",
        y_label="énergie estimée par la méthode, MWh",
        town=town["code"] if here.any() else "",
        town_name=town["name"],
        title=typographic(f"Une commune du Lot sur deux est estimée à {percent(half)} près"),
        log_x=True,
        log_y=True,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            "Énergie solaire des communes du Lot : estimée et injectée, échelles logarithmiques."
        ),
        alt=describe_scatter(
            drawn,
            x_what="Énergie injectée (MWh)",
            y_what="énergie estimée (MWh)",
            town_name=town["name"] if here.any() else "",
            y_decimals=0,
        ),
        sources=("registre_lot_2026", "registre", "production_regionale"),
    )


# --------------------------------------------------------------------------- the region


def _weights(town: pd.Series) -> pd.DataFrame | None:
    """Weigh the town in its region by filière; ``None`` where either is not known.

    Index ``filiere`` (``ensemble`` last): ``energy``, ``power`` of the town, ``region_energy``,
    ``region_power``, ``rank``, ``communes``: for ``ensemble``, the rank of all filières
    together, among the communes whose energy is known.
    """
    region, own = region_of(town), renewable(lines_of(town))
    if region.empty or own["energy_mwh"].isna().all():
        return None
    total_rank = float(own["rank_total"].astype("float64").iloc[0])
    total_communes = first_of(region, "communes_total")
    region = region[region.index.isin(energy.FILIERES)]
    frame = pd.DataFrame(
        {
            "energy": own["energy_mwh"].reindex(region.index),
            "power": own["power_kw"].reindex(region.index),
            "region_energy": region["energy_mwh"],
            "region_power": region["power_kw"],
            "rank": own["rank"].reindex(region.index).astype("float64"),
            "communes": region["communes"].astype("float64"),
        }
    )
    for name in MAIN:
        if name in frame.index and value_of(town, f"production_{name}", YEAR) == 0:
            frame.loc[name, ["energy", "power"]] = 0.0
    order = [name for name in energy.FILIERES if name in frame.index]
    frame = frame.loc[order]
    sums = frame[["energy", "power", "region_energy", "region_power"]].sum()
    frame.loc["ensemble", sums.index] = sums
    frame.loc["ensemble", ["rank", "communes"]] = total_rank, total_communes
    return frame


def _share_words(share: float) -> str:
    """Write a small share: ``"0,021 %"``, enough digits for two to count."""
    decimals = 1 if share >= 1 else min(5, 1 - math.floor(math.log10(share))) if share > 0 else 0
    return percent(share, decimals)


def _people_share(town: pd.Series, region: pd.DataFrame) -> float:
    return 100 * float(town[f"pop_{tables.LATEST_POPULATION}"]) / first_of(region, "population")


def weight(town: pd.Series) -> Story | None:
    """Draw what the town weighs in its region: inhabitants, area, each filière."""
    frame, region = _weights(town), region_of(town)
    if frame is None:
        return None
    people = _people_share(town, region)
    own = 100 * at(frame, "ensemble", "energy") / at(frame, "ensemble", "region_energy")
    rows = [
        ("Habitants", people),
        ("Superficie", 100 * float(town["area_km2"]) / first_of(region, "area_km2")),
        ("Production renouvelable", own),
    ]
    for name in frame.index.drop("ensemble"):
        if at(frame, name, "region_energy") > 0:
            value = 100 * at(frame, name, "energy") / at(frame, name, "region_energy")
            rows.append((f"dont {energy.FILIERES[str(name)].lower()}", value))
    drawn_frame = pd.DataFrame(rows, columns=["label", "value"])
    top = float(drawn_frame["value"].max())
    decimals = 2 if top >= 1 else 3
    ratio = own / people
    if 0.9 <= ratio <= 1.1:
        verdict = "autant que son poids en habitants"
    elif ratio > 1:
        verdict = f"{number(ratio, 1)} fois son poids en habitants"
    elif ratio > 0:
        verdict = f"{number(1 / ratio, 1)} fois moins que son poids en habitants"
    else:
        verdict = "pour une part des habitants qui ne l’est pas"
    title = (
        f"{town['name']} donne {_share_words(own)} de l’électricité renouvelable de sa région :"
        f" {verdict}"
    )
    figure, drawn = charts.bars(
        drawn_frame,
        title=typographic(title),
        unit="% de la région",
        decimals=decimals,
        highlight="Habitants",
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Part {of_town(town['name'])} dans sa région"
            f" ({region['name'].iloc[0]}) : habitants, superficie, production renouvelable estimée"
            f" de {YEAR}, en pourcentage du total régional."
        ),
        alt=describe_bars(drawn, unit="%", decimals=decimals),
        sources=SOURCES,
        note=typographic(
            f"Dénominateurs : {counted(first_of(region, 'population'), 'habitant')},"
            f" {quantity(first_of(region, 'area_km2'), 'km²')},"
            f" {quantity(at(frame, 'ensemble', 'region_energy') / 1e6, 'TWh', 1)} renouvelables"
            " (toutes les communes de la région, parcs en mer exclus). "
            + method_words(lines_of(town).reset_index())
        ),
    )


def weight_table(town: pd.Series) -> pd.DataFrame:
    """List what the town weighs in its region by filière.

    Returns
    -------
    DataFrame
        ``Filière``, ``Ville (MWh)``, ``Région (GWh)``, ``Part de la production (%)``,
        ``Part de la puissance (%)``, ``Quotient de localisation``, ``Par habitant, région = 1``,
        ``Rang dans la région``; empty where it cannot be said.
    """
    frame, region = _weights(town), region_of(town)
    if frame is None:
        return pd.DataFrame()
    people = _people_share(town, region)
    totals = [at(frame, "ensemble", column) for column in ("energy", "region_energy")]
    rows = []
    for name, line in frame.iterrows():
        share = 100 * line["energy"] / line["region_energy"] if line["region_energy"] else math.nan
        rank = (
            f"{ordinal(int(line['rank']))} sur {number(line['communes'])}"
            if pd.notna(line["rank"])
            else "aucune"
            if line["energy"] == 0
            else MISSING
        )
        rows.append(
            {
                "Filière": "Ensemble" if name == "ensemble" else energy.FILIERES[str(name)],
                "Ville (MWh)": line["energy"],
                "Région (GWh)": line["region_energy"] / 1000,
                "Part de la production (%)": share,
                "Part de la puissance (%)": 100 * line["power"] / line["region_power"],
                "Quotient de localisation": energy.location_quotient(
                    line["energy"], totals[0], line["region_energy"], totals[1]
                ),
                "Par habitant, région = 1": share / people,
                "Rang dans la région": rank,
            }
        )
    return pd.DataFrame(rows)


def weight_sentence(town: pd.Series) -> str:
    """Say the production per inhabitant of the town and of its region."""
    frame, region = _weights(town), region_of(town)
    if frame is None:
        return typographic(
            f"Ce que pèse {town['name']} dans sa région ne peut pas être dit : le registre n’y a"
            " aucune ligne."
        )
    own = at(frame, "ensemble", "energy") / float(town[f"pop_{tables.LATEST_POPULATION}"])
    all_region = at(frame, "ensemble", "region_energy") / first_of(region, "population")
    return typographic(
        f"Par habitant, {town['name']} produit {number(own, 2)} MWh d’électricité renouvelable"
        f" par an, et sa région {number(all_region, 2)} MWh. Par km² :"
        f" {number(at(frame, 'ensemble', 'energy') / float(town['area_km2']))} et"
        f" {number(at(frame, 'ensemble', 'region_energy') / first_of(region, 'area_km2'))} MWh."
    )


def region_mix(town: pd.Series) -> Story | None:
    """Draw the renewable production of the region since 2008; ``None`` overseas."""
    history = tables.load_energy_history()
    own = history[(history["region"] == town["region"]) & history["filiere"].isin(MAIN)]
    if own.empty:
        return None
    name = town["region_name"]
    frame = pd.DataFrame(
        {
            "year": own["year"],
            "series": own["filiere"].map({**energy.FILIERES, "eolien": "Éolien"}),
            "value": own["gwh"] / 1000,
        }
    )
    shares = region_history(town)
    first, last = int(shares.index[0]), int(shares.index[-1])
    share_first, share_last = float(shares.iloc[0]), float(shares.iloc[-1])
    figure, drawn = charts.evolution(
        frame,
        title=typographic(
            f"{name} : l’électricité renouvelable couvrait {percent(share_first)} de la"
            f" consommation en {first}, {percent(share_last)} en {last}"
        ),
        unit="TWh",
        decimals=1,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Production d’électricité renouvelable, {name}, {first}-{last}, par filière."
        ),
        alt=describe_evolution(drawn, unit="TWh", decimals=1),
        sources=("production_regionale", "consommation_regionale"),
        note="L’hydraulique comprend le pompage (et la Rance en Bretagne), l’éolien les parcs en"
        " mer ; la consommation est nette, corrigée du climat.",
    )
