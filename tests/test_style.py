"""The house style: contrast, colour-blind safety, legibility on a phone, determinism."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from utils import style
from utils.errors import TableError

PHONE_PX = 343
# Machado, Oliveira and Fernandes (2009), severity 1.0, applied to linear RGB.
VISION = {
    "typical": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(color: str) -> float:
    """WCAG contrast on white."""
    return 1.05 / (linear(color) @ [0.2126, 0.7152, 0.0722] + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ rgb
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(color: str, vision: str) -> np.ndarray:
    return lab(np.clip(VISION[vision] @ linear(color), 0, 1))


def texts_of(figure: Figure) -> list[Text]:
    """Return the texts that a reader sees, once drawn."""
    figure.draw_without_rendering()
    hidden: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            hidden.update(axis.findobj(Text))
            if axes.axison and axes.get_visible():
                hidden.difference_update(
                    {axis.label, *(tick.label1 for tick in axis._update_ticks())}
                )
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text not in hidden
    ]


def legible(figure: Figure) -> None:
    """Assert that texts are large enough on a phone, inside, and apart from each other."""
    width = figure.get_figwidth()
    assert width <= style.WIDTH_IN
    texts = texts_of(figure)
    assert texts
    box = figure.bbox.padded(1.0)
    for text in texts:
        assert text.get_fontsize() / 72 / width * PHONE_PX >= 9, text.get_text()
        extent = text.get_window_extent()
        assert box.contains(extent.x0, extent.y0), f"coupé : {text.get_text()!r}"
        assert box.contains(extent.x1, extent.y1), f"coupé : {text.get_text()!r}"
    for one, two in combinations(texts, 2):
        a, b = (t.get_window_extent().padded(-1.0) for t in (one, two))
        assert not a.overlaps(b), f"{one.get_text()!r} sur {two.get_text()!r}"


@pytest.mark.parametrize("color", [*style.PALETTE, style.TOWN, style.INK, style.MUTED])
def test_colours_have_the_contrast_of_text(color):
    assert contrast(color) >= 4.5


def test_lines_have_the_contrast_of_graphical_objects():
    assert contrast(style.LINES) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_palette_stays_apart_for_every_vision(vision):
    for one, two in combinations(style.PALETTE, 2):
        assert np.linalg.norm(seen(one, vision) - seen(two, vision)) >= 14, (one, two)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("k", [3, 5, 7])
def test_sequential_colours_darken_for_every_vision(vision, k):
    lightness = [seen(color, vision)[0] for color in style.sequential(k)]
    assert len(lightness) == k
    assert all(b < a - 5 for a, b in pairwise(lightness))


def test_use_style_holds_and_leaves():
    before = mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]
    with mpl.rc_context():
        style.use_style()
        assert mpl.rcParams["svg.fonttype"] == "path"
        assert mpl.rcParams["font.size"] == style.FONT_PT
    with style.use_style():
        assert mpl.rcParams["svg.hashsalt"] == "petites-villes"
    assert (mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]) == before


def drawn() -> Figure:
    with style.use_style():
        figure = Figure(figsize=(style.WIDTH_IN, 2.5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1234.5], [0, 0.003])
        style.french_axis(axes, "x", unit="km")
        style.french_axis(axes, "y")
        style.message_title(figure, "Un titre qui dit ce que la figure montre, et en deux lignes")
    return figure


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_render_is_deterministic(kind):
    one, two = style.render(drawn(), kind), style.render(drawn(), kind)
    assert one == two
    assert b"<dc:date>" not in one
    assert b"<text" not in one  # text is paths: no font needed to read it


def test_french_axis_and_title():
    figure = drawn()
    legible(figure)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "1\u202f000\u00a0km" in labels
    assert "0,001" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    title = figure.get_suptitle()
    assert title.count("\n") == 1
    assert "\u202f" not in title


def test_year_axis_thins_ticks_and_keeps_the_ends():
    with style.use_style():
        axes = Figure(figsize=(5, 2)).subplots()
        axes.set_xlim(2005, 2025)
        style.year_axis(axes, range(2006, 2025), width_in=3.0)
        kept = list(axes.xaxis.get_major_locator()())
    assert kept[0] == 2024
    assert kept[-1] == 2006
    assert len(kept) < 10


def test_wrap_breaks_at_spaces_and_hyphens_never_at_no_break_spaces():
    text = "Saint-Germain-des-Fossés 1\u202f234\u00a0habitants"
    lines = style.wrap(text, 1.2).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert any("1\u202f234\u00a0habitants" in line for line in lines)
    assert lines[0].endswith("-")
    assert style.wrap("", 1) == ""
    assert style.wrap("a\nb", 3) == "a b"


def test_checked_says_what_lacks():
    with pytest.raises(TableError, match="il manque la colonne «\u00a0y\u00a0»"):
        style.checked(pd.DataFrame({"x": [1]}), ["x", "y"], what="Essai")
    with pytest.raises(TableError, match="vide"):
        style.checked(pd.DataFrame({"x": []}), ["x"], what="Essai")
