"""The weight of the pages: compressed as a server does, against a budget that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from utils.formats import typographic
from utils.weights import (
    BUDGETS,
    COMMON,
    KILOBYTE,
    Weight,
    budget_of,
    budgets_markdown,
    report,
    sent_bytes,
    table,
)


def test_texts_are_compressed_and_images_are_not(tmp_path: Path) -> None:
    text, image, tiny = tmp_path / "a.html", tmp_path / "a.png", tmp_path / "b.css"
    text.write_bytes(b"a" * 10_000)
    image.write_bytes(b"a" * 10_000)
    tiny.write_bytes(b"a{}")
    assert sent_bytes(text) < 100
    assert sent_bytes(image) == 10_000
    assert sent_bytes(tiny) == 3  # compressed, it would be longer


@pytest.mark.parametrize(
    ("page", "budget"),
    [
        ("index.html", COMMON),
        ("chapters/tableau_de_bord.html?ville=54397", BUDGETS["chapters/tableau_de_bord"]),
        ("notebooks/01_commerces.html", BUDGETS["notebooks/"]),
    ],
)
def test_a_page_has_one_budget(page: str, budget: object) -> None:
    assert budget_of(page) is budget


def test_a_budget_says_why() -> None:
    for budget in (COMMON, *BUDGETS.values()):
        assert budget.kilobytes > 0
        assert len(budget.reason.split()) > 5
        assert typographic(budget.reason) in budgets_markdown()


def test_a_page_over_its_budget_names_its_heaviest_files() -> None:
    limit = COMMON.kilobytes * KILOBYTE
    assert Weight("a.html", {"a.html": limit}).faults() == []
    files = {"a.html": 1_000, "b.js": limit, "c.svg": 30_000, "d.css": 2_000}
    (fault,) = Weight("a.html", files).faults()
    assert fault.replace("\u00a0", " ") == (
        "a.html : la page pèse 433 ko, plus que les 400 ko de son budget ; ses fichiers les plus"
        " lourds : b.js (400 ko), c.svg (30 ko) et d.css (2 ko)."
    ).replace(" ;", "\u202f;")


def test_an_opening_has_its_own_budget() -> None:
    page = "chapters/tableau_de_bord.html?ville=54397"
    files = {"a.html": 300_000, "b.js": 200_000, "c.svg": 100_000}
    assert Weight(page, files, frozenset({"a.html", "c.svg"})).faults() == []
    (fault,) = Weight(page, files, frozenset({"a.html", "b.js"})).faults()
    assert "son ouverture pèse 500" in fault
    assert "c.svg" not in fault
    assert len(Weight(page, {"a.html": 800_000}, frozenset({"a.html"})).faults()) == 2


def test_the_report_and_the_table_tell_every_page() -> None:
    weights = [
        Weight("a.html", {"a.html": 1_500, "b.js": 2_000}, frozenset({"a.html"})),
        Weight("b.html", {}),
    ]
    assert report(weights)["a.html"] == {
        "bytes": 3_500,
        "budget": COMMON.kilobytes * KILOBYTE,
        "opening_bytes": 1_500,
        "opening_budget": COMMON.kilobytes * KILOBYTE,
        "files": {"b.js": 2_000, "a.html": 1_500},
    }
    page = "chapters/tableau_de_bord.html"
    own = BUDGETS["chapters/tableau_de_bord"]
    assert own.opening is not None
    assert report([Weight(page, {})])[page]["opening_budget"] == own.opening * KILOBYTE
    console = Console(record=True, width=120, file=None)
    console.print(table(weights))
    shown = console.export_text()
    assert "a.html" in shown
    assert "b.js (2" in shown
