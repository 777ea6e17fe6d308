"""Small OpenStreetMap files, drawn in metres: each holds one trap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from pyproj import Transformer

#: Where the drawings stand: metres of EPSG:2154, near Pont-de-Veyle.
ORIGIN = (845_000.0, 6_575_000.0)
EPSG = 2154

_BACK = Transformer.from_crs(EPSG, 4326, always_xy=True)

Tags = Mapping[str, str]


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = _BACK.transform(ORIGIN[0] + x, ORIGIN[1] + y)
    return float(lon), float(lat)


def _tags(tags: Tags) -> str:
    return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())


def write_osm(
    path: Path,
    nodes: Mapping[int, tuple[float, float]],
    ways: Mapping[int, tuple[Sequence[int], Tags]],
    *,
    node_tags: Mapping[int, Tags] | None = None,
    multipolygons: Mapping[int, tuple[Sequence[tuple[int, str]], Tags]] | None = None,
) -> Path:
    """Write nodes (metres from the origin), ways and multipolygons as OpenStreetMap XML."""
    lines = ['<osm version="0.6">']
    for number, (x, y) in sorted(nodes.items()):
        lon, lat = lonlat(x, y)
        inner = _tags((node_tags or {}).get(number, {}))
        lines.append(
            f'<node id="{number}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{inner}</node>'
        )
    for number, (refs, tags) in sorted(ways.items()):
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs) + _tags(tags)
        lines.append(f'<way id="{number}" version="1">{inner}</way>')
    for number, (members, tags) in sorted((multipolygons or {}).items()):
        inner = "".join(f'<member type="way" ref="{r}" role="{role}"/>' for r, role in members)
        inner += _tags({"type": "multipolygon", **tags})
        lines.append(f'<relation id="{number}" version="1">{inner}</relation>')
    path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
    return path
