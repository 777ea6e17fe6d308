"""Building the book: with Quarto, without, and what stops it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_book import write_book

from utils import book, quarto
from utils.book import BookReport, build_book, build_pdf, faults_of_log
from utils.errors import BookError
from utils.preview import BANNER
from utils.quarto import find_quarto

# What the kernel's own libraries warn of is not this project's.
pytestmark = pytest.mark.filterwarnings("default")

needs_quarto = pytest.mark.skipif(find_quarto() is None, reason="quarto absent")
BUILDERS = ["non", pytest.param("", marks=[needs_quarto, pytest.mark.slow])]


@pytest.fixture(params=BUILDERS, ids=["aperçu", "quarto"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask for the preview, then for the real book."""
    if request.param:
        monkeypatch.setenv("PVD_QUARTO", request.param)
    return "aperçu" if request.param else "quarto"


def _files(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_sound_book_is_built_and_its_sources_are_untouched(tmp_path: Path, kind: str) -> None:
    download = '[Le carnet](../carnets/03_carnet.ipynb){download="03_carnet.ipynb"}'
    root = write_book(tmp_path / "sources", second=download)
    before, seen = _files(root), []
    report = build_book(root, output=root / "_book", progress=seen.append)
    assert (report.kind, report.pages) == (kind, 3)
    assert "notebooks/03_carnet.ipynb" in seen
    text = (root / "_book" / "index.html").read_text(encoding="utf-8")
    assert (BANNER in text) == (kind == "aperçu")
    assert (root / "_book" / "figures" / "report.json").is_file()
    given = (root / "_book" / "carnets" / "03_carnet.ipynb").read_bytes()
    assert given == before["notebooks/03_carnet.ipynb"]
    after = {
        name: content
        for name, content in _files(root).items()
        if not name.startswith(("_book/", "build/"))
    }
    assert after == before
    left = {name for name in _files(root / "build") if name != "quarto.log"}
    assert left == set()


def test_every_fault_is_named_and_the_old_book_stays(tmp_path: Path, kind: str) -> None:
    """The preview stops at the first fault of a source; Quarto tells them all at the end."""
    faults = {
        "[ancre](../index.qmd#nulle)": "index.html#nulle",
        "![](https://example.org/loin.png)": "loin.png",
        "```{python}\nimport warnings\nwarnings.warn('oh')\n```": "avertissement",
    }
    if kind == "quarto":
        faults |= {
            "Voir @fig-absente.": "@fig-absente",
            "[lien](absent.qmd)": "absent.qmd",
            "![Un texte](absente.png)": "absente.png",
        }
    root = write_book(tmp_path / "sources", second="\n\n".join(faults))
    old = root / "_book"
    old.mkdir()
    (old / "index.html").write_text("l’ancien", encoding="utf-8")
    with pytest.raises(BookError) as caught:
        build_book(root, output=old)
    for told in ("chapters/deux", *faults.values()):
        assert told in caught.value.message
    assert _files(old) == {"index.html": "l’ancien".encode()}
    assert not list(root.glob(".livre-*"))


def test_a_failing_cell_is_named(tmp_path: Path, kind: str) -> None:
    root = write_book(tmp_path / "sources", cells=("[][3]  # fautive",))
    with pytest.raises(BookError, match=r"03_carnet\.ipynb, (la )?cellule 3.*IndexError"):
        build_book(root, output=root / "_book")
    assert not (root / "_book").exists()


def test_another_folder_is_never_replaced(tmp_path: Path) -> None:
    root = write_book(tmp_path / "sources")
    kept = tmp_path / "documents"
    kept.mkdir()
    (kept / "thèse.odt").write_text("trois ans")
    for output in (kept, root, tmp_path):
        with pytest.raises(BookError, match="n’est pas un livre"):
            build_book(root, output=output)
    assert (kept / "thèse.odt").is_file()


def test_the_first_link_of_a_page_of_quarto_passes_the_menus(tmp_path: Path) -> None:
    page, frame = tmp_path / "index.html", tmp_path / "cadre.html"
    page.write_text('<body class="x"><nav></nav><main id="quarto-document-content">', "utf-8")
    frame.write_text("<body><main>", "utf-8")  # nothing to pass
    book._let_skip_menus(tmp_path)
    assert page.read_text("utf-8").startswith('<body class="x"><a class="passer" href="#quarto-')
    assert frame.read_text("utf-8") == "<body><main>"


# -- which builder ---------------------------------------------------------------------


@pytest.fixture
def no_quarto(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (book, quarto):
        monkeypatch.setattr(module, "find_quarto", lambda: None)
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    monkeypatch.delenv("PVD_QUARTO", raising=False)


@pytest.mark.usefixtures("no_quarto")
def test_offline_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVD_OFFLINE", "1")
    monkeypatch.setattr(quarto.subprocess, "run", lambda *a, **k: pytest.fail("rien à lancer"))
    assert quarto.install_quarto() == (
        None,
        "Quarto manque, et PVD_OFFLINE interdit de l’installer.",
    )


@pytest.mark.usefixtures("no_quarto")
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('ERROR: pas de paquet')", "pas de paquet"),
        ("import time; time.sleep(60)", "plus de 1 secondes"),
    ],
)
def test_an_installation_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    run = quarto.subprocess.run
    monkeypatch.setattr(quarto, "INSTALL_LIMIT_S", 1)
    monkeypatch.setattr(
        quarto.subprocess, "run", lambda command, **k: run([sys.executable, "-c", code], **k)
    )
    found, why = quarto.install_quarto()
    assert found is None
    assert told in why


def test_the_command_asked_for_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "quarto"
    monkeypatch.setenv("PVD_QUARTO", str(command))
    with pytest.raises(BookError, match="pas une commande"):
        find_quarto()
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    assert find_quarto() == str(command)
    monkeypatch.setenv("PVD_QUARTO", "non")
    assert find_quarto() is None


# -- words -----------------------------------------------------------------------------


def test_the_log_is_read_with_its_pages() -> None:
    log = [
        "[1/2] index.qmd",
        "[IPKernelApp] WARNING | Kernel is running over TCP without encryption.",
        "[2/2] chapters/deux.qmd",
        "WARN: Unable to resolve link target: chapters/absent.qmd",
        "WARNING (main.lua:19094) Unknown var nada specified in a var shortcode.",
        "WARN: chapters/deux.html: Unable to resolve crossref @fig-nope",
        "WARN: Invalid URI 'Une part de 52 % des villes' in attribute 'alt'",
    ]
    assert faults_of_log(log) == [
        f"chapters/deux.qmd : {log[3]}",
        f"chapters/deux.qmd : {log[4]}",
        log[5],
    ]


def test_the_report_is_a_french_sentence(tmp_path: Path) -> None:
    report = BookReport("aperçu", tmp_path, 2, "Quarto manque.")
    assert report.sentence() == (
        f"L’aperçu est construit\u00a0: {tmp_path / 'index.html'} (2\u00a0pages). Quarto manque."
    )


def test_a_page_loads_no_widget_from_elsewhere(tmp_path: Path) -> None:
    """Quarto adds these lines to a page where a cell shows a table; nothing needs them."""
    page = tmp_path / "page.html"
    kept = '<script src="../site_libs/quarto-nav/quarto-nav.js"></script>\n<p>Un tableau</p>\n'
    page.write_text(
        '<script src="https://cdn.jsdelivr.net/npm/requirejs@2.3.6/require.min.js" integrity="x"'
        ' crossorigin="anonymous"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/jquery@3.5.1/dist/jquery.min.js"></script>\n'
        "<script type=\"application/javascript\">define('jquery', [],function() {return"
        f" window.jQuery;}})</script>\n{kept}",
        encoding="utf-8",
    )
    book._drop_widget_loaders(page)
    assert page.read_text(encoding="utf-8") == kept


# -- the PDF ---------------------------------------------------------------------------

#: A synthetic quarto: it says what it is told to, and writes a PDF unless it is told not to.
FAKE_QUARTO = """#!/bin/sh
echo "$PVD_DIT"
mkdir -p "$2/_book"
test "$PVD_DIT" = rien || printf '%%PDF %s' "$4" > "$2/_book/livre.pdf"
exit "${PVD_CODE:-0}"
"""


@pytest.fixture
def fake_quarto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    command = tmp_path / "quarto"
    command.write_text(FAKE_QUARTO, encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PVD_QUARTO", str(command))
    return write_book(tmp_path / "sources")


def test_the_pdf_takes_the_place_of_the_old_one(
    fake_quarto: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVD_DIT", "[1/1] index.qmd")
    seen: list[str] = []
    output = fake_quarto / "build" / "livre.pdf"
    for _ in range(2):
        assert build_pdf(fake_quarto, output=output, progress=seen.append) == output
    assert output.read_bytes() == b"%PDF typst"
    assert seen == ["index.qmd"] * 2
    assert sorted(path.name for path in output.parent.iterdir()) == ["livre.pdf", "typst.log"]


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ("rien", "0", "aucun PDF"),
        ("WARN: Unable to resolve crossref @fig-x", "0", "@fig-x"),
        ("ERROR: typst", "1", "code 1"),
    ],
)
def test_a_pdf_with_a_fault_leaves_the_old_one(
    fake_quarto: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: str, told: str
) -> None:
    monkeypatch.setenv("PVD_DIT", said)
    monkeypatch.setenv("PVD_CODE", code)
    output = fake_quarto / "livre.pdf"
    output.write_bytes(b"l'ancien")
    with pytest.raises(BookError, match=told):
        build_pdf(fake_quarto, output=output)
    assert output.read_bytes() == b"l'ancien"


def test_without_quarto_there_is_no_pdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVD_QUARTO", "non")
    with pytest.raises(BookError, match="Quarto, qui manque"):
        build_pdf(write_book(tmp_path / "sources"), output=tmp_path / "livre.pdf")
