"""Building culture: places put together, distances, cinemas, concentration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from utils import culture, tables
from utils.build.workshop import (
    LAMBERT_93,
    Asked,
    Builder,
    Method,
    Workshop,
    all_communes,
    by_year,
    in_corsica,
    inhabited_centres,
    located,
    single,
    today,
    universe,
    with_commune,
)

__all__ = ["BUILDERS", "METHODS"]

#: Kinds of BASILIC that the book calls a theatre, in the sense of :data:`culture.REACHED`.
_STAGES: Final = ("Théâtre", "Scène", "Opéra")

#: Kinds of the CNC that stay in one place; the others travel, or are open in summer.
_FIXED: Final = ("FIXE", "MIXTE")


def _libraries(shop: Workshop) -> pd.DataFrame:
    """Return the libraries open to the public, with their commune where it is known."""
    libraries = shop.read("bibliotheques")
    return with_commune(shop, libraries[libraries["kind"] == "Bâtiment ouvert"])


def _museums(shop: Workshop) -> pd.DataFrame:
    return with_commune(shop, shop.read("museofile"))


def _cinemas(shop: Workshop) -> pd.DataFrame:
    """Return the cinemas of the CNC that stay in one place, on today's communes, all years."""
    cinemas = shop.read("cinemas").dropna(subset=["code"])
    fixed: pd.DataFrame = cinemas[cinemas["genre"].isin(_FIXED)]
    return fixed.assign(code=today(shop, fixed["code"]))


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
        places = basilic_places(shop)
        done = located(places[places["code"].isin(programme)]).assign(sources="basilic")
        for source, frame in seconds.items():
            second = located(frame[frame["code"].isin(programme)])
            done = culture.merge_places(done, second, source=source)
        return done

    return shop.once("lieux", compute)


def _targets(shop: Workshop, kind: str) -> pd.DataFrame:
    """Return ``epsg, x, y`` of all places of a kind of :data:`culture.REACHED`.

    A place without an address stands at the centre of its commune.
    """
    merged, places = _merged(shop), basilic_places(shop)
    centres = inhabited_centres(shop)
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
        known = located(_museums(shop).dropna(subset=["code"]))
        others = places.loc[places["kind"] == "Musée", "code"]
        others = others[~others.isin(known["code"])]
        return pd.concat(
            [inside(["Musée"]), known[~known["code"].isin(programme)], outside(others)]
        )
    known = located(_libraries(shop).dropna(subset=["code"]))
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
    middle = middle.to_crs(LAMBERT_93)
    squares = pd.DataFrame({"x": middle.x, "y": middle.y, "total": squares["total"]})
    centres = inhabited_centres(shop)
    programme = shop.read("pvd_communes")["code"]
    here = centres["code"].isin(programme) & (centres["epsg"] == LAMBERT_93)
    parts = []
    for kind in culture.REACHED:
        asked = centres[here & ~in_corsica(centres["code"])] if kind == "theatre" else centres[here]
        targets = _targets(shop, kind)
        targets = targets[targets["epsg"] == LAMBERT_93].dropna(subset=["x", "y"])
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
    types, places = tables.load_culture_types(), basilic_places(shop)
    every = all_communes(shop)[["code"]]
    cog = shop.read("cog_communes")
    every = every.merge(cog[["code", "departement"]].drop_duplicates("code"), on="code")
    every = every[~in_corsica(every["code"])]
    parts = [
        culture.concentration(culture.count_group(places, types, group), every).assign(group=group)
        for group in ("vivant", "patrimoine")
    ]
    return pd.concat(parts, ignore_index=True).round({"share_with": 2, "half_share": 2})


def basilic_places(shop: Workshop) -> pd.DataFrame:
    """Return the BASILIC places on today's communes."""
    places = shop.read("basilic").dropna(subset=["code"])
    return places.assign(code=today(shop, places["code"]))


def covered_places(asked: Asked) -> tuple[pd.DataFrame, set[str]]:
    """Return the BASILIC places on today's communes, and the towns that the source covers."""
    programme = set(asked.shop.read("pvd_communes")["code"])
    outside = in_corsica(asked.codes) & ~asked.codes.isin(programme)
    return basilic_places(asked.shop), set(asked.codes[~outside])


def _kinds(asked: Asked) -> Iterator[pd.DataFrame]:
    places, covered = covered_places(asked)
    measure = culture.count_kinds(places, asked.indicator.build["kinds"])
    yield from single(asked, measure, missing="zero", covered=covered)


def _group(asked: Asked) -> Iterator[pd.DataFrame]:
    places, covered = covered_places(asked)
    measure = culture.count_group(
        places, tables.load_culture_types(), asked.indicator.build["group"]
    )
    yield from single(asked, measure, missing="zero", covered=covered)


def _living_share(asked: Asked) -> Iterator[pd.DataFrame]:
    places, covered = covered_places(asked)
    measure = culture.living_share(places, tables.load_culture_types())
    yield from single(asked, measure, missing="absent", covered=covered)


def _cinema(asked: Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        culture.cinema_sum(asked.shop.read("cinemas"), asked.indicator.build["column"]),
        by=["code", "year"],
        sums=["value"],
        label="cinemas",
    )
    mainland = set(asked.codes[~asked.codes.str.startswith("97")])  # the CNC lists no other
    yield from by_year(asked, lines, missing="zero", covered=mainland)


def _epci_share(asked: Asked) -> Iterator[pd.DataFrame]:
    epci = asked.shop.read("cog_epci")
    of = asked.indicator.build["of"]
    if of == "population":
        counts = all_communes(asked.shop)[["code", "population"]].set_axis(
            ["code", "value"], axis=1
        )
        covered = None
    else:
        places, covered = covered_places(asked)
        counts = culture.count_group(places, tables.load_culture_types(), of)
    measure = culture.share_of_epci(counts, epci)
    yield from single(asked, measure.round({"value": 2}), missing="absent", covered=covered)


def _distance(asked: Asked) -> Iterator[pd.DataFrame]:
    kind = asked.indicator.build["kind"]
    centres = inhabited_centres(asked.shop)
    measure = culture.nearest_km(centres, _targets(asked.shop, kind))[["code", "value"]]
    if kind == "theatre":  # BASILIC alone has them, and has no Corsica outside the programme
        measure = measure[~in_corsica(measure["code"])]
    yield from single(asked, measure.round({"value": 2}), missing="absent")


METHODS: Final[Mapping[str, Method]] = {
    "kinds": _kinds,
    "group": _group,
    "living_share": _living_share,
    "cinema": _cinema,
    "epci_share": _epci_share,
    "distance": _distance,
}

BUILDERS: Final[Mapping[str, Builder]] = {
    "lieux_culture": build_lieux_culture,
    "acces_culture": build_acces_culture,
    "cinemas": build_cinemas,
    "concentration_culture": build_concentration,
}
