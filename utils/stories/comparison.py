"""Who a town is compared with, why, and how much the comparison is worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from utils import charts, maps, peers, tables
from utils.catalogue import load_indicators_catalogue
from utils.formats import counted, join_words, number, of_town, percent, typographic
from utils.publish import describe_map, describe_strip
from utils.stories.common import Story

__all__ = [
    "GROUP",
    "SOURCES",
    "among",
    "atypical",
    "comparables",
    "comparables_table",
    "map_of_comparables",
    "nearness",
    "split",
    "stability_sentence",
    "strips",
    "structure_strips",
    "validity_sentence",
    "validity_table",
    "values",
    "variables_table",
    "weights_sentence",
]

#: Sources of the structural variables.
SOURCES: Final = (
    "population_historique",
    "cog_communes",
    "contours_communes",
    "densite",
    "aav_2020",
    "filosofi_communes",
    "rp_logement",
    "rp_ages",
    "tourisme",
)

GROUP: Final = "villes comparables"

#: Between these ranks of isolation among the PVD, %, the comparables are at an ordinary distance.
ORDINARY: Final = (40.0, 60.0)
#: A town is said atypical above this rank of isolation among the PVD, %.
ATYPICAL: Final = 90.0

#: Above this share of the PVD, %, they are said to be nearly all.
ALL_BUT: Final = 99.5

#: Number of unknown variables above which a comparison is said fragile.
FRAGILE: Final = 4

#: Outcomes on which the comparison is judged, and their year: none is structural.
OUTCOMES: Final = {
    "nb_commerces": 2018,
    "nb_boulangerie": 2018,
    "nb_boucherie": 2018,
    "nb_grande_surface": 2018,
    "nb_restaurant": 2018,
    "nb_coiffure": 2018,
    "nb_banque": 2018,
    "nb_garage": 2018,
    "nb_pharmacie": 2018,
    "nb_medecin_generaliste": 2018,
    "nb_dentiste": 2018,
    "nb_kinesitherapeute": 2018,
    "apl_medecin_generaliste": 2023,
    "lieux_bibliotheques": 2024,
    "lieux_monuments": 2024,
    "conso_electricite_residentiel": 2024,
    "conso_electricite_tertiaire": 2024,
    "puissance_solaire": 2024,
}

#: Bounds of the classes of size, inhabitants.
SIZES: Final = (0, 1000, 2000, 3500, 5000, 7500, 10_000, 15_000, 40_000)

POPULATION: Final = f"pop_{tables.LATEST_POPULATION}"


@lru_cache(maxsize=1)
def _structure() -> pd.DataFrame:
    return tables.load_structure()


@lru_cache(maxsize=1)
def _space() -> peers.Space:
    return peers.build_space(_structure())


@lru_cache(maxsize=1)
def _programme() -> pd.DataFrame:
    """Comparables of every PVD."""
    return peers.neighbours(_space(), list(tables.load_towns(pvd=True)["code"]))


@lru_cache(maxsize=64)
def _codes(code: str) -> tuple[str, ...]:
    return tuple(peers.neighbours(_space(), [code])["peer"])


def comparables(town: pd.Series) -> list[str]:
    """Codes of the comparable towns, the nearest first."""
    return list(_codes(str(town["code"])))


def among(town: pd.Series, lines: pd.DataFrame) -> pd.DataFrame:
    """Keep the lines (column ``code``) of a town and of its comparables."""
    return lines[lines["code"].isin([town["code"], *comparables(town)])]


def values(town: pd.Series, ids: Sequence[str], year: int, *, rates: bool = True) -> pd.DataFrame:
    """Load some indicators of a town and of its comparables.

    Returns
    -------
    DataFrame
        ``code``, ``indicator``, ``value`` (the rate when ``rates``), ``count`` (the raw
        value), ``status``, ``is_town``; in the order of ``ids``, the town first.
    """
    codes = [str(town["code"]), *comparables(town)]
    lines = tables.load_indicators(ids, codes=codes, years=[year], rates=rates)
    lines["count"] = lines["value"]
    if rates:
        lines["value"] = lines["rate"]
    order = lines["indicator"].map({name: rank for rank, name in enumerate(ids)})
    place = lines["code"].map({code: rank for rank, code in enumerate(codes)})
    lines = lines.assign(order=order, place=place).sort_values(["order", "place"])
    lines["is_town"] = lines["code"] == town["code"]
    kept = ["code", "indicator", "value", "count", "status", "is_town"]
    return lines[kept].reset_index(drop=True)


def split(lines: pd.DataFrame) -> tuple[float, pd.Series]:
    """Return the town's value, and those of the others, of one indicator of :func:`values`."""
    own = lines.loc[lines["is_town"], "value"]
    return (float(own.iloc[0]) if len(own) else float("nan")), lines.loc[~lines["is_town"], "value"]


def strips(
    town: pd.Series,
    lines: pd.DataFrame,
    *,
    title: str,
    caption: str,
    sources: tuple[str, ...],
    note: str = "",
    cut: bool = False,
) -> Story:
    """Tell a town among its comparables by strips, each with its own unit and scale.

    Parameters
    ----------
    town : Series
    lines : DataFrame
        ``label``, ``code``, ``value``, ``unit``, ``decimals``; a line a strip and a town.
    title, caption, sources, note
        As for :class:`~utils.stories.common.Story`; French spaces are set.
    cut : bool
        As for :func:`utils.charts.strip_against`.
    """
    figure, drawn = charts.strip_against(
        lines[["label", "code", "value", "unit", "decimals"]],
        town=town["code"],
        town_name=town["name"],
        group_name=GROUP,
        title=typographic(title),
        shared=False,
        cut=cut,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(caption),
        alt=describe_strip(drawn, town_name=town["name"], group_name=GROUP),
        sources=sources,
        note=note,
    )


def _alike(found: pd.DataFrame) -> str:
    """Name the two traits that a pair shares and that the median small town has not."""
    by_id = {variable.id: variable for variable in peers.VARIABLES}
    traits = found[(found["variable"] != peers.ROLE) & (found["common"] > 0)]
    traits = traits.sort_values("common", ascending=False, kind="stable").head(2)
    return join_words([by_id[name].label.lower() for name in traits["variable"]])


def _apart(found: pd.DataFrame) -> str:
    """Say the two variables that set the other town most apart."""
    by_id = {variable.id: variable for variable in peers.VARIABLES}
    most = found.sort_values("share", ascending=False, kind="stable").head(2)
    return join_words(
        [
            by_id[name].higher if gap > 0 else by_id[name].lower
            for name, gap in zip(most["variable"], most["gap"], strict=True)
        ]
    )


def comparables_table(town: pd.Series) -> pd.DataFrame:
    """List the comparable towns, the nearest first, and why.

    Returns
    -------
    DataFrame
        ``Ville``, ``Habitants``, ``PVD``, ``Distance``, ``Traits communs`` (what both have
        and the median small town has not), ``Ce qui l’éloigne``.
    """
    codes = comparables(town)
    found = peers.neighbours(_space(), [town["code"]]).set_index("peer")
    reasons = dict(list(peers.contributions(_space(), town["code"], codes).groupby("peer")))
    towns = tables.load_towns().set_index("code").loc[codes]
    return pd.DataFrame(
        {
            "Ville": towns["name"] + " (" + towns["departement"] + ")",
            "Habitants": towns[POPULATION],
            "PVD": towns["pvd"],
            "Distance": found["distance"].loc[codes],
            "Traits communs": [_alike(reasons[code]) for code in codes],
            "Ce qui l’éloigne": [_apart(reasons[code]) for code in codes],
        }
    ).reset_index(drop=True)


def atypical(town: pd.Series) -> str:
    """Say how near the comparables are, and warn when no town really looks like this one."""
    found = _programme()
    if town["code"] not in set(found["code"]):
        found = pd.concat([found, peers.neighbours(_space(), [town["code"]])], ignore_index=True)
    rank = float(peers.isolation(found)[town["code"]])
    return nearness(str(town["name"]), rank, _structure().loc[town["code"]])


def nearness(name: str, rank: float, structure: pd.Series) -> str:
    """Say how near the comparables of a town are, and what the comparison does without.

    With more than :data:`FRAGILE` variables unknown, nothing is said of the distance: on few
    variables it is small by construction.

    Parameters
    ----------
    name : str
        The town.
    rank : float
        Its :func:`utils.peers.isolation` among the PVD, %.
    structure : Series
        Its structural variables.
    """
    known = structure.notna()
    missing = [v.label.lower() for v in peers.VARIABLES if not known[v.id]]
    if len(missing) > FRAGILE:
        return typographic(
            f"**La comparaison de {name} est fragile** : elle se fait sur"
            f" {number(len(peers.VARIABLES) - len(missing))} des"
            f" {counted(len(peers.VARIABLES), 'variable')}, faute de connaître :"
            f" {join_words(missing)}."
        )
    low, high = ORDINARY
    distance = (
        "plutôt proches"
        if rank < low
        else "plutôt éloignées"
        if rank > high
        else "à distance ordinaire"
    )
    others = "proches" if rank > high else "éloignées"
    share = rank if rank > high else 100 - rank
    how_many = "presque toutes les PVD" if share >= ALL_BUT else f"{percent(share)} des PVD"
    text = f"{name} a vingt comparables {distance} : {how_many} en ont de plus {others}."
    if rank >= ATYPICAL:
        text += (
            " **C’est une ville atypique : aucune ne lui ressemble vraiment, et chaque comparaison"
            " est à lire avec prudence.**"
        )
    if missing:
        text += f" Faute de donnée, la comparaison se fait sans : {join_words(missing)}."
    return typographic(text)


def stability_sentence(town: pd.Series) -> str:
    """Say how many of the comparables stay when the method moves."""
    frame = peers.stability(_structure(), town["code"])
    kept = frame.set_index("trial")["kept"]
    without = frame[frame["trial"] == "sans"].sort_values("kept")
    worst = without.iloc[0]
    label = next(v.label for v in peers.VARIABLES if v.id == worst["variable"])
    return typographic(
        f"Quand les poids bougent au hasard de 20 % au plus, {percent(kept['poids'])} des"
        f" comparables {of_town(town['name'])} restent en moyenne ; quand les échelles sont"
        f" refaites sur la moitié des villes, {percent(kept['echelles'])} ; quand une variable est"
        f" retirée, {percent(without['kept'].mean())} en moyenne, et {percent(worst['kept'])} au"
        f" moins (sans « {label.lower()} »)."
    )


def variables_table() -> pd.DataFrame:
    """List the structural variables.

    Returns
    -------
    DataFrame
        ``Variable``, ``Poids``, ``Pourquoi``, ``PVD renseignées (%)``.
    """
    programme = tables.load_towns(pvd=True)["code"]
    known = _structure().loc[programme].notna().mean() * 100
    return pd.DataFrame(
        {
            "Variable": [v.label for v in peers.VARIABLES],
            "Poids": [v.weight for v in peers.VARIABLES],
            "Pourquoi": [v.reason for v in peers.VARIABLES],
            "PVD renseignées (%)": [known[v.id] for v in peers.VARIABLES],
        }
    )


#: Variables drawn for one town: those that a reader knows by name.
_DRAWN: Final = (
    "population",
    "evolution_population",
    "poids_dans_10_km",
    "revenu_median",
    "part_75_plus",
    "part_logements_vacants",
    "part_residences_secondaires",
    "lits_touristiques",
)


def structure_strips(town: pd.Series) -> Story:
    """Draw the town among its comparables on what they were chosen on."""
    codes = [town["code"], *comparables(town)]
    structure = _structure().loc[codes]
    by_id = {variable.id: variable for variable in peers.VARIABLES}
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "label": by_id[name].label,
                    "code": codes,
                    "value": structure[name].to_numpy(),
                    "unit": by_id[name].unit,
                    "decimals": by_id[name].decimals,
                }
            )
            for name in _DRAWN
        ]
    )
    space = _space()
    gaps = peers.contributions(space, town["code"], codes[1:])
    mean = gaps[gaps["variable"] != peers.ROLE].groupby("variable")["gap"].mean()
    most = str(mean.abs().idxmax())
    side = by_id[most].lower if mean.loc[most] > 0 else by_id[most].higher
    figure, drawn = charts.strip_against(
        frame,
        town=town["code"],
        town_name=town["name"],
        group_name=GROUP,
        title=typographic(f"{town['name']} se distingue de ses semblables : elle {side}"),
        shared=False,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"{town['name']} et ses {len(codes) - 1} villes comparables sur huit des"
            f" {len(peers.VARIABLES)} variables qui servent à les choisir ; chaque bande a son"
            " échelle."
        ),
        alt=describe_strip(drawn, town_name=town["name"], group_name=GROUP),
        sources=SOURCES,
        note="Le titre nomme la variable dont l’écart moyen est le plus grand, rapporté à la"
        " dispersion des petites villes.",
    )


def map_of_comparables(town: pd.Series) -> Story:
    """Map of the comparable towns, in the programme or not."""
    codes = comparables(town)
    towns = tables.load_towns().set_index("code").loc[[town["code"], *codes]].reset_index()
    inside = towns["pvd"].map({True: "Petite ville de demain", False: "hors du programme"})
    inside = inside.mask(towns["code"] == town["code"])  # not counted among its comparables
    away = towns.loc[1:, "departement"].nunique()
    members = int(towns.loc[1:, "pvd"].sum())
    title = (
        f"Les {len(codes)} villes comparables {of_town(town['name'])} viennent de"
        f" {counted(away, 'département')} ; {number(members)} sont dans le programme"
    )
    figure, drawn = maps.national_map(
        tables.load_departements(),
        towns[["code", "lon", "lat"]].assign(category=inside),
        title=typographic(title),
        town=town["code"],
        town_name=town["name"],
    )
    return Story(
        figure,
        drawn,
        caption=typographic(f"{town['name']} et ses villes comparables."),
        alt=describe_map(
            drawn.assign(name=towns["name"]),
            what=f"{town['name']} et ses villes comparables : "
            + join_words(list(towns.loc[1:, "name"])),
        ),
        sources=("pvd_communes", "contours_departements", *SOURCES[:2]),
    )


# --------------------------------------------------------------------------- validity


def _outcomes() -> pd.DataFrame:
    catalogue = load_indicators_catalogue()
    lines = tables.load_indicators(list(OUTCOMES), rates=True)
    lines = lines[lines["year"] == lines["indicator"].map(OUTCOMES)]
    rated = [name for name in OUTCOMES if catalogue[name].denominator]
    value = lines["rate"].where(lines["indicator"].isin(rated), lines["value"])
    wide = lines.assign(read=value).pivot(index="code", columns="indicator", values="read")
    return wide[list(OUTCOMES)]


@lru_cache(maxsize=2)
def _validity(*, inside: bool) -> pd.DataFrame:
    """Errors of every reference on every outcome, over all PVD."""
    towns = tables.load_towns(pvd=True).set_index("code")
    groups = {
        "ensemble des PVD": pd.Series("PVD", index=towns.index),
        "PVD du département": towns["departement"],
        "PVD de la région": towns["region"],
        "PVD de même taille": pd.cut(towns[POPULATION].astype(float), SIZES).astype("str"),
        "PVD de même densité": towns["density"].astype("str").where(towns["density"].notna()),
    }
    found = _inside(_space()) if inside else _programme()
    return peers.validity(_outcomes(), found, groups)


def _inside(space: peers.Space) -> pd.DataFrame:
    """Comparables of every PVD among the PVD."""
    members = tables.load_towns(pvd=True)["code"]
    return peers.neighbours(space, list(members), candidates=space.codes.isin(members))


def validity_table(*, inside: bool = True) -> pd.DataFrame:
    """Error of each reference over that of the comparables, by outcome.

    Parameters
    ----------
    inside : bool
        Choose the comparables among the PVD, as the references are; otherwise among all
        small towns, as elsewhere in the book.

    Returns
    -------
    DataFrame
        ``Indicateur``, ``Erreur des comparables`` (RMSE, unit of the indicator), then one
        column a reference: its RMSE over that of the comparables, above 1 where the
        comparables predict better; ``Villes`` (number judged).
    """
    frame = _validity(inside=inside)
    catalogue = load_indicators_catalogue()
    wide = frame.pivot(index="outcome", columns="reference", values="rmse").loc[list(OUTCOMES)]
    own = wide.pop("comparables")
    names = [name for name in frame["reference"].unique() if name != "comparables"]
    done = wide[names].div(own, axis=0)
    done.insert(0, "Erreur des comparables", own)
    done.insert(0, "Indicateur", [f"{catalogue[i].label}, {OUTCOMES[i]}" for i in done.index])
    done["Villes"] = frame.groupby("outcome")["towns"].first().loc[done.index]
    return done.reset_index(drop=True)


#: A reference is clearly beaten when its error is at least that many times larger.
CLEARLY: Final = 1.05


def validity_sentence(*, inside: bool = True) -> str:
    """Say on how many outcomes the comparables beat each reference, and where they do not."""
    table = validity_table(inside=inside)
    references = [name for name in table.columns[2:] if name != "Villes"]
    total = len(table)
    beaten = join_words(
        [
            f"{number((table[name] > 1).sum())} fois « {name} »"
            f" ({number((table[name] >= CLEARLY).sum())} fois d’au moins 5 %,"
            f" {number(((table[name] > 1 / CLEARLY) & (table[name] < CLEARLY)).sum())} à égalité"
            " à 5 % près)"
            for name in references
        ]
    )
    best = table[references].min(axis=1)
    lost = table.loc[best < 1, "Indicateur"].str.replace(r", \d{4}$", "", regex=True).str.lower()
    who = (
        "les comparables choisies parmi les seules PVD, comme les références, prédisent"
        if inside
        else "les comparables de tout le livre, prises dans le programme ou non, prédisent"
    )
    text = f"Sur {counted(total, 'indicateur')}, {who} mieux que {beaten}."
    if len(lost):
        text += f" Une référence au moins fait mieux qu’elles pour : {join_words(list(lost))}."
    weak = [name for name in references if 2 * (table[name] >= CLEARLY).sum() <= total]
    if weak:
        text += (
            f" Face à {join_words([f'« {name} »' for name in weak])}, l’avantage de 5 % n’est"
            " acquis que pour la moitié des indicateurs au plus."
        )
    return typographic(text)


def weights_sentence() -> str:
    """Say what the weights bring over equal ones, on outcomes that did not make them."""
    space = _space()
    equal = np.where(np.array(space.names) == peers.ROLE, 0.25, 1.0)
    ours = _validity(inside=True)
    theirs = peers.validity(_outcomes(), _inside(space.reweighted(equal)), {})
    ratio = (
        theirs.set_index("outcome")["rmse"]
        / ours[ours["reference"] == "comparables"].set_index("outcome")["rmse"]
    )
    mean = 100 * (float(np.exp(np.log(ratio).mean())) - 1)
    better = int((ratio > 1).sum())
    side = "plus grande" if mean > 0 else "plus petite"
    return typographic(
        f"Avec des poids tous égaux, l’erreur serait en moyenne {percent(abs(mean), 1)} {side} ;"
        f" les poids retenus font mieux pour {number(better)} des {number(len(ratio))} indicateurs"
        " ci-dessous, dont aucun n’a servi à les choisir."
    )
