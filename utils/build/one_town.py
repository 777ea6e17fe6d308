"""Gathering what the access of one town needs: streets, care, inhabitants (``pvd access``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from utils import access, care, fleet, network, overpass, tables
from utils.build.care import SQUARE_COLUMNS
from utils.build.streets import EXTRACTS
from utils.catalogue import load_sources
from utils.communes import local_epsg
from utils.errors import NetworkError, SourceError
from utils.formats import (
    counted,
    in_town,
    join_words,
    number,
    of_noun,
    of_town,
    percent,
    typographic,
)
from utils.network import Mode
from utils.readers.equipment import read_bpe_points, read_finess
from utils.readers.osm import OsmExtract, read_osm
from utils.readers.people import read_carreaux_200m
from utils.readers.relief import read_elevation
from utils.readers.territory import read_contours

__all__ = ["TownAccess", "measure"]

#: Kinds, modes and sources as they are written.
KIND_NAMES: Final = {
    "doctor": "médecin généraliste",
    "pharmacy": "pharmacie",
    "nurse": "infirmier",
    "physiotherapist": "kinésithérapeute",
    "dentist": "dentiste",
    "hospital": "hôpital",
    access.TOGETHER: "ensemble",
}
_PLURALS: Final = {"doctor": "médecins généralistes", "hospital": "hôpitaux"}
MODE_NAMES: Final = {"walk": "À pied", "bike": "À vélo"}
SOURCE_NAMES: Final = {"bpe": "BPE", "finess": "FINESS", "osm": "OpenStreetMap"}

#: Source id -> path; with ``offline=True``, only what is at hand.
Fetch = Callable[..., Path]


@dataclass(slots=True)
class TownAccess:
    """The access of a town, and where it comes from.

    Attributes
    ----------
    town : Series
        Line of ``towns``.
    result : AccessResult
    facilities : DataFrame
        ``kind, x, y, source``.
    imputed : float
        Share (%) of the inhabitants in imputed squares; NaN without squares.
    notes : list of str
        What the reader must know: sources that lacked, a town cut by its extract…
    """

    town: pd.Series
    result: access.AccessResult
    facilities: pd.DataFrame
    imputed: float
    notes: list[str] = field(default_factory=list)

    def sources(self) -> dict[str, str]:
        """Return kind of care -> source that places it."""
        return dict(self.facilities.drop_duplicates("kind").set_index("kind")["source"])

    def sentences(self) -> list[str]:
        """Say what was measured, from what, and what to beware of."""
        result = self.result
        origin = {kind: SOURCE_NAMES[source] for kind, source in self.sources().items()}
        placed = join_words(
            [
                f"{counted(count, KIND_NAMES[kind], _PLURALS.get(kind, ''))} ({origin[kind]})"
                for kind, count in result.placed.items()
            ]
        )
        said = [f"{self.town['name']} ({self.town['code']}). Lieux de soins placés : {placed}."]
        if result.missing:
            names = join_words([of_noun(KIND_NAMES[kind]) for kind in result.missing], last="ni")
            said.append(
                f"Aucune source ne place {names} : « ensemble » ne compte que les"
                f" {len(result.together)} services locaux placés."
            )
        people = f"{counted(round(result.persons), 'habitant')} dans l’extrait"
        if not math.isnan(self.imputed):
            people += f", dont {percent(self.imputed)} en carreau imputé par l’Insee"
        said.append(f"{people}.")
        for mode, graph in result.graphs.items():
            lost = (
                f", {number(graph.lost_km, 1)} km laissés hors du réseau" if graph.lost_km else ""
            )
            points = result.points[result.points["inside"]]
            edge = 100 * points.loc[points[f"edge_{mode}"], "persons"].sum() / result.persons
            said.append(
                f"{MODE_NAMES[mode]} : {number(graph.street_km)} km de rues{lost} ;"
                f" {percent(edge)} des habitants vivent assez près du bord de l’extrait pour qu’un"
                " service plus proche, au-delà, puisse changer leur temps."
            )
        if (result.shares["share"].round() < result.shares["share_max"].round()).any():
            said.append(
                "Dans le tableau, deux parts disent l’incertitude du bord : ce que donnent les"
                " soins de l’extrait, et ce que ce serait si d’autres étaient juste au-delà."
            )
        return [typographic(sentence) for sentence in (*said, *self.notes)]

    def shares(self) -> pd.DataFrame:
        """Return the shares of inhabitants as written: a mode and a service a line."""
        frame = self.result.shares
        rows = []
        for (mode, kind), own in frame.groupby(["mode", "kind"], sort=False):
            row = {"Mode": MODE_NAMES[str(mode)], "Service": KIND_NAMES[str(kind)]}
            for line in own.to_dict("records"):
                low, high = percent(line["share"]), percent(line["share_max"])
                row[f"{line['minutes']} min"] = low if low == high else f"{low} à {high}"
            rows.append(row)
        return pd.DataFrame(rows)

    def as_dict(self) -> dict[str, Any]:
        """Return what a program needs: plain values only."""
        result = self.result
        ranks = access.ranks(result, self.facilities).round(2)
        return {
            "code": str(self.town["code"]),
            "name": str(self.town["name"]),
            "placed": result.placed,
            "sources": self.sources(),
            "missing": list(result.missing),
            "persons": round(result.persons, 1),
            "outside": round(result.outside, 1),
            "unjoined": round(result.unjoined, 1),
            "imputed_share": None if math.isnan(self.imputed) else round(self.imputed, 1),
            "shares": result.shares.round(2).to_dict("records"),
            "nearest": [
                # Half of the inhabitants may reach no such place: JSON has no infinity.
                {**line, "median_min": line["median_min"] if reached else None}
                for line, reached in zip(
                    ranks.to_dict("records"), np.isfinite(ranks["median_min"]), strict=True
                )
            ],
            "notes": [typographic(note) for note in self.notes],
        }


def measure(
    town: pd.Series,
    *,
    osm: Path | None,
    fetch: Fetch,
    modes: Sequence[Mode] = ("walk", "bike"),
    squares: Path | None = None,
    relief: Path | None = None,
    overpass_cache: Path | None = None,
) -> TownAccess:
    """Measure the access to care of one town on its streets.

    Parameters
    ----------
    town : Series
        Line of ``towns``.
    osm : Path, optional
        Extract of OpenStreetMap; when not given, that of the catalogue if the town has one.
    fetch : callable
        Source id -> path, as :func:`utils.fleet.first_at_hand` calls it.
    squares : Path, optional
        Insee's 200 m squares, in any of their layouts
        (:func:`utils.readers.people.read_carreaux_200m`), rather than those of the catalogue.
    relief : Path, optional
        Raster of elevations: walking times then count the slope.
    overpass_cache : Path, optional
        Where answers are kept: streets, care and homes are asked to Overpass, not read.

    Raises
    ------
    NetworkError, LayoutError, SourceError
        No extract, a corrupt one, one that does not cover the town or cuts it, no street,
        nobody, or no care; Overpass does not answer; squares or a relief of elsewhere.
    """
    code, name = str(town["code"]), str(town["name"])
    epsg = local_epsg(code)
    notes: list[str] = []
    outline = _outline(code, epsg, fetch, notes)
    if overpass_cache is not None:
        streets = _from_overpass(town, outline, epsg, overpass_cache)
        notes.append("Rues, soins et logements demandés au service Overpass d’OpenStreetMap.")
    else:
        streets = read_osm(osm if osm is not None else _known_extract(code, name, fetch))
    if access.only_cars(streets.streets["highway"]):
        notes.append(access.ONLY_CARS)
    window = access.window_of(streets, epsg)
    if outline is not None:
        _check_cover(name, 100 * shapely.intersection(outline, window).area / outline.area)
    facilities = access.choose_facilities(*_care(streets, epsg, fetch, notes), window=window)
    people = _people(town, streets, epsg, outline, squares, fetch, notes)
    covered = access.coverage(streets, people, epsg=epsg)
    _check_cover(name, covered)
    if covered < 100:
        notes.append(
            f"{percent(100 - covered, 1)} des habitants vivent hors de l’extrait : leurs temps ne"
            " sont pas calculés."
        )
    elevation = _elevation(relief, streets, name, notes) if relief is not None else None
    result = access.town_access(
        streets, facilities, people, epsg=epsg, modes=modes, elevation=elevation
    )
    if result.unjoined:
        notes.append(
            f"{counted(round(result.unjoined), 'habitant')} à plus de"
            f" {network.MAX_OFFSET_M:.0f} m d’une rue : comptés comme n’atteignant rien."
        )
    imputed = float("nan")
    if "imputed" in people:
        weight = people["persons"]
        imputed = float(100 * weight[people["imputed"]].sum() / weight.sum())
    return TownAccess(town, result, facilities, imputed, notes)


def _known_extract(code: str, name: str, fetch: Fetch) -> Path:
    if code not in EXTRACTS:
        raise NetworkError(
            f"Aucun extrait OpenStreetMap {of_town(name)} n’est connu.",
            hint=f"Donnez-en un : pvd access {code} --osm extrait.osm.pbf, de 15 km de côté autour"
            " de la ville, découpé par exemple d’un extrait régional de Geofabrik.",
        )
    return fetch(EXTRACTS[code])


def _from_overpass(
    town: pd.Series, outline: shapely.Geometry | None, epsg: int, cache: Path
) -> OsmExtract:
    """Ask Overpass for the window of a town, as ``--all`` has it, and the homes of the commune."""
    if outline is None:
        middle = shapely.Point(network.project([town["lon"]], [town["lat"]], epsg)[0])
        outline = middle.buffer(fleet.WINDOW_M / 4)
    west, south, east, north = outline.bounds
    corners = network.unproject([west, east, east, west], [south, south, north, north], epsg)
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    box = fleet.window_box(shapely.get_coordinates(outline), epsg)
    return overpass.download(box, (west, south, east, north), cache)


def _elevation(path: Path, streets: OsmExtract, name: str, notes: list[str]) -> NDArray[np.float64]:
    """Return the elevation of the nodes, if the relief knows nearly all of them."""
    nodes = streets.nodes
    heights = read_elevation(path, nodes["lon"].to_numpy(), nodes["lat"].to_numpy())
    known = 100 * float(np.isfinite(heights).mean())
    if known < access.SMALLEST_COVERAGE:
        covered = f"que {percent(known)} des rues autour de {name}" if known else f"pas {name}"
        raise NetworkError(
            f"Le relief {path.name} ne couvre {covered}.",
            hint="Prenez un relief qui couvre tout l’extrait, sans trou (valeurs absentes).",
        )
    notes.append(
        f"Pente comptée à pied, non à vélo : relief {path.name}, de"
        f" {number(np.nanmin(heights))} à {number(np.nanmax(heights))} m."
    )
    if known < 100:
        notes.append(
            f"{percent(100 - known, 1)} des carrefours sont sans altitude : leurs rues sont"
            " comptées comme plates."
        )
    return heights


def _check_cover(name: str, covered: float) -> None:
    if covered <= 0:
        raise NetworkError(
            f"L’extrait OpenStreetMap ne couvre pas {name}.",
            hint="Prenez un extrait autour de la ville, ou vérifiez le code de la commune.",
        )
    if covered < access.SMALLEST_COVERAGE:
        raise NetworkError(
            f"L’extrait OpenStreetMap coupe {name} : il n’en couvre que {percent(covered)}.",
            hint="Prenez un extrait plus grand : une part d’habitants calculée sur un morceau de"
            " ville serait fausse.",
        )


def _outline(code: str, epsg: int, fetch: Fetch, notes: list[str]) -> shapely.Geometry | None:
    """Return the outline of a commune: embedded for a PVD, else from the catalogue."""
    contours = tables.load_contours()
    if code not in set(contours["code"]):
        try:
            contours = read_contours(fetch("contours_communes"))
        except SourceError as error:
            notes.append(f"Sans le contour de la commune : {error.message}")
            return None
    own = contours.loc[contours["code"] == code, "geometry"]
    return gpd.GeoSeries(own, crs=4326).to_crs(epsg).iloc[0] if len(own) else None


def _care(streets: OsmExtract, epsg: int, fetch: Fetch, notes: list[str]) -> list[pd.DataFrame]:
    """Return the located care of each source that can be had, the best first."""
    found = []
    bpe = _first(fleet.BPE_SOURCES, fetch, notes)
    if bpe is not None:
        points = read_bpe_points(bpe, types=list(access.BPE_KINDS))
        found.append(access.bpe_facilities(points, epsg=epsg))
    finess = _first(fleet.FINESS_SOURCES, fetch, notes)
    if finess is not None:
        found.append(access.finess_facilities(read_finess(finess), epsg=epsg))
    return [*found, access.osm_facilities(streets.places, epsg=epsg)]


def _first(names: Sequence[str], fetch: Fetch, notes: list[str]) -> Path | None:
    """Return the file of the first source that can be had; say which, or that there is none."""
    known = load_sources()
    found = fleet.first_at_hand(names, fetch)
    if found is None:
        titles = join_words([f"« {known[name].title} »" for name in names], last="ou")
        notes.append(f"Aucune de ces sources n’a pu être lue : {titles}.")
        return None
    name, path = found
    notes.append(f"Source lue : {known[name].title}.")
    return path


def _people(
    town: pd.Series,
    streets: OsmExtract,
    epsg: int,
    outline: shapely.Geometry | None,
    given: Path | None,
    fetch: Fetch,
    notes: list[str],
) -> pd.DataFrame:
    """Return the inhabitants: squares spread to homes, else homes by floor area."""
    code, name = str(town["code"]), str(town["name"])
    squares = pd.DataFrame()
    try:
        path = given if given is not None else fetch("carreaux_200m")
    except SourceError as error:
        notes.append(f"Sans carreaux de 200 m : {error.message}")
    else:
        squares = read_carreaux_200m(path, columns=(*SQUARE_COLUMNS, "epsg"), commune=code)
    if given is not None and squares.empty:
        raise NetworkError(
            f"Aucun carreau de {given.name} ne touche {name} ({code}).",
            hint="Ces fichiers de l’Insee couvrent l’un la métropole et la Corse, un autre la"
            " Martinique, un autre La Réunion.",
        )
    if len(squares):
        ages = care.age_counts(squares)
        squares = squares.drop(columns=list(care.INSEE_AGES)).join(ages)
        people = access.people_from_squares(
            squares,
            streets.buildings,
            epsg=epsg,
            outline=outline,
            squares_epsg=int(squares["epsg"].iloc[0]),
        )
        away = people.loc[~people["in_home"], "persons"].sum() / people["persons"].sum()
        if away > 0:
            notes.append(
                f"{percent(100 * away)} des habitants sont placés au milieu de leur carreau, faute"
                " de logement dessiné."
            )
        return people
    homes = streets.buildings
    x, y = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg).T
    if outline is not None:
        homes = homes[shapely.intersects_xy(outline, x, y)]
    notes.append(
        f"Habitants répartis {in_town(name)} entre les logements d’OpenStreetMap selon leur"
        " surface, faute de carreaux."
    )
    persons = float(town[f"pop_{tables.LATEST_POPULATION}"])
    return access.people_from_homes(homes, epsg=epsg, persons=persons)
