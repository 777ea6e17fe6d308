"""Whether the towns of the programme changed otherwise than comparable towns outside it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from utils import charts, peers, programme, tables
from utils.catalogue import load_indicators_catalogue
from utils.formats import MINUS, NBSP, join_words, number, percent, typographic
from utils.stories.common import Story
from utils.stories.comparison import SOURCES as STRUCTURE_SOURCES

__all__ = [
    "BASE",
    "SOURCES",
    "balance_sentence",
    "balance_table",
    "conclusion",
    "effects_table",
    "event_figure",
    "kinds",
    "placebo_sentence",
    "sensitivity_table",
]

#: Last year before the programme, and the years on either side.
BASE: Final = 2018
YEARS: Final = (2009, 2013, 2018, 2024)

#: The programme was launched on 1 October 2020.
START: Final = 2020.75

#: Matched towns of each town.
MATCHES: Final = 5

#: A kind of equipment is studied when that share of the PVD has one in the base year, %.
LEAST_PRESENT: Final = 10.0

SOURCES: Final = (
    "bpe_2009", "bpe_2013", "bpe_2018", "bpe_2024", "pvd_communes", "acv_communes",
    *STRUCTURE_SOURCES,
)  # fmt: skip


@lru_cache(maxsize=1)
def _towns() -> pd.DataFrame:
    return tables.load_towns().set_index("code")


@lru_cache(maxsize=1)
def _structure() -> pd.DataFrame:
    """Return what towns are matched on, population and its change as before the programme."""
    towns, structure = _towns(), tables.load_structure()
    before, after = (towns[f"pop_{year}"].astype("float64") for year in (2013, BASE))
    growth = 100 * ((after / before.where(before > 0)) ** (1 / (BASE - 2013)) - 1)
    return structure.assign(
        population=after.where(after > 0), evolution_population=growth,
        densite_population=after / towns["area_km2"],
    )  # fmt: skip


@lru_cache(maxsize=1)
def _space() -> peers.Space:
    return peers.build_space(_structure())


def _treated() -> pd.Index:
    towns = _towns()
    return towns.index[towns["pvd"]]


@lru_cache(maxsize=2)
def _allowed(*, far: bool) -> pd.Series:
    """Tell which towns may be matched: neither PVD nor *Action cœur de ville*.

    With ``far``, only those of an intercommunality without any PVD.
    """
    towns = _towns()
    allowed = ~towns["pvd"] & ~towns["acv"]
    if far:
        allowed &= ~towns["epci"].isin(towns.loc[towns["pvd"], "epci"].dropna())
    return allowed


@lru_cache(maxsize=4)
def _matches(*, k: int = MATCHES, far: bool = False) -> pd.DataFrame:
    allowed = _allowed(far=far).reindex(_space().codes).to_numpy()
    return peers.neighbours(_space(), list(_treated()), k=k, candidates=allowed)


@lru_cache(maxsize=1)
def kinds() -> dict[str, str]:
    """Indicators studied -> label: scope stable up to 2024, known before, not too rare."""
    catalogue = load_indicators_catalogue()
    types = tables.load_bpe_types()
    names = [
        f"nb_{kind}" for kind in types.loc[types["comparable_2024"] == "oui", "type"]
        if f"nb_{kind}" in catalogue and {2013, BASE, 2024} <= set(catalogue[f"nb_{kind}"].years)
    ]  # fmt: skip
    lines = tables.load_indicators(names, codes=list(_treated()), years=[BASE])
    present = 100 * (lines["value"] > 0).groupby(lines["indicator"]).mean()
    return {name: catalogue[name].label for name in names if present[name] >= LEAST_PRESENT}


@lru_cache(maxsize=1)
def _rates() -> dict[str, pd.DataFrame]:
    """Return the equipments for 1,000 inhabitants of 2018 by year, so that they alone move."""
    population = _towns()[f"pop_{BASE}"].astype("float64")
    lines = tables.load_indicators(list(kinds()), years=list(YEARS))
    done = {}
    for name, rows in lines.groupby("indicator"):
        wide = rows.pivot(index="code", columns="year", values="value").dropna(axis=1, how="all")
        done[str(name)] = wide.div(population.where(population > 0) / 1000, axis=0)
    return done


@lru_cache(maxsize=4)
def _studies(*, k: int = MATCHES, far: bool = False) -> pd.DataFrame:
    matches = _matches(k=k, far=far)
    parts = []
    for name in kinds():
        study = programme.event_study(_rates()[name], matches, base=BASE)
        parts.append(study.assign(indicator=name))
    done = pd.concat(parts, ignore_index=True)
    # Correcting a placebo for its number would make it easier to pass: it is left as it is.
    done["adjusted"] = done["p"]
    after = done["year"] > BASE
    done.loc[after, "adjusted"] = programme.holm(done.loc[after, "p"])
    return done


def _level(name: str) -> float:
    """Return the mean rate of the PVD in the base year."""
    return float(_rates()[name].reindex(_treated())[BASE].mean())


@lru_cache(maxsize=1)
def _verdicts() -> dict[str, str]:
    done = {}
    for name, study in _studies().groupby("indicator"):
        done[str(name)] = programme.verdict(
            study,
            base=BASE,
            p_after=float(study.loc[study["year"] > BASE, "adjusted"].iloc[0]),
            p_before=float(study.loc[study["year"] < BASE, "adjusted"].min()),
        )
    return done


def _named(which: str) -> list[str]:
    return [name for name in kinds() if _verdicts()[name] == which]


def _listed(names: list[str]) -> str:
    return join_words([f"« {kinds()[name].lower()} »" for name in names])


def _apart_before() -> list[str]:
    """Return the kinds on which the towns already diverged before the programme."""
    before = _studies()
    before = before[(before["year"] < BASE) & (before["adjusted"] < 1 - programme.CONFIDENCE)]
    return [name for name in kinds() if name in set(before["indicator"])]


def event_figure() -> Story:
    """Gap of changes between the PVD and matched towns, by kind and year."""
    studies = _studies()
    frame = studies.rename(columns={"effect": "value"}).assign(
        series=studies["indicator"].map(kinds())
    )
    clear = _named("ecart")
    suspect = _named("tendances")
    if clear:
        title = (
            "Après 2020, les PVD s’écartent de leurs semblables pour :"
            f" {_listed(clear)} ; ce n’est pas encore la preuve d’un effet"
        )
    elif suspect:
        title = (
            f"L’écart de 2024 pour {_listed(suspect)} ne peut pas être attribué au programme : les"
            " PVD s’écartaient déjà de leurs semblables avant lui"
        )
    else:
        title = "En 2024, rien ne distingue l’évolution des PVD de celle de leurs semblables"
    figure, drawn = charts.intervals(
        frame,
        title=typographic(title),
        unit="écart pour 1 000 habitants",
        base=BASE,
        start=START,
        start_label="lancement du programme",
    )
    last = studies[studies["year"] > BASE].set_index("indicator")
    told = " ; ".join(
        f"{label} : {_signed(last['effect'][name], 3)}"
        f" (de {_signed(last['low'][name], 3)} à {_signed(last['high'][name], 3)})"
        for name, label in kinds().items()
    )
    treated = int(last["treated"].min())
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Évolution depuis {BASE} des équipements pour 1 000 habitants de {number(treated)}"
            f" PVD, moins celle des {MATCHES} villes hors programme qui leur ressemblent le plus."
        ),
        alt=typographic(
            f"{len(kinds())} cadres, un point et un intervalle par année autour de zéro. Écart de"
            f" 2024 : {told}."
        ),
        sources=SOURCES,
        note="Intervalles à 95 % par rééchantillonnage des villes, sans correction du nombre de"
        " comparaisons ; les années d’avant 2018 servent de placebo. Chaque cadre a son échelle.",
    )


def _signed(value: float, decimals: int) -> str:
    text = number(value, decimals)
    return text if text.startswith(MINUS) or not text.strip("0,") else f"+{text}"


_WORDS: Final = {
    "rien": "aucun écart décelable",
    "tendances": "écart, mais les tendances différaient déjà",
    "ecart": "écart apparu après 2018",
}


def effects_table() -> pd.DataFrame:
    """Sum up each kind.

    Returns
    -------
    DataFrame
        ``Équipement``, ``PVD en 2018`` (for 1,000 inhabitants), ``Écart 2009``, ``Écart 2013``,
        ``Écart 2024``, ``Écart 2024 (%)`` of the 2018 level, ``Décelable (%)`` (the smallest
        effect that would have been seen four times in five), ``p corrigée``, ``Lecture``.
    """
    studies = _studies().set_index(["indicator", "year"])
    lines = []
    for name, label in kinds().items():
        own = studies.loc[name]
        level = _level(name)
        lines.append(
            {
                "Équipement": label,
                f"PVD en {BASE}": level,
                **{
                    f"Écart {year}": float(own["effect"].get(year, np.nan))
                    for year in YEARS
                    if year != BASE
                },
                "Écart 2024 (%)": 100 * float(own["effect"][2024]) / level,
                "Décelable (%)": 100 * 2.8 * float(own["error"][2024]) / level,
                "p corrigée": float(own["adjusted"][2024]),
                "Lecture": _WORDS[_verdicts()[name]],
            }
        )
    return pd.DataFrame(lines)


def placebo_sentence() -> str:
    """Say whether the towns followed the same path before the programme."""
    failed = _apart_before()
    before = _studies()[_studies()["year"] < BASE]
    tested = len(before)
    least = before.groupby("indicator")["p"].min()
    told = join_words(
        [
            f"« {kinds()[name].lower()} »"
            f" (p{NBSP}{'<' if least[name] < LEAST_P else '='}{NBSP}"
            f"{number(max(least[name], LEAST_P), 3)})"
            for name in sorted(failed, key=lambda name: float(least[name]))
        ]
    )
    if not failed:
        return typographic(
            f"Avant le programme, aucun des {number(tested)} écarts de placebo ne sort du hasard"
            " (p < 0,05, sans correction de leur nombre) : les deux groupes suivaient des chemins"
            " qu’on ne sait pas distinguer, ce qui ne prouve pas qu’ils étaient les mêmes."
        )
    return typographic(
        f"**Le placebo échoue** pour {told}, sur {number(tested)} écarts essayés sans corriger"
        " leur nombre, ce qui rendrait l’essai plus facile à passer : avant le programme, les PVD"
        " n’évoluaient déjà pas comme leurs semblables. Pour ces équipements, l’écart de 2024 ne"
        " peut pas être attribué au programme."
    )


def conclusion() -> str:
    """Say what the comparison shows, and what it cannot."""
    clear, suspect, none = (_named(which) for which in ("ecart", "tendances", "rien"))
    table = effects_table()
    parts = []
    if none:
        finest = table.loc[table["Lecture"] == _WORDS["rien"], "Décelable (%)"]
        parts.append(
            f"aucun écart décelable en 2024 pour {_listed(none)} (il aurait fallu un effet de"
            f" {percent(finest.min())} à {percent(finest.max())} du niveau de {BASE}, selon"
            " l’équipement, pour le voir quatre fois sur cinq)"
        )
    if suspect:
        parts.append(
            f"un écart pour {_listed(suspect)}, mais les PVD s’écartaient déjà de leurs semblables"
            " avant le programme"
        )
    if clear:
        gaps = table.set_index("Équipement")["Écart 2024 (%)"]
        told = join_words(
            [f"{_listed([name])} ({_signed(gaps[kinds()[name]], 0)} %)" for name in clear]
        )
        parts.append(f"un écart apparu après {BASE} pour {told}")
    return typographic(
        f"**Sur {number(len(table))} équipements : {' ; '.join(parts)}.** Ces chiffres ne"
        " mesurent pas l’effet du programme : les villes ont été choisies parce qu’elles étaient"
        " des centres fragiles et qu’elles avaient un projet, ce qu’aucune variable d’ici ne"
        " mesure ; la base des équipements a changé de chaîne de production entre 2018 et 2024 ;"
        " rien n’y est observé entre ces deux dates, ni l’épidémie de 2020 ni l’année où chaque"
        " ville a signé ; une ville qui se sait candidate peut agir avant, et ses voisines hors"
        " programme en profiter ou en pâtir."
    )


#: A probability is not written below this.
LEAST_P: Final = 0.001

#: Roles in the attraction area of a town -> AAV categories, as the comparison has them.
_ROLES: Final = {
    "Commune-centre d’aire": ("11",),
    "Autre commune d’un pôle": ("12", "13"),
    "Couronne": ("20",),
    "Hors des aires": ("30",),
}


def balance_table() -> pd.DataFrame:
    """Compare the PVD with the other small towns, all of them and the matched ones.

    Returns
    -------
    DataFrame
        ``Variable``, means of ``PVD``, ``Autres petites villes``, ``Villes appariées``,
        ``Écart avant`` and ``Écart après`` (standard deviations of the PVD).
    """
    labels = {v.id: v.label for v in peers.VARIABLES if v.id != peers.ROLE}
    traits = _structure()[list(labels)].copy()
    for name, label in kinds().items():
        traits[name] = _rates()[name][BASE].reindex(traits.index)
        labels[name] = f"{label} pour 1 000 habitants, {BASE}"
    # The role is matched on too: the share of the towns in each, after the other traits.
    known = _structure()[peers.ROLE]
    for role, categories in _ROLES.items():
        traits[role] = (100.0 * known.isin(categories)).where(known.notna())
        labels[role] = f"{role} (% des villes)"
    traits = traits[[*(v.id for v in peers.VARIABLES if v.id in traits), *_ROLES, *kinds()]]
    allowed = _allowed(far=False)
    frame = programme.balance(traits, _treated(), allowed.index[allowed], _matches())
    return pd.DataFrame(
        {
            "Variable": [labels[name] for name in frame.index],
            "PVD": frame["treated"],
            "Autres petites villes": frame["outside"],
            "Villes appariées": frame["matched"],
            "Écart avant": frame["before"],
            "Écart après": frame["after"],
        }
    ).reset_index(drop=True)


def balance_written() -> pd.DataFrame:
    """Write :func:`balance_table`, each mean with the digits that its size calls for."""
    table = balance_table()
    for column in ("PVD", "Autres petites villes", "Villes appariées"):
        table[column] = [
            number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)
            for value in table[column]
        ]
    return table


def balance_sentence() -> str:
    """Say how much alike the matched towns are, and on what they are not."""
    table = balance_table()
    traits = len(peers.VARIABLES) - 1 + len(_ROLES)
    structure = table.iloc[:traits]
    far = structure.loc[structure["Écart après"].abs() > 0.25, "Variable"].str.lower()
    levels = table.iloc[traits:]
    below = int((levels["Écart après"] > 0.1).sum())
    text = (
        "L’appariement ramène l’écart moyen des variables de structure de"
        f" {number(structure['Écart avant'].abs().mean(), 2)} à"
        f" {number(structure['Écart après'].abs().mean(), 2)} écart-type."
    )
    text += (
        f" Il reste plus d’un quart d’écart-type sur : {join_words(list(far))}."
        if len(far)
        else " Il n’en reste plus d’un quart d’écart-type sur aucune."
    )
    text += (
        f" En {BASE}, les PVD sont pourtant mieux équipées que leurs semblables pour"
        f" {number(below)} équipements sur {number(len(levels))} : elles ont été choisies comme"
        " centres, et deux villes parties de niveaux différents peuvent évoluer différemment sans"
        " programme."
        if below
        else ""
    )
    return typographic(text)


def sensitivity_table() -> pd.DataFrame:
    """Gap of 2024 (% of the 2018 level) when the matching changes.

    Returns
    -------
    DataFrame
        ``Équipement``, one column a way to match, each text ``"+1,2 (−0,5 à +2,9)"``.
    """
    ways: dict[str, dict[str, int | bool]] = {
        f"{MATCHES} villes": {},
        "20 villes": {"k": peers.K},
        "hors des intercommunalités d’une PVD": {"far": True},
    }
    table = {"Équipement": list(kinds().values())}
    for label, way in ways.items():
        studies = _studies(k=int(way.get("k", MATCHES)), far=bool(way.get("far", False)))
        last = studies[studies["year"] > BASE].set_index("indicator")
        cells = []
        for name in kinds():
            effect, low, high = (
                _signed(100 * float(last[column][name]) / _level(name), 1)
                for column in ("effect", "low", "high")
            )
            cells.append(f"{effect} ({low} à {high})")
        table[label] = cells
    return pd.DataFrame(table)
