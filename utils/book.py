"""Building the book: with Quarto where it is, else a plain preview that says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from utils import preview
from utils.errors import BookError
from utils.formats import counted, typographic
from utils.sitecheck import check_site
from utils.sources import is_offline
from utils.stories.catalogue_pages import data_date

__all__ = ["BookReport", "build_book", "faults_of_log", "find_quarto"]

#: Time that the installation of Quarto from PyPI may take, seconds.
INSTALL_LIMIT_S: Final = 180
#: Time that a render may take, seconds.
RENDER_LIMIT_S: Final = 3600

#: Lines of Quarto's log that a reader would see the effect of, though Quarto exits with 0.
_FAULT: Final = re.compile(
    r"unable to resolve|could not (be )?(find|found|fetch|resolve)|not found|\bERROR\b"
    r"|^WARN(ING)?\b|\[WARNING\]",
    re.IGNORECASE,
)
#: What the kernel says of itself on every start; and Quarto of a "%" in a text that it takes
#: for an address ("52 % des villes" in an alternative text). No reader sees either.
_HARMLESS: Final = re.compile(r"Kernel is running over TCP|Invalid URI '.*' in attribute 'alt'")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class BookReport:
    """What was built: ``quarto`` (the real book) or ``aperçu``, where, how many pages."""

    kind: str
    output: Path
    pages: int
    why: str = ""

    def sentence(self) -> str:
        """Say it in French."""
        what = "Le livre est construit" if self.kind == "quarto" else "L’aperçu est construit"
        tail = f" {self.why}" if self.why else ""
        return typographic(
            f"{what} : {self.output / 'index.html'} ({counted(self.pages, 'page')}).{tail}"
        )


def find_quarto() -> str | None:
    """Return the path of ``quarto``: ``PVD_QUARTO``, the PATH, or the virtual environment.

    ``PVD_QUARTO=non`` asks for the preview.
    """
    asked = os.environ.get("PVD_QUARTO", "").strip()
    if asked:
        return None if asked == "non" else asked
    beside = Path(sys.executable).with_name("quarto")
    return shutil.which("quarto") or (str(beside) if beside.is_file() else None)


def _install_quarto() -> tuple[str | None, str]:
    """Try ``quarto-cli``, which installs the real Quarto; return its path, or why not."""
    if os.environ.get("PVD_QUARTO", "").strip() == "non":
        return None, "PVD_QUARTO demande l’aperçu."
    if is_offline():
        return None, "Quarto manque, et PVD_OFFLINE interdit de l’installer."
    command = [sys.executable, "-m", "pip", "install", "--quiet", "quarto-cli"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None, "Quarto manque, et son installation par quarto-cli a dépassé le délai."
    beside = Path(sys.executable).with_name("quarto")
    if done.returncode == 0 and beside.is_file():
        works = subprocess.run(
            [str(beside), "--version"], capture_output=True, timeout=INSTALL_LIMIT_S, check=False
        )
        if works.returncode == 0:
            return str(beside), ""
    return None, "Quarto manque, et n’a pas pu être installé par quarto-cli."


def build_book(root: Path, *, output: Path) -> BookReport:
    """Build the book.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    output : Path
        Folder of the site, replaced in one step once the build is good.

    Returns
    -------
    BookReport

    Raises
    ------
    BookError
        A cell fails, a link, a reference or an image is broken; the message says where.
        The old site is untouched.
    """
    quarto = find_quarto()
    why = ""
    if quarto is None:
        quarto, why = _install_quarto()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".livre-") as folder:
        source, site = Path(folder) / "source", Path(folder) / "site"
        _copy_source(root, source)
        if quarto is None:
            preview.build_preview(source, site)
        else:
            _render(source, site, quarto)
        faults = check_site(site)
        if faults:
            raise BookError(
                f"Le livre a {counted(len(faults), 'faute')} : {' '.join(faults[:20])}",
                hint="L’ancien livre est resté en place.",
            )
        pages = len([p for p in site.rglob("*.html") if "site_libs" not in p.parts])
        _swap(site, output, Path(folder))
    return BookReport("aperçu" if quarto is None else "quarto", output, pages, why)


#: What the pages do not need: results, environments, code (imported from where it is).
_NOT_SOURCE: Final = (
    ".*", "_book", "figures", "artefacts", "data", "utils", "tests", "build", "*.egg-info",
)  # fmt: skip


def _copy_source(root: Path, source: Path) -> None:
    """Copy the pages to a place of their own: building them changes nothing in the tree.

    The copy has no figure yet, so each one in the book is of this build; and it has what
    the pages quote and only the tables know.
    """
    shutil.copytree(root, source, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
    text = yaml.safe_dump({"date-donnees": data_date()}, allow_unicode=True)
    (source / "_variables.yml").write_text(text, encoding="utf-8")


def _swap(site: Path, output: Path, folder: Path) -> None:
    """Put the new site in the place of the old one."""
    if output.exists():
        output.rename(folder / "old")
    site.rename(output)


def _render(source: Path, site: Path, quarto: str) -> None:
    """Render with Quarto, and read its log."""
    environment = {
        **os.environ,
        "QUARTO_PYTHON": sys.executable,
        "PVD_FIGURES_DIR": str(source / "figures"),
        "NO_COLOR": "1",
    }
    command = [quarto, "render", str(source), "--to", "html", "--output-dir", str(site)]
    try:
        done = subprocess.run(
            command,
            cwd=source,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RENDER_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BookError("Quarto n’a pas fini dans le délai.") from error
    log = _COLOURS.sub("", done.stdout)
    faults = faults_of_log(log)
    if done.returncode != 0 or not (site / "index.html").is_file():
        raise BookError(
            f"Quarto a échoué (code {done.returncode}) : {log.strip()[-3000:]}",
            hint="Corrigez la cellule ou la page nommée ci-dessus.",
        )
    if faults:
        raise BookError(
            f"Quarto signale {counted(len(faults), 'faute')} : {' | '.join(faults[:20])}",
            hint="L’ancien livre est resté en place.",
        )


def faults_of_log(log: str) -> list[str]:
    """Return the lines of a log of Quarto that tell of a fault in the book."""
    return [
        line.strip()
        for line in log.splitlines()
        if _FAULT.search(line) and not _HARMLESS.search(line)
    ]
