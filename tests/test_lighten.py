"""A lighter site looks the same: what matches something, or says something new, stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTFont

from utils import sitecheck
from utils.lighten import darken, lighten, named_words, prune, subset_font

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"

PAGE = """<!DOCTYPE html><html lang="fr"><head><title>Une page</title>
<link rel="stylesheet" href="site_libs/bootstrap/bootstrap-0a.min.css">
<link rel="stylesheet" href="site_libs/bootstrap/bootstrap-dark-0b.min.css">
</head><body class="sombre"><p class="note vive">Du texte</p><p>Un autre</p>
<script>document.body.classList.add("bi-" + "loupe");</script></body></html>"""
LIGHT = """/*! Un titre */ p{margin:1px;color:#111} .note{border:1px solid red}
.note{border-width:0} .vive,.nulle{padding:3px} .nulle{margin:9px}
@media (min-width: 1px){.note{display:flex} .nulle{color:red}}
@media (min-width: 2px){.nulle{color:red}} .note:not(.nulle){width:50px}"""
DARK = LIGHT.replace("#111", "#eee").replace("solid red", "solid blue")


def test_a_class_that_nothing_names_goes() -> None:
    kept = prune(LIGHT, named_words([PAGE]))
    assert ".nulle{" not in kept
    assert ",.nulle" not in kept
    assert "(min-width: 2px)" not in kept
    for said in ("p{margin:1px", ".vive{padding:3px}", ".note{display:flex}", ".note:not(.nulle)"):
        assert said in kept


@pytest.mark.parametrize(
    ("name", "kept"), [("bi-loupe", True), ("bi-github", False), ("note", True), ("bi", False)]
)
def test_a_class_that_a_script_composes_stays(name: str, kept: bool) -> None:
    assert (name in prune(f".{name}{{color:red}}", named_words([PAGE]))) == kept


def test_the_dark_sheet_says_only_what_changes() -> None:
    assert darken(LIGHT, LIGHT) == ""
    left = darken(LIGHT, DARK)
    assert "p{color:#eee}" in left
    for same in ("margin", "padding", "display", "width:50px"):
        assert same not in left
    assert left.index("solid blue") < left.index("border-width:0")  # else the border is back


def test_custom_properties_are_taken_one_by_one() -> None:
    light, dark = ":root{--fond:white;--taille:1px}", ":root{--fond:black;--taille:1px}"
    assert darken(light, dark) == ":root{--fond:black}"


def test_strings_and_animations_are_kept() -> None:
    sheet = '@keyframes tour{to{top:0}} .note::before{content:"}";color:red!important}'
    kept = prune(sheet, named_words([PAGE]))
    assert "@keyframes tour{to{top:0}}" in kept
    assert '.note::before{content:"}";color:red!important}' in kept
    assert prune(kept, named_words([PAGE])) == kept


def test_a_font_keeps_the_glyphs_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "police.woff"
    with TTFont(FONT) as whole:
        whole.flavor = "woff"
        whole.save(path)
    before = path.stat().st_size
    subset_font(path, map(ord, "Ié"))
    assert path.stat().st_size < before / 20
    with TTFont(path) as left:
        assert set(left.getBestCmap()) == {ord("I"), ord("é")}


@pytest.mark.browser
@pytest.mark.skipif(sitecheck.find_browser() is None, reason="Chromium absent")
def test_every_element_keeps_its_style(tmp_path: Path) -> None:
    whole, light = tmp_path / "avant", tmp_path / "après"
    folder = whole / "site_libs" / "bootstrap"
    folder.mkdir(parents=True)
    (whole / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "bootstrap-0a.min.css").write_text(LIGHT, encoding="utf-8")
    (folder / "bootstrap-dark-0b.min.css").write_text(DARK, encoding="utf-8")
    shutil.copytree(whole, light)
    lighten(light)
    sizes = [sum(p.stat().st_size for p in one.rglob("*.css")) for one in (whole, light)]
    assert sizes[1] < sizes[0] / 2
    looks = []
    with sitecheck._browser() as browser:
        for site in (whole, light):
            with sitecheck._served(site) as address:
                page = browser.new_page()
                page.goto(f"{address}/index.html")
                looks.append(page.evaluate(ALL_STYLES))
                page.close()
    assert looks[0] == looks[1]
    assert "rgb(238, 238, 238)" in looks[0][0]


ALL_STYLES = """() => [...document.querySelectorAll("p")].map((e) => {
  const style = getComputedStyle(e);
  return [...style].map((name) => `${name}: ${style.getPropertyValue(name)}`).join("; ");
})"""


def test_a_site_without_these_sheets_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    lighten(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
