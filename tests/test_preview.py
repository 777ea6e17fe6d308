"""The preview: executed, numbered, linked, and loud about what is broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from small_book import write_book

from utils.errors import BookError
from utils.preview import BANNER, build_preview
from utils.sitecheck import check_site

# What the kernel's own libraries warn of is not this project's.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("livre")
    root, built = write_book(folder / "sources"), folder / "site"
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    (root / "figures").mkdir()
    build_preview(root, built)
    assert all(path.read_bytes() == content for path, content in before.items())
    return built


def _page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def test_a_sound_book_has_no_fault(site: Path) -> None:
    assert check_site(site) == []


def test_every_page_says_that_it_is_a_preview(site: Path) -> None:
    for name in ("index.html", "chapters/deux.html", "notebooks/03_carnet.html"):
        page = _page(site, name)
        assert page.select_one(".apercu").get_text() == BANNER
        assert page.html["lang"] == "fr"


def test_references_are_numbered_links(site: Path) -> None:
    links = {a["href"]: _words(a.get_text()) for a in _page(site, "index.html").main("a")}
    assert links["#fig-a"] == "figure 1"
    assert links["#tbl-b"] == "tableau 1"
    assert links["notebooks/03_carnet.html#fig-carnet"] == "figure 3.1"
    assert "chapters/deux.html#sec-suite" in links
    assert links["chapters/deux.html?ville=46127#sec-suite"] == "une ville"
    assert _page(site, "notebooks/03_carnet.html").main.p.a["href"] == "#fig-carnet"


def test_a_figure_has_its_caption_its_text_and_its_data(site: Path) -> None:
    figure = _page(site, "notebooks/03_carnet.html").select_one("figure#fig-carnet")
    assert _words(figure.figcaption.get_text()) == "Figure 3.1 : La légende de carnet."
    assert figure.img["alt"] == "Un « rectangle » de 500 [pixels]"
    assert figure.img["src"] == "../figures/carnet.svg"
    assert figure.select_one("a[download]")["href"] == "../figures/carnet.csv"
    for name in ("carnet.svg", "carnet.csv", "report.json"):
        assert (site / "figures" / name).is_file()


def test_cells_show_what_they_are_asked_to(site: Path) -> None:
    page = _page(site, "index.html")
    assert [_words(s.get_text()) for s in page.select("details summary")] == [
        "Le code de la figure"
    ]
    assert "Deux et deux font 4." in _words(page.main.get_text())
    assert "def publish" not in page.get_text()
    second = _page(site, "chapters/deux.html")
    assert "un mot imprimé" in second.main.get_text()
    assert second.select_one("math") is not None
    assert _words(second.select_one(".callout-note").get_text()) == "Note À noter."


def test_what_is_wide_is_reached_by_the_keyboard(site: Path) -> None:
    page = _page(site, "index.html")
    tables = page.select("table")
    assert len(tables) == 2
    assert all(table.find_parent(class_="tableau")["tabindex"] == "0" for table in tables)
    assert page.main.script.get_text() == "window.table = '<table class=\"a\">';"


def test_pages_follow_each_other(site: Path) -> None:
    middle = _page(site, "chapters/deux.html")
    assert [a["href"] for a in middle.select(".suite a")] == [
        "../index.html",
        "../notebooks/03_carnet.html",
    ]
    assert [p.get_text() for p in middle.select(".sommaire p")] == ["Une partie", "Une autre"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"second": "Voir @fig-absente."}, r"deux\.qmd.*@fig-absente"),
        ({"second": "[lien](absent.qmd)"}, r"deux\.qmd.*absent\.qmd"),
        ({"second": "![texte](absente.png)"}, r"deux\.qmd.*absente\.png"),
        ({"second": "![texte](../../secret.png)"}, r"deux\.qmd.*secret\.png"),
        ({"second": "{{< var inconnue >}}"}, r"deux\.qmd.*inconnue"),
        ({"second": "```{python}\n1 / 0\n```"}, r"deux\.qmd, la cellule 2.*1 / 0.*ZeroDivision"),
    ],
)
def test_a_fault_names_its_page(tmp_path: Path, fault: dict[str, str], told: str) -> None:
    root = write_book(tmp_path / "sources", **fault)
    config = (root / "_quarto.yml").read_text(encoding="utf-8")
    only = config.replace("        - notebooks/03_carnet.ipynb\n", "        - chapters/deux.qmd\n")
    (root / "index.qmd").write_text("Rien.\n", encoding="utf-8")
    (root / "_quarto.yml").write_text(
        only.replace("        - chapters/deux.qmd\n", "", 1), encoding="utf-8"
    )
    with pytest.raises(BookError, match=told):
        build_preview(root, tmp_path / "site")
