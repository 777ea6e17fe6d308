"""Build the book: with Quarto where it is, else a plain preview that says so.

The build works on a copy of the sources, in ``build/``: nothing is written beside the
chapters, every figure is drawn anew, and a build that fails leaves the old site as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from utils import dashboard, preview
from utils.errors import BookError
from utils.formats import counted, typographic
from utils.lighten import lighten
from utils.quarto import find_quarto, install_quarto
from utils.reproducibility import REPORT, write_site_report
from utils.sharing import describe_pages
from utils.sitecheck import check_site, pages_of
from utils.sspcloud import DOWNLOADS
from utils.stories.catalogue_pages import towns_date

__all__ = ["BookReport", "build_book", "build_pdf", "faults_of_log"]

#: Faults written out in an error; the others are counted.
MAX_TOLD: Final = 20

#: Folders of the project that no page reads; a name with a dot first is left out as well.
_NOT_COPIED: Final = ("_book", "artefacts", "build", "figures", "tests", "utils", "*.egg-info")
#: The chapter whose data and scripts are written beside the pages.
_DASHBOARD: Final = Path("chapters") / "tableau_de_bord.qmd"
_BODY: Final = re.compile("<body[^>]*>")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
#: Lines by which Quarto, its filters or pandoc tell of a fault; it may still exit with 0.
_FAULT: Final = re.compile(r"^(?:WARN|ERROR|\[WARNING\])|Unable to resolve")
#: Quarto takes the "%" of an alternative text for that of an address. No reader sees it.
#: And a notebook to download for a chapter; whether it is there is looked at in the end.
_HARMLESS: Final = re.compile(
    rf"Invalid URI '.*' in attribute 'alt'|Unable to resolve link target: {DOWNLOADS}/"
)
#: What Quarto loads from elsewhere for widgets as soon as a cell shows HTML, were it a plain
#: table. The pages of the book bring along all that they need.
_WIDGET_LOADERS: Final = re.compile(
    r'<script src="https://cdn\.jsdelivr\.net/npm/(?:requirejs|jquery)@[^"]*"[^>]*></script>\n?'
    r"|<script[^>]*>define\('jquery', ?\[\],.*?</script>\n?"
)
_PAGE: Final = re.compile(r"^\[\s*\d+/\d+\] (\S.*)$")
_CELL: Final = re.compile(r"^\s*Cell (\d+)/\d+: '(.*?)'")
_KERNEL_ERROR: Final = re.compile(r"^[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b.*:")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BookReport:
    """What was built.

    Attributes
    ----------
    kind
        ``"quarto"``, the real book, or ``"aperçu"``.
    output
        Folder of the site.
    pages
        How many pages it has.
    why
        Why it is a preview, one French sentence; empty for the real book.
    """

    kind: str
    output: Path
    pages: int
    why: str = ""

    def sentence(self) -> str:
        """Say it in French."""
        what = "Le livre est construit" if self.kind == "quarto" else "L’aperçu est construit"
        told = f"{what} : {self.output / 'index.html'} ({counted(self.pages, 'page')})."
        return typographic(f"{told} {self.why}".strip())


# -- Quarto ----------------------------------------------------------------------------


def _quarto_render(
    root: Path, quarto: str, to: str, log: Path, progress: Progress | None
) -> list[str]:
    """Render with Quarto and keep its log; return its lines."""
    environment = {**os.environ, "QUARTO_PYTHON": sys.executable, "NO_COLOR": "1"}
    environment["PVD_FIGURES_DIR"] = str(root / "figures")
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            [quarto, "render", str(root), "--to", to],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for raw in process.stdout or ():
            line = _COLOURS.sub("", raw.rstrip("\n"))
            lines.append(line)
            kept.write(f"{line}\n")
            if progress and (page := _PAGE.match(line)):
                progress(page[1])
    if process.returncode:
        raise BookError(
            typographic(f"Quarto a échoué (code {process.returncode}) : {_failure(lines)}"),
            hint=f"Le journal entier est dans {log}.",
        )
    return lines


def _render(root: Path, site: Path, quarto: str, log: Path, progress: Progress | None) -> list[str]:
    """Render the site; return the faults that Quarto tells of."""
    lines = _quarto_render(root, quarto, "html", log, progress)
    if not (site / "index.html").is_file():
        raise BookError("Quarto n’a écrit aucune page.", hint=f"Voir {log}.")
    # Quarto lists the resources before the cells run, and would miss what they publish.
    for folder in ("figures", DOWNLOADS):
        shutil.copytree(root / folder, site / folder, dirs_exist_ok=True)
    for rendered in pages_of(site):
        _drop_widget_loaders(rendered)
    return faults_of_log(lines)


def _drop_widget_loaders(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lighter = _WIDGET_LOADERS.sub("", text)
    if lighter != text:
        page.write_text(lighter, encoding="utf-8")


def _failure(lines: list[str]) -> str:
    """Say where a render stopped: the page, the cell, the error."""
    page = cell = ""
    for line in lines:
        if found := _PAGE.match(line):
            page, cell = found[1], ""
        elif found := _CELL.match(line):
            cell = found[1]
    errors = [line for line in lines if _KERNEL_ERROR.match(line) or line.startswith("ERROR")]
    told = " ".join(errors[-2:]) or " ".join(filter(None, lines[-3:]))
    where = f"{page}, cellule {cell} : " if cell else f"{page} : " if page else ""
    return f"{where}{told}"


def faults_of_log(lines: list[str]) -> list[str]:
    """Return what a log of Quarto tells of faults in the book, each with its page."""
    faults, page = [], ""
    for line in lines:
        if found := _PAGE.match(line):
            page = found[1]
        elif _FAULT.search(line) and not _HARMLESS.search(line):
            faults.append(f"{page} : {line}" if page and ".html:" not in line else line)
    return faults


def _faulty(faults: list[str]) -> BookError:
    shown = [*faults[:MAX_TOLD], *(["…"] if len(faults) > MAX_TOLD else [])]
    return BookError(
        "\n".join([typographic(f"Le livre a {counted(len(faults), 'faute')} :"), *shown]),
        hint="L’ancien livre est resté en place.",
    )


# -- the copy of the sources -----------------------------------------------------------


@contextmanager
def _stage(root: Path) -> Iterator[Path]:
    """Copy the sources of the book to ``build/``; remove the copy in the end."""
    build = root / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="livre-", ignore_cleanup_errors=True) as one:
        copy = Path(one) / "sources"
        shutil.copytree(root, copy, ignore=_left_out, symlinks=True)
        (copy / "figures").mkdir()
        (copy / DOWNLOADS).mkdir()
        for notebook in (root / "notebooks").glob("*.ipynb"):
            shutil.copyfile(notebook, copy / DOWNLOADS / notebook.name)
        (copy / REPORT).touch()  # pages link to it; it is written last
        _write_variables(root, copy)
        yield copy


def _left_out(folder: str, names: list[str]) -> set[str]:
    left = shutil.ignore_patterns(*_NOT_COPIED, ".*", "__pycache__")(folder, names)
    # The tables, and what was downloaded, are read in their place.
    return left | ({"raw", "cache", "tables"} if Path(folder).name == "data" else set())


def _let_skip_menus(site: Path) -> None:
    """Put first in each page a link to its content: Quarto has no place before its menus."""
    for page in sorted(site.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        if f'id="{preview.SKIP_TARGET}"' in text:
            text = _BODY.sub(rf"\g<0>{preview.SKIP_LINK}", text, count=1)
            page.write_text(text, encoding="utf-8")


def _config(root: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((root / "_quarto.yml").read_text("utf-8"))
    return config


def _write_variables(root: Path, copy: Path) -> None:
    """Write what the pages quote and only the tables know."""
    path = copy / "_variables.yml"
    known: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    if (root / "data" / "tables").is_dir():
        known["date-liste"] = towns_date()
    path.write_text(yaml.safe_dump(known, allow_unicode=True), encoding="utf-8")


# -- the whole -------------------------------------------------------------------------


def build_book(root: Path, *, output: Path, progress: Progress | None = None) -> BookReport:
    """Build the book.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    output : Path
        Folder of the site, replaced in one step once the build is good.
    progress : callable, optional
        Told the source of each page as it begins.

    Returns
    -------
    BookReport

    Raises
    ------
    BookError
        A cell fails, a link, a reference or an image is broken; the message says where.
        The old site is untouched.
    """
    root, output = root.resolve(), output.resolve()
    _check_output(root, output)
    quarto, why = find_quarto(), ""
    if quarto is None:
        quarto, why = install_quarto()
    with _stage(root) as copy:
        site, faults = copy / "_book", []
        if quarto is None:
            preview.build_preview(copy, site, progress=progress)
        else:
            faults = _render(copy, site, quarto, root / "build" / "quarto.log", progress)
        if (copy / _DASHBOARD).is_file():
            if progress:
                progress("données du tableau de bord")
            dashboard.write_dashboard(site / "tableau")
        if quarto:
            lighten(site)
            _let_skip_menus(site)
        if address := _config(copy)["book"].get("site-url"):
            describe_pages(site, str(address).rstrip("/"))
        write_site_report(site, root)
        if faults := [*faults, *check_site(site)]:
            raise _faulty(faults)
        pages = len(pages_of(site))
        _swap(site, output)
    return BookReport("quarto" if quarto else "aperçu", output, pages, why)


def build_pdf(root: Path, *, output: Path, progress: Progress | None = None) -> Path:
    """Build the book as one PDF, by the Typst that Quarto brings.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    output : Path
        The PDF, replaced in one step once it is good.
    progress : callable, optional
        Told the source of each page as it begins.

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    BookError
        Quarto is not there, a cell fails, a reference is broken. The old PDF is untouched.
    """
    root, output = root.resolve(), output.resolve()
    quarto = find_quarto()
    if quarto is None:
        raise BookError(
            "Le PDF du livre se fait avec Quarto, qui manque.",
            hint="Installez Quarto, ou lisez l’aperçu que fait « make book ».",
        )
    with _stage(root) as copy:
        lines = _quarto_render(copy, quarto, "typst", root / "build" / "typst.log", progress)
        made = sorted((copy / "_book").glob("*.pdf"))
        faults = faults_of_log(lines)
        if not made:
            raise BookError("Quarto n’a écrit aucun PDF.", hint="Voir build/typst.log.")
        if faults:
            raise _faulty(faults)
        output.parent.mkdir(parents=True, exist_ok=True)
        kept = output.with_name(f".{output.name}.partiel")
        shutil.copyfile(made[0], kept)
        kept.replace(output)
    return output


def _check_output(root: Path, output: Path) -> None:
    """Refuse to replace a folder that is not an earlier book."""
    held = output.is_dir() and any(output.iterdir()) and not (output / "index.html").is_file()
    if root.is_relative_to(output) or held or output.is_file():
        raise BookError(
            typographic(f"« {output} » existe et n’est pas un livre construit."),
            hint="Donnez un autre dossier, ou videz celui-ci.",
        )


def _swap(site: Path, output: Path) -> None:
    """Put the new site in the place of the old one."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".livre-") as folder:
        new = Path(shutil.move(site, Path(folder) / "new"))
        if output.exists():
            output.rename(Path(folder) / "old")
        new.rename(output)
