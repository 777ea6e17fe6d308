"""Where a figure comes from: its cell, its function, its sources and their checksums, the commit.

A published figure carries this as a folded list under it; :mod:`utils.reproducibility`
gathers it for the whole site.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from utils import __version__, tables
from utils.catalogue import DATA
from utils.errors import TableError
from utils.formats import typographic

__all__ = [
    "Cell",
    "Commit",
    "code_cells",
    "commit",
    "makers",
    "proof",
    "repository",
    "running_cell",
    "source_checksums",
]

#: Hexadecimal digits of a checksum or of a commit shown to a reader; the report has them all.
SHOWN_DIGITS: Final = 12

_ROOT: Final = Path(__file__).resolve().parent.parent
#: Sources of which an extract, written by hand or apart, stands beside the tables.
_EXTRACTS: Final[Mapping[str, str]] = {"name_suggestion_index": "brands.csv"}
_FENCE: Final = re.compile(r"^(`{3,})\{python\}[^\n]*\n(.*?)^\1`*[ \t]*$", re.MULTILINE | re.DOTALL)
_OPTION: Final = re.compile(r"^#\|[^\n]*\n?", re.MULTILINE)


# --------------------------------------------------------------------------- code


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of the code, and whether the files were modified since."""

    hash: str
    modified: bool


@functools.cache
def commit(root: Path = _ROOT) -> Commit | None:
    """Return the commit of the project; ``None`` outside a git repository of its own."""
    top = _git(root, "rev-parse", "--show-toplevel")
    head = _git(root, "rev-parse", "HEAD")
    if not head or not top or Path(top).resolve() != root.resolve():
        return None
    return Commit(head, modified=bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@functools.cache
def repository(root: Path = _ROOT) -> str:
    """Return the address of the repository, from ``_quarto.yml``; empty when it says none."""
    path = root / "_quarto.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(config.get("book", {}).get("repo-url", "")).rstrip("/")


# --------------------------------------------------------------------------- cell, function


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of code: its rank among those of its document (0: unknown), and its text."""

    rank: int
    text: str


def code_cells(document: Path) -> list[str]:
    """Return the cells of code of a chapter or a notebook, in order."""
    text = document.read_text(encoding="utf-8")
    if document.suffix != ".ipynb":
        return [found[2] for found in _FENCE.finditer(text)]
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _plain(text: str) -> str:
    """Return the text of a cell without its options."""
    return _OPTION.sub("", text).strip()


def running_cell(document: str) -> Cell | None:
    """Return the cell that runs now, in the document of that name; ``None`` outside a notebook."""
    shell = _shell()
    if shell is None:
        return None
    text = _plain(shell.history_manager.input_hist_raw[-1])
    path = Path.cwd() / document
    cells = [_plain(cell) for cell in code_cells(path)] if document and path.is_file() else []
    return Cell(cells.index(text) + 1 if text in cells else 0, text)


def _shell() -> Any:  # noqa: ANN401 — IPython has no types
    """Return the shell of the notebook, ``None`` where there is none."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return shell if getattr(shell, "history_manager", None) else None


def makers(cell: str, figure_id: str, names: Mapping[str, Any] | None = None) -> str:
    """Return the function that a cell calls for what it publishes under an id.

    Parameters
    ----------
    cell : str
        Text of the cell, for instance ``publish_story(commerce.families(ville), id="x")``.
    figure_id : str
        The id published.
    names : mapping, optional
        What the names of the cell stand for; those of the running notebook when not given.

    Returns
    -------
    str
        Full name (``utils.stories.commerce.families``); empty when it cannot be told.
    """
    if names is None:
        shell = _shell()
        names = shell.user_ns if shell else {}
    try:
        tree = ast.parse(_plain(cell))
    except SyntaxError:  # a cell with a command of the notebook
        return ""
    made = next((call for call in _calls(tree) if _publishes(call, figure_id)), None)
    if made is None or not made.args:
        return ""
    first = made.args[0]
    if isinstance(first, ast.Name):
        first = next((node.value for node in _assigned(tree, first.id)), first)
    while isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute):
        if not isinstance(first.func.value, ast.Call):
            break
        first = first.func.value  # of ``wind.table(ville).head(20)``, what makes the table
    return _full_name(first.func, names) if isinstance(first, ast.Call) else ""


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _publishes(call: ast.Call, figure_id: str) -> bool:
    return any(
        word.arg == "id" and isinstance(word.value, ast.Constant) and word.value.value == figure_id
        for word in call.keywords
    )


def _assigned(tree: ast.AST, name: str) -> Iterator[ast.Assign]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            yield node


def _full_name(node: ast.expr, names: Mapping[str, Any]) -> str:
    """Return the full name of a function written as ``a.b.c`` in a cell."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    found = names.get(node.id) if isinstance(node, ast.Name) else None
    for name in path:
        found = getattr(found, name, None)
    qualified = getattr(found, "__qualname__", "")
    return f"{getattr(found, '__module__', '')}.{qualified}" if qualified else ""


# --------------------------------------------------------------------------- sources


def source_checksums(source_id: str) -> list[str]:
    """Return the SHA-256 of the files of a source that the embedded tables were built from.

    Of a source that is read through an extract in ``data/``, that of the extract.
    """
    if source_id in _EXTRACTS:
        return [tables.file_sha256(DATA / _EXTRACTS[source_id])]
    try:
        entries = tables.load_manifest()["tables"].values()
    except TableError:
        return []
    found = [
        one["sha256"] for entry in entries for one in entry["sources"] if one["id"] == source_id
    ]
    return sorted(set(found))


# --------------------------------------------------------------------------- under a figure


def proof(entry: Mapping[str, Any]) -> str:
    """Write where a published figure comes from, folded, for the page.

    Parameters
    ----------
    entry : mapping
        The entry of the figure in ``figures/report.json``.
    """
    what = "cette figure" if entry["kind"] == "figure" else "ce tableau"
    lines = [line for line in (_function_line(entry), _cell_line(entry)) if line]
    for one in entry["sources"]:
        sums = ", ".join(f"`{digest[:SHOWN_DIGITS]}`" for digest in one["sha256"])
        read = f", fichier lu : SHA-256 {sums}" if sums else ", aucun fichier lu"
        page = f"/chapters/sources.qmd#src-{one['id'].replace('_', '-')}"
        lines.append(f"Source [`{one['id']}`]({page}), millésime {one['vintage']}{read}.")
    lines.append(_commit_line())
    items = "\n".join(f"- {typographic(line)}" for line in lines)
    summary = typographic(f"D’où vient {what} ?")
    return (
        '::: {.content-visible when-format="html"}\n\n'
        f'<details class="preuve"><summary>{summary}</summary>\n\n{items}\n\n</details>\n\n:::\n'
    )


def _function_line(entry: Mapping[str, Any]) -> str:
    made, drawn = entry["made_by"], entry["function"]
    names = " puis ".join(f"`{name}`" for name in dict.fromkeys((made, drawn)) if name)
    return f"Calcul : {names}." if names else ""


def _cell_line(entry: Mapping[str, Any]) -> str:
    cell, document = entry["cell"], entry["notebook"]
    if not cell or not document:
        return ""
    rank = f"cellule de code n° {cell['rank']} de " if cell["rank"] else ""
    return f"Écrit par : {rank}{_document_link(document)}."


def _document_link(name: str) -> str:
    """Return the name of a chapter or notebook, linked to its text at the commit."""
    now, address = commit(), repository()
    found = (f for f in ("notebooks/", "chapters/", "") if (_ROOT / f / name).is_file())
    folder = next(found, None)
    if now is None or not address or folder is None:
        return f"`{name}`"
    return f"[`{name}`](<{address}/blob/{now.hash}/{folder}{name}>)"


def _commit_line() -> str:
    now = commit()
    if now is None:
        return f"Code : version {__version__}, hors dépôt git."
    state = ", modifié depuis" if now.modified else ""
    return f"Code : révision `{now.hash[:SHOWN_DIGITS]}`{state}."
