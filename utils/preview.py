"""A plain preview of the book where Quarto cannot be had.

Same pages, same order, executed the same way; pandoc alone makes them, with a banner that
says so. References are numbered page by page; there is no search.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nbformat
import pypandoc
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from utils.errors import BookError

__all__ = ["BANNER", "build_preview"]

BANNER: Final = (
    "Aperçu : ce n’est pas le vrai livre. Quarto manque sur la machine qui l’a construit ;"
    " les textes et les nombres sont les mêmes, la recherche et la mise en page n’y sont pas."
)

#: Time that one cell may take, seconds.
CELL_LIMIT_S: Final = 300

_CELL: Final = re.compile(r"^```\{python\}[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_OPTION: Final = re.compile(r"^#\|\s*([\w-]+):\s*(.*)$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\{\{<\s*var\s+([\w-]+)\s*>\}\}")
_FLOAT: Final = re.compile(
    r"^::: \{#(?P<id>(?P<kind>fig|tbl)-[\w-]+)\}\n(?P<body>.*?)^:::\s*$", re.MULTILINE | re.DOTALL
)
_REFERENCE: Final = re.compile(r"(?<![\w\\])@((?:fig|tbl|sec)-[\w-]+)")
_SOURCE_LINK: Final = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s]+?)\.(?:qmd|ipynb)(#[^)\s]*)?\)")
_WORDS: Final = {"fig": "figure", "tbl": "tableau", "sec": "section"}


@dataclass(slots=True)
class _Page:
    """A chapter: where its source is, and what it became."""

    source: str
    title: str = ""
    markdown: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return str(Path(self.source).with_suffix(".html"))


def build_preview(root: Path, site: Path) -> None:
    """Execute every chapter of ``root/_quarto.yml`` and write plain pages in ``site``.

    Raises
    ------
    BookError
        A cell fails (the message names the chapter and the cell), or a reference has no
        target.
    """
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    variables_file = root / "_variables.yml"
    variables = yaml.safe_load(variables_file.read_text(encoding="utf-8"))
    sections = list(_sections(config["book"]["chapters"]))
    pages = [_Page(source) for _, sources in sections for source in sources]
    for page in pages:
        _execute(root, page)
        page.markdown = _VARIABLE.sub(lambda m: str(variables[m.group(1)]), page.markdown)
        _number(page)
    labels = {label: (page, text) for page in pages for label, text in page.labels.items()}
    site.mkdir(parents=True)
    for page in pages:
        _write(site, page, labels, sections, pages, config)
        _copy_files(root, site, page)


def _sections(chapters: list[Any]) -> Iterator[tuple[str, list[str]]]:
    """Give each part of the book: its name, its sources."""
    for chapter in chapters:
        if isinstance(chapter, str):
            yield "", [chapter]
        else:
            yield str(chapter["part"]), [str(c) for c in chapter["chapters"]]


# --------------------------------------------------------------------------- execution


def _execute(root: Path, page: _Page) -> None:
    """Run the cells of a chapter in its own folder; fill its title and its Markdown."""
    path = root / page.source
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    else:
        notebook = _as_notebook(path.read_text(encoding="utf-8"))
    front: dict[str, Any] = {}
    if notebook.cells and (match := _FRONT.match(notebook.cells[0].source.strip() + "\n")):
        front = yaml.safe_load(match.group(1)) or {}
        notebook.cells[0].source = notebook.cells[0].source.strip()[match.end() :]
    page.title = str(front.get("title", path.stem))
    if any(cell.cell_type == "code" for cell in notebook.cells):
        _run(notebook, path, root)
    page.markdown = "\n\n".join(_rendered(cell) for cell in notebook.cells)


def _as_notebook(text: str) -> nbformat.NotebookNode:
    """Turn a ``.qmd`` into a notebook, its Python cells between pieces of prose."""
    cells = []
    front = _FRONT.match(text)
    end = front.end() if front else 0
    cells.append(nbformat.v4.new_markdown_cell(text[:end]))  # type: ignore[no-untyped-call]
    for match in _CELL.finditer(text, end):
        cells.append(nbformat.v4.new_markdown_cell(text[end : match.start()]))  # type: ignore[no-untyped-call]
        cells.append(nbformat.v4.new_code_cell(match.group(1)))  # type: ignore[no-untyped-call]
        end = match.end()
    cells.append(nbformat.v4.new_markdown_cell(text[end:]))  # type: ignore[no-untyped-call]
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    return notebook


def _run(notebook: nbformat.NotebookNode, path: Path, root: Path) -> None:
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    environment = {
        **os.environ,
        "PVD_DOCUMENT": path.name,
        "PVD_FIGURES_DIR": str(root / "figures"),
    }
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        number = next(
            (
                i
                for i, cell in enumerate(notebook.cells, start=1)
                if any(o.output_type == "error" for o in cell.get("outputs", []))
            ),
            0,
        )
        raise BookError(
            f"Dans {path.name}, la cellule {number} échoue : {error.ename} : {error.evalue}",
            hint="Corrigez-la, puis relancez « make book ».",
        ) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise BookError(f"Dans {path.name}, une cellule ne finit pas : {error}") from error


def _rendered(cell: nbformat.NotebookNode) -> str:
    """Return the Markdown of a cell: its prose, or its folded code and its outputs."""
    if cell.cell_type != "code":
        return str(cell.source)
    options = {key: value.strip().strip('"') for key, value in _OPTION.findall(cell.source)}
    parts = []
    if options.get("echo") != "false":
        code = html.escape(_OPTION.sub("", cell.source).strip())
        summary = options.get("code-summary", "Le code")
        parts.append(
            f"<details><summary>{summary}</summary><pre><code>{code}</code></pre></details>"
        )
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            parts.append(data["text/markdown"])
        elif "text/html" in data:
            parts.append(f"```{{=html}}\n{data['text/html']}\n```")
        elif "text/plain" in data:
            parts.append(f"```\n{data['text/plain']}\n```")
        elif output.output_type == "stream" and output.name == "stdout":
            parts.append(f"```\n{output.text}\n```")
    return "\n\n".join(parts)


# --------------------------------------------------------------------------- references


def _number(page: _Page) -> None:
    """Number the figures and tables, and note what a reference to each of them says."""
    counts = {"fig": 0, "tbl": 0}

    def float_(match: re.Match[str]) -> str:
        kind, label = match["kind"], match["id"]
        counts[kind] += 1
        page.labels[label] = f"{_WORDS[kind]} {counts[kind]}"
        body, _, caption = match["body"].strip().rpartition("\n\n")
        title = f"{_WORDS[kind].capitalize()} {counts[kind]}"
        return (
            f"::: {{#{label} .flottant}}\n\n{body}\n\n"
            f"[{title} : {caption.strip()}]{{.legende}}\n\n:::\n"
        )

    page.markdown = _FLOAT.sub(float_, page.markdown)
    for label in re.findall(r"\{#(sec-[\w-]+)\}", page.markdown):
        page.labels[label] = "section"


def _resolved(page: _Page, labels: Mapping[str, tuple[_Page, str]]) -> str:
    def reference(match: re.Match[str]) -> str:
        label = match.group(1)
        if label not in labels:
            raise BookError(
                f"Dans {page.source}, la référence @{label} n’a pas de cible.",
                hint="Corrigez l’identifiant.",
            )
        target, text = labels[label]
        return f"[{text}]({_relative(page, target.target)}#{label})"

    text = _REFERENCE.sub(reference, page.markdown)
    return _SOURCE_LINK.sub(lambda m: f"]({m.group(1)}.html{m.group(2) or ''})", text)


def _relative(page: _Page, target: str) -> str:
    return os.path.relpath(target, start=str(Path(page.source).parent))


# --------------------------------------------------------------------------- pages

_STYLE: Final = """
body { margin: 0; font: 17px/1.55 system-ui, "DejaVu Sans", sans-serif; color: #1f2328;
  background: #fdfdfb; }
.banniere { background: #fff3cd; color: #4d3b00; padding: .6rem 1rem; }
.cadre { display: flex; flex-wrap: wrap; gap: 2rem; max-width: 72rem; margin: 0 auto;
  padding: 1rem; }
nav { flex: 0 0 15rem; } nav ul { list-style: none; padding-left: .6rem; }
main { flex: 1 1 20rem; min-width: 0; max-width: 46rem; overflow-wrap: break-word; }
h1, h2, h3 { font-family: Georgia, "DejaVu Serif", serif; line-height: 1.25; }
img { max-width: 100%; height: auto; background: #fff; }
table { display: block; overflow-x: auto; max-width: 100%; border-collapse: collapse; }
td, th { padding: .2rem .6rem; border-bottom: 1px solid #d8dce0; text-align: left;
  vertical-align: top; }
pre { overflow-x: auto; background: #f1f3f5; padding: .6rem; }
a { color: #1b4f72; } .flottant { font-size: .9rem; margin: 1.5rem 0; }
footer { max-width: 72rem; margin: 2rem auto; padding: 1rem; border-top: 1px solid #d8dce0; }
@media (max-width: 40rem) { nav { flex-basis: 100%; } }
"""


def _menu_item(page: _Page, other: _Page) -> str:
    address = _relative(page, other.target)
    return f'<li><a href="{address}">{html.escape(other.title)}</a></li>'


def _write(
    site: Path,
    page: _Page,
    labels: Mapping[str, tuple[_Page, str]],
    sections: list[tuple[str, list[str]]],
    pages: list[_Page],
    config: Mapping[str, Any],
) -> None:
    body = pypandoc.convert_text(
        _resolved(page, labels).replace('fig-alt="', 'alt="'),
        "html5",
        format="markdown+raw_html-implicit_figures",
        extra_args=["--mathml", "--wrap=none"],
    )
    body = re.sub(r'(<img[^>]*?) alt=""(?=[^>]* alt=")', r"\1", body)
    titles = {p.source: p for p in pages}
    menu = []
    for part, sources in sections:
        links = "".join(_menu_item(page, titles[source]) for source in sources)
        heading = f"<strong>{html.escape(part)}</strong>" if part else ""
        menu.append(f"{heading}<ul>{links}</ul>")
    book = html.escape(str(config["book"]["title"]))
    title = html.escape(page.title)
    text = (
        f'<!DOCTYPE html>\n<html lang="fr"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} – {book}</title><style>{_STYLE}</style></head><body>"
        f'<p class="banniere" role="note">{BANNER}</p><div class="cadre">'
        f'<nav aria-label="Sommaire"><p><strong>{book}</strong></p>{"".join(menu)}</nav>'
        f"<main><h1>{title}</h1>\n{body}</main></div>"
        "<footer>Code sous licence MIT, textes et tables sous Licence Ouverte 2.0.</footer>"
        "</body></html>\n"
    )
    target = site / page.target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _copy_files(root: Path, site: Path, page: _Page) -> None:
    """Copy the images and tables that a page shows or offers."""
    text = (site / page.target).read_text(encoding="utf-8")
    for found in re.findall(r'(?:src|href)="([^":#?]+)"', text):
        relative = Path(os.path.normpath(Path(page.source).parent / html.unescape(found)))
        inside = not relative.is_absolute() and ".." not in relative.parts
        if inside and relative.suffix != ".html" and (root / relative).is_file():
            target = site / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / relative, target)
