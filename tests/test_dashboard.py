"""The dashboard: its files say what the tables say, and the page shows them to anyone."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook, new_raw_cell
from playwright.sync_api import Browser, Page, Route, expect

from utils import dashboard, preview, sitecheck, tables
from utils.catalogue import load_indicators_catalogue
from utils.communes import fold_name
from utils.dashboard import write_dashboard
from utils.errors import BookError
from utils.portrait import Others
from utils.stories import comparison
from utils.stories import portrait as stories
from utils.stories.common import share_below

ROOT = Path(__file__).resolve().parent.parent
NEUVES_MAISONS, GOURDON, GRAU, SAINT_PIERRE, SARTENE = "54397", "46127", "30133", "97225", "2A272"
TOWNS = [NEUVES_MAISONS, GOURDON, GRAU, SAINT_PIERRE, SARTENE]
#: Enough to fill every theme: counts with years, shares, a measure without rate, a rare one.
KEPT = (
    "nb_boulangerie",
    "nb_agence_immobiliere",
    "part_chaines",
    "lieux_monuments",
    "nb_maternite",
    "nb_medecin_generaliste",
    "apl_medecin_generaliste",
    "conso_electricite_industrie",
    "revenu_median",
    "nb_plombier",
)
OPTION = "[role=listbox] [role=option]"
PAGE = "chapters/tableau_de_bord.html"
NOTEBOOK = "## Le hasard {#sec-portrait-hasard}\n\nDu texte."
FIRST_LOAD_KB = 400

needs_browser = pytest.mark.skipif(sitecheck.find_browser() is None, reason="Chromium absent")
# What the kernel's own libraries warn of is not this project's.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Export a few towns and a few indicators."""
    every = load_indicators_catalogue()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            dashboard, "load_indicators_catalogue", lambda: {name: every[name] for name in KEPT}
        )
        folder = tmp_path_factory.mktemp("donnees") / "tableau"
        assert write_dashboard(folder, codes=TOWNS) == len(TOWNS)
        yield folder


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _place(data: Path, indicator: str) -> tuple[int, dict[str, Any]]:
    every = _json(data / "meta.json")["indicateurs"]
    return next((i, m) for i, m in enumerate(every) if m["id"] == indicator)


# -- files -----------------------------------------------------------------------------


def test_every_pvd_and_every_comparable_of_one_is_offered() -> None:
    offered = set(dashboard.offered_towns())
    assert set(tables.load_towns(pvd=True)["code"]) <= offered
    assert set(comparison.comparables(tables.load_town(GOURDON))) <= offered


@pytest.mark.parametrize("code", TOWNS)
def test_a_town_file_says_what_the_tables_say(data: Path, code: str) -> None:
    town = _json(data / "villes" / f"{code}.json")
    place, meta = _place(data, "nb_boulangerie")
    own, counts, others, medians, ranks = town["i"][place]
    peers = comparison.comparables(tables.load_town(code))
    assert [one[0] for one in town["comparables"]] == peers
    lines = tables.load_indicators("nb_boulangerie", codes=[code, *peers], rates=True)
    mine = lines[lines["code"] == code]
    assert meta["years"] == [2009, 2013, 2018, 2024]
    assert counts == mine["value"].tolist()
    assert np.allclose(np.array(own) / 10 ** meta["decimals"], mine["rate"], atol=0.0051)
    newest = lines[lines["year"] == 2024].set_index("code")["rate"]
    assert np.allclose(np.array(others) / 10 ** meta["decimals"], newest[peers], atol=0.0051)
    assert medians[-1] == pytest.approx(newest[peers].median() * 10 ** meta["decimals"], abs=0.51)
    assert ranks[0] == pytest.approx(share_below(newest[peers], newest[code]), abs=0.51)


def test_a_group_is_summed_up_and_the_town_is_ranked_among_the_others(data: Path) -> None:
    place, meta = _place(data, "nb_medecin_generaliste")
    group = _json(data / "groupes" / "departement-46.json")
    towns = tables.load_towns(pvd=True)
    codes = towns.loc[towns["departement"] == "46", "code"]
    lines = tables.load_indicators("nb_medecin_generaliste", codes=codes, years=[2024], rates=True)
    rates = lines.set_index("code")["rate"]
    known, summary, _ = group["i"][place]
    assert (group["nom"], group["villes"], known) == ("Lot", len(codes), rates.notna().sum())
    wanted = rates.quantile([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]) * 10 ** meta["decimals"]
    assert np.allclose(summary, wanted, atol=0.51)
    rank = _json(data / "villes" / f"{GOURDON}.json")["i"][place][4][3]
    assert rank == pytest.approx(share_below(rates.drop(GOURDON), rates[GOURDON]), abs=0.51)


def test_what_is_not_known_is_never_zero(data: Path) -> None:
    """The copy of Sirene does not cover overseas: no share of chains, hence no line."""
    place, _ = _place(data, "part_chaines")
    assert _json(data / "villes" / f"{SAINT_PIERRE}.json")["i"][place] is None
    place, _ = _place(data, "nb_maternite")
    assert _json(data / "villes" / f"{SARTENE}.json")["i"][place][1][-1] == 0


def test_outlines_are_clockwise_and_every_overseas_territory_has_some(data: Path) -> None:
    features = _json(data / "contours.json")["features"]
    assert {"metropole", "971", "972", "973", "974", "976"} == {
        one["properties"]["territoire"] for one in features
    }
    for feature in features:
        for outer, *_ in feature["geometry"]["coordinates"]:
            x, y = np.array(outer).T
            assert np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1])) >= 0


def test_the_same_tables_give_the_same_bytes(data: Path, tmp_path: Path) -> None:
    write_dashboard(tmp_path / "encore", codes=TOWNS)
    again = {p.relative_to(tmp_path / "encore"): p.read_bytes() for p in tmp_path.rglob("*.json")}
    assert again == {p.relative_to(data): p.read_bytes() for p in data.rglob("*.json")}


def test_another_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thèse.odt").write_text("trois ans")
    with pytest.raises(BookError, match="n’est pas un tableau de bord"):
        write_dashboard(tmp_path, codes=TOWNS)
    assert (tmp_path / "thèse.odt").is_file()


# -- what stands out -------------------------------------------------------------------


@pytest.mark.slow
def test_the_dashboard_the_portrait_and_the_notebook_tell_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = load_indicators_catalogue()
    monkeypatch.setattr(dashboard, "load_indicators_catalogue", load_indicators_catalogue)
    write_dashboard(tmp_path / "tableau", codes=TOWNS)
    ids = [one["id"] for one in _json(tmp_path / "tableau" / "meta.json")["indicateurs"]]
    for code in TOWNS:
        drawn = stories.draw(tables.load_town(code))
        told = _json(tmp_path / "tableau" / "villes" / f"{code}.json")["saillants"]
        assert [ids[place] for place, *_ in told[0]] == [one.gap.indicator for one in drawn.first]
        written = [f"{claim}{rest}" for _, claim, rest, _ in told[0]]
        marks = [dashboard._MARKS[mark] for *_, mark in told[0]]
        assert marks == [stories.mark(one.gap) for one in drawn.first]
        assert written == [str(one.sentence) for one in drawn.first]
        assert set(written) <= set(stories.gaps_table(drawn)["Écart"])
        for reference, group in zip(told, dashboard.GROUPS.values(), strict=True):
            subjects = [s for place, *_ in reference for s in catalogue[ids[place]].subjects]
            assert len(subjects) == len(set(subjects))
            assert all(group in f"{claim}{rest}" for _, claim, rest, _ in reference)


def test_a_group_is_summed_up_without_the_town_itself() -> None:
    values = np.array([3.0, 1.0, np.nan, 1.0, 7.0, 0.0, 2.0])
    now = dashboard._Now(values, 10 * values, np.full(7, 100.0))
    group = np.array([0, 1, 2, 3, 4, 5])  # the last town is outside
    rows = np.array([3, 6, 2])
    found = dashboard._in_groups(now, [group] * 3, rows)
    for place, row in enumerate(rows):
        others = values[[one for one in group if one != row]][None]
        wanted = Others.of(values[[row]], others, 10 * others, np.full((1, others.shape[1]), 100.0))
        for field in fields(Others):
            got = getattr(found, field.name)[place]
            assert got == pytest.approx(getattr(wanted, field.name)[0]), (row, field.name)
    assert dashboard._rank(found)[0] == pytest.approx(share_below(pd.Series([3.0, 1, 7, 0]), 1.0))


def test_a_group_of_one_says_nothing() -> None:
    now = dashboard._Now(np.array([3.0]), np.array([3.0]), np.array([9.0]))
    alone = dashboard._in_groups(now, [np.array([0])], np.array([0]))
    assert alone.known.tolist() == [0]
    assert np.isnan(alone.middle[0])


# -- page ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the dashboard's chapter alone, as the preview does, at the book's own path."""
    root = tmp_path_factory.mktemp("livre") / "sources"
    (root / "chapters").mkdir(parents=True)
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    others = ["chapters/comparer.qmd", "chapters/indicateurs.qmd"]
    config["book"]["chapters"] = ["index.qmd", "chapters/tableau_de_bord.qmd", *others]
    config["book"]["chapters"].append("notebooks/05_portrait.ipynb")
    (root / "_quarto.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (root / "_variables.yml").write_text("date-liste: aujourd’hui\n", encoding="utf-8")
    for name in ["index.qmd", *others]:
        (root / name).write_text("---\ntitle: Une page\n---\n\nDu texte.\n", encoding="utf-8")
    shutil.copy(ROOT / "chapters" / "tableau_de_bord.qmd", root / "chapters")
    cells = [new_raw_cell("---\ntitle: Un carnet\n---"), new_markdown_cell(NOTEBOOK)]
    (root / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "05_portrait.ipynb")
    built = root / "_book"
    preview.build_preview(root, built)
    shutil.copytree(data, built / "tableau")
    base = config["book"]["site-url"]
    (built / "sitemap.xml").write_text(f"<loc>{base}/index.html</loc>", encoding="utf-8")
    return built


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sitecheck._browser() as one:
        yield one


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with sitecheck._served(site) as base:
        assert base.endswith("/portrait-petites-villes")
        yield f"{base}/{PAGE}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a page; in the end, nothing went wrong in its console."""
    with browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 900}) as context:
        one, faults = context.new_page(), []
        one.on("pageerror", lambda error: faults.append((one.url, str(error))))
        one.on("console", lambda m: faults.append((m.location["url"], m.text)))
        yield one
        faults = [fault for fault in faults if not fault[0].endswith("/favicon.ico")]
        assert faults == []


def _plain(text: str) -> str:
    return re.sub(r"\s", " ", text)


@pytest.mark.browser
@needs_browser
def test_a_stranger_types_a_name_and_reads_what_is_particular(page: Page, address: str) -> None:
    page.goto(address)
    box = page.get_by_role("combobox", name="Votre ville")
    box.press_sequentially("neuves mais")
    expect(page.locator(OPTION)).to_have_count(1)
    assert box.get_attribute("aria-expanded") == "true"
    box.press("ArrowDown")
    active = page.locator(f"#{box.get_attribute('aria-activedescendant')}")
    assert active.get_attribute("aria-selected") == "true"
    box.press("Enter")
    expect(page.get_by_role("heading", name="Neuves-Maisons", exact=True)).to_be_visible()
    assert page.url.endswith(f"?ville={NEUVES_MAISONS}")
    expect(page.locator(".tdb-semblables li")).to_have_count(20)
    trait = _plain(page.locator(".tdb-trait").first.inner_text())
    assert "Consommation d’électricité, industrie : au moins dix fois plus que dans" in trait
    assert "(73,7 MWh par habitant en 2024, contre 0,3 pour leur médiane)" in trait
    assert "plus que dans chacune des 20 villes comparables." in trait
    box.press("Escape")
    expect(box).to_have_value("")


@pytest.mark.browser
@needs_browser
def test_a_name_that_no_town_has_is_said(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("combobox", name="Votre ville").fill("zzz")
    expect(page.get_by_text("Aucune ville de ce nom")).to_be_visible()
    page.goto(f"{address}?ville=99999")
    expect(page.get_by_role("alert")).to_contain_text("99999")


@pytest.mark.browser
@needs_browser
def test_the_address_may_hold_a_name(page: Page, address: str) -> None:
    """The first page of the book sends what was typed there."""
    page.goto(f"{address}?ville=neuves maisons")
    expect(page.locator("#tdb-titre")).to_have_text("Neuves-Maisons")
    assert page.url.endswith(f"?ville={NEUVES_MAISONS}")
    page.goto(f"{address}?ville=<img src=x onerror='window.pirate = 1'>")
    expect(page.get_by_role("alert")).to_contain_text("onerror")
    assert page.evaluate("window.pirate") is None


@pytest.mark.browser
@needs_browser
def test_the_keyboard_is_enough(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("combobox", name="Votre ville").wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "tdb-ville":
            break
    page.keyboard.type("gourd")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#tdb-titre")).to_have_text("Gourdon")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tdb-reference"
    page.keyboard.type("Toutes")
    expect(page.locator("#tdb-traits")).to_contain_text("l’ensemble des PVD")
    page.keyboard.press("Tab")
    page.keyboard.type("sartene")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".tdb-legende").first).to_contain_text("Sartène")
    assert page.url.endswith(f"?ville={GOURDON}&avec={SARTENE}&reference=pvd")


@pytest.mark.browser
@needs_browser
def test_a_phone_shows_the_first_trait_before_the_choices(browser: Browser, address: str) -> None:
    size = {"width": 375, "height": 812}
    with browser.new_context(locale="fr-FR", viewport=size) as context:
        page = context.new_page()
        page.goto(f"{address}?ville={NEUVES_MAISONS}")
        trait = page.locator(".tdb-dit").first
        trait.wait_for()
        above = trait.bounding_box()["y"] - page.locator("form").bounding_box()["y"]
        assert above < size["height"] * 2 / 3  # the title of the page is above the form
        assert not page.get_by_label("Comparer à").is_visible()
        page.locator("summary", has_text="Comparer autrement").press("Enter")
        page.get_by_label("Comparer à").select_option("departement")
        expect(page.locator("#tdb-traits")).to_contain_text("département")
        expect(page.get_by_label("Comparer à")).to_be_visible()


@pytest.mark.browser
@needs_browser
def test_names_are_folded_as_python_does(page: Page, address: str) -> None:
    page.goto(address)
    names = tables.load_towns()["name"].tolist()
    folded = page.evaluate(
        "async (names) => names.map((await import('../tableau/data.js')).fold)",
        names,
    )
    assert folded == [fold_name(name) for name in names]


@pytest.mark.browser
@needs_browser
def test_the_address_carries_the_choices(page: Page, address: str) -> None:
    page.goto(f"{address}?ville={GOURDON}")
    expect(page.locator("#tdb-titre")).to_have_text("Gourdon")
    page.get_by_label("Comparer à").select_option("departement")
    expect(page.locator("#tdb-traits")).to_contain_text("aux PVD de son département (Lot")
    page.get_by_role("combobox", name="À côté de").fill("grau")
    page.keyboard.press("Enter")
    page.locator("summary", has_text="Commerces").click()
    head = page.locator("details[open] thead")
    expect(head).to_contain_text("Le Grau-du-Roi")
    kept = page.url
    assert kept.endswith(f"?ville={GOURDON}&avec={GRAU}&reference=departement")
    page.goto("about:blank")
    page.goto(kept)
    expect(page.get_by_label("Comparer à")).to_have_value("departement")
    expect(page.get_by_role("combobox", name="À côté de")).to_have_value("Le Grau-du-Roi")
    page.get_by_role("combobox", name="Votre ville").fill("sartene")
    page.keyboard.press("Enter")
    expect(page.locator("#tdb-titre")).to_have_text("Sartène")
    page.go_back()
    expect(page.locator("#tdb-titre")).to_have_text("Gourdon")


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("code", [GOURDON, SAINT_PIERRE])
def test_change_and_map_are_drawn_and_said(page: Page, address: str, code: str) -> None:
    page.goto(f"{address}?ville={code}")
    page.locator("#tdb-evolution").scroll_into_view_if_needed()
    chart = page.locator("section[aria-labelledby=tdb-evolution]")
    expect(chart.locator("svg path").first).to_be_visible(timeout=30_000)
    expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"en 20\d\d"))
    assert chart.locator("tbody tr").count() >= 2
    page.locator("#tdb-carte").scroll_into_view_if_needed()
    drawn = page.locator("section[aria-labelledby=tdb-carte]")
    panels = 1 if code == GOURDON else 2
    expect(drawn.locator("svg").nth(panels - 1)).to_be_visible(timeout=30_000)
    described = drawn.get_by_role("img").get_attribute("aria-label") or ""
    assert described.count(",") >= 19


HOSTILE = "<img src=x onerror='window.pirate = 1'>"


def _answer(route: Route, body: str) -> None:
    route.fulfill(body=body, content_type="application/json")


@pytest.mark.browser
@needs_browser
def test_a_hostile_name_is_a_text(page: Page, address: str, data: Path) -> None:
    def named(path: Path) -> str:
        content = path.read_text(encoding="utf-8")
        return content.replace('"Gourdon"', json.dumps(HOSTILE))

    index, town = data / "index.json", data / "villes" / f"{GOURDON}.json"
    for path in (index, town):
        page.route(f"**/{path.name}", partial(_answer, body=named(path)))
    page.goto(f"{address}?ville={GOURDON}")
    expect(page.locator("#tdb-titre")).to_contain_text("onerror")
    page.locator("#tdb-carte").scroll_into_view_if_needed()
    expect(page.locator("section[aria-labelledby=tdb-carte] svg")).to_be_visible(timeout=30_000)
    page.get_by_role("combobox", name="À côté de").fill("img")
    expect(page.locator(OPTION)).to_contain_text("onerror")
    assert page.locator("#tableau img").count() == 0
    assert page.evaluate("window.pirate") is None


@pytest.mark.browser
@needs_browser
def test_the_csv_opens_in_a_french_spreadsheet_and_runs_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}?ville={GOURDON}")
    with page.expect_download() as wanted:
        page.get_by_role("button", name="CSV").click()
    text = Path(wanted.value.path()).read_bytes().decode("utf-8")
    assert text.startswith("\ufeffcode;ville;theme;")
    lines = text.split("\r\n")
    place = next(i for i, name in enumerate(lines[0].split(";")) if name == "valeur")
    bakeries = [line for line in lines if ";Boulangeries;2024;" in line]
    assert re.fullmatch(r"\d+,\d+", bakeries[0].split(";")[place])
    cells = page.evaluate(
        "async () => { const m = await import('../tableau/data.js');"
        " return ['=1+1', '+1', '-x', '@a', '\\tb', 'a;b', 'a\"b', -1.5, null].map(m.cell); }"
    )
    assert cells == ["'=1+1", "'+1", "'-x", "'@a", "'\tb", '"a;b"', '"a""b"', "-1,5", ""]


@pytest.mark.browser
@needs_browser
def test_the_card_stands_alone(page: Page, address: str) -> None:
    page.goto(f"{address}?carte=1&ville={NEUVES_MAISONS}")
    expect(page.get_by_role("heading", level=1, name="Neuves-Maisons")).to_be_visible()
    assert page.locator("nav:visible, form:visible, footer:visible").count() == 0
    link = page.get_by_role("link", name="Voir le tableau de bord entier")
    assert link.get_attribute("href").endswith(f"{PAGE}?ville={NEUVES_MAISONS}")


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [340, 420, 640])
def test_the_frame_proposed_shows_the_whole_card(page: Page, address: str, width: int) -> None:
    page.goto(f"{address}?ville={NEUVES_MAISONS}&reference=region")
    frame = page.locator("#tdb-cadre").input_value()
    page.set_viewport_size({"width": width, "height": 900})
    eager = frame.replace('loading="lazy"', "")
    page.set_content(f"<body style='margin:0'>{eager}")
    inside = page.frame_locator("iframe")
    expect(inside.locator(".tdb-trait").first).to_be_visible()
    expect(inside.locator(".tdb-seule h2")).to_contain_text("face aux PVD de sa région")
    assert page.locator("iframe").get_attribute("title") == "Ce qui distingue Neuves-Maisons"
    height = page.frames[1].evaluate("document.documentElement.scrollHeight")
    assert height <= int(page.locator("iframe").get_attribute("height"))


@pytest.mark.browser
@needs_browser
def test_the_print_has_the_tables_and_not_the_commands(page: Page, address: str) -> None:
    page.goto(f"{address}?ville={GOURDON}")
    page.locator("#tdb-titre").wait_for()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".tdb-commandes")).to_be_hidden()
    expect(page.get_by_role("rowheader", name="Boulangeries")).to_be_visible()


@pytest.mark.browser
@needs_browser
def test_what_was_not_seen_is_drawn_before_printing(page: Page, address: str) -> None:
    page.goto(f"{address}?ville={GOURDON}")
    page.locator("#tdb-titre").wait_for()
    assert page.locator(".tdb-dessin svg").count() == 0
    page.evaluate(
        "window.print = () => {"
        " window.drawn = document.querySelectorAll('.tdb-dessin svg').length; }"
    )
    page.locator("#tdb-imprimer").click()
    page.wait_for_function("window.drawn === 2")
    page.emulate_media(media="print")
    expect(page.locator("#tdb-indicateur")).to_be_hidden()
    expect(page.locator("#tdb-carte")).to_be_visible()


@pytest.mark.browser
@needs_browser
def test_every_reference_is_faced_in_french(page: Page, address: str) -> None:
    wanted = {
        "comparables": "face à ses 20 villes comparables",
        "pvd": "face à l’ensemble des PVD",
        "region": "face aux PVD de sa région",
        "departement": "face aux PVD de son département",
        "densite": "face aux PVD de même densité",
    }
    assert set(wanted) == set(dashboard.REFERENCES)
    for reference, words in wanted.items():
        page.goto(f"{address}?ville={NEUVES_MAISONS}&reference={reference}")
        expect(page.locator("#tdb-traits")).to_contain_text(words)
        expect(page.locator("#tdb-annonce")).to_contain_text(words)


@pytest.mark.browser
@needs_browser
def test_a_second_name_takes_the_place_of_the_first(page: Page, address: str) -> None:
    page.goto(address)
    box = page.get_by_role("combobox", name="Votre ville")
    expect(box).to_be_focused()
    page.keyboard.type("gourdon")
    page.keyboard.press("Enter")
    expect(page.locator("#tdb-titre")).to_have_text("Gourdon")
    page.keyboard.type("saint pierre martinique")
    expect(box).to_have_value("saint pierre martinique")
    expect(page.locator(OPTION)).to_have_count(1)


@pytest.mark.browser
@needs_browser
def test_the_first_load_is_light(page: Page, address: str) -> None:
    sizes: dict[str, int] = {}
    page.on("response", lambda r: sizes.update({r.url: len(gzip.compress(r.body()))}))
    page.goto(f"{address}?ville={NEUVES_MAISONS}")
    page.locator(".tdb-trait").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert not any("vega" in url for url in sizes)
    assert sum(sizes.values()) < FIRST_LOAD_KB * 1000


@pytest.mark.browser
@needs_browser
def test_a_file_not_received_is_said_in_french(browser: Browser, address: str) -> None:
    with browser.new_context(locale="fr-FR") as context:
        page = context.new_page()
        page.route("**/villes/*.json", lambda route: route.fulfill(status=503))
        page.goto(f"{address}?ville={GOURDON}")
        expect(page.get_by_role("alert")).to_contain_text("n’ont pas pu être lues")


@pytest.mark.browser
@needs_browser
def test_a_page_opened_as_a_file_says_what_to_do(page: Page, site: Path) -> None:
    page.goto((site / PAGE).as_uri())
    expect(page.get_by_text("ouverte depuis un fichier")).to_be_visible()


@pytest.mark.browser
@needs_browser
@pytest.mark.slow
def test_the_page_meets_wcag_at_every_width_and_in_the_dark(site: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as other:  # the page of the other tests holds this thread
        assert other.submit(sitecheck.check_in_browser, site, tmp_path).result().faults == []
