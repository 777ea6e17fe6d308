"""Building the embedded tables from the sources (``pvd data``).

Each table has a builder, which asks a :class:`Workshop` for the frames it needs. A source
that cannot be had leaves the tables that need it untouched; the others are rebuilt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd

from utils import (
    __version__,
    brands,
    care,
    commerce,
    communes,
    culture,
    energy,
    sources,
    tables,
    territory,
)
from utils.catalogue import DATA, Indicator, load_indicators_catalogue, load_sources
from utils.errors import LayoutError, SourceError
from utils.readers import READERS, people
from utils.readers.territory import read_areas

__all__ = ["BUILDERS", "BuildReport", "Workshop", "build_tables", "code_digest", "refresh_brands"]

#: Bounds of the universe, municipal inhabitants (the programme helps towns under 20,000).
SMALLEST, LARGEST = 500, 30_000

#: Tolerance of the simplified outlines, metres in the local CRS.
OUTLINE_TOLERANCE_M = 150
DEPARTEMENT_TOLERANCE_M = 1_000

_PASSAGE_SOURCES: Final = (
    "cog_communes",
    "cog_communes_2020",
    "cog_communes_2021",
    "cog_communes_2023",
    "cog_communes_2025",
)

#: Modules whose text decides what the tables hold; their digest is in the manifest.
_CODE: Final = (
    "brands.py",
    "build.py",
    "care.py",
    "catalogue.py",
    "commerce.py",
    "communes.py",
    "culture.py",
    "energy.py",
    "tables.py",
    "territory.py",
    "readers",
)


def code_digest() -> str:
    """Return a short digest of the code and catalogues that decide what the tables hold."""
    package = Path(__file__).parent
    files = [
        file
        for name in _CODE
        for file in (sorted((package / name).glob("*.py")) or [package / name])
    ]
    files += [*sorted(DATA.glob("*.csv")), DATA / "indicators.yml"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


#: Signs labelled by hand, against which the detector of chains is measured.
SIGNS: Final = DATA / "enseignes_etiquetees.csv"

_Kept = TypeVar("_Kept")


class Workshop:
    """The frames read so far, and what each table drew from.

    Parameters
    ----------
    fetch : callable
        Source id -> path of its file (:func:`utils.sources.fetch`).
    """

    def __init__(self, fetch: Callable[[str], Path]) -> None:
        self._fetch = fetch
        self._kept: dict[str, Any] = {}
        self._paths: dict[str, Path] = {}
        self._sha256: dict[str, str] = {}
        self._failed: dict[str, SourceError | LayoutError] = {}
        self.used: list[str] = []
        self.reports: list[communes.CarryReport] = []

    def path(self, source: str) -> Path:
        """Return the file of a source, noting that the table being built uses it."""
        if source not in self.used:
            self.used.append(source)
        if source in self._failed:
            raise self._failed[source]
        if source not in self._paths:
            try:
                self._paths[source] = self._fetch(source)
            except SourceError as error:
                self._failed[source] = error
                raise
            self._sha256[source] = tables.file_sha256(self._paths[source])
        return self._paths[source]

    def once(self, key: str, compute: Callable[[], _Kept]) -> _Kept:
        """Return what ``compute`` gave the first time that ``key`` was asked."""
        if key not in self._kept:
            self._kept[key] = compute()
        kept: _Kept = self._kept[key]
        return kept

    def read(
        self, source: str, reader: Callable[[Path], pd.DataFrame] | None = None
    ) -> pd.DataFrame:
        """Return the tidy frame of a source, read once."""
        path = self.path(source)
        chosen = reader or READERS[source]
        try:
            return self.once(f"{source}:{chosen.__name__}", lambda: chosen(path))
        except LayoutError as error:
            self._failed[source] = error
            raise

    def passage(self) -> pd.DataFrame:
        """Return the passage from any code met since 2009 to today's communes."""
        current, *older = (self.read(source) for source in _PASSAGE_SOURCES)
        return self.once("passage", lambda: communes.build_passage(current, older))

    def carried(
        self, frame: pd.DataFrame, *, by: Sequence[str], sums: Sequence[str], label: str
    ) -> pd.DataFrame:
        """Carry a frame to today's communes, counts summed, and keep the report."""
        done, report = communes.carry(
            frame, self.passage(), by=list(by), sums=list(sums), label=label
        )
        self.reports.append(report)
        return done

    def provenance(self) -> list[dict[str, str]]:
        """Return what the table being built drew from, for the manifest."""
        return [
            {
                "id": source,
                "vintage": str(load_sources()[source].vintage),
                "sha256": self._sha256[source],
            }
            for source in sorted(self.used)
        ]


# --------------------------------------------------------------------------- towns


def universe(shop: Workshop) -> pd.Series:
    """Return the codes of the universe, sorted.

    Communes of :data:`SMALLEST` to :data:`LARGEST` inhabitants, and every PVD whatever its
    size. The *collectivités d’outre-mer* are out: no source of the book covers them.
    """
    cog = shop.read("cog_communes")
    cog = cog[cog["kind"] == "commune"]
    small = cog["population"].between(SMALLEST, LARGEST) & (cog["zone"] != "com")
    kept = small | cog["code"].isin(shop.read("pvd_communes")["code"])
    return cog.loc[kept, "code"].sort_values(ignore_index=True)


def build_towns(shop: Workshop) -> pd.DataFrame:
    """Build ``towns``, one line a commune of the universe."""
    cog = shop.read("cog_communes")
    programme = shop.read("pvd_communes").set_index("code")
    acv = set(shop.read("acv_communes")["code"])
    towns = cog.loc[
        (cog["kind"] == "commune") & cog["code"].isin(universe(shop)),
        ["code", "name", "departement", "region", "population"],
    ].rename(columns={"population": f"pop_{tables.LATEST_POPULATION}"})
    departements = shop.read("cog_departements").set_index("code")["name"]
    regions = shop.read("cog_regions").set_index("code")["name"]
    towns["departement_name"] = towns["departement"].map(departements)
    towns["region_name"] = towns["region"].map(regions)
    epci = shop.read("cog_epci").drop_duplicates("code")
    towns = towns.merge(epci[["code", "epci", "epci_name"]], on="code", how="left")

    history = shop.carried(
        shop.read("population_historique"),
        by=["code", "year"],
        sums=["population"],
        label="population_historique",
    )
    history["population"] = history["population"].where(history["population"] > 0)
    wide = history.pivot_table(index="code", columns="year", values="population")
    wide.columns = [f"pop_{year}" for year in wide.columns]
    towns = towns.merge(wide.round().astype("Int64").reset_index(), on="code", how="left")
    areas = shop.read("population_historique", read_areas)
    areas = shop.carried(
        areas[areas["area_km2"] > 0], by=["code"], sums=["area_km2"], label="superficie"
    )
    towns = towns.merge(areas, on="code", how="left")

    towns = towns.merge(shop.read("densite"), on="code", how="left")
    aav = shop.read("aav_2020")[["code", "aav", "aav_name", "aav_category", "aav_size"]]
    towns = towns.merge(aav, on="code", how="left")
    centroids = _communes(shop)[["code", "lon", "lat"]].round(5)
    towns = towns.merge(centroids, on="code", how="left")
    towns["epsg"] = [communes.local_epsg(code) for code in towns["code"]]
    towns["pvd"] = towns["code"].isin(programme.index)
    towns["pvd_signed"] = towns["code"].map(programme["signed"])
    towns["acv"] = towns["code"].isin(acv)
    populations = sorted(c for c in towns.columns if c.startswith("pop_"))
    order = [
        "code", "name", "departement", "departement_name", "region", "region_name",
        "epci", "epci_name", *populations, "area_km2", "density",
        "aav", "aav_name", "aav_category", "aav_size", "lon", "lat", "epsg",
        "pvd", "pvd_signed", "acv",
    ]  # fmt: skip
    types = {"density": "Int8", "aav_size": "Int8", "epsg": "int32"}
    return towns[order].astype(types).sort_values("code", ignore_index=True)


def _centroids(contours: gpd.GeoDataFrame) -> pd.DataFrame:
    """Centroids in the local CRS and in WGS 84: ``code, epsg, x, y, lon, lat``."""
    epsg = pd.Series([communes.local_epsg(code) for code in contours["code"]], contours.index)
    points = []
    for crs, group in contours.groupby(epsg):
        local = group.geometry.to_crs(crs).centroid
        world = local.to_crs(4326)
        points.append(
            pd.DataFrame(
                {
                    "code": group["code"],
                    "epsg": crs,
                    "x": local.x,
                    "y": local.y,
                    "lon": world.x,
                    "lat": world.y,
                }
            )
        )
    return pd.concat(points).drop_duplicates("code")


def _communes(shop: Workshop) -> pd.DataFrame:
    """Return all communes: ``code, population, aav, aav_category, epsg, x, y, lon, lat``."""
    cog, aav = shop.read("cog_communes"), shop.read("aav_2020")
    contours = shop.read("contours_communes")

    def compute() -> pd.DataFrame:
        today = cog.loc[cog["kind"] == "commune", ["code", "population"]]
        areas = aav[["code", "aav", "aav_category"]]
        joined = today.merge(areas, on="code", how="left").astype({"population": "float64"})
        return joined.merge(_centroids(contours), on="code", how="left")

    return shop.once("communes", compute)


def build_contours_departements(shop: Workshop) -> gpd.GeoDataFrame:
    """Build the outlines of the départements, simplified for national maps."""
    return _simplified(shop.read("contours_departements"), DEPARTEMENT_TOLERANCE_M)


def build_contours_pvd(shop: Workshop) -> gpd.GeoDataFrame:
    """Build the outlines of the PVD, simplified for town maps."""
    contours = shop.read("contours_communes")
    codes = shop.read("pvd_communes")["code"]
    return _simplified(contours[contours["code"].isin(codes)], OUTLINE_TOLERANCE_M)


def _simplified(outlines: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """Simplify in each territory's CRS, back to WGS 84 with five decimals (about 1 m)."""
    epsg = pd.Series([communes.local_epsg(code) for code in outlines["code"]], index=outlines.index)
    parts = [
        group.geometry.to_crs(crs).simplify(tolerance).to_crs(4326)
        for crs, group in outlines.groupby(epsg)
    ]
    geometry = pd.concat(parts).reindex(outlines.index)
    frame = gpd.GeoDataFrame({"code": outlines["code"]}, geometry=geometry, crs=4326)
    frame.geometry = frame.geometry.set_precision(1e-5)
    return frame.sort_values("code", ignore_index=True)


# --------------------------------------------------------------------------- culture

#: Kinds of BASILIC that the book calls a theatre, in the sense of :data:`culture.REACHED`.
_STAGES: Final = ("Théâtre", "Scène", "Opéra")

#: Kinds of the CNC that stay in one place; the others travel, or are open in summer.
_FIXED: Final = ("FIXE", "MIXTE")

_LAMBERT_93: Final = 2154


def _read_square_points(path: Path) -> pd.DataFrame:
    return people.read_carreaux_200m(path, columns=("codes", "x", "y", "persons"))


def _centres(shop: Workshop) -> pd.DataFrame:
    """Return ``code, epsg, x, y`` of all communes: where people live, or the middle.

    The inhabited centre comes from the 200 m squares (mainland and Corsica); where there is
    none, the centroid of the outline.
    """
    places = _communes(shop)[["code", "epsg", "x", "y"]]
    squares = shop.read("carreaux_200m", _read_square_points)

    def compute() -> pd.DataFrame:
        lived = territory.inhabited_centres(squares)
        lived["code"] = _today(shop, lived["code"])
        lived = lived.drop_duplicates("code").set_index("code")
        points = gpd.GeoSeries.from_xy(lived["x"], lived["y"], crs=3035).to_crs(_LAMBERT_93)
        done = places.set_index("code")
        mainland = done["epsg"] == _LAMBERT_93
        for axis, values in (("x", points.x), ("y", points.y)):
            values = pd.Series(values.to_numpy(), index=lived.index).reindex(done.index)
            done[axis] = values.where(mainland).fillna(done[axis])
        return done.reset_index()

    return shop.once("centres", compute)


def _located(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``epsg``, ``x``, ``y`` in the CRS of the commune ``code``, from ``lon``, ``lat``."""
    done = frame.assign(
        epsg=[communes.local_epsg(code) for code in frame["code"]], x=np.nan, y=np.nan
    )
    known = done["lon"].notna() & done["lat"].notna()
    for epsg, group in done[known].groupby("epsg"):
        points = gpd.GeoSeries.from_xy(group["lon"], group["lat"], crs=4326).to_crs(epsg)
        done.loc[group.index, "x"], done.loc[group.index, "y"] = points.x, points.y
    return done


def _with_commune(shop: Workshop, frame: pd.DataFrame) -> pd.DataFrame:
    """Give its commune of today to a place known by ``postcode`` and ``city``.

    The département of the postcode and the name must designate one commune, of today or of
    before; a place that they do not keeps no ``code``.
    """

    def compute() -> pd.Series:
        cog = shop.read("cog_communes").sort_values("kind", key=lambda kind: kind != "commune")
        area = cog["code"].str[:2].replace({"2A": "20", "2B": "20"})
        keys = area + " " + cog["name"].map(communes.fold_name)
        names = pd.Series(cog["code"].to_numpy(), index=keys)
        return names[~names.index.duplicated()]

    by_name = shop.once("communes par nom", compute)
    keys = frame["postcode"].str[:2] + " " + frame["city"].map(communes.fold_name)
    codes = pd.Series(by_name.reindex(keys).to_numpy(), index=frame.index, dtype="str")
    return frame.assign(code=_today(shop, codes))


def _libraries(shop: Workshop) -> pd.DataFrame:
    """Return the libraries open to the public, with their commune where it is known."""
    libraries = shop.read("bibliotheques")
    return _with_commune(shop, libraries[libraries["kind"] == "Bâtiment ouvert"])


def _museums(shop: Workshop) -> pd.DataFrame:
    return _with_commune(shop, shop.read("museofile"))


def _cinemas(shop: Workshop) -> pd.DataFrame:
    """Return the cinemas of the CNC that stay in one place, on today's communes, all years."""
    cinemas = shop.read("cinemas").dropna(subset=["code"])
    fixed: pd.DataFrame = cinemas[cinemas["genre"].isin(_FIXED)]
    return fixed.assign(code=_today(shop, fixed["code"]))


def _active(cinemas: pd.DataFrame) -> pd.DataFrame:
    active: pd.DataFrame = cinemas[cinemas["year"] == cinemas["year"].max()]
    return active


def _merged(shop: Workshop) -> pd.DataFrame:
    """Return the places of culture of the PVD, the four sources put together."""

    def compute() -> pd.DataFrame:
        programme = set(shop.read("pvd_communes")["code"])
        cinemas = _active(_cinemas(shop)).assign(kind="Cinéma", lon=np.nan, lat=np.nan)
        seconds = {
            "cnc": cinemas[
                ["code", "kind", "name", "lon", "lat", "screens", "seats", "art_et_essai"]
            ],
            "museofile": _museums(shop).assign(kind="Musée")[
                ["code", "kind", "name", "lon", "lat"]
            ],
            "bibliotheques": _libraries(shop).assign(kind="Bibliothèque")[
                ["code", "kind", "name", "lon", "lat"]
            ],
        }
        places = _basilic(shop)
        done = _located(places[places["code"].isin(programme)]).assign(sources="basilic")
        for source, frame in seconds.items():
            second = _located(frame[frame["code"].isin(programme)])
            done = culture.merge_places(done, second, source=source)
        return done

    return shop.once("lieux", compute)


def _targets(shop: Workshop, kind: str) -> pd.DataFrame:
    """Return ``epsg, x, y`` of all places of a kind of :data:`culture.REACHED`.

    A place without an address stands at the centre of its commune.
    """
    merged, places = _merged(shop), _basilic(shop)
    centres = _centres(shop)
    columns = ["code", "epsg", "x", "y"]
    programme = set(merged["code"])

    def outside(codes: pd.Series) -> pd.DataFrame:
        return centres.merge(codes[~codes.isin(programme)].drop_duplicates(), on="code")

    def inside(kinds: Sequence[str], kept: pd.Series | bool = True) -> pd.DataFrame:
        return _centred(merged.loc[merged["kind"].isin(kinds) & kept, columns], centres)

    if kind == "cinema":
        screens = merged["sources"].str.contains("cnc") | merged["code"].str.startswith("97")
        overseas = places[places["code"].str.startswith("97") & (places["kind"] == "Cinéma")]
        elsewhere = pd.concat([_active(_cinemas(shop))["code"], overseas["code"]])
        return pd.concat([inside(["Cinéma"], screens), outside(elsewhere)])
    if kind == "theatre":
        return pd.concat(
            [inside(_STAGES), outside(places.loc[places["kind"].isin(_STAGES), "code"])]
        )
    if kind == "musee":
        known = _located(_museums(shop).dropna(subset=["code"]))
        others = places.loc[places["kind"] == "Musée", "code"]
        others = others[~others.isin(known["code"])]
        return pd.concat(
            [inside(["Musée"]), known[~known["code"].isin(programme)], outside(others)]
        )
    known = _located(_libraries(shop).dropna(subset=["code"]))
    return _centred(known[columns], centres)


def _centred(rows: pd.DataFrame, centres: pd.DataFrame) -> pd.DataFrame:
    """Put the places without a point at the centre of their commune."""
    done = rows.merge(centres[["code", "x", "y"]], on="code", how="left", suffixes=("", "_centre"))
    for axis in ("x", "y"):
        done[axis] = done[axis].fillna(done.pop(f"{axis}_centre"))
    return done


def build_lieux_culture(shop: Workshop) -> pd.DataFrame:
    """Build the places of culture of the PVD, duplicates across four sources resolved."""
    types = tables.load_culture_types().set_index("type")["groupe"]
    places = _merged(shop)
    frame = places.assign(
        group=places["kind"].map(types).fillna("autre"),
        precise=culture.is_precise(places),
        lon=places["lon"].round(5),
        lat=places["lat"].round(5),
    )
    order = [
        "code", "kind", "group", "name", "lon", "lat", "precise", "sources",
        "screens", "seats", "art_et_essai",
    ]  # fmt: skip
    return frame[order].sort_values(["code", "kind", "name"], ignore_index=True)


def build_acces_culture(shop: Workshop) -> pd.DataFrame:
    """Build the inhabitants around each PVD by distance to culture (mainland and Corsica)."""
    squares = shop.read("recensement_1km")
    middle = gpd.GeoSeries.from_xy(squares["x"] + 500, squares["y"] + 500, crs=3035)
    middle = middle.to_crs(_LAMBERT_93)
    squares = pd.DataFrame({"x": middle.x, "y": middle.y, "total": squares["total"]})
    centres = _centres(shop)
    programme = shop.read("pvd_communes")["code"]
    here = centres["code"].isin(programme) & (centres["epsg"] == _LAMBERT_93)
    parts = []
    for kind in culture.REACHED:
        asked = (
            centres[here & ~_in_corsica(centres["code"])] if kind == "theatre" else centres[here]
        )
        targets = _targets(shop, kind)
        targets = targets[targets["epsg"] == _LAMBERT_93].dropna(subset=["x", "y"])
        reach = culture.within_reach(asked, squares, targets, radius_m=culture.AROUND_M)
        parts.append(reach.assign(kind=kind))
    frame = pd.concat(parts, ignore_index=True)
    counts = [name for name in frame.columns if name not in {"code", "kind"}]
    frame = frame.astype(dict.fromkeys(counts, "int64"))
    return frame[["code", "kind", *counts]].sort_values(["kind", "code"], ignore_index=True)


def build_cinemas(shop: Workshop) -> pd.DataFrame:
    """Build the history of cinemas in PVD, in other small towns, elsewhere."""
    cinemas = _cinemas(shop)
    programme = set(shop.read("pvd_communes")["code"])
    small = set(universe(shop)) - programme
    elsewhere = set(cinemas["code"]) - programme - small
    groups = {"pvd": programme, "petites": small, "ailleurs": elsewhere}
    return culture.cinema_history(cinemas, groups)


def build_concentration(shop: Workshop) -> pd.DataFrame:
    """Build how concentrated living culture and heritage are over each département's communes."""
    types, places = tables.load_culture_types(), _basilic(shop)
    every = _communes(shop)[["code"]]
    cog = shop.read("cog_communes")
    every = every.merge(cog[["code", "departement"]].drop_duplicates("code"), on="code")
    every = every[~_in_corsica(every["code"])]
    parts = [
        culture.concentration(culture.count_group(places, types, group), every).assign(group=group)
        for group in ("vivant", "patrimoine")
    ]
    return pd.concat(parts, ignore_index=True).round({"share_with": 2, "half_share": 2})


# --------------------------------------------------------------------------- signs

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
        classed["code"] = _today(shop, classed["code"])
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
    """Build the shops by family and class over all the PVD that Sirene covers."""
    programme = set(shop.read("pvd_communes")["code"]) & _covered_by_sirene(shop)
    counts = brands.count_classes(_classed(shop))
    counts = counts[counts["code"].isin(programme)]
    sums = counts.groupby(["famille", "classe"])["value"].sum()
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


# --------------------------------------------------------------------------- indicators

_STATUSES: Final = ("ok", "zero", "absent", "secret")


def complete(
    measure: pd.DataFrame,
    *,
    codes: pd.Series,
    year: int,
    missing: str,
    covered: set[str] | None = None,
) -> pd.DataFrame:
    """Give every town of the universe a value or the reason why it has none.

    Parameters
    ----------
    measure : DataFrame
        ``code``, ``value`` and perhaps ``status``.
    codes : Series of str
        The universe.
    year : int
        Year of the values.
    missing : {"zero", "absent", "secret"}
        What a town without a line means.
    covered : set of str, optional
        Towns that the source covers; a town outside is ``absent`` whatever ``missing`` says.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``value``, ``status``: value 0 is always ``zero``, a missing
        value is never ``zero`` nor ``ok``.
    """
    lines = measure.drop_duplicates("code").set_index("code").reindex(codes)
    value = lines["value"].to_numpy(dtype="float64", copy=True)
    said = lines["status"].tolist() if "status" in lines else [None] * len(lines)
    uncovered = set() if covered is None else set(codes) - covered
    reasons = [
        reason if reason in {"secret", "absent"} else "absent" if code in uncovered else missing
        for code, reason in zip(codes, said, strict=True)
    ]
    status = np.array(reasons, dtype=object)
    value[np.isnan(value) & (status == "zero")] = 0.0
    status[~np.isnan(value)] = "ok"
    status[value == 0] = "zero"
    return pd.DataFrame({"code": codes.to_numpy(), "year": year, "value": value, "status": status})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an indicator's method receives."""

    indicator: Indicator
    shop: Workshop
    codes: pd.Series


Method = Callable[[_Asked], Iterator[pd.DataFrame]]


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


def _types(asked: _Asked) -> Iterator[pd.DataFrame]:
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
    asked: _Asked, measure: Callable[[pd.DataFrame], pd.DataFrame], *, missing: str
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


def _family(asked: _Asked) -> Iterator[pd.DataFrame]:
    types, families = tables.load_bpe_types(), asked.indicator.build["families"]
    yield from _of_vintages(
        asked, lambda counts: commerce.sum_families(counts, types, families), missing="zero"
    )


def _richness(asked: _Asked) -> Iterator[pd.DataFrame]:
    types = tables.load_bpe_types()
    yield from _of_vintages(asked, lambda c: commerce.richness(c, types), missing="zero")


def _shannon(asked: _Asked) -> Iterator[pd.DataFrame]:
    types = tables.load_bpe_types()
    yield from _of_vintages(asked, lambda c: commerce.shannon(c, types), missing="absent")


def _basket(asked: _Asked) -> Iterator[pd.DataFrame]:
    def met(counts: pd.DataFrame) -> pd.DataFrame:
        return commerce.basket(counts).sum(axis=1).rename("value").reset_index()

    yield from _of_vintages(asked, met, missing="zero")


def _creations(asked: _Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        asked.shop.read("sirene_creations"),
        by=["code", "year"],
        sums=["creations"],
        label="sirene_creations",
    ).rename(columns={"creations": "value"})
    yield from _by_year(asked, lines, missing="absent")


def _by_year(
    asked: _Asked, lines: pd.DataFrame, *, missing: str, covered: set[str] | None = None
) -> Iterator[pd.DataFrame]:
    for year in asked.indicator.years:
        yield complete(
            lines[lines["year"] == year],
            codes=asked.codes,
            year=year,
            missing=missing,
            covered=covered,
        )


def _single(
    asked: _Asked, measure: pd.DataFrame, *, missing: str, covered: set[str] | None = None
) -> Iterator[pd.DataFrame]:
    (year,) = asked.indicator.years
    yield complete(measure, codes=asked.codes, year=year, missing=missing, covered=covered)


def _today(shop: Workshop, codes: pd.Series) -> pd.Series:
    """Return the communes of today of some codes; a code of today stays."""
    new = shop.passage().set_index("old")["new"]
    today: pd.Series = codes.map(new).fillna(codes)
    return today


def _basilic(shop: Workshop) -> pd.DataFrame:
    """Return the BASILIC places on today's communes."""
    places = shop.read("basilic").dropna(subset=["code"])
    return places.assign(code=_today(shop, places["code"]))


def _in_corsica(codes: pd.Series) -> pd.Series:
    return codes.str[:2].isin(["2A", "2B"])


def _places(asked: _Asked) -> tuple[pd.DataFrame, set[str]]:
    """Return the BASILIC places on today's communes, and the towns that the source covers."""
    programme = set(asked.shop.read("pvd_communes")["code"])
    outside = _in_corsica(asked.codes) & ~asked.codes.isin(programme)
    return _basilic(asked.shop), set(asked.codes[~outside])


def _kinds(asked: _Asked) -> Iterator[pd.DataFrame]:
    places, covered = _places(asked)
    measure = culture.count_kinds(places, asked.indicator.build["kinds"])
    yield from _single(asked, measure, missing="zero", covered=covered)


def _group(asked: _Asked) -> Iterator[pd.DataFrame]:
    places, covered = _places(asked)
    measure = culture.count_group(
        places, tables.load_culture_types(), asked.indicator.build["group"]
    )
    yield from _single(asked, measure, missing="zero", covered=covered)


def _living_share(asked: _Asked) -> Iterator[pd.DataFrame]:
    places, covered = _places(asked)
    measure = culture.living_share(places, tables.load_culture_types())
    yield from _single(asked, measure, missing="absent", covered=covered)


def _cinema(asked: _Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        culture.cinema_sum(asked.shop.read("cinemas"), asked.indicator.build["column"]),
        by=["code", "year"],
        sums=["value"],
        label="cinemas",
    )
    mainland = set(asked.codes[~asked.codes.str.startswith("97")])  # the CNC lists no other
    yield from _by_year(asked, lines, missing="zero", covered=mainland)


def _register(asked: _Asked) -> pd.DataFrame:
    return asked.shop.carried(
        asked.shop.read("registre"),
        by=["code", "filiere"],
        sums=["installations", "power_kw"],
        label="registre",
    )


def _power(asked: _Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = energy.power_kw(_register(asked), filieres)
    yield from _single(asked, measure, missing=_unlisted(filieres))


def _installations(asked: _Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = energy.installations(_register(asked), filieres)
    yield from _single(asked, measure, missing=_unlisted(filieres))


def _unlisted(filieres: Sequence[str]) -> str:
    """Tell what a commune without a line means.

    The register leaves out the communes with fewer than ten small (under 36 kW)
    installations of a filière: no line says nothing of solar power, and no more than
    "nothing large" of the others.
    """
    return "absent" if "solaire" in filieres else "zero"


def _consumption(asked: _Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        asked.shop.read("conso_communes"),
        by=["code", "year", "energy", "sector"],
        sums=["mwh"],
        label="conso_communes",
    )
    build = asked.indicator.build
    measure = energy.consumption_mwh(lines, energy=build["energy"], sector=build["sector"])
    yield from _by_year(asked, measure, missing="absent")


def _apl(asked: _Asked) -> Iterator[pd.DataFrame]:
    lines = care.accessibility(
        asked.shop.read("apl_professions"), asked.indicator.build["profession"]
    )
    yield from _by_year(asked, lines, missing="absent")


def _income(asked: _Asked) -> Iterator[pd.DataFrame]:
    income = asked.shop.read("filosofi_communes").rename(columns={"median_income": "value"})
    territories = set(income["code"].str[:2]) - {"97"}
    overseas = set(income.loc[income["code"].str[:2] == "97", "code"].str[:3])
    known = asked.codes.str[:2].isin(territories) | asked.codes.str[:3].isin(overseas)
    yield from _single(asked, income, missing="secret", covered=set(asked.codes[known]))


def _housing(asked: _Asked) -> Iterator[pd.DataFrame]:
    homes = asked.shop.carried(
        asked.shop.read("rp_logement"),
        by=["code"],
        sums=["dwellings", "main_homes", "second_homes", "vacant_homes"],
        label="rp_logement",
    )
    measure = territory.share_of_homes(homes, asked.indicator.build["column"])
    yield from _single(asked, measure, missing="absent")


def _ages(asked: _Asked) -> Iterator[pd.DataFrame]:
    column = asked.indicator.build["column"]
    measure = asked.shop.read("rp_ages")[["code", column]].rename(columns={column: "value"})
    yield from _single(asked, measure, missing="absent")


def _read_squares(path: Path) -> pd.DataFrame:
    squares = people.read_carreaux_200m(path, columns=territory.SQUARE_COLUMNS)
    return territory.squares_by_commune(squares)


def _squares(asked: _Asked) -> Iterator[pd.DataFrame]:
    column = asked.indicator.build["column"]
    by_commune = asked.shop.read("carreaux_200m", _read_squares)
    measure = by_commune[["code", column]].rename(columns={column: "value"})
    yield from _single(asked, measure.round({"value": 2}), missing="absent")


def _tourism(asked: _Asked) -> Iterator[pd.DataFrame]:
    beds = asked.shop.carried(
        asked.shop.read("tourisme"), by=["code"], sums=["beds"], label="tourisme"
    ).rename(columns={"beds": "value"})
    yield from _single(asked, beds, missing="absent")


def _growth(asked: _Asked) -> Iterator[pd.DataFrame]:
    history = asked.shop.carried(
        asked.shop.read("population_historique"),
        by=["code", "year"],
        sums=["population"],
        label="population_historique",
    )
    cog = asked.shop.read("cog_communes")
    last = cog.loc[cog["kind"] == "commune", ["code", "population"]].assign(
        year=tables.LATEST_POPULATION
    )
    both = pd.concat([history, last.astype({"population": "float64"})], ignore_index=True)
    both = both[both["population"] > 0]
    measure = territory.growth(both, first=2013, last=tables.LATEST_POPULATION)
    yield from _single(asked, measure, missing="absent")


def _centre_distance(asked: _Asked) -> Iterator[pd.DataFrame]:
    measure = territory.distance_to_centre(_communes(asked.shop))
    yield from _single(asked, measure.round({"value": 2}), missing="absent")


def _local_weight(asked: _Asked) -> Iterator[pd.DataFrame]:
    measure = territory.local_weight(_communes(asked.shop))
    yield from _single(asked, measure.round({"value": 2}), missing="absent")


def _epci_share(asked: _Asked) -> Iterator[pd.DataFrame]:
    epci = asked.shop.read("cog_epci")
    of = asked.indicator.build["of"]
    if of == "population":
        counts = _communes(asked.shop)[["code", "population"]].set_axis(["code", "value"], axis=1)
        covered = None
    else:
        places, covered = _places(asked)
        counts = culture.count_group(places, tables.load_culture_types(), of)
    measure = culture.share_of_epci(counts, epci)
    yield from _single(asked, measure.round({"value": 2}), missing="absent", covered=covered)


def _distance(asked: _Asked) -> Iterator[pd.DataFrame]:
    kind = asked.indicator.build["kind"]
    centres = _centres(asked.shop)
    measure = culture.nearest_km(centres, _targets(asked.shop, kind))[["code", "value"]]
    if kind == "theatre":  # BASILIC alone has them, and has no Corsica outside the programme
        measure = measure[~_in_corsica(measure["code"])]
    yield from _single(asked, measure.round({"value": 2}), missing="absent")


def _chain_share(asked: _Asked) -> Iterator[pd.DataFrame]:
    """Share of the shops of a family in some classes, where its line is not secret."""
    table = build_enseignes(asked.shop)
    own = table[table["famille"] == asked.indicator.build["famille"]]
    wide = own.pivot(index="code", columns="classe", values="value")
    total = wide.sum(axis=1, skipna=False)
    top = wide[asked.indicator.build.get("classes", ["chaine"])].sum(axis=1, skipna=False)
    share = (100 * top / total.where(total > 0)).rename("value").reset_index()
    secret = wide["chaine"].isna().to_numpy()  # a line is secret whole, or not at all
    share["status"] = np.where(secret, "secret", "absent")
    yield from _single(
        asked, share.round({"value": 2}), missing="absent", covered=_covered_by_sirene(asked.shop)
    )


def _core_share(asked: _Asked) -> Iterator[pd.DataFrame]:
    measure = commerce.share_in_core(_located(_classed(asked.shop)))
    small = measure["shops"] < asked.indicator.build["fewest"]
    hidden = (measure["shops"] - measure["inside"]).between(1, brands.SMALLEST_CELL - 1)
    measure["status"] = np.select([small, hidden], ["absent", "secret"], default="ok")
    measure["value"] = measure["value"].mask(small | hidden).round(2)
    yield from _single(asked, measure, missing="absent", covered=_covered_by_sirene(asked.shop))


METHODS: Final[Mapping[str, Method]] = {
    "types": _types,
    "family": _family,
    "richness": _richness,
    "shannon": _shannon,
    "basket": _basket,
    "creations": _creations,
    "kinds": _kinds,
    "group": _group,
    "living_share": _living_share,
    "cinema": _cinema,
    "power": _power,
    "installations": _installations,
    "consumption": _consumption,
    "apl": _apl,
    "income": _income,
    "housing": _housing,
    "ages": _ages,
    "squares": _squares,
    "tourism": _tourism,
    "growth": _growth,
    "centre_distance": _centre_distance,
    "local_weight": _local_weight,
    "epci_share": _epci_share,
    "distance": _distance,
    "chain_share": _chain_share,
    "core_share": _core_share,
}


def _indicator_builder(group: str) -> Callable[[Workshop], pd.DataFrame]:
    def build(shop: Workshop) -> pd.DataFrame:
        codes = universe(shop)
        parts = []
        for name, indicator in load_indicators_catalogue().items():
            if indicator.build["table"] != group:
                continue
            method = METHODS[indicator.build["method"]]
            parts += [
                frame.assign(indicator=name) for frame in method(_Asked(indicator, shop, codes))
            ]
        frame = pd.concat(parts, ignore_index=True)
        frame["year"] = frame["year"].astype("int16")
        frame = frame.sort_values(["indicator", "year", "code"], ignore_index=True)
        return frame[["code", "indicator", "year", "value", "status"]]

    return build


BUILDERS: Final[Mapping[str, Callable[[Workshop], pd.DataFrame]]] = {
    "towns": build_towns,
    "contours_departements": build_contours_departements,
    "contours_pvd": build_contours_pvd,
    "enseignes": build_enseignes,
    "chaines_pvd": build_chaines_pvd,
    "detecteur": build_detecteur,
    "lieux_culture": build_lieux_culture,
    "acces_culture": build_acces_culture,
    "cinemas": build_cinemas,
    "concentration_culture": build_concentration,
    **{f"indicators_{group}": _indicator_builder(group) for group in tables.INDICATOR_GROUPS},
}


# --------------------------------------------------------------------------- the whole


@dataclass(slots=True)
class BuildReport:
    """What a run of :func:`build_tables` did."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether every table could be built."""
        return not self.failed


def build_tables(
    *,
    fetch: Callable[[str], Path] = sources.fetch,
    folder: Path = tables.TABLES,
    only: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> BuildReport:
    """Build the embedded tables and their manifest.

    Parameters
    ----------
    fetch : callable
        Source id -> path.
    folder : Path
        Where tables and manifest are written.
    only : sequence of str
        Names of tables to build; all when empty.
    progress : callable
        Called with the name of each table before it is built.

    Returns
    -------
    BuildReport
        A table whose source cannot be had, or has not the expected layout, is in
        ``failed`` with the reason, and its old file is untouched.
    """
    report = BuildReport()
    shop = Workshop(fetch)
    manifest_path = folder / "manifest.json"
    entries: dict[str, Any] = {}
    if manifest_path.is_file():
        entries = dict(tables.load_manifest(folder)["tables"])
    entries = {name: entry for name, entry in entries.items() if name in BUILDERS}
    for name, builder in BUILDERS.items():
        if only and name not in only:
            continue
        progress(name)
        shop.used.clear()
        shop.reports.clear()
        try:
            frame = builder(shop)
        except (SourceError, LayoutError) as error:
            report.failed[name] = str(error)
            continue
        path = folder / f"{name}.parquet"
        before = tables.file_sha256(path) if path.is_file() else ""
        tables.write_parquet(frame, path)
        after = tables.file_sha256(path)
        (report.unchanged if before == after else report.written).append(name)
        entries[name] = _entry(name, frame, after, path.stat().st_size, shop)
    if report.written or report.unchanged:
        tables.write_json({"version": 1, "tables": entries}, manifest_path)
    return report


def _entry(
    name: str, frame: pd.DataFrame, sha256: str, size: int, shop: Workshop
) -> dict[str, Any]:
    group = name.removeprefix("indicators_")
    gaps = sorted(
        {
            indicator.gaps
            for indicator in load_indicators_catalogue().values()
            if indicator.build["table"] == group and indicator.gaps
        }
    )
    entry: dict[str, Any] = {
        "file": f"{name}.parquet",
        "rows": len(frame),
        "columns": list(frame.columns),
        "bytes": size,
        "sha256": sha256,
        "sources": shop.provenance(),
        "code": f"{__version__}+{code_digest()}",
        "gaps": gaps if name.startswith("indicators_") else _table_gaps(name, frame),
        "passage": [json.loads(json.dumps(report.as_dict())) for report in _unique(shop.reports)],
    }
    if "status" in frame:
        entry["status"] = {s: int((frame["status"] == s).sum()) for s in _STATUSES}
    return entry


def _unique(reports: Sequence[communes.CarryReport]) -> list[communes.CarryReport]:
    return list({report.label: report for report in reports}.values())


def _table_gaps(name: str, frame: pd.DataFrame) -> list[str]:
    if name == "towns":
        return [
            f"{column} : inconnu pour {int(frame[column].isna().sum())} communes."
            for column in ("pop_2006", "area_km2", "density", "aav", "lon", "epci")
            if frame[column].isna().any()
        ]
    return ["Contours de 2018 : une commune nouvelle plus récente a celui de son ancien chef-lieu."]
