"""The shops of a town among the other PVD, and how they changed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from utils import charts, commerce, tables
from utils.formats import (
    counted,
    in_town,
    join_words,
    number,
    percent,
    typographic,
)
from utils.publish import describe_strip
from utils.stories.common import Story, ratio_words, share_below

__all__ = [
    "basket_sentence",
    "changes",
    "evolution",
    "families",
    "missing_needs",
    "national_counts",
    "summary",
    "types",
]

YEAR = 2018
PER_1000 = "pour 1 000 hab."
BPE_YEARS = (2009, 2013, 2018)


def _pvd_rates(ids: Sequence[str]) -> pd.DataFrame:
    """Rates of some indicators in every PVD, 2018: ``code, indicator, value, rate``."""
    codes = tables.load_towns(pvd=True)["code"]
    return tables.load_indicators(ids, codes=codes, years=[YEAR], rates=True)


def _with_town(rates: pd.DataFrame, ids: Sequence[str], code: str) -> pd.DataFrame:
    """Add a town that is not in the programme."""
    if code in set(rates["code"]):
        return rates
    own = tables.load_indicators(ids, codes=[code], years=[YEAR], rates=True)
    return pd.concat([rates, own], ignore_index=True)


def families(town: pd.Series) -> Story:
    """Shops per 1,000 inhabitants by family: the town against every PVD, BPE 2018."""
    labels = {f"nb_famille_{key}": label for key, label in commerce.FAMILIES.items()}
    rates = _with_town(_pvd_rates(list(labels)), list(labels), town["code"])
    frame = pd.DataFrame(
        {
            "label": rates["indicator"].map(labels),
            "code": rates["code"],
            "value": rates["rate"],
        }
    )
    order = {label: i for i, label in enumerate(labels.values())}
    frame = frame.sort_values("label", key=lambda s: s.map(order), kind="stable")
    ranks = {
        str(label): share_below(
            group.loc[group["code"] != town["code"], "value"],
            group.loc[group["code"] == town["code"], "value"].iloc[0],
        )
        for label, group in frame.groupby("label", sort=False)
    }
    known = {label: rank for label, rank in ranks.items() if pd.notna(rank)}
    place = in_town(town["name"])
    place = place[0].upper() + place[1:]
    if not known or max(known.values()) < 50:
        title = f"{place}, aucune famille de commerces n’est plus fournie que dans la PVD médiane"
    else:
        best = max(known, key=lambda label: known[label])
        title = (
            f"{place}, la famille « {best.lower()} » est plus fournie"
            f" que dans {percent(known[best])} des PVD"
        )
    figure, drawn = charts.strip_against(
        frame,
        town=town["code"],
        town_name=town["name"],
        group_name="Petites villes de demain",
        title=typographic(title),
        unit=PER_1000,
        decimals=1,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Commerces et services pour 1 000 habitants par famille en {YEAR} :"
            f" {town['name']} parmi les {number(frame['code'].nunique())} villes comparées."
        ),
        alt=describe_strip(
            drawn,
            town_name=town["name"],
            group_name="Petites villes de demain",
            unit=PER_1000,
        ),
        sources=("bpe_2018", "pvd_communes", "population_historique"),
        note="Un point par ville ; l’échelle est la même pour toutes les familles.",
    )


def types(town: pd.Series) -> pd.DataFrame:
    """List the town's shops by type, with the PVD that have fewer.

    Returns
    -------
    DataFrame
        ``Famille``, ``Type``, ``Nombre``, ``Pour 1 000 habitants``, ``Médiane des PVD``
        (per 1,000), ``PVD moins fournies (%)``, one line a type, by family.
    """
    correspondence = tables.load_bpe_types()
    kept = correspondence[correspondence["famille"].isin(commerce.FAMILIES)]
    ids = [f"nb_{kind}" for kind in kept["type"]]
    rates = _with_town(_pvd_rates(ids), ids, town["code"])
    lines = []
    for indicator, family, label in zip(ids, kept["famille"], kept["label"], strict=True):
        rows = rates[rates["indicator"] == indicator]
        own = rows[rows["code"] == town["code"]].iloc[0]
        others = rows.loc[rows["code"] != town["code"], "rate"]
        lines.append(
            {
                "Famille": commerce.FAMILIES[family],
                "Type": label,
                "Nombre": own["value"],
                "Pour 1 000 habitants": own["rate"],
                "Médiane des PVD": others.median(),
                "PVD moins fournies (%)": share_below(others, own["rate"]),
            }
        )
    return pd.DataFrame(lines)


def missing_needs(town: pd.Series) -> pd.DataFrame:
    """List the needs of the everyday basket that are not met, and how often PVD lack them.

    Returns
    -------
    DataFrame
        ``Besoin``, ``PVD sans`` (%), the rarest lack first.
    """
    programme = tables.load_towns(pvd=True)["code"]
    kinds = sorted({kind for kinds in commerce.BASKET.values() for kind in kinds})
    counts = tables.load_indicators(
        [f"nb_{kind}" for kind in kinds], codes={*programme, town["code"]}, years=[YEAR]
    )
    counts = counts.assign(type=counts["indicator"].str.removeprefix("nb_"), count=counts["value"])
    met = commerce.basket(counts[counts["count"] > 0]).reindex(
        sorted({*programme, town["code"]}), fill_value=False
    )
    lacking = met.columns[~met.loc[town["code"]]]
    share = 100 * (~met.loc[met.index.isin(programme), list(lacking)]).mean()
    frame = pd.DataFrame({"Besoin": share.index, "PVD sans": share.to_numpy()})
    return frame.sort_values("PVD sans", ignore_index=True)


def basket_sentence(town: pd.Series) -> str:
    """Say which everyday needs are not met in the town."""
    missing = missing_needs(town)
    total = len(commerce.BASKET)
    place = in_town(town["name"])
    place = place[0].upper() + place[1:]
    if missing.empty:
        return typographic(f"{place}, les {total} services du panier de la vie courante sont là.")
    listed = join_words(
        [
            f"{need} (comme {percent(share)} des PVD)"
            for need, share in zip(missing["Besoin"], missing["PVD sans"], strict=True)
        ]
    )
    return typographic(
        f"{place}, {counted(total - len(missing), 'service')} du panier sur {total}"
        f" {'est' if total - len(missing) < 2 else 'sont'} là. Il manque : {listed}."
    )


def _comparable(codes: Sequence[str]) -> pd.DataFrame:
    """Counts 2009-2018 of the types followed since 2009: ``code, type, famille, year, value``."""
    correspondence = tables.load_bpe_types()
    kinds = commerce.comparable_since(correspondence, BPE_YEARS[0])
    frame = tables.load_indicators([f"nb_{kind}" for kind in kinds], codes=codes, years=BPE_YEARS)
    frame["type"] = frame["indicator"].str.removeprefix("nb_")
    frame["famille"] = frame["type"].map(correspondence.set_index("type")["famille"])
    return frame


def _programme() -> pd.DataFrame:
    """Return :func:`_comparable` of the PVD that every vintage surveys."""
    counts = _comparable(list(tables.load_towns(pvd=True)["code"]))
    unknown = counts.loc[counts["value"].isna(), "code"].unique()
    return counts[~counts["code"].isin(unknown)]


def evolution(town: pd.Series) -> Story:
    """Shops of the types followed since 2009, base 100 in 2009: the town and all PVD.

    A town that the BPE of 2009 does not survey (Mayotte) starts at its first vintage.
    """
    counts = _programme()
    kinds = counts["type"].nunique()
    own = _comparable([town["code"]]).groupby("year")["value"].sum(min_count=1).dropna()
    every = counts.groupby("year")["value"].sum()
    first, last = int(own.index[0]), BPE_YEARS[-1]
    every = every.loc[first:]
    series = {"Ensemble des PVD": 100 * every / every.loc[first]}
    national = _change(100 * (every.loc[last] / every.loc[first] - 1))
    if own.loc[first] > 0:
        series = {town["name"]: 100 * own / own.loc[first], **series}
        change = _change(100 * (own.loc[last] / own.loc[first] - 1))
        title = (
            f"De {first} à {last}, {change} de commerces {in_town(town['name'])},"
            f" {national} dans les PVD"
        )
    else:
        title = f"Aucun commerce des types suivis {in_town(town['name'])} en {first}"
    frame = pd.concat(
        [
            pd.DataFrame({"year": values.index, "series": name, "value": values.to_numpy()})
            for name, values in series.items()
        ]
    )
    figure, drawn = charts.evolution(
        frame, title=typographic(title), unit=f"base 100 en {first}", decimals=0, from_zero=False
    )
    steps = join_words([f"{number(value)} en {year}" for year, value in own.items()])
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Nombre de commerces et de services des {kinds} types suivis depuis"
            f" {BPE_YEARS[0]}, base 100 en {first} : {town['name']} et l’ensemble des PVD."
        ),
        alt=typographic(
            f"Courbes de {first} à {last}. {town['name']} : {steps}."
            f" Ensemble des PVD : {join_words([number(value) for value in every])} aux mêmes dates."
        ),
        sources=("bpe_2009", "bpe_2013", "bpe_2018", "pvd_communes"),
        note="Les types créés ou redéfinis depuis 2009 sont exclus (data/bpe_types.csv) ;"
        " l’ensemble réunit les PVD que les trois millésimes couvrent.",
    )


def _change(percentage: float) -> str:
    """Write a change: ``"+12 %"``, ``"−3 %"``."""
    sign = "+" if percentage > 0 else ""
    return f"{sign}{percent(percentage)}"


def changes(town: pd.Series) -> pd.DataFrame:
    """List the types that the town gained or lost over the vintages.

    Returns
    -------
    DataFrame
        ``Type``, one column a vintage that surveys the town, ``Écart`` between the first
        and the last, the largest losses first; types that did not change are left out.
    """
    labels = tables.load_bpe_types().set_index("type")["label"]
    wide = _comparable([town["code"]]).pivot_table(index="type", columns="year", values="value")
    wide["Écart"] = wide[wide.columns[-1]] - wide[wide.columns[0]]
    wide = wide[wide["Écart"] != 0].sort_values("Écart", kind="stable")
    wide.insert(0, "Type", labels.reindex(wide.index))
    return wide.rename(columns=str).reset_index(drop=True)


def national_counts() -> pd.DataFrame:
    """Total of each followed type over all PVD by year, to read a local change against.

    Returns
    -------
    DataFrame
        ``Type``, ``2009``, ``2013``, ``2018``, ``Évolution (%)``, the largest rise first.
    """
    labels = tables.load_bpe_types().set_index("type")["label"]
    wide = _programme().pivot_table(index="type", columns="year", values="value", aggfunc="sum")
    wide["Évolution (%)"] = 100 * (wide[BPE_YEARS[-1]] / wide[BPE_YEARS[0]] - 1)
    wide = wide.sort_values("Évolution (%)", ascending=False)
    wide.insert(0, "Type", labels.reindex(wide.index))
    return wide.rename(columns=str).reset_index(drop=True)


def summary(town: pd.Series) -> str:
    """Say in two sentences how many shops the town has and how that compares."""
    rates = _with_town(_pvd_rates(["nb_commerces"]), ["nb_commerces"], town["code"])
    own = rates[rates["code"] == town["code"]].iloc[0]
    others = rates.loc[rates["code"] != town["code"], "rate"]
    return typographic(
        f"La base permanente des équipements dénombre en {YEAR}"
        f" **{counted(own['value'], 'commerce et service', 'commerces et services')} de proximité**"
        f" {in_town(town['name'])}, soit {number(own['rate'], 1)} pour 1 000 habitants :"
        f" {ratio_words(own['rate'], others.median())} des PVD"
        f" ({number(others.median(), 1)})."
    )
