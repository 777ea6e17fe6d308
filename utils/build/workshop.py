"""What every builder shares: the sources read once, today's communes, values and their status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd

from utils import communes, tables, territory
from utils.catalogue import Indicator, load_sources
from utils.errors import LayoutError, SourceError, reason
from utils.readers import READERS, people

__all__ = [
    "LAMBERT_93",
    "Asked",
    "Builder",
    "Method",
    "Workshop",
    "all_communes",
    "by_year",
    "complete",
    "in_corsica",
    "inhabited_centres",
    "located",
    "single",
    "today",
    "universe",
    "with_commune",
]

SMALLEST, LARGEST = 500, 30_000

_PASSAGE_SOURCES: Final = (
    "cog_communes",
    "cog_communes_2020",
    "cog_communes_2021",
    "cog_communes_2023",
    "cog_communes_2025",
)

#: CRS of mainland France and Corsica.
LAMBERT_93: Final = 2154

_Kept = TypeVar("_Kept")


class Workshop:
    """The frames read so far, and what each table drew from.

    Parameters
    ----------
    fetch : callable
        Source id -> path of its file (:func:`utils.sources.fetch`).
    before : mapping, optional
        Source id -> what the last tables drew from it: its ``vintage`` and ``sha256``.
    """

    def __init__(
        self,
        fetch: Callable[[str], Path],
        before: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self._fetch = fetch
        self._before = before
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
            self._sha256[source] = self._digest(source)
            self._refuse_yesterday(source)
        return self._paths[source]

    def _digest(self, source: str) -> str:
        path = self._paths[source]
        try:
            return tables.file_sha256(path)
        except OSError as error:
            del self._paths[source]
            raise SourceError(
                f"Le fichier de « {source} » ne se lit pas ({path.name}) : {reason(error)}.",
                hint="Vérifiez les droits sur le miroir ou le cache.",
            ) from error

    def _refuse_yesterday(self, source: str) -> None:
        """Refuse the file of the last vintage under the name of a new one.

        The catalogue may vouch for the file by its checksum: only its vintage was corrected.
        """
        known, entry = self._before.get(source), load_sources()[source]
        digest = self._sha256[source]
        if known is None or digest in {entry.sha256, ""} or digest != known["sha256"]:
            return
        if str(entry.vintage) != known["vintage"]:
            error = SourceError(
                f"« {source} » est annoncé au millésime {entry.vintage}, mais son fichier est, à"
                f" l’octet, celui du millésime {known['vintage']}.",
                hint="Le producteur n’a sans doute pas encore mis le nouveau fichier en ligne.",
            )
            self._failed[source] = error
            raise error

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
            return self.once(
                f"{source}:{chosen.__module__}.{chosen.__qualname__}", lambda: chosen(path)
            )
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


def all_communes(shop: Workshop) -> pd.DataFrame:
    """Return all communes: ``code, population, aav, aav_category, epsg, x, y, lon, lat``."""
    cog, aav = shop.read("cog_communes"), shop.read("aav_2020")
    contours = shop.read("contours_communes")

    def compute() -> pd.DataFrame:
        today = cog.loc[cog["kind"] == "commune", ["code", "population"]]
        areas = aav[["code", "aav", "aav_category"]]
        joined = today.merge(areas, on="code", how="left").astype({"population": "float64"})
        return joined.merge(_centroids(contours), on="code", how="left")

    return shop.once("communes", compute)


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


def today(shop: Workshop, codes: pd.Series) -> pd.Series:
    """Return the communes of today of some codes; a code of today stays."""
    new = shop.passage().set_index("old")["new"]
    today: pd.Series = codes.map(new).fillna(codes)
    return today


def in_corsica(codes: pd.Series) -> pd.Series:
    """Tell which communes are in Corsica."""
    return codes.str[:2].isin(["2A", "2B"])


def _read_square_points(path: Path) -> pd.DataFrame:
    return people.read_carreaux_200m(path, columns=("codes", "x", "y", "persons"))


def inhabited_centres(shop: Workshop) -> pd.DataFrame:
    """Return ``code, epsg, x, y`` of all communes: where people live, or the middle.

    The inhabited centre comes from the 200 m squares (mainland and Corsica); where there is
    none, the centroid of the outline.
    """
    places = all_communes(shop)[["code", "epsg", "x", "y"]]
    squares = shop.read("carreaux_200m", _read_square_points)

    def compute() -> pd.DataFrame:
        lived = territory.inhabited_centres(squares)
        lived["code"] = today(shop, lived["code"])
        lived = lived.drop_duplicates("code").set_index("code")
        points = gpd.GeoSeries.from_xy(lived["x"], lived["y"], crs=3035).to_crs(LAMBERT_93)
        done = places.set_index("code")
        mainland = done["epsg"] == LAMBERT_93
        for axis, values in (("x", points.x), ("y", points.y)):
            values = pd.Series(values.to_numpy(), index=lived.index).reindex(done.index)
            done[axis] = values.where(mainland).fillna(done[axis])
        return done.reset_index()

    return shop.once("centres", compute)


def located(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``epsg``, ``x``, ``y`` in the CRS of the commune ``code``, from ``lon``, ``lat``."""
    done = frame.assign(
        epsg=[communes.local_epsg(code) for code in frame["code"]], x=np.nan, y=np.nan
    )
    known = done["lon"].notna() & done["lat"].notna()
    for epsg, group in done[known].groupby("epsg"):
        points = gpd.GeoSeries.from_xy(group["lon"], group["lat"], crs=4326).to_crs(epsg)
        done.loc[group.index, "x"], done.loc[group.index, "y"] = points.x, points.y
    return done


def with_commune(shop: Workshop, frame: pd.DataFrame) -> pd.DataFrame:
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
    return frame.assign(code=today(shop, codes))


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
class Asked:
    """What an indicator's method receives."""

    indicator: Indicator
    shop: Workshop
    codes: pd.Series


Method = Callable[[Asked], Iterator[pd.DataFrame]]
Builder = Callable[[Workshop], pd.DataFrame]


def by_year(
    asked: Asked, lines: pd.DataFrame, *, missing: str, covered: set[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Complete (:func:`complete`) the lines of each year of the indicator asked."""
    for year in asked.indicator.years:
        yield complete(
            lines[lines["year"] == year],
            codes=asked.codes,
            year=year,
            missing=missing,
            covered=covered,
        )


def single(
    asked: Asked, measure: pd.DataFrame, *, missing: str, covered: set[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Complete (:func:`complete`) the measure of the one year of the indicator asked."""
    (year,) = asked.indicator.years
    yield complete(measure, codes=asked.codes, year=year, missing=missing, covered=covered)
