"""The checks of the pages: each fault is found and named, a sound page has none."""

from __future__ import annotations

import base64
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from utils import sitecheck, weights
from utils.errors import BookError
from utils.sitecheck import check_in_browser, check_site, find_browser, run

needs_browser = pytest.mark.skipif(find_browser() is None, reason="Chromium absent")
PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<link rel="icon" href="image.svg">{head}</head>
<body><h1 id="haut">Titre</h1><img src="image.svg" alt="Un carré">{body}</body></html>
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9H0z"/></svg>'

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a synthetic site whose first page has a body."""

    def write(body: str = "", *, head: str = "", lang: str = "fr", title: str = "Titre") -> Path:
        folder = tmp_path / "site"
        (folder / "chapters").mkdir(parents=True)
        (folder / "image.svg").write_text(SVG)
        (folder / "chapters" / "image.svg").write_text(SVG)
        (folder / "data.csv").write_text("a\n1\n")
        pages = {"index.html": (body, head), "chapters/deux.html": ('<p id="sec-deux">', "")}
        for name, (text, top) in pages.items():
            content = PAGE.format(body=text, head=top, lang=lang, title=title)
            (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write


SOUND = """<a href="chapters/deux.html#sec-deux">suite</a> <a href="#haut">haut</a>
<a href="">moi</a>
<a href="data.csv" download>CSV</a> <a href="https://example.org/">dehors</a> <a href="#">x</a>
<a href="/chapters/deux.html?q=1">absolu</a> <p>Écrire à equipe@exemple.fr.</p>
<pre><code>::: {#fig-x} @fig-x ?@fig-x {{&lt; var x &gt;}}</code></pre>"""


def test_a_sound_site_has_no_fault(make: Make) -> None:
    assert check_site(make(SOUND)) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<a href="absent.html">x</a>', "lien cassé, absent.html"),
        ('<a href="../../../etc/hosts">x</a>', "lien cassé"),
        ('<a href="chapters/deux.html#nulle">x</a>', "ancre qui n’existe pas"),
        ('<a href="#nulle">x</a>', "ancre qui n’existe pas"),
        ('<img src="absente.png" alt="Un texte">', "fichier cassé, absente.png"),
        ('<img src="image.svg" alt=" ">', "pas de texte de remplacement"),
        ('<img src="image.svg">', "pas de texte de remplacement"),
        ('<img src="https://example.org/a.png" alt="x">', "img chargé d’un autre site"),
        ('<script src="//example.org/a.js"></script>', "script chargé d’un autre site"),
        ("<style>@import url('https://example.org/a.css');</style>", "style qui charge"),
        ('<p style="background: url(//example.org/a.png)">', "style qui charge"),
        ("<p>Voir ?@fig-absente.</p>", "?@fig-absente"),
        ("<p>Voir @tbl-absent.</p>", "@tbl-absent"),
        ("<p>Au ?var:date-donnees.</p>", "?var:date-donnees"),
        ("<p>Au {{&lt; var date &gt;}}.</p>", "n’est pas résolu"),
        ("<p>::: {#fig-x}</p>", "n’est pas résolu"),
        ('<div class="cell-output cell-output-stderr">attention</div>', "avertissement"),
        ('<p id="fig-x"></p><p id="fig-x"></p>', "« fig-x » est porté deux fois"),
        ('<a href="#haut">x</a><main id="m"></main>', "ne mène pas au contenu"),
        ('<p id="sec-deux"></p>', "« sec-deux » est porté deux fois"),
    ],
)
def test_a_fault_is_named(make: Make, body: str, told: str) -> None:
    faults = [fault.replace("\u00a0", " ") for fault in check_site(make(body))]
    assert len(faults) == 1, faults
    assert told in faults[0]
    assert "index.html" in faults[0]


@pytest.mark.parametrize(
    ("values", "told"),
    [({"lang": "en"}, "français"), ({"title": " "}, "titre")],
)
def test_a_page_has_a_language_and_a_title(make: Make, values: dict[str, str], told: str) -> None:
    faults = check_site(make(**values))
    assert len(faults) == 2
    assert all(told in fault for fault in faults)


@pytest.mark.parametrize("image", ["image.svg", "absente.png", "chapters/image.png"])
def test_a_shared_link_has_a_picture_that_networks_show(make: Make, image: str) -> None:
    place = "https://example.org/livre"
    folder = make(head=f'<meta property="og:image" content="{place}/{image}">')
    (folder / "sitemap.xml").write_text(f"<loc>{place}/index.html</loc>")
    (fault,) = check_site(folder)
    assert "image de partage" in fault
    (folder / image).with_suffix(".png").write_bytes(b"")
    assert (check_site(folder) == []) == image.endswith(".png")


def test_a_style_sheet_and_a_font_from_elsewhere(make: Make) -> None:
    folder = make(head='<link rel="stylesheet" href="https://example.org/a.css">')
    (folder / "a.css").write_text('@font-face { src: url("https://example.org/a.woff2"); }')
    assert ["link" in f or "a.woff2" in f for f in check_site(folder)] == [True, True]


def test_the_site_map_tells_where_the_site_stands(make: Make) -> None:
    folder = make('<a href="/livre/chapters/deux.html">x</a>')
    assert len(check_site(folder)) == 1
    (folder / "sitemap.xml").write_text("<loc>https://example.org/livre/index.html</loc>")
    assert check_site(folder) == []


def test_an_empty_folder_is_no_book(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="Aucun livre"):
        check_site(tmp_path)


# -- browser ---------------------------------------------------------------------------


@pytest.mark.browser
@needs_browser
def test_a_sound_site_is_shown_and_pictured(make: Make, tmp_path: Path) -> None:
    wide = '<div style="overflow-x: auto"><div style="width: 3000px">large</div></div>'
    assert run(make(SOUND + wide), tmp_path / "artefacts") == 0
    shots = {p.name for p in (tmp_path / "artefacts" / "screenshots").iterdir()}
    assert shots == {
        f"{page}-{width}.jpg" for page in ("index", "chapters-deux") for width in (1280, 375)
    }


#: What only a browser sees -> what it says of it. One page each, for a browser takes long to open.
SEEN = {
    '<div id="trop" style="width: 900px">large</div>': "plus large que l’écran, div#trop",
    f'<main style="overflow: hidden"><pre>coupé {"à droite " * 99}</pre></main>': (
        "texte plus large que son cadre, coupé à droite"
    ),
    '<img src="image.svg?" alt="x"><img src="absente.png" alt="x">': "image non montrée",
    '<script>console.error("aïe")</script>': "erreur de console, aïe",
    '<script>throw new Error("ouille")</script>': "ouille",
    '<script>fetch("absent.json")</script>': "fichier absent (404), absent.json",
    '<script>fetch("https://example.org/")</script>': "demande refusée",
    '<script>fetch("http://localhost:PORT/")</script>': "demande refusée",
    "<table><tr><td>noir</td><td style='color: #bbb'>pâle</td><td>noir</td></tr></table>": (
        "(clair), règle « color-contrast » : td:nth-child(2)"
    ),
    "<pre><code><span>un</span> <span class='pale'>deux</span> <span class='pale'>trois</span>"
    "</code></pre>"
    "<style>.pale { color: #bbb }</style>": (
        "(clair), règle « color-contrast » : .pale:nth-child(2)"
    ),
    "<style>@media (prefers-color-scheme: dark) { p { color: #222 } body { background: #000 } }"
    "</style><p>Sombre sur sombre.</p>": "(sombre), règle « color-contrast » : p",
    "<details><summary>Plus</summary><input></details>": "(clair), règle « label » : input",
}


@pytest.mark.browser
@needs_browser
def test_what_only_a_browser_sees(make: Make, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:  # not the server of the site
        site = make()
        for rank, body in enumerate(SEEN):
            text = body.replace("PORT", str(other.getsockname()[1]))
            page = PAGE.format(body=text, head="", lang="fr", title="Titre")
            (site / f"page{rank}.html").write_text(page, encoding="utf-8")
        faults = check_in_browser(site, tmp_path, widths=(375,)).faults
    for rank, told in enumerate(SEEN.values()):
        own = [f.replace("\u00a0", " ") for f in faults if f.startswith(f"page{rank}.html")]
        assert any(told in fault for fault in own), (told, own)
    assert not [fault for fault in faults if not fault.startswith("page")]


@pytest.mark.browser
@needs_browser
def test_pages_are_weighed_as_a_server_sends_them(make: Make, tmp_path: Path) -> None:
    """What is loaded counts, once compressed; what a reader would unfold or follow does not."""
    body = '<script src="gros.js"></script><a href="data.csv">CSV</a>'
    site = make(body + "<details><img src='tard.svg' alt='x' loading='lazy'></details>")
    (site / "gros.js").write_text("// " + "a" * 500_000)
    (site / "tard.svg").write_text(SVG)
    assert run(site, tmp_path) == 0
    kept = json.loads((tmp_path / "poids.json").read_text(encoding="utf-8"))
    assert set(kept) == {"index.html", "chapters/deux.html"}
    assert {"index.html", "image.svg", "gros.js"} <= set(kept["index.html"]["files"])
    assert "data.csv" not in kept["index.html"]["files"]
    assert kept["index.html"]["bytes"] == sum(kept["index.html"]["files"].values()) < 10_000
    (site / "gros.js").write_bytes(b"//" + base64.b64encode(random.Random(1).randbytes(600_000)))
    weights.sent_bytes.cache_clear()
    (fault,) = check_in_browser(site, tmp_path, widths=(375,)).faults
    assert fault.startswith("index.html")
    assert "gros.js (60" in fault


@pytest.mark.browser
@needs_browser
def test_what_is_asked_when_it_is_seen_is_no_part_of_the_opening(
    make: Make, tmp_path: Path
) -> None:
    body = """<p id="haut">Haut</p><div style="height: 3000px"></div><p id="bas">Bas</p><script>
    new IntersectionObserver(([seen], watch) => {
      if (seen.isIntersecting) { watch.disconnect(); fetch("tard.svg"); }
    }).observe(document.getElementById("bas"));</script>"""
    site = make(body)
    (site / "tard.svg").write_text(SVG)
    seen = check_in_browser(site, tmp_path, widths=(375,))
    assert seen.faults == []
    (weight,) = (one for one in seen.weights if one.page == "index.html")
    assert set(weight.files) - weight.opening == {"tard.svg"}
    assert weight.opening_size < weight.size


def test_without_a_browser_the_error_says_what_to_install(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitecheck, "find_browser", lambda: None)
    with pytest.raises(BookError, match="Chromium") as caught:
        check_in_browser(make(), tmp_path)
    assert "chromium" in caught.value.hint
