"""The shops of a town among its comparables: which, of which chains, since when, where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import geopandas as gpd
import pandas as pd

from utils import brands, charts, commerce, maps, tables
from utils.formats import (
    NBSP,
    counted,
    in_town,
    join_words,
    number,
    of_town,
    percent,
    typographic,
)
from utils.publish import describe_bars, describe_evolution, describe_map, describe_strip
from utils.stories import comparison
from utils.stories.common import Story, place_of, ratio_words, share_below

__all__ = [
    "READING_2024",
    "basket",
    "basket_sentence",
    "chain_sentence",
    "chains",
    "changes",
    "core",
    "correspondence_table",
    "creations",
    "detector_sentence",
    "detector_table",
    "evolution",
    "evolution_2024",
    "families",
    "food_formats",
    "labelling_sentence",
    "missing_needs",
    "national_counts",
    "osm_map",
    "squares_map",
    "summary",
    "types",
    "variety",
]

YEAR: Final = 2018
SIGNS_YEAR: Final = 2025
PER_1000: Final = "pour 1 000 habitants"
BPE_YEARS: Final = (2009, 2013, 2018)
LAST_BPE: Final = 2024

#: Small food shops, in the plural of :data:`utils.commerce.FOOD_FORMATS`.
FOOD_SHOPS: Final = "commerces de bouche et épiceries"

#: Comparables under which the share of chains of those that are known is not told.
FEWEST_PEERS: Final = 3

#: Shops under which a change is told in number, not as a percentage.
FEWEST_FOR_A_RATE: Final = 10

#: What the project asks of the detector of chains, 0 to 1.
TARGETS: Final = {"precision": 0.97, "recall": 0.85}

SOURCES: Final = ("bpe_2018", "population_historique")


# --------------------------------------------------------------------------- what there is


def summary(town: pd.Series) -> str:
    """Say in one sentence how many shops the town has and how that compares."""
    lines = comparison.values(town, ["nb_commerces"], YEAR)
    own, others = comparison.split(lines)
    count = lines.loc[lines["is_town"], "count"].iloc[0]
    if pd.isna(count):
        return typographic(
            f"La base permanente des équipements de {YEAR} ne compte pas les commerces"
            f" {in_town(town['name'])}."
        )
    return typographic(
        f"La base permanente des équipements dénombre en {YEAR}"
        f" **{counted(count, 'commerce et service', 'commerces et services')} de proximité**"
        f" {in_town(town['name'])}, soit {number(own, 1)} pour 1 000 habitants :"
        f" {ratio_words(own, others.median())} de ses comparables ({number(others.median(), 1)})."
    )


def families(town: pd.Series) -> Story:
    """Shops per 1,000 inhabitants by family: the town among its comparables, BPE 2018."""
    labels = {f"nb_famille_{key}": label for key, label in commerce.FAMILIES.items()}
    lines = comparison.values(town, list(labels), YEAR)
    lines["label"] = lines["indicator"].map(labels)
    counts = lines[lines["is_town"]].set_index("label")["count"].dropna()
    ranks = {}
    for label, group in lines.groupby("label", sort=False):
        own, others = comparison.split(group)
        ranks[str(label)] = share_below(others, own)
    known = {label: rank for label, rank in ranks.items() if not math.isnan(rank)}
    if not known or max(known.values()) < 50:
        title = f"{place_of(town)}, aucune famille de commerces n’est plus fournie qu’ailleurs"
    else:
        best = max(known, key=lambda label: known[label])
        title = f"{place_of(town)}, la famille « {best.lower()} » est plus fournie" + (
            " que dans toutes les villes comparables"
            if known[best] == 100
            else f" que dans {percent(known[best])} des villes comparables"
        )
    bands = {label: f"{label}, {counted(n, 'établissement')}" for label, n in counts.items()}
    lines["label"] = lines["label"].replace(bands)
    figure, drawn = charts.strip_against(
        lines[["label", "code", "value"]],
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(title),
        unit=PER_1000,
        decimals=1,
        shared=False,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces et services pour 1 000 habitants par famille en {YEAR} :"
            f" {town['name']}, son nombre d’établissements dans le nom de la bande, et ses villes"
            " comparables ; chaque bande a son échelle."
        ),
        alt=describe_strip(
            drawn, town_name=town["name"], group_name=comparison.GROUP, unit=PER_1000
        ),
        sources=SOURCES,
        note="Le titre compte les ex æquo pour moitié.",
    )


def variety(town: pd.Series) -> Story:
    """Number of types present, diversity and needs met: the town among its comparables."""
    labels = {
        "nb_types_commerces": ("Types de commerces présents", "", 0),
        "diversite_commerces": ("Diversité (indice de Shannon)", "", 2),
        "panier_commerces": (
            "Services du panier de la vie courante",
            f"sur {len(commerce.BASKET)}",
            0,
        ),
    }
    lines = comparison.values(town, list(labels), YEAR, rates=False)
    for rank, column in enumerate(("label", "unit", "decimals")):
        lines[column] = lines["indicator"].map({key: of[rank] for key, of in labels.items()})
    own, others = comparison.split(lines[lines["indicator"] == "nb_types_commerces"])
    if math.isnan(own):
        title = f"La variété des commerces n’est pas connue {in_town(town['name'])}"
    else:
        title = (
            f"{place_of(town)}, {counted(own, 'type')} de commerces sur"
            f" {number(len(_kinds()))} : la médiane des comparables est {number(others.median())}"
        )
    return comparison.strips(
        town,
        lines,
        title=title,
        caption=(f"Variété des commerces en {YEAR} : {town['name']} et ses villes comparables."),
        sources=SOURCES,
        note="L’indice de Shannon vaut 0 quand tous les commerces sont du même type, et monte avec"
        " le nombre de types et l’égalité de leurs parts.",
    )


def _kinds() -> pd.DataFrame:
    """Types of the seven families: ``type``, ``label``, ``famille``."""
    types_ = tables.load_bpe_types()
    kept: pd.DataFrame = types_[types_["famille"].isin(commerce.FAMILIES)]
    return kept


def types(town: pd.Series) -> pd.DataFrame:
    """List the town's shops by type, with what its comparables have.

    Returns
    -------
    DataFrame
        ``Famille``, ``Type``, ``Nombre``, ``Pour 1 000 habitants``, ``Comparables`` (mean
        per 1,000), ``En ont (%)``, one line a type, by family.
    """
    kinds = _kinds()
    ids = [f"nb_{kind}" for kind in kinds["type"]]
    lines = comparison.values(town, ids, YEAR)
    rows = []
    for indicator, family, label in zip(ids, kinds["famille"], kinds["label"], strict=True):
        group = lines[lines["indicator"] == indicator]
        own, others = comparison.split(group)
        known = group.loc[~group["is_town"], "count"].dropna()
        rows.append(
            {
                "Famille": commerce.FAMILIES[family],
                "Type": label,
                "Nombre": group.loc[group["is_town"], "count"].iloc[0],
                "Pour 1 000 habitants": own,
                "Comparables": others.mean(),
                "En ont (%)": 100 * (known > 0).mean(),
            }
        )
    return pd.DataFrame(rows)


def _needs_met(town: pd.Series) -> pd.DataFrame:
    """Tell which needs are met in the town and its comparables, those surveyed: a line a town."""
    kinds = sorted({kind for kinds in commerce.BASKET.values() for kind in kinds})
    codes = [str(town["code"]), *comparison.comparables(town)]
    known = (
        _counts(codes, kinds, [YEAR]).dropna(subset=["value"]).rename(columns={"value": "count"})
    )
    here = [code for code in codes if code in set(known["code"])]
    return commerce.basket(known[known["count"] > 0]).reindex(here, fill_value=False)


def missing_needs(town: pd.Series) -> pd.DataFrame:
    """List the needs of the everyday basket that are not met, and how often that happens.

    Returns
    -------
    DataFrame
        ``Besoin``, ``Comparables sans`` (%), the rarest lack first; empty when the survey
        does not cover the town.
    """
    met = _needs_met(town)
    if town["code"] not in met.index:
        return pd.DataFrame({"Besoin": [], "Comparables sans": []})
    own = met.loc[town["code"]]
    lacking = list(met.columns[~own])
    share = 100 * (~met.drop(index=town["code"])[lacking]).mean()
    frame = pd.DataFrame({"Besoin": share.index, "Comparables sans": share.to_numpy()})
    return frame.sort_values("Comparables sans", ignore_index=True)


def basket(town: pd.Series) -> Story:
    """Draw how many comparables have each service of the basket; what the town lacks is named."""
    met = _needs_met(town)
    share = 100 * met.drop(index=town["code"], errors="ignore").mean()
    here = met.loc[town["code"]] if town["code"] in met.index else None
    absent = set() if here is None else set(here.index[~here])
    labels = [need[0].upper() + need[1:] for need in share.index]
    labels = [
        f"{label} (manque ici)" if need in absent else label
        for label, need in zip(labels, share.index, strict=True)
    ]
    frame = pd.DataFrame({"label": labels, "value": share.to_numpy()})
    frame = frame.sort_values("value", ascending=False, kind="stable", ignore_index=True)
    if here is None:
        title = f"Le panier de la vie courante n’est pas connu {in_town(town['name'])}"
    elif here.all():
        everyone = 100 * met.drop(index=town["code"]).all(axis=1).mean()
        title = (
            f"{place_of(town)}, le panier est complet, comme dans {percent(everyone)} des villes"
            " comparables"
        )
    else:
        usual = share[~here].idxmax()
        title = (
            f"{place_of(town)}, il manque {counted((~here).sum(), 'service')} du panier sur"
            f" {len(here)} ; le plus courant ailleurs : {usual}, dans {percent(share[usual])} des"
            " villes comparables"
        )
    figure, drawn = charts.bars(frame, title=typographic(title), unit="%", decimals=0)
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Part des villes comparables qui ont chaque service du panier en {YEAR} :"
            f" {town['name']}."
        ),
        alt=describe_bars(drawn, unit="%"),
        sources=("bpe_2018",),
        note="« Alimentation générale » : épicerie, supérette, supermarché ou hypermarché.",
    )


def basket_sentence(town: pd.Series) -> str:
    """Say which everyday needs are not met in the town."""
    met = comparison.values(town, ["panier_commerces"], YEAR, rates=False)
    own, _ = comparison.split(met)
    if math.isnan(own):
        return typographic(f"Le panier n’est pas connu {in_town(town['name'])} en {YEAR}.")
    missing = missing_needs(town)
    total = len(commerce.BASKET)
    if missing.empty:
        return typographic(
            f"{place_of(town)}, les {total} services du panier de la vie courante sont là."
        )
    listed = join_words(
        [
            f"{need} (comme {percent(share)} des villes comparables)"
            if share
            else f"{need} (aucune de ses comparables n’en manque)"
            for need, share in zip(missing["Besoin"], missing["Comparables sans"], strict=True)
        ]
    )
    here = total - len(missing)
    return typographic(
        f"{place_of(town)}, {counted(here, 'service')} du panier sur {total}"
        f" {'est' if here < 2 else 'sont'} là. Il manque : {listed}."
    )


# --------------------------------------------------------------------------- chains


def food_formats(town: pd.Series) -> Story:
    """Draw the food shops by format, first and last complete BPE: the town, comparables, PVD."""
    years = (BPE_YEARS[0], BPE_YEARS[-1])
    formats = {kind: name for name, kinds in commerce.FOOD_FORMATS.items() for kind in kinds}
    groups = {
        str(town["name"]): [str(town["code"])],
        comparison.GROUP: comparison.comparables(town),
        "ensemble des PVD": list(tables.load_towns(pvd=True)["code"]),
    }
    parts = []
    for name, codes in groups.items():
        counts = _counts(codes, list(formats), years)
        if len(codes) > 1:
            counts = _known_all_years(counts)
        counts["part"] = counts["type"].map(formats)
        sums = counts.groupby(["year", "part"], as_index=False)["value"].sum(min_count=1)
        parts.append(sums.assign(label=[f"{name}, {year}" for year in sums["year"]], group=name))
    frame = pd.concat(parts, ignore_index=True)
    order = list(commerce.FOOD_FORMATS)
    frame = frame.sort_values("part", key=lambda c: c.map(order.index), kind="stable")
    labels = [f"{name}, {year}" for name in groups for year in years]
    frame = frame.sort_values("label", key=lambda c: c.map(labels.index), kind="stable")
    own = frame[(frame["group"] == town["name"]) & (frame["year"] == years[-1])]
    own = own.set_index("part")["value"]
    large, small = own[order[0]], own[order[-1]]
    nothing = own.notna().all() and own.sum() == 0
    if pd.isna(large):
        title = f"Les commerces alimentaires {of_town(town['name'])} ne sont pas dénombrés"
    elif nothing:
        title = f"{place_of(town)}, aucun commerce alimentaire en {years[-1]}"
    else:
        title = (
            f"{place_of(town)} en {years[-1]},"
            f" {counted(large, 'grande surface', 'grandes surfaces')}"
            f" et {counted(small, 'commerce de bouche ou épicerie', FOOD_SHOPS)}"
        )
    figure, drawn = charts.stacked(frame[["label", "part", "value"]], title=typographic(title))
    share = drawn[drawn["part"] == order[0]].set_index("label")["share"].dropna()
    listed = join_words([f"{label} : {percent(value)}" for label, value in share.items()])
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces alimentaires par format en {years[0]} et en {years[-1]} :"
            f" {town['name']}, ses villes comparables et l’ensemble des PVD."
        ),
        alt=typographic(f"Part des supermarchés et hypermarchés. {listed}."),
        sources=("bpe_2009", "bpe_2018", "pvd_communes"),
        note="Le format n’est pas l’enseigne : presque tous les supermarchés sont d’une chaîne, et"
        " une boulangerie peut l’être. En nombre de commerces, non en ventes ni en surface."
        + (" Sans commerce alimentaire, les parts n’ont pas de sens." if nothing else ""),
    )


def chains(town: pd.Series) -> Story:
    """Draw the share of chains: the town, its comparables, the PVD, and the PVD by trade."""
    programme = tables.load_chains_of_programme()
    signs = tables.load_signs()
    signs = signs[signs["famille"] == brands.TOTAL]
    own = signs[signs["code"] == town["code"]]
    whole = programme[programme["famille"] == brands.TOTAL]
    shown = len(own) > 0 and own["value"].notna().all()
    parts = [own.assign(label=town["name"])] if shown else []
    peers_ = signs[signs["code"].isin(comparison.comparables(town))].dropna(subset=["value"])
    known = peers_["code"].nunique()
    if known >= FEWEST_PEERS:
        pooled = peers_.groupby("classe", as_index=False)["value"].sum()
        parts.append(pooled.assign(label=f"{known} {comparison.GROUP}"))
    parts.append(whole.assign(label=f"{number(whole['towns'].iloc[0])} PVD"))
    trades = {key: label for key, (label, _) in commerce.CHAIN_TRADES.items()}
    for family, label in {**trades, **commerce.FAMILIES}.items():
        rows = programme[programme["famille"] == family]
        if len(rows):
            parts.append(rows.assign(label=f"PVD : {label.lower()}"))
    frame = pd.concat(parts, ignore_index=True)
    order = {name: rank for rank, name in enumerate(brands.CLASSES)}
    frame["part"] = frame["classe"].map(brands.CLASSES)
    frame = frame.sort_values("classe", key=lambda c: c.map(order), kind="stable")
    labels = list(dict.fromkeys(part["label"].iloc[0] for part in parts))
    frame = frame.sort_values("label", key=lambda c: c.map(labels.index), kind="stable")
    share = _chain_share(whole)
    if shown:
        title = (
            f"{place_of(town)}, {percent(_chain_share(own))} des commerces sont d’une chaîne"
            f" connue, contre {percent(share)} dans les PVD"
        )
    else:
        large = _chain_share(programme[programme["famille"] == next(iter(trades))])
        title = (
            f"Dans les PVD, {percent(share)} des commerces sont d’une chaîne connue,"
            f" mais {percent(large)} des supermarchés"
        )
    figure, drawn = charts.stacked(frame[["label", "part", "value"]], title=typographic(title))
    pvd = drawn[drawn["part"] == brands.CLASSES["chaine"]].set_index("label")["share"]
    listed = join_words([f"{label} {percent(value)}" for label, value in pvd.items()])
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces, restaurants et services selon leur enseigne, en {SIGNS_YEAR} : "
            + (
                f"{town['name']}, ses comparables dont la part est publiable, et les PVD de quinze"
                " départements."
                if shown and known >= FEWEST_PEERS
                else f"{town['name']} et les PVD de quinze départements."
                if shown
                else "les PVD de quinze départements, faute de chiffre publiable pour"
                f" {town['name']}."
            )
        ),
        alt=typographic(f"Parts des commerces de chaîne : {listed}."),
        sources=("sirene_etablissements", "name_suggestion_index"),
        note=chain_note(town),
    )


def chain_note(town: pd.Series) -> str:
    """Say why the town is, or is not, on the figure of chains."""
    status = tables.load_indicators("part_chaines", codes=[town["code"]])["status"].iloc[0]
    why = {
        "absent": f" {town['name']} n’est pas dans les quinze départements que couvre notre copie"
        " de Sirene.",
        "secret": f" {town['name']} n’est pas montrée : trop peu de commerces dans une classe pour"
        " le secret statistique.",
    }
    return typographic(
        "« Aucune chaîne détectée » n’est pas « indépendant » : beaucoup de commerces n’ont pas"
        " d’enseigne dans Sirene." + why.get(str(status), "")
    )


def _chain_share(rows: pd.DataFrame) -> float:
    values = rows.set_index("classe")["value"]
    return float(100 * values["chaine"] / values.sum())


def chain_sentence(town: pd.Series) -> str:
    """Say how the town's share of chains stands among its comparables that are covered."""
    lines = comparison.values(town, ["part_chaines"], SIGNS_YEAR, rates=False)
    own, others = comparison.split(lines)
    known = others.dropna()
    if math.isnan(own) or len(known) < FEWEST_PEERS:
        return typographic(
            f"La comparaison des chaînes {in_town(town['name'])} avec ses semblables n’est pas"
            " possible : la ville ou presque toutes ses comparables sont hors des quinze"
            " départements couverts, ou sous le secret statistique."
        )
    return typographic(
        f"Parmi les {number(len(known))} villes comparables où la part des chaînes est connue et"
        f" publiable, elle va de {percent(known.min())} à {percent(known.max())}, médiane"
        f" {percent(known.median())} ; {town['name']} est à {percent(own)}."
    )


def detector_table() -> pd.DataFrame:
    """Precision and recall of the detector of chains on the control and in the PVD, by family.

    Returns
    -------
    DataFrame
        ``Famille``; of the control, ``Enseignes`` and ``Chaînes``, the doubtful left out,
        ``Précision``, ``Rappel`` with its 95 % interval as text; of the shops of the PVD,
        ``Précision (PVD)``, ``Rappel (PVD)``.
    """
    scores = tables.load_detector().set_index("famille")
    control, own = scores[scores["part"] == "controle"], scores[scores["part"] == "pvd"]
    new = scores[scores["part"] == "neuves"].loc[[brands.TOTAL]].rename({brands.TOTAL: "neuves"})
    control = pd.concat([control, new])
    names = {
        **commerce.FAMILIES,
        brands.TOTAL: "Ensemble",
        "petites": "dont entreprises de moins de cinq commerces",
        "neuves": "dont enseignes jamais vues",
    }

    def precision(row: pd.Series) -> str:
        return typographic(percent(100 * row["precision"])) if row["found"] else "n. d."

    def recall(row: pd.Series) -> str:
        low, high = number(100 * row["recall_low"]), number(100 * row["recall_high"])
        return typographic(f"{percent(100 * row['recall'])} ({low}{NBSP}à{NBSP}{high})")

    return pd.DataFrame(
        {
            "Famille": [names[family] for family in control.index],
            "Enseignes": control["signs"],
            "Chaînes": control["chains"],
            "Précision": control.apply(precision, axis=1),
            "Rappel": control.apply(recall, axis=1),
            "Précision (PVD)": own.apply(precision, axis=1).reindex(control.index, fill_value="–"),
            "Rappel (PVD)": own.apply(recall, axis=1).reindex(control.index, fill_value="–"),
        }
    ).reset_index(drop=True)


def labelling_sentence() -> str:
    """Say how many signs were labelled, and what part of them the rules have never seen."""
    scores = tables.load_detector()
    whole = scores[scores["famille"] == brands.TOTAL].set_index("part")
    signs = whole["signs"] + whole["doubtful"]
    total = signs["reglage"] + signs["controle"]
    return typographic(
        f"Que vaut ce repérage ? {number(total)} enseignes de Sirene ont été étiquetées à la main."
        f" {number(signs['reglage'])} ont servi à régler les règles, dont deux premiers contrôles,"
        " qui n’en étaient plus une fois regardés. Le contrôle d’aujourd’hui,"
        f" {number(signs['controle'])} enseignes ({percent(100 * signs['controle'] / total)} du"
        " total), vient des PVD : toutes celles que les règles annoncent, et d’autres tirées au"
        " hasard dans chaque activité. Aucune n’avait été étiquetée sous son activité, et chacune"
        " n’a été confrontée qu’une fois aux règles, arrêtées avant."
    )


def detector_sentence() -> str:
    """Say how good the detector is on the control and in the PVD, and whether it meets the aim."""
    scores = tables.load_detector()
    whole = scores[scores["famille"] == brands.TOTAL]
    control, new, own = (
        whole[whole["part"] == part].iloc[0] for part in ("controle", "neuves", "pvd")
    )
    missed = (
        ""
        if control["recall_low"] >= TARGETS["recall"] or control["recall"] < TARGETS["recall"]
        else ", sans que l’intervalle exclue qu’il soit manqué"
    )
    return typographic(
        f"Sur le contrôle, {percent(100 * control['precision'])} des commerces annoncés comme ceux"
        f" d’une chaîne en sont (précision), ce qui {_reach(control, 'precision')} ; toutes les"
        " enseignes annoncées y sont étiquetées, c’est un compte, non une estimation."
        f" {_recall_with_interval(control)} des commerces de chaîne sont reconnus (rappel), ce qui"
        f" {_reach(control, 'recall')}{missed}. Les enseignes jamais vues sous aucune activité, où"
        " il n’y a plus que des réseaux rares, sont plus sévères :"
        f" {percent(100 * new['precision'])} et {_recall_with_interval(new)}. Sur tous les"
        " commerces à enseigne des PVD, réglage compris, la précision est de"
        f" {percent(100 * own['precision'])} et le rappel de {_recall_with_interval(own)} ; si le"
        " repérage se trompait sur chacune des enseignes douteuses, de"
        f" {percent(100 * own['precision_worst'])} et {percent(100 * own['recall_worst'])}."
        f" {_missed_sentence(own)} Une famille prise seule a peu de chaînes : lisez les"
        " intervalles."
    )


def _reach(row: pd.Series, what: str) -> str:
    """Say whether a score of the detector meets the aim."""
    side = "atteint" if row[what] >= TARGETS[what] else "n’atteint pas"
    return f"{side} l’objectif de {percent(100 * TARGETS[what])}"


def _recall_with_interval(row: pd.Series) -> str:
    """Return the recall of the detector with the error of the draw, in percent."""
    low, high = percent(100 * row["recall_low"]), percent(100 * row["recall_high"])
    return f"{percent(100 * row['recall'])} (de {low} à {high} à 95 % de confiance)"


def _missed_sentence(own: pd.Series) -> str:
    """Say which way the errors of the detector lean, from its scores."""
    balance = own["precision"] / own["recall"]
    if math.isclose(balance, 1, abs_tol=0.01):
        lean = "Les deux erreurs se compensent à peu près"
    elif balance < 1:
        lean = (
            "Les fausses chaînes l’emportent sur les oubliées : parmi ces commerces, leur part"
            f" annoncée est trop forte de {percent(100 * (1 / balance - 1))} en valeur relative"
        )
    else:
        lean = (
            "Les chaînes oubliées l’emportent sur les fausses : parmi ces commerces, leur part"
            f" annoncée est trop faible de {percent(100 * (1 - 1 / balance))} en valeur relative"
        )
    return f"{lean}."


def core(town: pd.Series) -> str:
    """Say how much of the trade stands around the busiest point of the town."""
    lines = comparison.values(town, ["part_coeur_commercant"], SIGNS_YEAR, rates=False)
    own, _ = comparison.split(lines)
    programme = tables.load_indicators(
        "part_coeur_commercant", codes=tables.load_towns(pvd=True)["code"]
    )["value"].dropna()
    text = (
        f"Dans les {number(len(programme))} PVD où on peut le mesurer, la moitié des villes ont"
        f" plus de {percent(programme.median())} de leurs commerces à moins de"
        f" {number(commerce.CORE_M)} m de leur cœur commerçant."
    )
    if math.isnan(own):
        return typographic(f"{text} {town['name']} n’y est pas.")
    rank = share_below(programme, own)
    told = (
        f"davantage que dans {percent(rank)}"
        if rank >= 50
        else f"moins que dans {percent(100 - rank)}"
    )
    return typographic(
        f"{place_of(town)}, {percent(own)} des commerces sont à moins de"
        f" {number(commerce.CORE_M)} m du cœur commerçant, {told} des PVD. {text}"
    )


def _outline(town: pd.Series) -> gpd.GeoDataFrame:
    contours = tables.load_contours()
    found: gpd.GeoDataFrame = contours[contours["code"] == town["code"]]
    return found


#: Classes of the map of squares: least number of shops -> label, the fullest first.
SQUARE_CLASSES: Final = {15: "15 commerces et plus", 6: "6 à 14", 3: "3 à 5"}


def squares_map(town: pd.Series) -> Story | None:
    """Map the 200 m squares that gather three shops or more; ``None`` where none is known."""
    squares = tables.load_shop_squares()
    squares = squares[squares["code"] == town["code"]].sort_values("value", ascending=False)
    outline = _outline(town)
    if squares.empty or outline.empty:
        return None
    located, shown = int(squares["located"].iloc[0]), int(squares["value"].sum())
    half = int((squares["value"].cumsum() < located / 2).sum()) + 1
    title = (
        f"{place_of(town)}, la moitié des commerces tient dans"
        f" {counted(half, 'carré', 'carrés')} de 200 m"
        if shown >= located / 2
        else f"{place_of(town)}, {percent(100 * (1 - shown / located))} des commerces sont hors des"
        " carrés qui en réunissent trois"
    )
    bounds = list(SQUARE_CLASSES)
    category = [next(SQUARE_CLASSES[low] for low in bounds if n >= low) for n in squares["value"]]
    labels = [number(count) for count in squares["value"]]
    points = squares[["lon", "lat"]].assign(
        commerces=squares["value"], category=category, label=labels
    )
    figure, drawn = maps.town_map(
        outline,
        points,
        tables.load_contours(),
        focus=True,
        side_m=commerce.SQUARE_M,
        title=typographic(title),
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Carrés de 200 m qui réunissent au moins trois commerces, restaurants ou services,"
            f" {SIGNS_YEAR} : {town['name']}."
        ),
        alt=describe_map(
            drawn,
            what="nombre de commerces",
            noun="carré",
            nouns="carrés",
            town_name=town["name"],
        ),
        sources=("sirene_etablissements", "contours_communes"),
        note=typographic(
            f"Les carrés sont à l’échelle. {number(shown)} commerces sur {number(located)}"
            " sont dans ces carrés ; les autres ne sont pas dessinés."
        ),
    )


def osm_map(town: pd.Series) -> Story | None:
    """Map the shops of OpenStreetMap by family; ``None`` where no extract holds the town."""
    shops = tables.load_osm_shops()
    shops = shops[shops["code"] == town["code"]]
    outline = _outline(town)
    if shops.empty or outline.empty:
        return None
    chains = int((shops["classe"] == "chaine").sum())
    points = pd.DataFrame(
        {
            "lon": shops["lon"],
            "lat": shops["lat"],
            "category": [
                commerce.FAMILIES[family] + (", chaîne" if kind == "chaine" else "")
                for family, kind in zip(shops["famille"], shops["classe"], strict=True)
            ],
        }
    )
    figure, drawn = maps.town_map(
        outline,
        points,
        tables.load_contours(),
        focus=True,
        title=typographic(
            f"{place_of(town)}, {counted(len(shops), 'commerce')} dans OpenStreetMap,"
            f" dont {number(chains)} de chaîne"
        ),
    )
    source = str(shops["source"].iloc[0])
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces {of_town(town['name'])} dans un extrait d’OpenStreetMap, par famille et"
            " selon que leur marque y est dite."
        ),
        alt=describe_map(
            drawn, what="famille", noun="commerce", nouns="commerces", town_name=town["name"]
        ),
        sources=(source, "contours_communes"),
        note=typographic(
            f"{percent(100 * shops['near'].mean())} de ces commerces sont à moins de"
            f" {number(commerce.CORE_M)} m d’une mairie ou d’un lieu de culte, en ligne droite."
            + (
                " L’extrait ne porte aucune boutique (étiquette « shop ») : seuls les restaurants,"
                " cafés, banques, postes et stations-service y sont."
                if set(shops["famille"]) <= {"restauration", "services", "automobile"}
                else ""
            )
        ),
    )


# --------------------------------------------------------------------------- change


@lru_cache(maxsize=1)
def _followed() -> tuple[str, ...]:
    """Types of the seven families whose scope has not moved since 2009."""
    return tuple(commerce.comparable_since(tables.load_bpe_types(), BPE_YEARS[0]))


def _counts(codes: Sequence[str], kinds: Sequence[str], years: Sequence[int]) -> pd.DataFrame:
    """Counts of some types: ``code``, ``type``, ``year``, ``value``."""
    frame = tables.load_indicators([f"nb_{kind}" for kind in kinds], codes=codes, years=years)
    frame["type"] = frame["indicator"].str.removeprefix("nb_")
    return frame[["code", "type", "year", "value"]]


def _known_all_years(counts: pd.DataFrame) -> pd.DataFrame:
    """Keep the towns that every vintage surveys."""
    unknown = counts.loc[counts["value"].isna(), "code"].unique()
    kept: pd.DataFrame = counts[~counts["code"].isin(unknown)]
    return kept


def _base_100(
    town: pd.Series, kinds: Sequence[str], years: Sequence[int]
) -> tuple[pd.DataFrame, pd.Series[float], pd.Series[float]]:
    """Index of the town, its comparables and the PVD; and the town's and comparables' totals."""
    own = _counts([town["code"]], kinds, years).groupby("year")["value"].sum(min_count=1).dropna()
    peers_ = _known_all_years(_counts(comparison.comparables(town), kinds, years))
    others = peers_.groupby("year")["value"].sum()
    programme = _known_all_years(_counts(list(tables.load_towns(pvd=True)["code"]), kinds, years))
    every = programme.groupby("year")["value"].sum()
    first = int(own.index[0]) if len(own) else years[0]
    series = {comparison.GROUP: others.loc[first:], "ensemble des PVD": every.loc[first:]}
    if len(own) and own.loc[first] > 0:
        series = {str(town["name"]): own, **series}
    frame = pd.concat(
        [
            pd.DataFrame({"year": v.index, "series": name, "value": 100 * v / v.loc[first]})
            for name, v in series.items()
            if len(v) and v.loc[first] > 0
        ],
        ignore_index=True,
    )
    return frame, own, others.loc[first:]


def evolution(town: pd.Series) -> Story:
    """Shops of the types followed since 2009: the town, its comparables and all PVD.

    A town that the BPE of 2009 does not survey (Mayotte) starts at its first vintage.
    """
    kinds = _followed()
    frame, own, others = _base_100(town, kinds, BPE_YEARS)
    first, last = (int(own.index[0]) if len(own) else BPE_YEARS[0]), BPE_YEARS[-1]
    national = _change(100 * (others.loc[last] / others.loc[first] - 1))
    if len(own) and 0 < own.loc[first] < FEWEST_FOR_A_RATE:
        title = (
            f"{place_of(town)}, {counted(own.loc[first], 'commerce')} en {first} et"
            f" {number(own.loc[last])} en {last} ; {national} dans les villes comparables"
        )
    elif len(own) and own.loc[first] > 0:
        change = _change(100 * (own.loc[last] / own.loc[first] - 1))
        title = (
            f"De {first} à {last}, {change} de commerces {in_town(town['name'])},"
            f" {national} dans les villes comparables"
        )
    else:
        title = f"Aucun commerce des types suivis {in_town(town['name'])} en {first}"
    figure, drawn = charts.evolution(
        frame, title=typographic(title), unit=f"base 100 en {first}", decimals=0, from_zero=False
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces et services des {number(len(kinds))} types suivis depuis"
            f" {BPE_YEARS[0]}, base 100 en {first} : {town['name']}, ses villes comparables et"
            " l’ensemble des PVD."
        ),
        alt=describe_evolution(drawn, unit=f"base 100 en {first}"),
        sources=("bpe_2009", "bpe_2013", "bpe_2018", "pvd_communes"),
        note="Les types créés ou redéfinis depuis 2009 sont exclus (data/bpe_types.csv). Une partie"
        f" de la hausse de 2009 à 2013 vient du repérage des micro-entreprises. {_rising_note()}",
    )


#: Types whose national number rises by about half from 2009 to 2018, in part by the source.
RISING: Final = ("restaurant", "garage")


@lru_cache(maxsize=1)
def _rising_note() -> str:
    """Say how much of the rise of the PVD comes from the types of :data:`RISING`."""
    years = (BPE_YEARS[0], BPE_YEARS[-1])
    codes = list(tables.load_towns(pvd=True)["code"])
    known = _known_all_years(_counts(codes, _followed(), years))
    sums = known.groupby(["type", "year"])["value"].sum().unstack()
    index = 100 * sums.sum()[years[1]] / sums.sum()[years[0]]
    rest = sums.drop(index=list(RISING)).sum()
    return typographic(
        "Les restaurants et les garages, dont le nombre monte de près de moitié dans le pays, y"
        f" comptent beaucoup : l’indice des PVD en {years[1]} est {number(index)}, et"
        f" {number(100 * rest[years[1]] / rest[years[0]])} sans eux."
    )


#: First vintage of the new chain of production of the BPE, and what changed.
BREAK: Final = {LAST_BPE: "nouvelle chaîne de production (2023)"}


@lru_cache(maxsize=1)
def _stable() -> tuple[str, ...]:
    """Types followed since 2009 that 2024 may be compared with, and that our copy has."""
    kinds = commerce.comparable_since(tables.load_bpe_types(), BPE_YEARS[0], with_2024=True)
    lines = tables.load_indicators([f"nb_{kind}" for kind in kinds], years=[LAST_BPE])
    known = lines.groupby("indicator")["value"].count()
    return tuple(kind for kind in kinds if known.get(f"nb_{kind}", 0) > 0)


def evolution_2024(town: pd.Series) -> Story:
    """Shops of the few types that may be followed to 2024, the break of series drawn.

    The title keeps to either side of the break: the change before it, the level after.
    """
    kinds = _stable()
    years = (*BPE_YEARS, LAST_BPE)
    frame, own, _ = _base_100(town, kinds, years)
    first = int(own.index[0]) if len(own) else years[0]
    labels = _kinds().set_index("type")["label"]
    names = join_words([str(labels[kind]).lower() for kind in kinds])
    if len(own) and own.loc[first] > 0:
        lines = comparison.values(town, [f"nb_{kind}" for kind in kinds], LAST_BPE)
        rates = lines.groupby("code")["value"].sum(min_count=len(kinds))
        others = rates.drop(index=str(town["code"]))
        title = (
            f"{place_of(town)}, {counted(own.loc[first], 'commerce')} des types stables en {first},"
            f" {number(own.loc[BPE_YEARS[-1]])} en {BPE_YEARS[-1]} ; en {LAST_BPE},"
            f" {number(own.loc[LAST_BPE])}, soit {number(rates[town['code']], 1)} {PER_1000}"
            f" (médiane des comparables : {number(others.median(), 1)})"
        )
    else:
        title = f"Aucun commerce des types stables {in_town(town['name'])} en {first}"
    figure, drawn = charts.evolution(
        frame,
        title=typographic(title),
        unit=f"base 100 en {first}",
        decimals=0,
        from_zero=False,
        breaks=BREAK,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Types dont le champ n’a pas changé de {first} à {LAST_BPE} ({names}), base 100 en"
            f" {first} : {town['name']}, ses villes comparables et l’ensemble des PVD."
        ),
        alt=describe_evolution(drawn, unit=f"base 100 en {first}"),
        sources=("bpe_2009", "bpe_2013", "bpe_2018", "bpe_2024"),
        note="Le trait interrompu marque la rupture de 2023 : le niveau de 2024 se compare entre"
        " villes, moins bien avec 2018. Les autres types de 2024 sont dans le tableau qui précède.",
    )


def _change(percentage: float) -> str:
    """Write a change: ``"+12 %"``, ``"−3 %"``."""
    sign = "+" if percentage > 0 else ""
    return f"{sign}{percent(percentage)}"


#: The building trades, of the tables of change only: they are no shops.
TRADES: Final = "batiment"

#: Said of a type that our copy of the BPE 2024 lacks.
LACKING: Final = "absent"

#: What the columns of 2024 say, under the tables of change.
READING_2024: Final = typographic(
    "2024 est après la rupture de 2023, donc hors de l’écart ; la dernière colonne dit s’il se"
    " compare aux dates d’avant : « oui », « prudence » quand le champ ou la source a bougé,"
    " « absent » quand notre copie de 2024 n’a pas ce type."
)


@lru_cache(maxsize=1)
def _tracked() -> pd.DataFrame:
    """Types of the tables of change, those followed since 2009 and the building trades, by type."""
    types_ = tables.load_bpe_types()
    kept: pd.DataFrame = types_[types_["type"].isin(_followed()) | (types_["famille"] == TRADES)]
    return kept.set_index("type")


def _read_2024(wide: pd.DataFrame) -> pd.Series:
    """Say how the count of 2024 of each type of a table may be read, as the correspondence does."""
    told = _tracked()["comparable_2024"].reindex(wide.index)
    return told.where(wide[LAST_BPE].notna(), LACKING)


def changes(town: pd.Series) -> pd.DataFrame:
    """List the types that the town gained or lost, and what its comparables did.

    Returns
    -------
    DataFrame
        ``Type``, one column a vintage up to 2018 that surveys the town, ``Écart`` between the
        first and the last, ``Écart moyen des comparables``, then ``2024``, beyond the break of
        series, and ``2024 comparable``, how it may be read; the largest losses first. Types whose
        number is the same at every date are left out.
    """
    kinds = list(_tracked().index)
    years = (*BPE_YEARS, LAST_BPE)
    wide = _counts([town["code"]], kinds, years).pivot_table(
        index="type", columns="year", values="value"
    )
    surveyed = [year for year in BPE_YEARS if year in wide.columns]
    if not surveyed:
        return pd.DataFrame()
    wide = wide.reindex(columns=[*surveyed, LAST_BPE])
    wide = wide[wide.max(axis=1) > wide.min(axis=1)]
    first, last = surveyed[0], surveyed[-1]
    others = _known_all_years(_counts(comparison.comparables(town), kinds, BPE_YEARS))
    mean = others.groupby(["type", "year"])["value"].mean().unstack()
    gap = wide[last] - wide[first]
    wide.insert(len(surveyed), "Écart", gap)
    wide.insert(len(surveyed) + 1, "Écart moyen des comparables", mean[last] - mean[first])
    wide["2024 comparable"] = _read_2024(wide)
    wide.insert(0, "Type", _tracked()["label"].reindex(wide.index))
    wide = wide.sort_values(["Écart", "Type"], kind="stable")
    return wide.rename(columns=str).reset_index(drop=True)


def national_counts() -> pd.DataFrame:
    """Total of each followed type over all PVD by year, to read a local change against.

    Returns
    -------
    DataFrame
        ``Type``, ``2009``, ``2013``, ``2018``, ``Évolution (%)`` of these, then ``2024`` and
        ``2024 comparable`` as in :func:`changes`, the largest rise first.
    """
    codes, kinds = list(tables.load_towns(pvd=True)["code"]), list(_tracked().index)
    counts = _known_all_years(_counts(codes, kinds, BPE_YEARS))
    wide = counts.pivot_table(index="type", columns="year", values="value", aggfunc="sum")
    wide["Évolution (%)"] = 100 * (wide[BPE_YEARS[-1]] / wide[BPE_YEARS[0]] - 1)
    last = _counts(list(counts["code"].unique()), kinds, [LAST_BPE])
    wide[LAST_BPE] = last.groupby("type")["value"].sum(min_count=1)
    wide["2024 comparable"] = _read_2024(wide)
    wide = wide.sort_values("Évolution (%)", ascending=False)
    wide.insert(0, "Type", _tracked()["label"].reindex(wide.index))
    return wide.rename(columns=str).reset_index(drop=True)


def correspondence_table() -> pd.DataFrame:
    """List the types and whether they may be compared over time, with the reason.

    Returns
    -------
    DataFrame
        ``Type``, ``Suivi depuis``, ``Comparable en 2024``, ``Pourquoi``.
    """
    types_ = tables.load_bpe_types()
    kinds = types_[types_["famille"].isin([*commerce.FAMILIES, TRADES])]
    return pd.DataFrame(
        {
            "Type": kinds["label"],
            "Suivi depuis": kinds["premiere_annee"],
            "Comparable en 2024": kinds["comparable_2024"],
            "Pourquoi": kinds["raison"],
        }
    ).reset_index(drop=True)


def creations(town: pd.Series) -> Story:
    """Creations of establishments by year per 1,000 inhabitants: the town, its comparables."""
    codes = [str(town["code"]), *comparison.comparables(town)]
    lines = tables.load_indicators("creations_etablissements", codes=codes, rates=True)
    own = lines[lines["code"] == town["code"]].set_index("year")["rate"]
    others = lines[lines["code"] != town["code"]].groupby("year")["rate"].median()
    frame = pd.concat(
        [
            pd.DataFrame({"year": own.index, "series": town["name"], "value": own.to_numpy()}),
            pd.DataFrame(
                {
                    "year": others.index,
                    "series": "médiane des villes comparables",
                    "value": others.to_numpy(),
                }
            ),
        ],
        ignore_index=True,
    )
    first, last = int(frame["year"].min()), int(frame["year"].max())
    totals = lines.groupby("code")["rate"].sum(min_count=len(own)).drop(index=str(town["code"]))
    known = own.notna().all()
    title = (
        f"De {first} à {last}, {number(own.sum())} créations pour 1 000 habitants"
        f" {in_town(town['name'])}, {number(totals.median())} dans la ville comparable médiane"
        if known
        else f"Créations d’établissements inconnues {in_town(town['name'])}"
    )
    figure, drawn = charts.evolution(frame, title=typographic(title), unit=PER_1000, decimals=0)
    return Story(
        figure,
        drawn,
        caption=typographic(
            "Créations d’établissements de toutes activités pour 1 000 habitants et par an :"
            f" {town['name']} et ses villes comparables."
        ),
        alt=describe_evolution(drawn, unit=PER_1000, decimals=1),
        sources=("sirene_creations", "population_historique"),
        note="Toutes les formes juridiques comptent, sociétés immobilières comprises : c’est plus"
        " que les créations d’entreprises de l’Insee, et ce ne sont pas seulement des commerces."
        " Les fermetures ne sont pas dans cette source.",
    )
