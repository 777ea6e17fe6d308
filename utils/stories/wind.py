"""Wind around a town: its farms and those of the communes near it, on two maps."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from sklearn.neighbors import BallTree

from utils import energy, maps, tables, webmaps
from utils.communes import local_epsg
from utils.formats import (
    MISSING,
    counted,
    in_town,
    join_words,
    number,
    of_town,
    percent,
    plural,
    quantity,
    typographic,
    year,
)
from utils.publish import HtmlBlock, MarkdownBlock, describe_map
from utils.stories.common import Story, place_of
from utils.style import PALETTE

__all__ = ["AROUND_KM", "around", "astray", "interactive", "table", "wind_map"]

#: What is shown around a town, kilometres: the first distance at which there is some wind.
AROUND_KM: Final = (25, 50, 100)

#: Mean radius of the Earth, km (IUGG).
EARTH_KM: Final = 6_371.0

#: Sources of what the maps show.
SOURCES: Final = ("registre", "production_regionale", "powerplants", "contours_communes")

#: Power of the circle that has the largest diameter, MW: 99 % of the communes have less.
TOP_MW: Final = 100.0


def _near(town: pd.Series, places: pd.DataFrame, km: float) -> pd.DataFrame:
    """Keep the places within some kilometres of the middle of the town, or in it.

    Adds ``km``, the straight distance in the local CRS.
    """
    here = local_epsg(str(town["code"]))
    same = places[places["lon"].sub(town["lon"]).abs() < 2]  # far ones have no place in that CRS
    points = gpd.GeoSeries.from_xy(same["lon"], same["lat"], crs=4326).to_crs(here)
    middle = gpd.GeoSeries.from_xy([town["lon"]], [town["lat"]], crs=4326).to_crs(here)
    metres = np.hypot(points.x - middle.x.iloc[0], points.y - middle.y.iloc[0])
    near = same.assign(km=metres / 1000)
    found: pd.DataFrame = near[(near["km"] <= km) | (near["code"] == town["code"])]
    return found.sort_values("km", ignore_index=True)


def _reach_km(town: pd.Series) -> int:
    """Return the first distance of :data:`AROUND_KM` at which a commune has some wind."""
    wind = _on_land(tables.load_wind())
    return next((km for km in AROUND_KM if len(_near(town, wind, km))), AROUND_KM[-1])


def _communes(town: pd.Series) -> pd.DataFrame:
    return _near(town, tables.load_wind(), _reach_km(town))


def _on_land(places: pd.DataFrame) -> pd.DataFrame:
    land: pd.DataFrame = places[places["filiere"] == "eolien"]
    return land


def around(town: pd.Series) -> str:
    """Say how much wind power the town and its surroundings have."""
    communes, reach = _on_land(_communes(town)), _reach_km(town)
    own = communes[communes["code"] == town["code"]]
    if communes.empty:
        return typographic(
            f"Le registre n’a aucune éolienne {in_town(town['name'])} ni dans les communes dont le"
            f" centre est à moins de {quantity(reach, 'km')}."
        )
    power, energy_mwh = communes["power_kw"].sum(), communes["energy_mwh"].sum()
    first = (
        f"{town['name']} a {quantity(own['power_kw'].iloc[0] / 1000, 'MW', 1)} d’éolien"
        f" ({counted(own['installations'].iloc[0], 'installation')}), qui ont donné environ"
        f" {quantity(own['energy_mwh'].iloc[0] / 1000, 'GWh', 1)} en 2023."
        if len(own)
        else f"Le registre n’a aucune éolienne {in_town(town['name'])}."
    )
    if reach > AROUND_KM[0]:
        first += (
            f" Il n’y en a pas non plus à moins de {quantity(AROUND_KM[0], 'km')} : la commune la"
            f" plus proche qui en ait, {communes['name'].iloc[0]}, est à"
            f" {quantity(communes['km'].iloc[0], 'km')}."
        )
    return typographic(
        f"{first} À moins de {quantity(reach, 'km')}, {counted(len(communes), 'commune')} en"
        f" {plural(len(communes), 'a', 'ont')}, pour {quantity(power / 1000, 'MW')} et environ"
        f" {quantity(energy_mwh / 1000, 'GWh')} en 2023."
    )


def _map_title(town: pd.Series, communes: pd.DataFrame, reach: int) -> str:
    """Say what the map shows at a glance: what the town has of the wind around, or how far it is.

    ``communes`` comes from :func:`_near`, the nearest first.
    """
    total = communes["power_kw"].sum()
    own = communes.loc[communes["code"] == town["code"], "power_kw"].sum()
    near = quantity(AROUND_KM[0], "km")
    if own and len(communes) > 1:
        return (
            f"{place_of(town)}, {quantity(own / 1000, 'MW')} d’éolien :"
            f" {percent(100 * own / total)} de ce qui est raccordé à moins de {near}"
        )
    if own:
        return (
            f"{place_of(town)}, {quantity(own / 1000, 'MW')} d’éolien, les seuls à moins de {near}"
        )
    if reach > AROUND_KM[0]:
        return (
            f"Aucune éolienne à moins de {near} {of_town(town['name'])} : la plus proche est à"
            f" {quantity(communes['km'].iloc[0], 'km')}, {in_town(communes['name'].iloc[0])}"
        )
    return (
        f"Pas d’éolienne {in_town(town['name'])}, mais {quantity(total / 1000, 'MW')} à moins de"
        f" {near}"
    )


def wind_map(town: pd.Series) -> Story | None:
    """Map the wind power of the communes around; ``None`` when there is none, or no outline."""
    contours = tables.load_contours()
    outline = contours[contours["code"] == town["code"]]
    communes = _on_land(_communes(town))
    if outline.empty or communes.empty:
        return None
    points = communes.assign(value=communes["power_kw"] / 1000)
    reach = _reach_km(town)
    figure, drawn = maps.town_map(
        outline,
        points[["code", "name", "lon", "lat", "value", "energy_mwh", "method"]],
        tables.load_departements(),
        neighbours_name="département",
        ring_m=1000.0 * AROUND_KM[0],
        top=TOP_MW,
        unit="MW",
        title=typographic(_map_title(town, communes, reach)),
        legend_title="puissance éolienne d’une commune (surface proportionnelle)",
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"L’éolien autour {of_town(town['name'])} à l’automne 2024, par commune ; chaque"
            " cercle est au milieu de la commune, pas à l’emplacement des mâts."
        ),
        alt=describe_map(
            drawn,
            what=f"puissance éolienne des communes à moins de {quantity(reach, 'km')}",
            noun="commune",
            town_name=town["name"],
            unit="MW",
        ),
        sources=("registre", "contours_communes", "contours_departements"),
        note=typographic(
            "Les cercles ont la même échelle dans toutes les villes. Les noms sont ceux des"
            " communes les plus puissantes, là où la place le permet."
        ),
    )


def table(town: pd.Series) -> pd.DataFrame:
    """List the communes around that have wind, the nearest first.

    Returns
    -------
    DataFrame
        ``Commune``, ``Distance (km)``, ``Installations``, ``Puissance (MW)``, ``Énergie 2023
        (GWh)``, ``Méthode``; empty when there is none.
    """
    communes = _communes(town)
    at_sea = communes["filiere"].map({"eolien": "", "eolien_en_mer": " (parc en mer)"})
    return pd.DataFrame(
        {
            "Commune": communes["name"] + at_sea,
            "Distance (km)": communes["km"],
            "Installations": communes["installations"],
            "Puissance (MW)": communes["power_kw"] / 1000,
            "Énergie 2023 (GWh)": communes["energy_mwh"] / 1000,
            "Méthode": communes["method"].map(dict(energy.METHODS)),
        }
    )


def astray() -> str:
    """Say how many farms the maps leave out, why, and how many wrong ones may be left."""
    farms = tables.load_farms()
    land, sea = farms[~farms["at_sea"]], farms[farms["at_sea"] & ~farms["placed"]]
    out, kept = land[~land["placed"]], land[land["placed"]]
    wind = _on_land(tables.load_wind())
    towns = tables.load_towns().dropna(subset=["lon", "lat"])
    towns = towns[~towns["code"].str.startswith("97")]
    middles, tree = ((np.radians(frame[["lat", "lon"]])) for frame in (towns, wind))
    km = EARTH_KM * BallTree(tree, metric="haversine").query(middles)[0][:, 0]
    far = float((km > energy.FARM_KM).mean())
    left = round(len(out) / far - len(out), -1)
    limit = quantity(energy.FARM_KM, "km")
    at_sea = (
        f" ; {counted(len(sea), 'parc')} en mer ({join_words(list(sea['name']))},"
        f" {quantity(sea['power_kw'].sum() / 1000, 'MW')}) dont le point tombe sur la terre ferme"
        if len(sea)
        else ""
    )
    lost = counted(len(out), "parc terrestre", "parcs terrestres")
    return typographic(
        f"La carte interactive laisse de côté {lost} de powerplantmatching sur"
        f" {number(len(land))} ({quantity(out['power_kw'].sum() / 1000, 'MW')}), dont le point est"
        f" à plus de {limit} de toute commune qui a de l’éolien au registre, et jusqu’à"
        f" {quantity(out['register_km'].max(), 'km')}{at_sea}. La moitié des autres en sont à"
        f" moins de {quantity(kept['register_km'].median(), 'km', 1)}, neuf sur dix à moins de"
        f" {quantity(kept['register_km'].quantile(0.9), 'km')} : le registre a la commune où le"
        f" parc se raccorde. Le tri n’est pas parfait : {percent(100 * (1 - far))} des communes de"
        f" l’Hexagone et de la Corse sont à moins de {limit} d’une commune à éoliennes, si bien que"
        f" de l’ordre de {number(left)} des parcs dessinés peuvent être mal placés sans que rien ne"
        " le montre ; et un parc écarté peut être bien placé, là où le registre n’a pas d’éolien."
    )


def _radius(power_kw: pd.Series) -> pd.Series:
    """Radius in pixels: the area of a circle is proportional to its power."""
    radius: pd.Series = 2 * (power_kw / 1000) ** 0.5
    return radius.clip(4, 30)


def _told(energy_mwh: float, method: str) -> str:
    """Write an energy and its method, for a popup."""
    words = energy.METHODS[method]
    value = MISSING if pd.isna(energy_mwh) else quantity(energy_mwh / 1000, "GWh", 1)
    return typographic(f"{value} ({words})")


def interactive(town: pd.Series) -> MarkdownBlock:
    """Return the interactive map of the wind farms of the town and around it."""
    reach = _reach_km(town)
    farms = tables.load_farms()
    communes, farms = _communes(town), _near(town, farms[farms["placed"]], reach)
    if communes.empty and farms.empty:
        return MarkdownBlock(typographic("Pas de carte interactive : aucune éolienne à y placer."))
    registered = communes.assign(
        radius=_radius(communes["power_kw"]),
        puissance=[quantity(power / 1000, "MW", 1) for power in communes["power_kw"]],
        nombre=[number(count) for count in communes["installations"]],
        energie=[
            _told(value, method)
            for value, method in zip(communes["energy_mwh"], communes["method"], strict=True)
        ],
    )
    placed = farms.assign(
        radius=6.0,
        puissance=[quantity(power / 1000, "MW", 1) for power in farms["power_kw"]],
        annee=[year(value) for value in farms["year_in"]],
        energie=[
            _told(value, method)
            for value, method in zip(farms["energy_mwh"], farms["method"], strict=True)
        ],
    )
    layers = [
        webmaps.Layer(
            "Registre : total de la commune",
            registered,
            {
                "name": "Commune",
                "nombre": "Installations",
                "puissance": "Puissance",
                "energie": "Énergie 2023",
            },
            PALETTE[0],
        ),
        webmaps.Layer(
            "Parcs situés (position approchée)",
            placed,
            {
                "name": "Parc",
                "puissance": "Puissance",
                "annee": "Mise en service",
                "energie": "Énergie 2023",
            },
            PALETTE[2],
        ),
    ]
    contours = tables.load_contours()
    html = webmaps.frame_map(
        layers,
        centre=(float(town["lon"]), float(town["lat"])),
        radius_m=1000.0 * reach,
        outline=contours[contours["code"] == town["code"]],
        title=f"Ouvrir la carte interactive des éoliennes autour {of_town(town['name'])}",
    )
    return HtmlBlock.of(html)
