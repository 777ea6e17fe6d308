"""Building commerce: types of the BPE by vintage, signs of Sirene, creations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from utils import brands, commerce, communes, sources, tables
from utils.build.workshop import (
    Asked,
    Builder,
    Method,
    Workshop,
    by_year,
    complete,
    located,
    single,
    today,
    universe,
)
from utils.catalogue import DATA
from utils.errors import LayoutError

__all__ = ["BUILDERS", "METHODS", "SIGNS", "refresh_brands"]

#: Signs labelled by hand, against which the detector of chains is measured.
SIGNS: Final = DATA / "enseignes_etiquetees.csv"

#: Shops that a département must have for the copy of Sirene to cover it.
COVERED_SHOPS: Final = 100


def _classed(shop: Workshop) -> pd.DataFrame:
    """Return the active shops of the towns of the universe, with their class."""
    stock = shop.read("sirene_etablissements")
    codes = universe(shop)
    cog = shop.read("cog_communes").drop_duplicates("code").set_index("code")["name"]

    def compute() -> pd.DataFrame:
        active = stock[stock["active"].fillna(True) & stock["code"].notna()]
        active = active.assign(place=active["code"].map(cog))
        classed = brands.classify(active, tables.load_brands(), tables.load_naf())
        classed["code"] = today(shop, classed["code"])
        kept: pd.DataFrame = classed[classed["code"].isin(codes)]
        return kept

    return shop.once("enseignes", compute)


def _covered_by_sirene(shop: Workshop) -> set[str]:
    """Return the towns of the départements that the stock covers."""
    stock = shop.read("sirene_etablissements")
    per = stock["code"].dropna().str[:2].value_counts()
    kept = set(per[per >= COVERED_SHOPS].index)
    codes = universe(shop)
    return set(codes[codes.str[:2].isin(kept)])


def build_enseignes(shop: Workshop) -> pd.DataFrame:
    """Build the shops by family and class of sign, secrecy applied, never a name."""
    frame = brands.hide_small(brands.count_classes(_classed(shop)))
    frame = frame[frame["code"].isin(_covered_by_sirene(shop))]
    return frame.sort_values(["code", "famille", "classe"], ignore_index=True)


def refresh_brands(
    *, fetch: Callable[[str], Path] = sources.fetch, path: Path = DATA / "brands.csv"
) -> int:
    """Write ``data/brands.csv`` again from the package of the name-suggestion-index.

    Parameters
    ----------
    fetch : callable
        Source id -> path; the version is that of ``data/sources.yml``.
    path : Path
        Where the table is written.

    Returns
    -------
    int
        Number of lines.

    Raises
    ------
    LayoutError, SourceError
        The file is not the index, or cannot be had.
    """
    file = fetch("name_suggestion_index")
    try:
        index = json.loads(file.read_bytes())
    except ValueError as error:
        raise LayoutError(
            f"Le fichier {file.name} n’est pas du JSON : {error}.",
            hint="Attendu : dist/json/nsi.json du paquet npm name-suggestion-index.",
        ) from error
    frame = brands.extract_brands(index)
    frame.to_csv(path, index=False, lineterminator="\n")
    return len(frame)


def build_chaines_pvd(shop: Workshop) -> pd.DataFrame:
    """Build the shops by class over all the PVD that Sirene covers, by family and some trades."""
    programme = set(shop.read("pvd_communes")["code"]) & _covered_by_sirene(shop)
    classed = _classed(shop)
    classed = classed[classed["code"].isin(programme)]
    trades = [
        classed[classed["naf"].isin(codes)].assign(famille=key)
        for key, (_, codes) in commerce.CHAIN_TRADES.items()
    ]
    counts = [brands.count_classes(classed)]
    counts += [brands.count_classes(trade).query("famille != @brands.TOTAL") for trade in trades]
    sums = pd.concat(counts).groupby(["famille", "classe"])["value"].sum()
    return sums.reset_index().assign(towns=len(programme))


def build_detecteur(shop: Workshop) -> pd.DataFrame:
    """Build how good the detector is on the signs labelled by hand."""
    shop.path("sirene_etablissements")  # the signs were drawn from it
    labelled = pd.read_csv(SIGNS, dtype=str, keep_default_na=False)
    labelled = labelled[labelled["chaine"] != "incertain"]
    naf = tables.load_naf()
    found = brands.match_signs(
        labelled.rename(columns={"enseigne": "sign"}), tables.load_brands(), naf
    )
    labelled = labelled.assign(
        chain=labelled["chaine"] == "oui",
        found=found.notna() | (labelled["etablissements"] == "5+"),
        famille=labelled["naf"].map(naf.set_index("naf")["famille"]),
    )
    parts = [
        brands.detector_scores(rows, by="famille").assign(part=part)
        for part, rows in labelled.groupby("part")
    ]
    return pd.concat(parts, ignore_index=True).round(4)


@dataclass(frozen=True, slots=True)
class _Vintage:
    """A vintage of the BPE on today's communes.

    Attributes
    ----------
    counts : DataFrame
        ``code``, ``type``, ``count``.
    available : list of str
        Types that the file tells.
    covered : set of str, optional
        Communes with one equipment at least. A commune of the universe without any, in a
        file of all types, is not empty but counted elsewhere (a merger since undone) or
        not surveyed (Mayotte in 2009). ``None`` when the file has some types only.
    """

    counts: pd.DataFrame
    available: list[str]
    covered: set[str] | None


def _vintage(shop: Workshop, year: int) -> _Vintage:
    source = f"bpe_{year}"
    bpe, passage = shop.read(source), shop.passage()

    def compute() -> tuple[_Vintage, communes.CarryReport]:
        types = tables.load_bpe_types()
        counts, report = communes.carry(
            commerce.count_types(bpe, types, year=year),
            passage,
            by=["code", "type"],
            sums=["count"],
            label=source,
        )
        whole = year < commerce.RENUMBERING_YEAR
        covered = set(bpe["code"].map(passage.set_index("old")["new"])) if whole else None
        available = commerce.available_types(bpe, types, year=year)
        return _Vintage(counts, available, covered), report

    vintage, report = shop.once(f"vintage:{year}", compute)
    shop.reports.append(report)
    return vintage


def _types(asked: Asked) -> Iterator[pd.DataFrame]:
    wanted = asked.indicator.build["types"]
    for year in asked.indicator.years:
        vintage = _vintage(asked.shop, year)
        told = set(wanted) <= set(vintage.available)
        rows = vintage.counts[vintage.counts["type"].isin(wanted if told else [])]
        yield complete(
            rows.groupby("code")["count"].sum().rename("value").reset_index(),
            codes=asked.codes,
            year=year,
            missing="zero" if told else "absent",
            covered=vintage.covered,
        )


def _of_vintages(
    asked: Asked, measure: Callable[[pd.DataFrame], pd.DataFrame], *, missing: str
) -> Iterator[pd.DataFrame]:
    for year in asked.indicator.years:
        vintage = _vintage(asked.shop, year)
        yield complete(
            measure(vintage.counts),
            codes=asked.codes,
            year=year,
            missing=missing,
            covered=vintage.covered,
        )


def _family(asked: Asked) -> Iterator[pd.DataFrame]:
    types, families = tables.load_bpe_types(), asked.indicator.build["families"]
    yield from _of_vintages(
        asked, lambda counts: commerce.sum_families(counts, types, families), missing="zero"
    )


def _richness(asked: Asked) -> Iterator[pd.DataFrame]:
    types = tables.load_bpe_types()
    yield from _of_vintages(asked, lambda c: commerce.richness(c, types), missing="zero")


def _shannon(asked: Asked) -> Iterator[pd.DataFrame]:
    types = tables.load_bpe_types()
    yield from _of_vintages(asked, lambda c: commerce.shannon(c, types), missing="absent")


def _basket(asked: Asked) -> Iterator[pd.DataFrame]:
    def met(counts: pd.DataFrame) -> pd.DataFrame:
        return commerce.basket(counts).sum(axis=1).rename("value").reset_index()

    yield from _of_vintages(asked, met, missing="zero")


def _creations(asked: Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        asked.shop.read("sirene_creations"),
        by=["code", "year"],
        sums=["creations"],
        label="sirene_creations",
    ).rename(columns={"creations": "value"})
    yield from by_year(asked, lines, missing="absent")


def _chain_share(asked: Asked) -> Iterator[pd.DataFrame]:
    """Share of the shops of a family in some classes, where its line is not secret."""
    table = build_enseignes(asked.shop)
    own = table[table["famille"] == asked.indicator.build["famille"]]
    wide = own.pivot(index="code", columns="classe", values="value")
    total = wide.sum(axis=1, skipna=False)
    top = wide[asked.indicator.build.get("classes", ["chaine"])].sum(axis=1, skipna=False)
    share = (100 * top / total.where(total > 0)).rename("value").reset_index()
    secret = wide["chaine"].isna().to_numpy()  # a line is secret whole, or not at all
    share["status"] = np.where(secret, "secret", "absent")
    yield from single(
        asked, share.round({"value": 2}), missing="absent", covered=_covered_by_sirene(asked.shop)
    )


def _core_share(asked: Asked) -> Iterator[pd.DataFrame]:
    measure = commerce.share_in_core(located(_classed(asked.shop)))
    small = measure["shops"] < asked.indicator.build["fewest"]
    hidden = (measure["shops"] - measure["inside"]).between(1, brands.SMALLEST_CELL - 1)
    measure["status"] = np.select([small, hidden], ["absent", "secret"], default="ok")
    measure["value"] = measure["value"].mask(small | hidden).round(2)
    yield from single(asked, measure, missing="absent", covered=_covered_by_sirene(asked.shop))


METHODS: Final[Mapping[str, Method]] = {
    "types": _types,
    "family": _family,
    "richness": _richness,
    "shannon": _shannon,
    "basket": _basket,
    "creations": _creations,
    "chain_share": _chain_share,
    "core_share": _core_share,
}

BUILDERS: Final[Mapping[str, Builder]] = {
    "enseignes": build_enseignes,
    "chaines_pvd": build_chaines_pvd,
    "detecteur": build_detecteur,
}
