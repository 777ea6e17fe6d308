"""What a shared link says of its page, and the contents that the page of errors lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from utils.sharing import MOST, describe_pages, description
from utils.stories.contents import contents

ROOT = Path(__file__).resolve().parent.parent
PROSE = "Combien de « commerces » <em>une petite ville</em>\noffre-t-elle, et à quel prix & délai ?"
TOLD = "Combien de « commerces » une petite ville offre-t-elle, et à quel prix & délai ?"


def page(body: str) -> str:
    return (
        '<html><head><meta property="og:description" content="le livre">\n</head>'
        f"<body><p>{'Un menu. ' * 20}</p><main>{body}</main></body></html>"
    )


@pytest.mark.parametrize(
    "apart",
    [
        "<p>Court.</p>",
        f"<p>{'Une liste qui vient, mot après mot, ' * 3} :</p>",
        f"<header><p>{'Un titre. ' * 20}</p></header>",
        f'<div id="fig-a"><p>{"Une source. " * 20}</p></div>',
        f'<div class="callout"><p>{"Un avis. " * 20}</p></div>',
        f'<p>{"Lancer. " * 20}<a href="https://exemple.fr/launcher/ide">ici</a></p>',
    ],
)
def test_the_description_is_the_first_prose(apart: str) -> None:
    assert description(page(f"{apart}<p>{PROSE}</p><p>{'Autre. ' * 20}</p>")) == TOLD
    assert description(page(apart)) == ""


def test_a_long_description_is_cut_at_a_word() -> None:
    told = description(page(f"<p>{'quelques mots ' * 50}</p>"))
    assert len(told) <= MOST + 1
    assert told.endswith(("quelques…", "mots…"))


def test_each_page_says_its_own_address_and_description(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    for name in ("index.html", "404.html", "chapters/un.html"):
        (tmp_path / name).write_text(page(f"<p>{PROSE}</p>"), encoding="utf-8")
    before = (tmp_path / "404.html").read_text(encoding="utf-8")
    for _ in range(2):  # a second time changes nothing
        describe_pages(tmp_path, "https://exemple.fr/livre")
    assert (tmp_path / "404.html").read_text(encoding="utf-8") == before
    said = {}
    for name in ("index.html", "chapters/un.html"):
        soup = BeautifulSoup((tmp_path / name).read_text(encoding="utf-8"), "html.parser")
        tags = soup.find_all("meta", property=True)
        said[name] = {str(tag["property"]): str(tag["content"]) for tag in tags}
        assert len(said[name]) == len(tags)
    assert said["index.html"] == {
        "og:description": "le livre",
        "og:type": "website",
        "og:url": "https://exemple.fr/livre/",
    }
    assert said["chapters/un.html"] == {
        "og:description": TOLD,
        "og:type": "article",
        "og:url": "https://exemple.fr/livre/chapters/un.html",
    }


def test_the_contents_lead_to_every_chapter(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yml").write_text(
        "book: {chapters: [{part: Une partie, chapters: [a.qmd, b.ipynb]}]}", encoding="utf-8"
    )
    (tmp_path / "a.qmd").write_text('---\ntitle: "Le premier"\n---\n\n# Autre\n', encoding="utf-8")
    cells = [{"source": ["# Le second\n", "texte"]}]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert str(contents(tmp_path)) == (
        "- Une partie\n  - [Le premier](/a.qmd)\n  - [Le second](/b.ipynb)"
    )
    assert str(contents()).count("](/") >= 16
    assert "contents()" in (ROOT / "404.qmd").read_text(encoding="utf-8")
