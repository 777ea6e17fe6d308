"""Maps: classes, insets, projections, basemap; synthetic squares, then real outlines."""

from __future__ import annotations

import itertools
from pathlib import Path

import contextily
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from shapely.geometry import box
from test_style import legible, texts_of

from utils import maps
from utils.errors import TableError
from utils.style import render

CENTRES = {
    "46": (1.6, 44.6), "2A": (9.0, 41.9), "59": (3.2, 50.4), "971": (-61.5, 16.2),
    "972": (-61.0, 14.6), "973": (-53.0, 4.0), "974": (55.5, -21.1), "976": (45.15, -12.8),
}  # fmt: skip


def squares(extra: dict[str, tuple[float, float]] | None = None) -> gpd.GeoDataFrame:
    """Synthetic départements: one square each, at about the right place."""
    places = CENTRES | (extra or {})
    shapes = [box(x - 0.3, y - 0.2, x + 0.3, y + 0.2) for x, y in places.values()]
    return gpd.GeoDataFrame({"code": list(places)}, geometry=shapes, crs=4326)


def towns() -> pd.DataFrame:
    codes = ["46127", "2A004", "59001", "97101", "97201", "97301", "97401", "97601"]
    frame = pd.DataFrame({"code": codes, "name": [f"Ville {c}" for c in codes]})
    frame[["lon", "lat"]] = list(CENTRES.values())
    return frame


def seen(figure):
    return " | ".join(text.get_text().replace("\n", " ") for text in texts_of(figure))


# -- classes ---------------------------------------------------------------------------


def test_classes_are_french_and_named():
    classes = maps.classify(np.arange(1000, 1100), decimals=1, unit="%")
    assert classes.method == "effectifs égaux (quantiles)"
    assert len(classes.labels) == 5
    assert classes.labels[0] == "de 1\u202f000,0 à 1\u202f019,8\u00a0%"
    assert np.bincount(classes.index).tolist() == [20] * 5


@pytest.mark.parametrize("method", ["quantiles", "natural", "equal"])
@pytest.mark.parametrize(
    "values", [[0, 0, 0], [1, 2], [0] * 50 + [1, 2, 3, 4, 5, 6, 7], [5.0, np.nan, 5.0]]
)
def test_few_values_or_ties_make_fewer_classes(values, method):
    classes = maps.classify(values, method=method)
    known = np.isfinite(np.asarray(values, dtype=float))
    assert 1 <= len(classes.labels) <= 5
    assert (classes.index[~known] == -1).all()
    assert (classes.index[known] >= 0).all()
    assert len(set(classes.labels)) == len(classes.labels)


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60))
def test_each_value_lies_within_its_class(values):
    classes = maps.classify(values)
    bounds = np.asarray(classes.bounds)
    assert (np.diff(bounds) > 0).all()
    assert (np.asarray(values) <= bounds[classes.index]).all()
    low = np.r_[-np.inf, bounds][classes.index]
    assert (np.asarray(values) > low).all()


def test_given_bounds_stay_from_one_map_to_the_next():
    one = maps.classify([1, 5, 9], bounds=[2, 6, 8])
    assert one.method == "seuils fixés"
    assert one.index.tolist() == [0, 1, 2]
    assert one.bounds == (2, 6, 9)
    with pytest.raises(TableError, match="croissants"):
        maps.classify([1, 2], bounds=[3, 1])


def test_no_known_value_is_an_error():
    with pytest.raises(TableError, match="aucune valeur"):
        maps.classify([np.nan, np.nan])


# -- France ----------------------------------------------------------------------------


def test_overseas_points_fall_in_their_own_inset():
    figure, drawn = maps.national_map(squares(), towns(), title="Huit villes")
    legible(figure)
    for inset in maps.INSETS:
        assert inset.name in seen(figure)
    dots = [axes.collections[-1].get_offsets() for axes in figure.axes]
    assert [len(part) for part in dots] == [3, 1, 1, 1, 1, 1]
    for axes, offsets in zip(figure.axes, dots, strict=True):  # inside what is shown
        left, right = axes.get_xlim()
        assert ((offsets[:, 0] > left) & (offsets[:, 0] < right)).all()
    assert len(drawn) == 8
    assert any("échelle" in note for note in drawn.attrs["notes"])


def test_insets_are_in_the_official_projections():
    assert {inset.code: inset.epsg for inset in (*maps.INSETS, maps.SAINT_PIERRE)} == {
        "971": 5490, "972": 5490, "973": 2972, "974": 2975, "976": 4471, "975": 4467,
    }  # fmt: skip


def test_insets_and_mainland_keep_equal_scales_on_both_axes():
    figure, _ = maps.national_map(squares(), towns())
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        place = axes.get_position()
        x = np.ptp(axes.get_xlim()) / (place.width * width)
        y = np.ptp(axes.get_ylim()) / (place.height * height)
        assert x == pytest.approx(y, rel=1e-6)


def test_saint_pierre_only_where_its_outline_is():
    with_it = squares({"975": (-56.3, 46.9)})
    figure, _ = maps.national_map(with_it, towns())
    legible(figure)
    assert maps.SAINT_PIERRE.name in seen(figure)
    _, drawn = maps.national_map(squares(), pd.concat([towns(), towns().assign(code="97501")]))
    assert any("8\u00a0communes hors de la carte" in note for note in drawn.attrs["notes"])


def test_circles_have_areas_in_proportion_and_say_zero_and_missing():
    frame = towns().assign(value=[4000.0, 1000, 0, np.nan, 10, 10, 10, 10])
    figure, drawn = maps.national_map(
        squares(), frame, legend_title="Habitants", town="46127", town_name="Gourdon"
    )
    legible(figure)
    sizes = figure.axes[0].collections[1].get_sizes()
    assert sizes[0] / sizes[1] == pytest.approx(4)
    text = seen(figure)
    assert "2\u202f000" in text
    assert "| 0 |" in text
    assert "n.\u00a0d. (1)" in text
    assert "Gourdon" in text
    assert drawn["value"].isna().sum() == 1
    with pytest.raises(TableError, match="négatif"):
        maps.national_map(squares(), frame.assign(value=-1))


def test_choropleth_draws_every_departement_and_hatches_the_unknown():
    land = squares()
    ratios = pd.DataFrame({"code": land["code"], "value": [1, 2, 3, 4, 5, 6, 7, np.nan]})
    figure, drawn = maps.national_map(land, ratios=ratios, legend_title="Taux", unit="%")
    legible(figure)
    assert drawn["class"].tolist()[-1] == ""
    assert "n.\u00a0d. (1)" in seen(figure)
    assert "Classes\u00a0: effectifs égaux (quantiles)." in drawn.attrs["notes"]
    mayotte = figure.axes[-1].collections[0]
    assert mayotte.get_hatch() == "////"


def test_towns_by_class_or_category():
    figure, drawn = maps.national_map(
        squares(), towns().assign(value=range(8)), symbol="classes", bounds=[2, 5, 7]
    )
    legible(figure)
    assert drawn["class"].nunique() == 3
    figure, _ = maps.national_map(squares(), towns().assign(category=list("aabbccdd")))
    legible(figure)
    assert "a (2)" in seen(figure)


def test_a_town_without_coordinates_is_counted():
    frame = towns()
    frame.loc[0, "lon"] = np.nan
    _, drawn = maps.national_map(squares(), frame)
    assert "1\u00a0ville sans coordonnées." in drawn.attrs["notes"]


def test_nothing_or_too_much_to_draw_is_an_error():
    with pytest.raises(TableError, match="il faut des villes ou des taux"):
        maps.national_map(squares())
    with pytest.raises(TableError, match="vide"):
        maps.national_map(squares(), towns().head(0))
    with pytest.raises(TableError, match="manque"):
        maps.national_map(squares(), pd.DataFrame({"code": ["1"]}))


# -- one town --------------------------------------------------------------------------


@pytest.fixture
def town() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": ["46127"]}, geometry=[box(1.3, 44.7, 1.4, 44.8)], crs=4326)


@pytest.fixture
def no_tiles(monkeypatch):
    """Answer every request for tiles as a machine without network does."""
    asked = []

    def refuse(*_args, **options):
        asked.append(options)
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(contextily, "add_basemap", refuse)
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    return asked


def test_without_network_the_same_map_says_so(town, no_tiles):
    points = pd.DataFrame(
        {"lon": [1.35, 1.36, np.nan], "lat": [44.75, 44.76, 44.7],
         "category": ["cinéma", "musée", "musée"]}
    )  # fmt: skip
    figure, drawn = maps.town_map(town, points, title="Deux lieux à Gourdon")
    legible(figure)
    assert no_tiles[0]["crs"] == "EPSG:2154"
    assert no_tiles[0]["attribution"] is False
    assert no_tiles[0]["source"]["name"] == "GeoportailFrance.plan"
    assert "1\u00a0lieu sans coordonnées." in drawn.attrs["notes"]
    assert drawn.attrs["notes"][0].startswith("Fond de carte IGN absent")
    assert "IGN" not in seen(figure)
    assert "cinéma (1)" in seen(figure)


def test_offline_never_tries(town, no_tiles, monkeypatch):
    monkeypatch.setenv("PVD_OFFLINE", "1")
    _, drawn = maps.town_map(town)
    assert no_tiles == []
    assert "PVD_OFFLINE" in drawn.attrs["notes"][0]
    _, drawn = maps.town_map(town, basemap=False)
    assert drawn.attrs["notes"] == []


def test_with_tiles_the_credit_is_on_the_map_and_in_the_notes(town, monkeypatch):
    monkeypatch.setattr(contextily, "add_basemap", lambda *_args, **_options: None)
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    figure, drawn = maps.town_map(town)
    legible(figure)
    assert maps.IGN_CREDIT in seen(figure)
    assert maps.IGN_CREDIT in drawn.attrs["notes"][0]


def test_a_fault_of_ours_is_not_taken_for_a_lack_of_network(town, monkeypatch):
    def fault(*_args, **_options):
        raise TypeError("a bug")

    monkeypatch.setattr(contextily, "add_basemap", fault)
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    with pytest.raises(TypeError):
        maps.town_map(town)


@pytest.mark.parametrize("points", [None, pd.DataFrame({"lon": [], "lat": [], "category": []})])
def test_a_town_with_nothing_at_all(town, points):
    figure, drawn = maps.town_map(town, points, basemap=False)
    legible(figure)
    assert (points is None) == (len(drawn) == 1)


def test_scale_bar_is_true(town):
    figure, _ = maps.town_map(town, basemap=False)
    axes = figure.axes[0]
    bar = axes.patches[-1]
    assert f"{bar.get_width() / 1000:.0f}\u00a0km" in seen(figure)
    assert bar.get_width() == maps.scale_length(np.ptp(axes.get_xlim()))
    width, height = figure.get_size_inches()
    place = axes.get_position()
    across = np.ptp(axes.get_xlim()) / (place.width * width)
    up = np.ptp(axes.get_ylim()) / (place.height * height)
    assert across == pytest.approx(up, rel=1e-3)


@pytest.mark.parametrize(("width", "bar"), [(1000, 200), (7000, 2000), (20000, 5000), (34000, 1e4)])
def test_scale_length(width, bar):
    assert maps.scale_length(width) == bar


def stocks() -> pd.DataFrame:
    """Three communes and their stocks, the second 40 km from the town; synthetic."""
    return pd.DataFrame({
        "lon": [1.36, 1.85, 1.37], "lat": [44.76, 44.75, 44.76],
        "value": [25.0, 100.0, 4.0], "name": ["Aube", "Brise", "Cime"],
    })  # fmt: skip


def test_a_ring_is_shown_whole_with_all_the_points(town):
    figure, _ = maps.town_map(town, stocks(), basemap=False, ring_m=25_000, unit="MW")
    axes = figure.axes[0]
    assert np.ptp(axes.get_xlim()) > 25_000 + 39_000
    assert np.ptp(axes.get_ylim()) > 50_000
    assert "à 25\u00a0km du centre" in seen(figure)
    legible(figure)


def test_stocks_around_a_town_are_circles_of_proportional_area(town):
    figure, _ = maps.town_map(town, stocks(), basemap=False, top=400.0, unit="MW")
    circles = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    sizes = sorted(line.get_markersize() for line in circles)
    assert sizes[2] / sizes[1] == pytest.approx(2)  # 100 and 25
    assert sizes[2] == pytest.approx(maps.CIRCLE_PT[0] / 2)  # a quarter of the area of 400
    assert "200\u00a0MW" in seen(figure)


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))


def test_squares_are_to_scale_and_their_numbers_can_be_read(town):
    points = pd.DataFrame({
        "lon": [1.351, 1.3535, 1.356], "lat": [44.74, 44.74, 44.74],
        "category": ["15 et plus", "6 à 14", "3 à 5"], "label": ["31", "7", "3"],
    })  # fmt: skip
    figure, drawn = maps.town_map(town, points, basemap=False, focus=True, side_m=200)
    axes = figure.axes[0]
    fills = {patch.get_xy(): patch.get_facecolor()[:3] for patch in axes.patches[:3]}
    assert {(p.get_width(), p.get_height()) for p in axes.patches[:3]} == {(200, 200)}
    by_darkness = sorted(fills.values(), key=luminance)
    assert list(fills.values()) == by_darkness  # the fullest first
    numbers = [text for text in axes.texts if text.get_text() in set(points["label"])]
    assert len(numbers) == 3
    for text, fill in zip(numbers, fills.values(), strict=True):
        low, high = sorted([luminance(text.get_color()), luminance(fill)])
        assert (high + 0.05) / (low + 0.05) >= 4.5
    assert "limite communale" not in seen(figure)  # it is out of the focused map
    assert any("centrée" in note for note in drawn.attrs["notes"])
    legible(figure)


def test_names_of_points_cover_neither_each_other_nor_the_points(town):
    figure, _ = maps.town_map(town, stocks(), basemap=False, ring_m=25_000, top=100.0)
    axes = figure.axes[0]
    names = [text for text in axes.texts if text.get_text() in set(stocks()["name"])]
    assert "Brise" in {text.get_text() for text in names}
    boxes = [text.get_window_extent() for text in names]
    assert not any(one.overlaps(two) for one, two in itertools.combinations(boxes, 2))
    places = gpd.GeoSeries.from_xy(stocks()["lon"], stocks()["lat"], crs=4326).to_crs(2154)
    for x, y in axes.transData.transform(places.get_coordinates().to_numpy()):
        assert not any(one.contains(x, y) for one in boxes)


def test_scale_bar_leaves_the_points_to_be_seen(town):
    corner = pd.DataFrame({"lon": [1.301], "lat": [44.701], "category": ["lieu"]})
    figure, _ = maps.town_map(town, corner, basemap=False)
    axes = figure.axes[0]
    bar = axes.patches[-1]
    place = gpd.GeoSeries.from_xy(corner["lon"], corner["lat"], crs=4326).to_crs(2154)
    left, low, right, high = axes.patches[-2].get_bbox().extents
    assert not (left <= place.x[0] <= right and low <= place.y[0] <= high)
    assert left <= bar.get_x() <= bar.get_x() + bar.get_width() <= right


def test_outlines_around_are_named_where_there_are_some(town):
    near = gpd.GeoDataFrame({"code": ["46128"]}, geometry=[box(1.4, 44.7, 1.5, 44.8)], crs=4326)
    far = near.assign(geometry=near.geometry.translate(3.0))
    figure, _ = maps.town_map(town, neighbours=near, basemap=False)
    assert "autre Petite ville de demain" in seen(figure)
    figure, _ = maps.town_map(town, neighbours=far, basemap=False)
    assert "autre Petite ville de demain" not in seen(figure)


def test_no_outline_is_an_error(town):
    with pytest.raises(TableError, match="vide"):
        maps.town_map(town.head(0))


# -- real outlines ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def departements(mirror: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(mirror / "contours" / "departements-100m.geojson")


@pytest.mark.mirror
def test_real_france_reads_on_a_phone(departements):
    ratios = pd.DataFrame({"code": departements["code"], "value": range(len(departements))})
    figure, drawn = maps.national_map(
        departements, ratios=ratios, title="Une carte de France avec ses outre-mer",
        legend_title="Rang du département",
    )  # fmt: skip
    legible(figure)
    assert len(drawn) == 101
    west, east = figure.axes[0].get_xlim()
    assert west < 130_000 < 1_240_000 < east  # Ouessant and Corsica, in EPSG:2154
    assert len(render(figure, "svg")) < 1_000_000


@pytest.mark.mirror
@pytest.mark.parametrize("code", ["46127", "97213", "97407"])
def test_real_towns(mirror, code):
    outlines = gpd.read_file(
        mirror / "contours" / "communes-100m.geojson", where=f"code LIKE '{code[:3]}%'"
    )
    outline = outlines[outlines["code"] == code]
    figure, _ = maps.town_map(outline, neighbours=outlines, basemap=False, title="Une ville")
    legible(figure)
