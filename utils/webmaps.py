"""Interactive maps within a page: folium and Leaflet, with no script from elsewhere.

The map is a whole page held in a frame that opens at a click: its script is that
of ``theme/vendor/leaflet``, and IGN's tiles are asked for only once a reader opens it. Without
network the points stay, on a plain ground.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import folium
import geopandas as gpd
import pandas as pd
import xyzservices.providers

from utils.formats import typographic
from utils.maps import IGN_CREDIT
from utils.style import INK, TOWN

__all__ = ["Layer", "frame_map"]

_LEAFLET: Final = Path(__file__).resolve().parent.parent / "theme" / "vendor" / "leaflet"

#: Words of Leaflet that a reader meets -> in French.
_FRENCH: Final[Mapping[str, str]] = {
    '"Zoom in"': '"Rapprocher"',
    '"Zoom out"': '"Éloigner"',
    '"Close popup"': '"Fermer"',
}

HEIGHT_PX: Final = 460
#: The map is put into its frame at the first opening, so that nothing is asked for before
#: (a browser loads even a lazy frame of a closed fold).
_ON_TOGGLE: Final = (
    "const f=this.querySelector('iframe');if(this.open&&!f.srcdoc)f.srcdoc=f.dataset.page"
)
#: Credit of the tiles, as a link.
_CREDIT: Final = f'<a href="https://geoservices.ign.fr/">{IGN_CREDIT}</a>'


@dataclass(frozen=True, slots=True)
class Layer:
    """Points to show together.

    Attributes
    ----------
    name : str
        What the reader switches on and off.
    points : DataFrame
        ``lon``, ``lat`` (EPSG:4326), ``radius`` (pixels) and the columns of ``fields``.
    fields : mapping of str to str
        Column -> label: the lines of the popup, as text.
    color : str
        Fill of the circles, ``#rrggbb``.
    """

    name: str
    points: pd.DataFrame
    fields: Mapping[str, str]
    color: str


@lru_cache(maxsize=1)
def _leaflet() -> str:
    """Return Leaflet and its style, whole; the images that the map does not use are left out."""
    script = (_LEAFLET / "leaflet.js").read_text(encoding="utf-8")
    for english, french in _FRENCH.items():
        script = script.replace(english, french)
    style = (_LEAFLET / "leaflet.css").read_text(encoding="utf-8")
    style = re.sub(r"background-image:\s*url\([^)]*\);?", "", style)
    own = f"body{{margin:0;color:{INK};font:14px/1.4 sans-serif}}.leaflet-container{{font:inherit}}"
    return f"<style>{style}{own}</style><script>{script}</script>"


def _features(layer: Layer) -> dict[str, Any]:
    """Return the points as GeoJSON, each text escaped: popups write them as HTML."""
    features = []
    for point in layer.points.to_dict("records"):
        told = {name: html.escape(str(point[name])) for name in layer.fields}
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [point["lon"], point["lat"]]},
                "properties": {**told, "rayon": float(point["radius"])},
            }
        )
    return {"type": "FeatureCollection", "features": features}


def _add(layer: Layer, page: folium.Map) -> None:
    fields = list(layer.fields)
    folium.GeoJson(
        _features(layer),
        name=html.escape(typographic(layer.name)),
        marker=folium.CircleMarker(weight=1, fill=True, fill_opacity=0.65),
        style_function=lambda feature: {
            "radius": feature["properties"]["rayon"],
            "color": INK,
            "fillColor": layer.color,
        },
        popup=folium.GeoJsonPopup(
            fields=fields,
            aliases=[html.escape(typographic(layer.fields[name])) for name in fields],
            localize=False,
        ),
    ).add_to(page)


def frame_map(
    layers: Sequence[Layer],
    *,
    centre: tuple[float, float],
    radius_m: float,
    outline: gpd.GeoDataFrame | None,
    title: str,
) -> str:
    """Return an interactive map as HTML: a frame that a click opens.

    Parameters
    ----------
    layers : sequence of Layer
        An empty one is left out.
    centre : tuple of float
        Longitude and latitude, EPSG:4326.
    radius_m : float
        A circle of that radius is drawn around the centre, and the map shows it whole.
    outline : GeoDataFrame, optional
        Limits of the commune, EPSG:4326.
    title : str
        What the map shows: words of the button and name of the frame.
    """
    lon, lat = centre
    page = folium.Map(location=[lat, lon], tiles=None, prefer_canvas=True, zoom_snap=0.25)
    page.default_js, page.default_css = [], []  # folium's come from elsewhere
    figure: Any = page.get_root()
    figure.header.add_child(folium.Element(_leaflet()), name="leaflet")
    folium.TileLayer(
        xyzservices.providers.GeoportailFrance.plan.build_url(),
        attr=_CREDIT,
        name="Plan IGN",
        max_zoom=18,
    ).add_to(page)
    folium.Circle([lat, lon], radius=radius_m, color=INK, weight=1, dash_array="6 6").add_to(page)
    for layer in layers:
        if not layer.points.empty:
            _add(layer, page)
    if outline is not None and not outline.empty:
        folium.GeoJson(
            json.loads(outline[["geometry"]].to_json()),
            name="limite communale",
            style_function=lambda _: {"color": TOWN, "weight": 3, "fill": False},
        ).add_to(page)
    folium.LayerControl(position="bottomleft", collapsed=False).add_to(page)
    around_lat, around_lon = _degrees(radius_m, lat)
    page.fit_bounds([[lat - around_lat, lon - around_lon], [lat + around_lat, lon + around_lon]])
    told = html.escape(typographic(title), quote=True)
    whole = html.escape(_numbered(figure.render()), quote=True)
    return (
        f'<details class="carte-interactive" ontoggle="{_ON_TOGGLE}"><summary>{told}</summary>\n'
        f'<iframe title="{told}" data-page="{whole}"'
        f' style="width:100%;height:{HEIGHT_PX}px;border:0"></iframe>\n</details>'
    )


def _degrees(metres: float, lat: float) -> tuple[float, float]:
    """Return a length as degrees of latitude and of longitude, on a sphere of 6,371 km."""
    up = metres / 111_195
    return up, up / math.cos(math.radians(lat))


def _numbered(page: str) -> str:
    """Replace folium's random identifiers by numbers: the same map gives the same page."""
    seen: dict[str, str] = {}
    return re.sub(
        r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])",
        lambda found: seen.setdefault(found[0], f"{len(seen) + 1}"),
        page,
    )
