"""The checks of the built pages see what a reader would."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils import sitecheck
from utils.errors import BookError

PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)

GOOD = '<h1 id="haut">Ici</h1><img src="point.png" alt="un point"><a href="b.html#bas">là</a>'


def page(body: str, *, lang: str = "fr", title: str = "Page") -> str:
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="icon" href="data:,"></head><body>{body}</body></html>'
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text(page(GOOD), encoding="utf-8")
    (tmp_path / "b.html").write_text(page('<p id="bas">bas</p>'), encoding="utf-8")
    (tmp_path / "point.png").write_bytes(PIXEL)
    return tmp_path


def test_a_good_site_has_no_fault(site: Path) -> None:
    assert sitecheck.check_site(site) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="absent.html">x</a>', "lien cassé vers absent.html"),
        ('<a href="b.html#rien">x</a>', "ancre qui n’existe pas"),
        ('<a href="#rien">x</a>', "ancre qui n’existe pas"),
        ('<img src="absent.png" alt="x">', "image cassé vers absent.png"),
        ('<img src="point.png">', "pas de texte de remplacement"),
        ('<img src="point.png" alt=" ">', "pas de texte de remplacement"),
        ("<p>voir ?@fig-rien</p>", "référence non résolue « ?@fig-rien »"),
        ("<p>le ?var:date</p>", "référence non résolue"),
        ('<script src="https://cdn.example/x.js"></script>', "chargé d’un autre site"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "chargé d’un autre site"),
    ],
)
def test_each_fault_is_seen(site: Path, body: str, fault: str) -> None:
    (site / "index.html").write_text(page(body), encoding="utf-8")
    faults = sitecheck.check_site(site)
    assert len(faults) == 1
    assert faults[0].startswith("index.html : ")
    assert fault in faults[0]


def test_language_and_title_are_asked(site: Path) -> None:
    (site / "index.html").write_text(page("", lang="en", title=""), encoding="utf-8")
    assert len(sitecheck.check_site(site)) == 2


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    assert sitecheck.check_site(tmp_path) == [f"Aucune page dans {tmp_path}."]
    with pytest.raises(BookError, match="make book"):
        sitecheck.run(tmp_path, tmp_path)


needs_browser = pytest.mark.skipif(
    sitecheck.find_browser() is None, reason="navigateur absent : chromium n’est pas installé"
)


@pytest.mark.browser
@needs_browser
def test_the_browser_passes_a_good_site_and_keeps_screenshots(site: Path, tmp_path: Path) -> None:
    assert sitecheck.check_in_browser(site, tmp_path / "art") == []
    shots = {path.name for path in (tmp_path / "art" / "screenshots").iterdir()}
    assert shots == {"index-1280.png", "index-375.png", "b-1280.png", "b-375.png"}


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>console.error('aïe')</script>", "erreur de console : aïe"),
        ("<script>throw new Error('aïe')</script>", "erreur de script"),
        ('<div style="width: 2000px">large</div>', "plus large que l’écran"),
        ('<img src="index.html" alt="pas une image">', "image non chargée"),
        ('<img src="http://ailleurs.example/x.png" alt="x">', "demande refusée"),
    ],
)
def test_the_browser_sees_what_files_cannot_tell(
    site: Path, tmp_path: Path, body: str, fault: str
) -> None:
    (site / "b.html").write_text(page(body), encoding="utf-8")
    faults = sitecheck.check_in_browser(site, tmp_path / "art", widths=(375,))
    assert any(fault in found for found in faults), faults


@pytest.mark.browser
@needs_browser
def test_what_scrolls_in_its_own_frame_is_not_too_wide(site: Path, tmp_path: Path) -> None:
    wide = '<div style="overflow-x: auto"><div style="width: 2000px">large</div></div>'
    (site / "b.html").write_text(page(wide), encoding="utf-8")
    assert sitecheck.check_in_browser(site, tmp_path / "art", widths=(375,)) == []
