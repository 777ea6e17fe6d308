"""Charts, on small synthetic frames: every odd case draws, and reads on a phone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_style import legible, texts_of

from utils import charts
from utils.errors import TableError
from utils.style import MARKERS, PALETTE, render

CODES = [f"{i:05d}" for i in range(21)]
LONG = "Commerces alimentaires de proximité, y compris les marchés hebdomadaires et les halles"


def towns(labels=("Boulangeries", LONG, "Coiffure"), seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [(label, code, rng.gamma(2, i + 0.5)) for i, label in enumerate(labels) for code in CODES],
        columns=["label", "code", "value"],
    )


def years(names=("Boulangeries", "Boucheries", "Coiffure")):
    return pd.DataFrame(
        [(y, name, 5.0 + i + k) for i, name in enumerate(names)
         for k, y in enumerate((2009, 2013, 2018, 2024))],
        columns=["year", "series", "value"],
    )  # fmt: skip


def seen(figure):
    return " | ".join(text.get_text().replace("\n", " ") for text in texts_of(figure))


@pytest.mark.parametrize(
    ("case", "own"),
    [("known", "◆"), ("nan", "n.\u00a0d."), ("absent", "n.\u00a0d."), ("zeros", "◆ 0,0"),
     ("one row", "◆"), ("no comparison", "aucune valeur connue"), ("apart", "◆")],
)  # fmt: skip
def test_strip_against(case, own):
    frame, town = towns(), "00000"
    options = {"unit": "pour 1 000 habitants"}
    if case == "nan":
        frame.loc[frame["code"] == town, "value"] = np.nan
    elif case == "absent":
        town = "99999"
    elif case == "zeros":
        frame["value"] = 0
    elif case == "one row":
        frame = frame[frame["label"] == "Coiffure"]
    elif case == "no comparison":
        frame.loc[frame["code"] != town, "value"] = np.nan
    elif case == "apart":
        frame["unit"] = frame["label"].map({"Boulangeries": "km", LONG: "pour 1 000 habitants",
                                            "Coiffure": "%"})  # fmt: skip
        options = {"shared": False}
    figure, drawn = charts.strip_against(
        frame, town=town, town_name="Saint-Germain-des-Fossés",
        title="Un titre assez long pour tenir sur deux lignes, comme souvent", **options,
    )  # fmt: skip
    legible(figure)
    assert own in seen(figure)
    assert list(drawn["label"].unique()) == list(frame["label"].unique())
    assert drawn["is_town"].sum() == (frame["code"] == town).sum()
    assert drawn.attrs["function"] == "utils.charts.strip_against"
    if case == "no comparison":
        assert "60" in drawn.attrs["notes"][0]
    if case == "apart":
        assert "(pour 1 000 habitants)" in seen(figure)


def test_strip_does_not_change_its_input_and_is_deterministic():
    frame = towns()
    before = frame.copy()
    one, two = (
        render(charts.strip_against(frame, town="00000", town_name="A")[0], "svg") for _ in "ab"
    )
    assert one == two
    pd.testing.assert_frame_equal(frame, before)


def test_strip_marks_quartiles():
    frame = pd.DataFrame({"label": "x", "code": CODES, "value": range(21)})
    figure, _ = charts.strip_against(frame, town="00000", town_name="A")
    box = figure.axes[0].patches[0]
    others = np.arange(1, 21)
    assert box.get_x() == pytest.approx(np.quantile(others, 0.25))
    assert box.get_x() + box.get_width() == pytest.approx(np.quantile(others, 0.75))


def test_strip_ends_before_the_giants_and_says_how_many() -> None:
    values = [2.0, *range(1, 19), 500, 1000]
    frame = pd.DataFrame({"label": "x", "code": CODES, "value": values})
    figure, _ = charts.strip_against(frame, town="00000", town_name="A", shared=False, cut=True)
    legible(figure)
    assert "2 au-delà" in seen(figure)
    assert figure.axes[0].get_xlim()[1] < 500
    whole, _ = charts.strip_against(
        frame.assign(value=[1e6, *values[1:]]), town="00000", town_name="A", shared=False, cut=True
    )
    assert "au-delà" not in seen(whole)  # the town itself is the giant


def test_scatter_over_many_decades_labels_the_powers_of_ten_only() -> None:
    frame = pd.DataFrame({"code": CODES, "x": np.logspace(0, 5, 21), "y": range(21)})
    figure, _ = charts.scatter(frame, x_label="x", y_label="y", log_x=True)
    legible(figure)


def test_evolution_names_lines_without_collision():
    names = ["Boulangeries", "Boucheries et charcuteries", "Coiffure", "Pharmacies", "Librairies"]
    frame = years(names)
    frame["value"] = 10.0 + frame.index % 4 * 0.1  # all lines end at the same height
    figure, drawn = charts.evolution(frame, title="Cinq lignes au même endroit", decimals=1)
    legible(figure)
    assert all(name.split()[0] in seen(figure) for name in names)
    assert len(drawn) == 20


def test_evolution_breaks_and_gaps():
    frame = years()
    frame = frame[~((frame["series"] == "Coiffure") & (frame["year"] == 2013))]
    frame.loc[(frame["series"] == "Boucheries") & (frame["year"] == 2018), "value"] = np.nan
    figure, drawn = charts.evolution(frame, unit="établissements", breaks={2024: "autre source"})
    legible(figure)
    assert "autre source" in seen(figure)
    lines = [line for line in figure.axes[0].lines if line.get_marker() in MARKERS]
    assert len(lines) == 3
    for line in lines:  # nothing is drawn across the break
        x, y = line.get_data()
        assert np.isnan(y[x == 2021]).all()
        assert (x == 2021).any()
    assert drawn["value"].isna().sum() == 2
    assert [line.get_color() for line in lines] == list(PALETTE[:3])
    assert len({line.get_linestyle() for line in lines}) > 1


def test_evolution_in_panels_when_many():
    frame = years([f"Série {i}" for i in range(7)])
    frame.loc[frame["series"] == "Série 6", "value"] = np.nan
    figure, drawn = charts.evolution(frame, title="Sept séries", unit="unités")
    legible(figure)
    assert "Série 6\u00a0: n.\u00a0d." in seen(figure)
    assert "Série 6" in drawn.attrs["notes"][0]


@pytest.mark.parametrize("value", [0.0, np.nan, 3.0])
def test_evolution_of_one_year_or_nothing(value):
    frame = pd.DataFrame({"year": [2018], "series": ["Une"], "value": [value]})
    figure, drawn = charts.evolution(frame)
    legible(figure)
    assert bool(drawn.attrs["notes"]) == np.isnan(value)


def test_evolution_refuses_two_values_for_a_year():
    with pytest.raises(TableError, match="plusieurs valeurs"):
        charts.evolution(pd.concat([years(), years()]))


def test_bars_write_french_values():
    frame = pd.DataFrame(
        {"label": ["Bouche", LONG, "Services", "Rien"], "value": [12345.6, -300, np.nan, 0]}
    )
    figure, drawn = charts.bars(frame, title="Des barres", decimals=1, highlight="Bouche")
    legible(figure)
    text = seen(figure)
    assert "12\u202f345,6" in text
    assert "\u2212300,0" in text
    assert "n.\u00a0d." in text
    assert len(figure.axes[0].patches) == 3  # no bar where nothing is known
    assert list(drawn.columns) == ["label", "value"]


def test_grouped_bars_have_hatches():
    frame = pd.DataFrame(
        {"label": ["a", "a", "b"], "group": ["Gourdon", "villes comparables", "Gourdon"],
         "value": [1, 2, 3]}
    )  # fmt: skip
    figure, _ = charts.bars(frame, unit="pour 1 000 habitants")
    legible(figure)
    assert len({bar.get_hatch() for bar in figure.axes[0].patches}) == 2
    assert "n.\u00a0d." in seen(figure)
    assert "pour 1 000 habitants" in seen(figure)


@pytest.mark.parametrize("value", [0, 5])
def test_one_bar(value):
    figure, _ = charts.bars(pd.DataFrame({"label": ["Seule"], "value": [value]}))
    legible(figure)


def test_bars_refuse_repeats_and_too_many_groups():
    with pytest.raises(TableError, match="répétée"):
        charts.bars(pd.DataFrame({"label": ["a", "a"], "value": [1, 2]}))
    with pytest.raises(TableError, match="groupes"):
        charts.bars(pd.DataFrame({"label": "a", "group": list("abcde"), "value": 1}))


@pytest.mark.parametrize("kind", ["real", "whole", "equal", "one", "missing town", "skewed"])
def test_histogram(kind):
    rng = np.random.default_rng(1)
    values = {
        "whole": rng.integers(0, 6, 21),
        "equal": np.zeros(21),
        "skewed": np.r_[rng.random(20), 1e6],
    }.get(kind, rng.random(21))
    frame = pd.DataFrame({"code": CODES, "value": values.astype(float)})
    if kind == "one":
        frame = frame.head(1)
    if kind == "missing town":
        frame.loc[0, "value"] = np.nan
    figure, drawn = charts.histogram_of_towns(
        frame, town="00000", town_name="Gourdon", label="habitants", unit="habitants"
    )
    legible(figure)
    assert "Gourdon" in seen(figure)
    assert drawn["is_town"].sum() == 1
    if kind == "missing town":
        assert "n.\u00a0d." in seen(figure)
        assert drawn.attrs["notes"]


def test_scatter_counts_what_it_leaves_out():
    frame = pd.DataFrame({"code": CODES, "x": np.arange(21.0) * 500, "y": np.arange(21.0)})
    frame.loc[3, "y"] = np.nan
    figure, drawn = charts.scatter(
        frame, town="00005", town_name="Gourdon", log_x=True, title="Deux mesures",
        x_label="population en 2023 (échelle logarithmique)",
        y_label="commerces pour 1 000 habitants",
    )  # fmt: skip
    legible(figure)
    assert len(drawn) == 19
    assert drawn.attrs["notes"][0].startswith("2\u00a0villes non dessinées")
    figure, _ = charts.scatter(frame, town="9", town_name="Nulle", x_label="x", y_label="y")
    assert "Nulle\u00a0: n.\u00a0d." in seen(figure)


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (lambda f: charts.strip_against(f, town="1", town_name="A"), ["label", "code", "value"]),
        (charts.evolution, ["year", "series", "value"]),
        (charts.bars, ["label", "value"]),
        (charts.histogram_of_towns, ["code", "value"]),
        (lambda f: charts.scatter(f, x_label="x", y_label="y"), ["code", "x", "y"]),
    ],
)
def test_nothing_to_draw_is_an_error(draw, columns):
    with pytest.raises(TableError, match="vide"):
        draw(pd.DataFrame({column: [] for column in columns}))
    with pytest.raises(TableError, match="manque"):
        draw(pd.DataFrame({"autre": [1]}))


def test_no_known_value_is_an_error_where_a_distribution_is_asked():
    frame = pd.DataFrame({"code": CODES, "value": np.nan, "x": np.nan, "y": 1.0})
    with pytest.raises(TableError, match="aucune valeur"):
        charts.histogram_of_towns(frame)
    with pytest.raises(TableError, match="aucune ville"):
        charts.scatter(frame, x_label="x", y_label="y")


def test_spread_keeps_order_and_gap():
    placed = charts._spread([1.0, 1.0, 1.05, 5.0], 0.2)
    assert np.all(np.diff(placed) >= 0.2 - 1e-9)
    assert placed[3] == 5.0


def test_stacked_shares_sum_to_one_hundred_and_the_unknown_is_said() -> None:
    frame = pd.DataFrame({
        "label": ["a", "a", "b", "b", "c", "c"], "part": ["x", "y"] * 3,
        "value": [1, 3, 0, 0, 2, None],
    })  # fmt: skip
    figure, drawn = charts.stacked(frame, title="Parts")
    assert drawn["share"].tolist()[:2] == [25, 75]
    assert drawn["share"].isna().sum() == 4
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("n.\u00a0d.") == 2


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"label": ["a", "a"], "part": ["x", "x"], "value": [1, 2]}),
        pd.DataFrame({"label": ["a"] * 5, "part": list("vwxyz"), "value": 1}),
        pd.DataFrame({"label": [], "part": [], "value": []}),
    ],
)
def test_stacked_refuses_what_it_cannot_draw(frame: pd.DataFrame) -> None:
    with pytest.raises(TableError):
        charts.stacked(frame)
