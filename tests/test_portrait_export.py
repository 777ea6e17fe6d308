"""The portrait as files: a page that stands alone, two pages to print, all towns, resumed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from utils import portrait_export, svg, tables
from utils.errors import BookError, TownNotFoundError
from utils.portrait_export import content, export, export_all, html, pdf

#: Golden towns: the smallest and largest PVD, overseas, Corsica, a commune nouvelle, a town
#: outside the programme.
TOWNS = [
    "46127", "01306", "54397", "30133", "50076", "52247", "97128", "97602", "2B096", "01033",
    "11339",
]  # fmt: skip


class Page(HTMLParser):
    """Collect the tags, the identifiers and the text of a page; refuse unbalanced tags."""

    VOID = frozenset({"meta", "link", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def gourdon() -> dict[str, Any]:
    return content("46127")


@pytest.mark.parametrize("code", TOWNS)
def test_the_page_and_the_print_of_a_golden_town(code: str) -> None:
    filled = content(code)
    page = Page(html(filled))
    text = " ".join("".join(page.words).split())
    assert filled["name"] in text
    assert not re.search(r"\b(nan|None|n\. d\.)\b", text)
    assert page.named("html") == [{"lang": "fr"}]
    assert len(page.named("h1")) == 1
    assert len(page.named("svg")) == 1 + sum(len(part["told"]) for part in filled["parts"])
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for drawing in page.named("svg"):
        assert drawing["role"] == "img"
        assert set(str(drawing["aria-labelledby"]).split()) <= set(ids)
    printed = pdf(filled)
    assert re.findall(rb"/Type/Pages/Count (\d+)", printed) == [b"2"]
    assert b"/Lang(fr" in printed


def test_the_page_asks_for_nothing(gourdon: dict[str, Any]) -> None:
    page = Page(html(gourdon))
    assert not page.named("script")
    assert not page.named("link")
    assert not page.named("img")
    assert all("src" not in attributes for _, attributes in page.tags)
    assert not re.search(r"url\(|@import", html(gourdon))
    assert all(str(a["href"]).startswith("https://") for a in page.named("a"))
    assert "prefers-color-scheme: dark" in html(gourdon)
    assert "@media print" in html(gourdon)


def test_names_are_text_in_both_formats(gourdon: dict[str, Any]) -> None:
    name = '<img src=x onerror=alert(1)> #panic("x") *a* $b$ & "c"'
    hostile = {**gourdon, "name": name, "peers": [name], "first": [[name, ""]], "map_note": name}
    page = Page(html(hostile))
    assert not page.named("img")
    assert name in "".join(page.words)
    assert re.findall(rb"/Type/Pages/Count (\d+)", pdf(hostile)) == [b"2"]
    drawn = svg.strip(1.0, [0.0, 2.0], ident="a", title=name, desc=name)
    assert "<img" not in drawn


def test_a_strip_holds_equal_values_and_no_spread() -> None:
    drawn = svg.strip(0.0, [0.0] * 20, ident="a", title="t", desc="d")
    assert drawn.count("<circle") == 20
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_the_map_shows_every_comparable(gourdon: dict[str, Any]) -> None:
    overseas = content("97602")
    for filled in (gourdon, overseas):
        dots = filled["map"].count("<circle")
        assert dots == len(filled["peers"]) == 20
        assert filled["map"].count('class="town"') == 1
    assert gourdon["map_note"] == ""
    assert "Mayotte" in overseas["map_note"]


def test_the_same_town_gives_the_same_files(gourdon: dict[str, Any]) -> None:
    assert html(gourdon) == html(content("46127"))
    assert pdf(gourdon) == pdf(content("46127"))


def test_what_is_up_to_date_is_not_made_again(tmp_path: Path) -> None:
    first = export("gourdon (46)", folder=tmp_path)
    assert [path.name for path in first] == ["46127.html", "46127.pdf"]
    assert export("46127", folder=tmp_path) == []
    page = tmp_path / "46127.html"
    page.write_text(
        page.read_text("utf-8").replace(portrait_export.fingerprint(), "ancien"), "utf-8"
    )
    assert export("46127", folder=tmp_path) == [page]
    assert export("46127", formats=["pdf"], folder=tmp_path, again=True) == [first[1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["46127.html", "46127.pdf"]


def test_a_failure_is_named_and_the_others_done(tmp_path: Path) -> None:
    (tmp_path / "30133.html").mkdir()  # a folder stands where the page should be written
    seen: list[int] = []
    report = export_all(
        ["46127", "30133", "00000"], formats=["html"], folder=tmp_path, progress=seen.append
    )
    assert [path.name for path in report.written] == ["46127.html"]
    assert set(report.failed) == {"30133", "00000"}
    assert "30133.html" in report.failed["30133"]
    assert seen == [1, 2, 3]
    assert "2\u00a0échecs" in report.sentence()
    again = export_all(["46127"], formats=["html"], folder=tmp_path)
    assert again.skipped == ["46127"]
    assert again.sentence() == "0\u00a0fichier écrit, 1\u00a0ville déjà à jour."
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_towns_are_made_side_by_side(tmp_path: Path) -> None:
    codes = list(tables.load_towns(pvd=True)["code"].head(3))
    report = export_all(codes, formats=["html"], folder=tmp_path, jobs=2)
    assert len(report.written) == 3
    assert not report.failed


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="docx"):
        export("46127", formats=["html", "docx"], folder=tmp_path)
    with pytest.raises(BookError, match="Format"):
        export("46127", formats=[], folder=tmp_path)
    with pytest.raises(BookError, match="Zéro"):
        export_all(["46127"], folder=tmp_path, jobs=0)
    with pytest.raises(TownNotFoundError):
        export("Nulle-Part", folder=tmp_path)
    assert not list(tmp_path.iterdir())
