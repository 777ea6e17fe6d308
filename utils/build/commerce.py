"""Building commerce: types of the BPE by vintage, signs of Sirene, creations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from utils import brands, commerce, communes, sources, tables
from utils.build.workshop import (
    LAMBERT_93,
    Asked,
    Builder,
    Method,
    Workshop,
    all_communes,
    by_year,
    complete,
    located,
    single,
    today,
    universe,
)
from utils.catalogue import DATA
from utils.errors import LayoutError
from utils.readers.osm import read_osm

__all__ = ["BUILDERS", "METHODS", "SIGNS", "draw_control", "refresh_brands"]

#: Signs labelled by hand, against which the detector of chains is measured.
SIGNS: Final = DATA / "enseignes_etiquetees.csv"

#: Extracts of OpenStreetMap that hold a French town with all its places.
OSM_EXTRACTS: Final = ("osm_pont_de_veyle", "osm_monaco")

#: Part of a commune's area from which an extract is said to hold it.
HELD: Final = 0.9

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


def _placed(shop: Workshop) -> pd.DataFrame:
    """Return the classed shops in the CRS of their commune, without the points by default."""
    classed, centroids = _classed(shop), all_communes(shop)
    return shop.once(
        "commerces situés", lambda: commerce.without_default_points(located(classed), centroids)
    )


def _covered_by_sirene(shop: Workshop) -> set[str]:
    """Return the towns of the départements that the stock covers."""
    stock = shop.read("sirene_etablissements")
    per = stock["code"].dropna().str[:2].value_counts()
    kept = set(per[per >= COVERED_SHOPS].index)
    codes = universe(shop)
    return set(codes[codes.str[:2].isin(kept)])


def build_enseignes(shop: Workshop) -> pd.DataFrame:
    """Build the shops by family and class of sign, secrecy applied, never a name."""
    classed, covered = _classed(shop), _covered_by_sirene(shop)

    def compute() -> pd.DataFrame:
        frame = brands.hide_small(brands.count_classes(classed))
        frame = frame[frame["code"].isin(covered)]
        return frame.sort_values(["code", "famille", "classe"], ignore_index=True)

    return shop.once("enseignes publiées", compute)


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


#: Draws of the control: seed, then the share and least number of signs of each stratum.
CONTROL_DRAWS: Final = (
    (46128, {"annoncee": (1.0, 5), "proche": (0.4, 2), "autre": (0.04, 2)}),
    (46129, {"annoncee": (1.0, 5), "proche": (1.0, 2), "autre": (0.3, 3)}),
)

#: Stratum of the signs that were labelled before, but under another activity.
ELSEWHERE: Final = "ailleurs"


def draw_control(shop: Workshop) -> pd.DataFrame:
    """Draw the control: signs of the PVD that no rule was tuned on, under their activity.

    Each of :data:`CONTROL_DRAWS` takes signs that neither the tuning nor an earlier draw has
    (:func:`utils.brands.draw_signs`); to them are added all the signs of the tuning that the
    PVD have under an activity where they were not labelled (:data:`ELSEWHERE`).

    Returns
    -------
    DataFrame
        As :func:`utils.brands.draw_signs`; ``poids`` is that of all the draws together. The
        names of persons are to be taken out by hand before the signs are kept.
    """
    programme = set(shop.read("pvd_communes")["code"]) & _covered_by_sirene(shop)
    classed = _classed(shop)
    classed = classed[classed["code"].isin(programme)]
    labelled = pd.read_csv(SIGNS, dtype=str, keep_default_na=False)
    tuning = labelled[labelled["part"] == "reglage"]
    draws: list[pd.DataFrame] = []
    for seed, shares in CONTROL_DRAWS:
        seen = pd.concat([tuning, *draws])["enseigne"]
        drawn = brands.draw_signs(
            classed, tables.load_brands(), seen=seen, seed=seed, shares=shares
        )
        draws.append(drawn)
    cell = ["naf", "strate"]
    total = draws[0].groupby(cell)["poids"].sum()  # the signs to draw from, all of them
    both = pd.concat(draws)
    sizes = both.groupby(cell).size()
    both["poids"] = (total / sizes).loc[pd.MultiIndex.from_frame(both[cell])].to_numpy()
    known = _known_elsewhere(classed, tuning).assign(strate=ELSEWHERE, poids=1.0)
    return pd.concat([both, known]).sort_values(["naf", "enseigne"], ignore_index=True)


def _known_elsewhere(classed: pd.DataFrame, tuning: pd.DataFrame) -> pd.DataFrame:
    """Return the signs of the tuning met under an activity where they were not labelled."""
    signs = classed.assign(enseigne=classed["sign"].fillna(classed["usual_name"]))
    signs["folded"] = signs["enseigne"].map(brands.fold_sign)
    folded = tuning["enseigne"].map(brands.fold_sign)
    pairs = pd.MultiIndex.from_arrays([tuning["naf"], folded])
    met = signs["folded"].isin(set(folded) - {""})
    new = ~pd.MultiIndex.from_frame(signs[["naf", "folded"]]).isin(pairs)
    signs = signs[met & new].sort_values(["naf", "folded", "enseigne"])
    signs = signs.drop_duplicates(["naf", "folded"])
    many = signs["siren_size"] >= brands.MANY
    signs["etablissements"] = np.where(many, "5+", f"1-{brands.MANY - 1}")
    return signs[["enseigne", "naf", "etablissements"]]


#: Line of the detector for the enterprises of few shops, that only their sign tells.
FEW_SHOPS: Final = "petites"


def build_detecteur(shop: Workshop) -> pd.DataFrame:
    """Build how good the detector is on the signs labelled by hand, by part and family.

    The commune of a sign, whose name the detector leaves out, is that of the register: a PVD
    where one has the sign. The parts are ``reglage``, the signs that the rules were tuned on,
    each counted once; ``controle``, where a line weighs the shops of the PVD that it stands for;
    ``neuves``, the lines of the control whose sign was labelled under no activity; and ``pvd``,
    tuning and control: all the shops of the PVD that have a sign.
    """
    labelled = pd.read_csv(SIGNS, dtype=str, keep_default_na=False)
    naf = tables.load_naf()
    labelled = labelled.rename(columns={"enseigne": "sign"}).merge(
        _places(shop), on=["sign", "naf"], how="left"
    )
    found = brands.match_signs(labelled, tables.load_brands(), naf)
    labelled = labelled.assign(
        chain=labelled["chaine"] == "oui",
        doubtful=labelled["chaine"] == "incertain",
        found=found.notna() | (labelled["etablissements"] == "5+"),
        shops=labelled["shops"].fillna(0).astype("int64"),
        weight=pd.to_numeric(labelled["poids"]).fillna(1.0),
        famille=labelled["naf"].map(naf.set_index("naf")["famille"]),
    )
    again = labelled.assign(folded=labelled["sign"].map(brands.fold_sign))
    labelled["shops"] = labelled["shops"].mask(again.duplicated(["folded", "naf"]), 0)
    whole = labelled[labelled["shops"] > 0]
    control = whole[whole["strate"] != ""]
    parts = {
        "reglage": labelled[labelled["strate"] == ""].assign(shops=1),
        "controle": control,
        "neuves": control[control["strate"] != ELSEWHERE],
        "pvd": whole,
    }
    scores = []
    for part, rows in parts.items():
        few = rows[rows["etablissements"] != "5+"].assign(famille=FEW_SHOPS)
        small = brands.detector_scores(few, by="famille").iloc[:1]
        both = pd.concat([brands.detector_scores(rows, by="famille"), small])
        scores.append(both.assign(part=part))
    return pd.concat(scores, ignore_index=True).round(4)


def _places(shop: Workshop) -> pd.DataFrame:
    """Return where each sign of an activity is: ``sign``, ``naf``, ``place``, ``shops``.

    ``place`` is the name of a commune; ``shops`` counts the active establishments of the PVD
    that have the sign, once folded.
    """
    stock = shop.read("sirene_etablissements")
    cog = shop.read("cog_communes").drop_duplicates("code").set_index("code")["name"]
    known = stock.assign(
        sign=stock["sign"].fillna(stock["usual_name"]),
        place=stock["code"].map(cog),
        other=~today(shop, stock["code"]).isin(shop.read("pvd_communes")["code"]),
    ).dropna(subset=["sign", "place"])
    known["folded"] = known["sign"].map(brands.fold_sign)
    inside = known[~known["other"] & known["active"].fillna(True)]
    shops = inside.groupby(["folded", "naf"]).size().rename("shops").reset_index()
    first = known.sort_values(["other", "siret"]).drop_duplicates(["sign", "naf"])
    return first.merge(shops, on=["folded", "naf"], how="left")[["sign", "naf", "place", "shops"]]


def build_carreaux_commerces(shop: Workshop) -> pd.DataFrame:
    """Build the squares that gather three shops or more, in the PVD that Sirene covers."""
    programme = set(shop.read("pvd_communes")["code"]) & _covered_by_sirene(shop)
    shops = _placed(shop)
    shops = shops[shops["code"].isin(programme)]
    squares = commerce.count_squares(shops, side_m=commerce.SQUARE_M, fewest=brands.SMALLEST_CELL)
    frame = _in_degrees(squares)[["code", "lon", "lat", "value", "located"]]
    return frame.sort_values(["code", "lon", "lat"], ignore_index=True)


def _in_degrees(points: pd.DataFrame) -> pd.DataFrame:
    """Add ``lon``, ``lat`` to points known in the CRS of their commune."""
    parts = []
    for epsg, group in points.groupby("epsg"):
        places = gpd.GeoSeries.from_xy(group["x"], group["y"], crs=epsg).to_crs(4326)
        parts.append(group.assign(lon=places.x.round(5), lat=places.y.round(5)))
    return pd.concat(parts)


def _read_osm_places(path: Path) -> pd.DataFrame:
    found = read_osm(path, homes=False)
    found.places.attrs["box"] = found.box
    return found.places


def build_osm_commerces(shop: Workshop) -> pd.DataFrame:
    """Build the shops of the towns that an extract of OpenStreetMap holds (ODbL), unnamed."""
    families = tables.load_osm_types().set_index("osm")["famille"]
    contours = shop.read("contours_communes")
    contours = contours[contours["code"].isin(universe(shop))]
    parts = []
    for source in OSM_EXTRACTS:
        places = shop.read(source, _read_osm_places)
        points = gpd.GeoDataFrame(
            places,
            geometry=gpd.points_from_xy(places["lon"], places["lat"]),
            crs=contours.crs,
        )
        outlines = contours[_held(contours, places.attrs["box"])][["code", "geometry"]]
        inside = points.sjoin(outlines, predicate="within").sort_values("osm")
        inside = located(pd.DataFrame(inside.drop(columns=["geometry", "index_right"])))
        tag = np.where(
            inside["kind"] == "shop", "shop=" + inside["shop"], "amenity=" + inside["kind"]
        )
        shops = inside.assign(famille=pd.Series(tag, inside.index).map(families))
        shops = shops.dropna(subset=["famille"]).drop_duplicates("osm")
        shops["classe"] = np.select(
            [shops["brand"] != "", shops["name"] != ""],
            ["chaine", "aucune_detectee"],
            default="sans_enseigne",
        )
        anchors = inside[inside["kind"].isin(["townhall", "place_of_worship"])]
        shops["near"] = commerce.near_any(shops, anchors)
        parts.append(shops.assign(source=source))
    frame = pd.concat(parts, ignore_index=True).round({"lon": 5, "lat": 5})
    order = ["code", "famille", "classe", "lon", "lat", "near", "source"]
    return frame[order].sort_values(["code", "famille", "lon", "lat"], ignore_index=True)


def _held(contours: gpd.GeoDataFrame, box: tuple[float, float, float, float]) -> pd.Series:
    """Tell which communes an extract holds, nearly whole."""
    near = contours.geometry.clip_by_rect(*box)
    share = near.to_crs(LAMBERT_93).area / contours.geometry.to_crs(LAMBERT_93).area
    held: pd.Series = share >= HELD
    return held


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
    measure = commerce.share_in_core(_placed(asked.shop))
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
    "carreaux_commerces": build_carreaux_commerces,
    "osm_commerces": build_osm_commerces,
    "enseignes": build_enseignes,
    "chaines_pvd": build_chaines_pvd,
    "detecteur": build_detecteur,
}
