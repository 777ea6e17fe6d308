"""The dashboard's files: an index for search, what all towns share, a small JSON a town.

The page reads ``index.json`` and ``meta.json`` once, then one file a town, and one a group
of towns when a reader asks to compare with a region, a département or a density class. Every
measure is a whole number: the value in units of the last decimal that the page shows
(``decimals`` of ``meta.json``), so the files stay small and the same inputs give the same
bytes. A value that is not known is ``null``, a secret one is ``"s"``; neither is ever 0.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import vl_convert
from numpy.typing import NDArray

from utils import peers, portrait, tables
from utils.catalogue import THEMES, Indicator, load_indicators_catalogue, source
from utils.errors import BookError
from utils.portrait import Gap, Others, quantiles, squared
from utils.stories import comparison
from utils.stories import portrait as stories
from utils.stories.catalogue_pages import towns_date
from utils.stories.towns import identity
from utils.territory import DENSITY_LABELS

__all__ = ["ASSETS", "GROUPS", "REFERENCES", "offered_towns", "write_dashboard"]

#: The page's own scripts and style, copied beside its data.
ASSETS: Final = Path(__file__).resolve().parent.parent / "theme" / "tableau"

#: Whom a town can be compared with, in the order of the numbers of each town's file.
REFERENCES: Final[Mapping[str, str]] = {
    "comparables": "Ses villes comparables",
    "pvd": "Toutes les PVD",
    "region": "Les PVD de sa région",
    "departement": "Les PVD de son département",
    "densite": "Les PVD de même densité",
}

#: How those of a reference are named in a sentence, in the feminine plural.
GROUPS: Final[Mapping[str, str]] = {
    "comparables": portrait.GROUP,
    "pvd": "PVD",
    "region": "PVD de sa région",
    "departement": "PVD de son département",
    "densite": "PVD de même densité",
}

_PROBABILITIES: Final = np.array([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
#: What the bundle of the drawing library gives to the page.
_BUNDLED: Final = "window.vegaEmbed = vegaEmbed;"
_CHUNK: Final = 500  # towns whose files are made together
#: Detail of the outlines, degrees, on the mainland and overseas, and decimals kept.
_TOLERANCES: Final = (0.02, 0.004)
_DIGITS: Final = 3
#: How sure a gap is said to be.
_MARKS: Final = ["", stories.PERHAPS_CHANCE, stories.SURE]
#: What a secret value is in a file; the other unknown ones are null.
_HIDDEN: Final = "s"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Measure:
    """An indicator over the universe: what is compared, and the count behind it.

    Attributes
    ----------
    decimals
        Digits shown after the comma.
    values, counts, people
        Rate (or value where there is no rate), raw value, inhabitants: shape (towns, years).
    secret
        Where the value is secret: shape (towns, years).
    latest
        Rank of the newest year at which something is known.
    """

    indicator: Indicator
    years: tuple[int, ...]
    decimals: int
    values: Floats
    counts: Floats
    people: Floats
    secret: NDArray[np.bool_]
    latest: int

    @property
    def rated(self) -> bool:
        return self.indicator.denominator is not None

    @property
    def newest(self) -> Floats:
        return self.values[:, self.latest]


# -- measures --------------------------------------------------------------------------


def _measures(codes: pd.Index) -> list[_Measure]:
    """Return every indicator of the catalogue that has a value, theme by theme."""
    catalogue = load_indicators_catalogue()
    programme = codes.isin(tables.load_towns(pvd=True)["code"])
    lines = tables.load_indicators(list(catalogue), rates=True)
    lines["place"] = codes.get_indexer(pd.Index(lines.pop("code")))
    lines["secret"] = lines.pop("status").eq("secret")
    found = []
    for name, own in lines.groupby("indicator", sort=False):
        indicator = catalogue[str(name)]
        years, column = np.unique(own["year"].to_numpy(), return_inverse=True)
        rated = indicator.denominator is not None
        shape = (len(codes), len(years))
        values, counts, people = (np.full(shape, np.nan) for _ in range(3))
        secret = np.zeros(shape, bool)
        where = (own["place"].to_numpy(), column)
        counts[where] = own["value"]
        people[where] = own["population"]
        values[where] = own["rate"] if rated else own["value"]
        secret[where] = own["secret"]
        known = np.flatnonzero(np.isfinite(values).any(axis=0))
        if known.size:
            latest = int(known[-1])
            decimals = _decimals(values[programme, latest]) if rated else indicator.decimals
            found.append(
                _Measure(
                    indicator,
                    tuple(years.tolist()),
                    decimals,
                    values,
                    counts,
                    people,
                    secret,
                    latest,
                )
            )
    order, themes = list(catalogue), list(THEMES)
    return sorted(
        found, key=lambda m: (themes.index(m.indicator.theme), order.index(m.indicator.id))
    )


def _decimals(rates: Floats) -> int:
    """Return the decimals that tell two towns apart: two or three significant digits."""
    seen = rates[rates > 0]
    middle = float(np.median(seen)) if seen.size else 1.0
    return 0 if middle >= 100 else 1 if middle >= 10 else 2


@dataclass(frozen=True, slots=True)
class _Now:
    """The newest year of a measure over the universe: one element a town."""

    values: Floats
    counts: Floats
    people: Floats

    @classmethod
    def of(cls, m: _Measure) -> _Now:
        return cls(m.newest, m.counts[:, m.latest], m.people[:, m.latest])


def _rank(others: Others) -> Floats:
    """Share (%) of a reference below a town, ties for one half; NaN where none is known."""
    below = others.known - others.at_least
    equal = others.at_least + others.at_most - others.known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(100 * (below + equal / 2) / others.known)


def _in_groups(now: _Now, members: Sequence[NDArray[np.intp]], rows: NDArray[np.intp]) -> Others:
    """Sum up the group of each town, itself left out.

    ``members`` gives the places of the towns of each town's group (the same array for the
    towns of one group), ``rows`` the place of each town.
    """
    done = np.full((len(fields(Others)), len(rows)), np.nan)
    done[0] = 0
    by_group: dict[int, list[int]] = {}
    for place, group in enumerate(members):
        by_group.setdefault(id(group), []).append(place)
    for places in by_group.values():
        group = members[places[0]]
        done[:, places] = _in_group(now, group[np.isfinite(now.values[group])], rows[places])
    return Others(*done)


def _in_group(now: _Now, group: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
    """Return the attributes of :class:`Others` for towns of one group of known values."""
    own = now.values[rows]
    ordered = np.sort(now.values[group])
    inside = np.isin(rows, group)
    first = np.searchsorted(ordered, own, "left")
    last = np.searchsorted(ordered, own, "right")
    known = len(ordered) - inside
    unknown = np.isnan(own)
    quartiles = np.full((3, len(rows)), np.nan)
    some = np.flatnonzero(known > 0)
    for line, share in enumerate((0.25, 0.5, 0.75)):
        place = (known[some] - 1) * share
        low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
        # The town's own value is passed over.
        after = np.where(inside, first, len(ordered))[some]
        below, above = ordered[low + (low >= after)], ordered[high + (high >= after)]
        quartiles[line, some] = below + (above - below) * (place - low)
    counts, people = now.counts[group], now.people[group]
    squares = squared(now.counts, now.people)
    return np.vstack(
        [
            known,
            np.sum(ordered > 0) - (inside & (own > 0)),
            np.where(unknown, 0, len(ordered) - first - inside),
            np.where(unknown, 0, last - inside),
            quartiles,
            counts.sum() - np.where(inside, now.counts[rows], 0),
            people.sum() - np.where(inside, now.people[rows], 0),
            squares[group].sum() - np.where(inside, squares[rows], 0),
        ]
    )


# -- towns and groups ------------------------------------------------------------------


def offered_towns() -> list[str]:
    """Codes of the towns that the dashboard offers: the PVD, and every comparable of one."""
    programme = tables.load_towns(pvd=True)["code"]
    found = peers.neighbours(_space(), list(programme))
    return sorted(set(programme) | set(found["peer"]))


def _space() -> peers.Space:
    return peers.build_space(tables.load_structure())


def _groups(towns: pd.DataFrame) -> dict[str, dict[str, tuple[str, NDArray[np.intp]]]]:
    """Return, by reference, the groups of PVD: key -> (name, places in ``towns``)."""
    programme = np.flatnonzero(towns["pvd"].to_numpy(bool))
    density = towns["density"].map(lambda d: "" if pd.isna(d) else str(int(d)))
    keys = {
        "pvd": pd.Series("", index=towns.index),
        "region": towns["region"],
        "departement": towns["departement"],
        "densite": density,
    }
    names = {
        "pvd": pd.Series("", index=towns.index),
        "region": towns["region_name"],
        "departement": towns["departement_name"],
        "densite": density.map({str(k): v for k, v in DENSITY_LABELS.items()}).fillna(""),
    }
    return {
        kind: {
            str(key): (
                str(names[kind].iloc[places[0]]),
                programme[keys[kind].iloc[programme] == key],
            )
            for key, places in towns.groupby(keys[kind]).indices.items()
            if kind == "pvd" or key
        }
        for kind in keys
    }


def _group_file(kind: str, key: str) -> str:
    return f"{kind}-{key}.json" if key else f"{kind}.json"


# -- writing ---------------------------------------------------------------------------


def write_dashboard(output: Path, *, codes: Sequence[str] | None = None) -> int:
    """Write the folder that the page reads: data, scripts, style, drawing library.

    Parameters
    ----------
    output : Path
        Folder, replaced in one step; an earlier one of the dashboard, or nothing.
    codes : sequence of str, optional
        Towns to offer; by default :func:`offered_towns`.

    Returns
    -------
    int
        How many towns have a file.

    Raises
    ------
    BookError
        The folder exists and is not an earlier export.
    """
    output = output.resolve()
    filled = output.is_dir() and any(output.iterdir())
    if output.is_file() or (filled and not (output / "meta.json").is_file()):
        raise BookError(
            f"«\u00a0{output}\u00a0» existe et n’est pas un tableau de bord exporté.",
            hint="Donnez un autre dossier, ou videz celui-ci.",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".tableau-") as folder:
        new = Path(folder) / "new"
        shutil.copytree(ASSETS, new)
        (new / "vega.js").write_text(vl_convert.javascript_bundle(_BUNDLED), encoding="utf-8")
        count = _write_data(new, offered_towns() if codes is None else sorted(set(codes)))
        if output.exists():
            output.rename(Path(folder) / "old")
        new.rename(output)
    return count


def _write_data(folder: Path, codes: Sequence[str]) -> int:
    towns = tables.load_towns()
    every = pd.Index(towns["code"])
    measures = _measures(every)
    groups = _groups(towns)
    _write(folder / "meta.json", _meta(measures))
    _write(folder / "contours.json", _contours())
    rows = every.get_indexer(codes)
    _write(folder / "index.json", _index(towns.iloc[rows]))
    (folder / "groupes").mkdir()
    for kind, found in groups.items():
        for key, (name, members) in found.items():
            _write(folder / "groupes" / _group_file(kind, key), _group(name, members, measures))
    _write_towns(folder, towns, rows, measures, groups)
    return len(codes)


def _write(path: Path, content: object) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        encoding="utf-8",
    )


def _meta(measures: Sequence[_Measure]) -> dict[str, Any]:
    used = {name for m in measures for name in m.indicator.sources}
    return {
        "date": towns_date(),
        "references": [[key, label] for key, label in REFERENCES.items()],
        "assez": portrait.FEWEST,
        "hasard": stories.luck_sentence(),
        "marques": _MARKS,
        "eloigne": [words for v in peers.VARIABLES for words in (v.lower, v.higher)],
        "themes": [[key, label] for key, label in THEMES.items()],
        "sources": {
            name: [source(name).attribution.rstrip("."), source(name).landing or ""]
            for name in sorted(used)
        },
        "indicateurs": [
            {
                "id": m.indicator.id,
                "theme": m.indicator.theme,
                "label": m.indicator.rate_label or m.indicator.label,
                "unit": m.indicator.rate_unit or m.indicator.unit if m.rated else m.indicator.unit,
                "decimals": m.decimals,
                "count": _counted(m.indicator) if m.rated else None,
                "definition": m.indicator.definition,
                "gaps": m.indicator.gaps or "",
                "years": m.years,
                "latest": m.latest,
                "sources": m.indicator.sources,
            }
            for m in measures
        ],
    }


def _counted(indicator: Indicator) -> list[Any]:
    """Return the unit of what is counted, in the plural, its decimals, its singular if known."""
    noun = indicator.noun or {}
    return [noun.get("plural", indicator.unit), indicator.decimals, noun.get("singular", "")]


def _index(towns: pd.DataFrame) -> dict[str, Any]:
    names = towns.drop_duplicates("departement").set_index("departement")["departement_name"]
    return {
        "departements": {str(key): str(name) for key, name in sorted(names.items())},
        "villes": [
            [*line[:-1], int(line[-1])]
            for line in towns[["code", "name", "departement", "pvd"]].to_numpy(object).tolist()
        ],
    }


def _contours() -> dict[str, Any]:
    """Return the outlines of the départements, drawn small, as GeoJSON for d3 (clockwise)."""
    land = tables.load_departements()
    away = land["code"].str.startswith("97")
    parts = []
    for tolerance, part in zip(_TOLERANCES, (land[~away], land[away]), strict=True):
        shapes = shapely.coverage_simplify(part.geometry.to_numpy(), tolerance)
        parts.append(gpd.GeoDataFrame({"code": part["code"].to_numpy()}, geometry=shapes))
    drawn = pd.concat(parts, ignore_index=True).sort_values("code")
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"territoire": code if code.startswith("97") else "metropole"},
                "geometry": _geojson(shape),
            }
            for code, shape in zip(drawn["code"], drawn.geometry, strict=True)
        ],
    }


def _geojson(shape: Any) -> dict[str, Any]:  # noqa: ANN401 — a geometry, shapely is not typed
    """Return the polygons of a shape, outer rings clockwise as d3 wants them."""
    polygons = [
        [
            np.round(np.asarray(ring.coords), _DIGITS).tolist()
            for ring in (one.exterior, *one.interiors)
        ]
        for one in shapely.get_parts(shapely.orient_polygons(shape, exterior_cw=True))
    ]
    return {"type": "MultiPolygon", "coordinates": polygons}


def _whole(values: Floats, decimals: int) -> NDArray[np.object_]:
    """Return values as whole numbers of the last decimal shown, ``None`` where unknown."""
    known = np.isfinite(values)
    scaled = np.round(np.where(known, values, 0) * 10**decimals).astype("int64")
    done: NDArray[np.object_] = scaled.astype(object)
    done[~known] = None
    return done


def _group(name: str, members: NDArray[np.intp], measures: Sequence[_Measure]) -> dict[str, Any]:
    """Return what a page shows of a group: per indicator, known, quantiles, medians by year."""
    lines: list[Any] = []
    for m in measures:
        values = m.values[members].T
        known = int(np.isfinite(values[m.latest]).sum()) if len(members) else 0
        if not known:
            lines.append(None)
            continue
        summary = _whole(quantiles(values[[m.latest]], _PROBABILITIES)[0], m.decimals)
        medians = _whole(quantiles(values, np.array([0.5]))[:, 0], m.decimals)
        lines.append([known, summary.tolist(), medians.tolist()])
    return {"nom": name, "villes": len(members), "i": lines}


def _write_towns(
    folder: Path,
    towns: pd.DataFrame,
    rows: NDArray[np.intp],
    measures: Sequence[_Measure],
    groups: Mapping[str, Mapping[str, tuple[str, NDArray[np.intp]]]],
) -> None:
    every = pd.Index(towns["code"])
    codes = list(every[rows])
    space = _space()
    found = peers.neighbours(space, codes)
    near, away = _near(found, codes, every)
    ranks_of_isolation = _isolation(away[:, -1], space)
    structure = tables.load_structure().loc[codes]
    pulls = _pulls(space, codes, near, every)
    keys = _keys(towns.iloc[rows])
    nobody = np.array([], dtype=np.intp)
    members = {
        kind: [groups[kind][key][1] if key in groups[kind] else nobody for key in column]
        for kind, column in keys.items()
    }
    ranks, traits = _compare(measures, rows, near, members)
    places = ["code", "name", "departement_name", "lon", "lat", "pvd"]
    located = towns[places].astype(object).where(towns[places].notna(), None)
    named = [[*line[:-1], int(line[-1])] for line in located.to_numpy().tolist()]
    (folder / "villes").mkdir()
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        blocks = [
            _block(m, rank[part], rows[part], near[part])
            for m, rank in zip(measures, ranks, strict=True)
        ]
        for place, (_, town) in enumerate(towns.iloc[rows[part]].iterrows()):
            whole = start + place
            content = {
                "ville": named[rows[whole]],
                "identite": identity(town).replace("**", ""),
                **_caution(town, ranks_of_isolation[whole], structure.iloc[whole]),
                "groupes": {
                    kind: _group_file(kind, column[whole])
                    for kind, column in keys.items()
                    if column[whole] in groups[kind]
                },
                "comparables": [named[i] for i in near[whole] if i >= 0],
                "ecarts": [
                    [round(100 * distance), *pull]
                    for i, distance, pull in zip(
                        near[whole], away[whole], pulls[whole], strict=True
                    )
                    if i >= 0
                ],
                "saillants": [reference[whole] for reference in traits],
                "i": [_line(block, place) for block in blocks],
            }
            _write(folder / "villes" / f"{town['code']}.json", content)


def _near(
    found: pd.DataFrame, codes: Sequence[str], every: pd.Index
) -> tuple[NDArray[np.intp], Floats]:
    """Return the places of the comparables, -1 where one has fewer, and their distances."""
    near = np.full((len(codes), peers.K), -1)
    line = pd.Index(codes).get_indexer(pd.Index(found["code"]))
    near[line, found["rank"] - 1] = every.get_indexer(pd.Index(found["peer"]))
    away = np.full((len(codes), peers.K), np.nan)
    away[line, found["rank"] - 1] = found["distance"]
    return near, away


def _isolation(last: Floats, space: peers.Space) -> Floats:
    """Rank (%) of the distance of towns to their last comparable among those of the PVD."""
    found = peers.neighbours(space, list(tables.load_towns(pvd=True)["code"]))
    theirs = np.sort(found.groupby("code")["distance"].max().to_numpy("float64"))
    below, upto = (np.searchsorted(theirs, last, side) for side in ("left", "right"))
    # A PVD is itself among them, and another town is one more.
    inside = upto > below
    rank = np.where(inside, (below + upto - 1) / 2 / (len(theirs) - 1), below / len(theirs))
    return np.asarray(100 * rank)


def _caution(town: pd.Series, rank: float, structure: pd.Series) -> dict[str, Any]:
    """Say how near the comparables of a town are, and whether that calls for caution."""
    text = comparison.nearness(str(town["name"]), rank, structure)
    return {"semblables": text.replace("**", ""), "prudence": int("**" in text)}


def _pulls(
    space: peers.Space, codes: Sequence[str], near: NDArray[np.intp], every: pd.Index
) -> list[list[list[int]]]:
    """Return what sets each comparable apart, as places in ``eloigne`` of ``meta.json``."""
    in_space = space.codes.get_indexer(every)
    rows = np.repeat(space.rows(codes), near.shape[1])
    found = peers.farthest(space, rows, in_space[near.ravel()])
    pulls: list[list[list[int]]] = found.reshape(*near.shape, 2).tolist()
    return pulls


def _keys(towns: pd.DataFrame) -> dict[str, list[str]]:
    """Return the group of each town, by reference; ``"?"`` where it has none."""
    density = ["?" if pd.isna(d) else str(int(d)) for d in towns["density"]]
    return {
        "pvd": [""] * len(towns),
        "region": list(towns["region"]),
        "departement": list(towns["departement"]),
        "densite": density,
    }


def _of(values: Floats, near: NDArray[np.intp]) -> Floats:
    """Take the values of some places, NaN where there is none (-1)."""
    return np.where(near >= 0, values[near], np.nan)


def _compare(
    measures: Sequence[_Measure],
    rows: NDArray[np.intp],
    near: NDArray[np.intp],
    members: Mapping[str, Sequence[NDArray[np.intp]]],
) -> tuple[list[Floats], list[list[list[list[Any]]]]]:
    """Compare the towns with each reference: their ranks, and what is told of them.

    Returns
    -------
    list of array
        By indicator: share (%) of the reference below, shape (towns, references).
    list
        By reference, then by town: place of the indicator, sentence in two parts, place of
        its mark in ``marques`` of ``meta.json``.
    """
    catalogue = {m.indicator.id: m.indicator for m in measures}
    spoken = {one.id for group in portrait.spoken(catalogue).values() for one in group}
    gaps: list[list[list[Gap]]] = [[[] for _ in rows] for _ in REFERENCES]
    chances: list[list[Floats]] = [[] for _ in REFERENCES]
    ranks = []
    for m in measures:
        now = _Now.of(m)
        own = now.values[rows]
        near_by = (_of(one, near) for one in (now.values, now.counts, now.people))
        references = [
            Others.of(own, *near_by),
            *(_in_groups(now, group, rows) for group in members.values()),
        ]
        rank = np.column_stack([_rank(others) for others in references])
        rank[np.isnan(own)] = np.nan
        ranks.append(rank)
        if m.indicator.id in spoken:
            for found, luck, others in zip(gaps, chances, references, strict=True):
                luck.append(_collect(found, m, now, rows, others))
    place = {name: rank for rank, name in enumerate(catalogue)}
    told = [
        [
            _sentences(
                portrait.first(portrait.mark_sure(one, luck), catalogue), catalogue, place, group
            )
            for one, luck in zip(towns, np.column_stack(by_indicator), strict=True)
        ]
        for towns, by_indicator, group in zip(gaps, chances, GROUPS.values(), strict=True)
    ]
    return ranks, told


def _collect(
    gaps: list[list[Gap]], m: _Measure, now: _Now, rows: NDArray[np.intp], others: Others
) -> Floats:
    """Add what may be told of each town on one indicator; return its probabilities by chance."""
    shape = len(rows)
    found = portrait.standing(
        now.values[rows],
        others,
        counts=now.counts[rows],
        people=now.people[rows],
        counted_too=np.full(shape, portrait.is_counted(m.indicator)),
        in_points=np.full(shape, portrait.is_share(m.indicator)),
        least=np.full(shape, portrait.least(m.indicator)),
        scale=np.full(shape, float(m.indicator.scale or 1)),
    )
    for town in np.flatnonzero(found.kind != "").tolist():
        gaps[town].append(
            portrait.gap_of(
                found,
                others,
                town,
                indicator=m.indicator.id,
                year=m.years[m.latest],
                count=float(now.counts[rows[town]]),
                own=float(now.values[rows[town]]),
            )
        )
    return found.chance


def _sentences(
    gaps: Sequence[Gap], catalogue: Mapping[str, Indicator], place: Mapping[str, int], group: str
) -> list[list[Any]]:
    lines = []
    for gap in gaps:
        said = portrait.sentence(gap, catalogue[gap.indicator], group)
        lines.append([place[gap.indicator], said.claim, said.rest, _MARKS.index(stories.mark(gap))])
    return lines


def _block(
    m: _Measure,
    ranks: Floats,
    rows: NDArray[np.intp],
    near: NDArray[np.intp],
) -> list[Any]:
    """Return what some towns' files hold of one indicator, one list a town for each."""
    own = _whole(m.values[rows], m.decimals)
    own[m.secret[rows]] = _HIDDEN
    counts = _whole(m.counts[rows], m.indicator.decimals).tolist() if m.rated else None
    others = _whole(_of(m.newest, near), m.decimals).tolist()
    medians = np.column_stack(
        [quantiles(_of(year, near), np.array([0.5]))[:, 0] for year in m.values.T]
    )
    known = (own != None).any(axis=1)  # noqa: E711 — element by element
    return [
        known.tolist(),
        own.tolist(),
        counts,
        others,
        _whole(medians, m.decimals).tolist(),
        _whole(ranks, 0).tolist(),
    ]


def _line(block: Sequence[Any], place: int) -> list[Any] | None:
    """Return one town's line: its values, counts, comparables, their medians, its ranks."""
    known, own, counts, others, medians, ranks = block
    if not known[place]:
        return None
    count = counts[place] if counts is not None else 0
    return [own[place], count, others[place], medians[place], ranks[place]]
