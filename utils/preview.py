"""A plain preview of the book where Quarto cannot be had.

Same pages, same order, executed the same way. Quarto's Markdown is Pandoc's, so pandoc
(``pypandoc_binary``) reads each page into its tree; what only Quarto knows is then done on
that tree: numbered figures and tables, references, links between sources, callouts. A
banner on every page says that it is not the real book; there is no search.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import nbformat
import pypandoc
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from utils.errors import BookError
from utils.formats import NBSP, typographic

__all__ = ["BANNER", "SKIP_LINK", "SKIP_TARGET", "build_preview", "execute_chapters"]

BANNER: Final = typographic(
    "Aperçu : ce n’est pas le vrai livre. Quarto manque sur la machine qui l’a construit ; les"
    " textes et les nombres sont les mêmes, la recherche et la mise en page n’y sont pas."
)

#: Time that one cell may take, seconds.
CELL_LIMIT_S: Final = 300

_FORMAT: Final = "markdown-implicit_figures"
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_FENCE: Final = re.compile(r"^(`{3,})\{python\}[^\n]*\n(.*?)^\1`*[ \t]*$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`\{python\} ([^`]+)`")
#: The cell that computes the values of a piece of prose.
_VALUES: Final = """
import json as _json
_show = lambda x: x._repr_markdown_() if hasattr(x, "_repr_markdown_") else str(x)
print(_json.dumps([_show(x) for x in (VALUES,)]))
"""
_OPTION: Final = re.compile(r"^#\|[ \t]?(.*)\n?", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\{\{<\s*var\s+([\w.-]+)\s*>\}\}")
_KINDS: Final = ("fig", "tbl", "sec")
_LABEL: Final = re.compile(rf"({'|'.join(_KINDS)})-[\w-]+", re.IGNORECASE)
_WORDS: Final = {"fig": "figure", "tbl": "tableau", "sec": "section"}
_CALLOUTS: Final = {
    "note": "Note",
    "tip": "Astuce",
    "warning": "Avertissement",
    "important": "Important",
    "caution": "Attention",
}

# A node of pandoc's tree: {"t": its kind, "c": its content}.
Node = dict[str, Any]


@dataclass(slots=True)
class _Page:
    """A page: where its source is, its part of the book, and what it became."""

    source: PurePosixPath
    part: str = ""
    number: int | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    blocks: list[Node] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> PurePosixPath:
        return self.source.with_suffix(".html")

    @property
    def title(self) -> str:
        return str(self.meta.get("title") or self.source.stem)

    def address(self, target: PurePosixPath) -> str:
        """Return the way from this page to another file of the site."""
        return PurePosixPath(os.path.relpath(target, self.source.parent)).as_posix()


def build_preview(root: Path, site: Path, *, progress: Callable[[str], None] | None = None) -> None:
    """Execute the chapters and build the pages of the preview.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``, whose notebooks are read and never written; the cells
        publish in its ``figures``.
    site : Path
        Folder of the pages, made here.
    progress : callable, optional
        Told the source of each page as it begins.

    Raises
    ------
    BookError
        A cell fails, a reference or a link has no target, an image is missing; the
        message names the page.
    """
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    variables = _yaml(root / "_variables.yml")
    pages = list(_pages(root, config["book"]["chapters"]))
    for chapter, page in enumerate(pages, start=1):
        if progress:
            progress(str(page.source))
        notebook = _notebook(root / page.source)
        page.meta = _front_matter(notebook)
        if any(cell.cell_type == "code" for cell in notebook.cells):
            _execute(notebook, root / page.source, root / "figures")
        text = _with_variables(_text(notebook), variables, page)
        page.blocks = _parsed(text, page)
        if page.source.stem not in {"index", "404"}:  # as Quarto does: counted, not shown
            page.number = chapter
        _number(page)
    site.mkdir(parents=True)
    labels = {label: page for page in pages for label in page.labels}
    footer = _footer(config, variables)
    for page in pages:
        _resolve(root, site, page, pages, labels)
        text = _document(page, pages, config, footer)
        target = site / page.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if (root / "figures").is_dir():
        shutil.copytree(root / "figures", site / "figures", dirs_exist_ok=True)


def _yaml(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def _pages(root: Path, chapters: Sequence[Any]) -> Iterator[_Page]:
    """Give the pages in the order of the book, and the page of errors last."""
    yield from _chapters(chapters, "")
    if (root / "404.qmd").is_file():
        yield _Page(PurePosixPath("404.qmd"))


def _chapters(chapters: Sequence[Any], part: str) -> Iterator[_Page]:
    for chapter in chapters:
        if isinstance(chapter, str):
            yield _Page(PurePosixPath(chapter), part)
        elif "chapters" in chapter:
            yield from _chapters(chapter["chapters"], str(chapter.get("part", "")))
        else:
            yield _Page(PurePosixPath(chapter["href"]), part)


# -- execution -------------------------------------------------------------------------


def execute_chapters(
    root: Path,
    figures: Path,
    *,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, str]:
    """Execute the chapters for what they publish, and build no page.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``; nothing is written there.
    figures : Path
        Folder in which the cells publish.
    environment : mapping, optional
        Variables added to those of the kernels.
    progress : callable, optional
        Told the source of each chapter as it begins.

    Returns
    -------
    dict
        Name of each chapter that fails -> why, one French sentence; the others go on.
    """
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    failed: dict[str, str] = {}
    for page in _pages(root, config["book"]["chapters"]):
        notebook = _notebook(root / page.source)
        if not any(cell.cell_type == "code" for cell in notebook.cells):
            continue
        if progress:
            progress(str(page.source))
        try:
            _execute(notebook, root / page.source, figures, environment or {})
        except BookError as error:
            failed[page.source.name] = error.message
    return failed


def _notebook(path: Path) -> nbformat.NotebookNode:
    """Read a chapter as a notebook, its prose and its Python cells in order."""
    if not path.is_file():
        raise BookError(f"Le chapitre {path.name} de _quarto.yml n’existe pas.")
    if path.suffix == ".ipynb":
        notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        return notebook
    cells: list[nbformat.NotebookNode] = []
    text, end = path.read_text(encoding="utf-8"), 0
    for found in _FENCE.finditer(text):
        cells += _prose(text[end : found.start()])
        cells.append(nbformat.v4.new_code_cell(found[2]))  # type: ignore[no-untyped-call]
        end = found.end()
    cells += _prose(text[end:])
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    return notebook


def _prose(text: str) -> Iterator[nbformat.NotebookNode]:
    """Give a piece of prose, after a hidden cell that computes its ``{python}`` values."""
    values = _INLINE.findall(text)
    if values:
        source = _VALUES.replace("VALUES", ", ".join(f"({value})" for value in values))
        yield nbformat.v4.new_code_cell(source, metadata={"inline": True})  # type: ignore[no-untyped-call]
    yield nbformat.v4.new_markdown_cell(text)  # type: ignore[no-untyped-call]


def _front_matter(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Take the front matter off the first cell of prose, and return it."""
    for cell in notebook.cells:
        found = _FRONT.match(cell.source.lstrip()) if cell.cell_type != "code" else None
        if found:
            cell.source = cell.source.lstrip()[found.end() :]
            return yaml.safe_load(found[1]) or {}
        if cell.source.strip():
            break
    return {}


def _options(source: str) -> dict[str, Any]:
    """Read the ``#|`` lines of a cell."""
    return yaml.safe_load("\n".join(_OPTION.findall(source))) or {}


def _execute(
    notebook: nbformat.NotebookNode,
    path: Path,
    figures: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run the cells in the folder of the chapter, as Quarto does."""
    known = {"PVD_DOCUMENT": path.name, "PVD_FIGURES_DIR": str(figures), **environment}
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    skipped = [c for c in notebook.cells if c.cell_type == "code" and _skipped(c.source)]
    for cell in skipped:
        cell.cell_type = "raw"
    try:
        client.execute(env={**os.environ, **known})
    except CellExecutionError as error:
        raise BookError(
            typographic(
                f"Dans {path.name}, {_failing(notebook)} échoue : {error.ename}, {error.evalue}"
            ),
            hint="Corrigez-la, puis relancez «\u00a0make book\u00a0».",
        ) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise BookError(
            typographic(f"Dans {path.name}, une cellule ne finit pas : {error}"),
            hint="Exécutez le chapitre dans JupyterLab pour la trouver.",
        ) from error
    for cell in skipped:
        cell.cell_type, cell["outputs"] = "code", []


def _skipped(source: str) -> bool:
    return _options(source).get("eval") is False


def _failing(notebook: nbformat.NotebookNode) -> str:
    """Name the cell that failed: its rank among the code cells, and its first line."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for rank, cell in enumerate(code, start=1):
        if any(output.output_type == "error" for output in cell.outputs):
            lines = _OPTION.sub("", cell.source).strip().splitlines()
            return f"la cellule {rank} («\u00a0{lines[0] if lines else ''}\u00a0»)"
    return "une cellule"


# -- from cells to Markdown ------------------------------------------------------------


def _text(notebook: nbformat.NotebookNode) -> str:
    """Return the Markdown of a whole chapter, its ``{python}`` values in their places."""
    parts = []
    values: Iterator[str] = iter(())
    for cell in notebook.cells:
        if cell.metadata.get("inline"):
            values = iter(json.loads(cell.outputs[0].text))
        elif cell.cell_type == "markdown":
            parts.append(_INLINE.sub(lambda found: next(values, found[0]), cell.source))  # noqa: B023
        else:
            parts.append(_markdown(cell))
    return "\n\n".join(parts)


def _markdown(cell: nbformat.NotebookNode) -> str:
    """Return the Markdown of a cell of code: the code, folded, and its outputs."""
    if cell.cell_type != "code":
        return ""
    options = _options(cell.source)
    if options.get("include") is False:
        return ""
    parts = [] if options.get("echo") is False else [_code(cell.source, options)]
    if options.get("output") is not False:
        outputs = [text for output in cell.outputs if (text := _output(output))]
        parts += _labelled(outputs, options)
    return "\n\n".join(parts)


def _code(source: str, options: Mapping[str, Any]) -> str:
    code = _fenced(_OPTION.sub("", source).strip(), ".python")
    if options.get("code-fold", True) is False:
        return code
    summary = html.escape(str(options.get("code-summary", "Voir le code")))
    opened = " open" if options.get("code-fold") == "show" else ""
    return (
        f'<details class="code-fold"{opened}><summary>{summary}</summary>\n\n{code}\n\n</details>'
    )


def _fenced(text: str, classes: str = "") -> str:
    """Put a text between fences longer than any inside it."""
    longest = max([2, *(len(run) for run in re.findall(r"`+", text))])
    fence = "`" * (longest + 1)
    return f"{fence} {{{classes or '.sortie'}}}\n{text}\n{fence}"


def _output(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        warned = " .cell-output-stderr" if output.name == "stderr" else ""
        return _fenced(output.text.rstrip(), f".sortie{warned}")
    data = output.get("data", {})
    if "text/markdown" in data:
        return str(data["text/markdown"])
    for kind in ("image/svg+xml", "image/png", "image/jpeg"):
        if kind in data:
            return f"![]({_data_address(kind, data[kind])})"
    if "text/html" in data:
        return f"```{{=html}}\n{data['text/html']}\n```"
    return _fenced(str(data["text/plain"])) if "text/plain" in data else ""


def _data_address(kind: str, content: str) -> str:
    if kind == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode()
    return f"data:{kind};base64,{''.join(content.split())}"


def _labelled(outputs: list[str], options: Mapping[str, Any]) -> list[str]:
    """Make a figure or a table of the outputs of a cell that has a label and a caption."""
    label = str(options.get("label", ""))
    caption = options.get("fig-cap") or options.get("tbl-cap")
    if alt := options.get("fig-alt"):
        quoted = str(alt).replace('"', '\\"')
        outputs = [f'{o}{{fig-alt="{quoted}"}}' if o.startswith("![](") else o for o in outputs]
    if not (outputs and caption and _LABEL.fullmatch(label)):
        return outputs
    return [f"::: {{#{label}}}", *outputs, str(caption), ":::"]


def _with_variables(text: str, variables: Mapping[str, Any], page: _Page | None) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] in variables:
            return str(variables[found[1]])
        raise BookError(
            typographic(
                f"Dans {page.source if page else '_quarto.yml'}, la variable"
                f" « {found[1]} » n’est pas connue."
            )
        )

    return _VARIABLE.sub(value, text)


# -- pandoc's tree ---------------------------------------------------------------------


def _pandoc(text: str, *arguments: str, where: object) -> str:
    """Run pandoc; its warnings are errors."""
    command = [pypandoc.get_pandoc_path(), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode or done.stderr.strip():
        raise BookError(
            typographic(f"Dans {where}, pandoc ne peut continuer : {done.stderr.strip()}")
        )
    return done.stdout


def _parsed(text: str, page: _Page) -> list[Node]:
    tree = json.loads(_pandoc(text, "-f", _FORMAT, "-t", "json", where=page.source))
    blocks: list[Node] = tree["blocks"]
    if "title" not in page.meta and blocks and blocks[0]["t"] == "Header":
        first = blocks.pop(0)
        page.meta["title"] = _words(first["c"][2])
    return blocks


def _words(inlines: Any) -> str:  # noqa: ANN401 — any branch of the tree
    """Return the plain text of a branch of the tree."""
    return "".join(
        node["c"] if node["t"] == "Str" else " "
        for node in _walk(inlines)
        if node["t"] in {"Str", "Space", "SoftBreak"}
    )


def _walk(branch: Any) -> Iterator[Node]:  # noqa: ANN401 — any branch of the tree
    """Give every node of a branch, a parent before its children."""
    if isinstance(branch, list):
        for one in branch:
            yield from _walk(one)
    elif isinstance(branch, dict):
        if "t" in branch:
            yield branch
        yield from _walk(branch.get("c"))


def _number(page: _Page) -> None:
    """Number the figures, the tables and the sections of a page; make them so in its tree."""
    prefix = f"{page.number}." if page.number else ""
    counts = dict.fromkeys(_KINDS, 0)
    for node in _walk(page.blocks):
        attributes = _attributes(node)
        kind = attributes[0].partition("-")[0] if attributes else ""
        if node["t"] == "Header" and node["c"][0] == 2:
            counts["sec"] += 1
        if not attributes or not _LABEL.fullmatch(attributes[0]):
            continue
        if kind != "sec":
            counts[kind] += 1
            _make_float(node, f"{_WORDS[kind].capitalize()}{NBSP}{prefix}{counts[kind]}")
        number = f"{prefix}{counts[kind]}" if kind != "sec" or prefix else ""
        page.labels[attributes[0]] = number
    for node in _walk(page.blocks):
        _make_callout(node)


def _attributes(node: Node) -> list[Any] | None:
    """Return the attributes (identifier, classes, pairs) of a node that has some."""
    if node["t"] in {"Div", "Span", "Image", "Link", "Table", "Figure", "CodeBlock"}:
        found: list[Any] = node["c"][0]
        return found
    return node["c"][1] if node["t"] == "Header" else None


def _make_float(node: Node, name: str) -> None:
    """Turn a labelled division into a figure, its last paragraph into the caption."""
    if node["t"] == "Div":
        attributes, blocks = node["c"]
        *body, last = blocks
        node["t"] = "Figure"
        node["c"] = [attributes, [None, [{"t": "Plain", "c": last["c"]}]], body]
    caption = node["c"][1][1] if node["t"] in {"Figure", "Table"} else []
    title = {"t": "Str", "c": f"{name}{NBSP}: "}
    if caption:
        caption[0]["c"] = [title, *caption[0]["c"]]


def _make_callout(node: Node) -> None:
    """Give a callout its title."""
    if node["t"] != "Div":
        return
    (_, classes, pairs), blocks = node["c"]
    kind = next((c.removeprefix("callout-") for c in classes if c.startswith("callout-")), "")
    if kind in _CALLOUTS:
        title = dict(pairs).get("title", _CALLOUTS[kind])
        strong = {"t": "Strong", "c": [{"t": "Str", "c": title}]}
        blocks.insert(0, {"t": "Para", "c": [strong]})


def _let_scroll(node: Node) -> None:
    """Put a table in a zone that scrolls by itself, and that the keyboard reaches."""
    if node["t"] == "Table" or (node["t"] == "RawBlock" and "</table>" in node["c"][1]):
        inside = {"t": node["t"], "c": node["c"]}
        node["t"], node["c"] = "Div", [["", ["tableau"], [["tabindex", "0"]]], [inside]]


def _resolve(
    root: Path, site: Path, page: _Page, pages: Sequence[_Page], labels: Mapping[str, _Page]
) -> None:
    """Point the references, the links and the images of a page to the files of the site."""
    targets = {name: other.target for other in pages for name in (other.source, other.target)}
    for node in list(_walk(page.blocks)):  # as they were written: what is made here is right
        if node["t"] == "Cite":
            _refer(node, page, labels)
        elif node["t"] == "Link":
            node["c"][2][0] = _link(root, site, page, targets, node["c"][2][0])
        elif node["t"] == "Image":
            _picture(root, site, page, node)


def _refer(node: Node, page: _Page, labels: Mapping[str, _Page]) -> None:
    """Turn ``@fig-x`` into a link to the figure, by its number."""
    inlines: list[Node] = []
    for citation in node["c"][0]:
        label = citation["citationId"]
        found = label[:1].lower() + label[1:]
        if found not in labels:
            raise BookError(
                typographic(f"Dans {page.source}, la référence « @{label} » n’a pas de cible."),
                hint="Corrigez l’identifiant, ou donnez-le à une figure, un tableau, une section.",
            )
        owner, number = labels[found], labels[found].labels[found]
        word = _WORDS[found.partition("-")[0]]
        word = word.capitalize() if label[0].isupper() else word
        text: list[Node] = [{"t": "Str", "c": f"{word}{NBSP}{number}".rstrip(NBSP)}]
        if citation["citationMode"]["t"] == "SuppressAuthor":
            text = [{"t": "Str", "c": number}]
        elif citation["citationPrefix"]:
            text = [*citation["citationPrefix"], {"t": "Str", "c": f"{NBSP}{number}"}]
        href = f"#{found}" if owner is page else f"{page.address(owner.target)}#{found}"
        inlines += [{"t": "Str", "c": ", "}] if inlines else []
        inlines.append({"t": "Link", "c": [["", ["reference"], []], text, [href, ""]]})
    node["t"], node["c"] = "Span", [["", [], []], inlines]


def _link(
    root: Path, site: Path, page: _Page, targets: Mapping[PurePosixPath, PurePosixPath], href: str
) -> str:
    """Return where a link goes in the site; a file that is no page is copied there.

    A page is named by its source, or by what it becomes where the address has a query.
    """
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or not parts.path:
        return href
    source = _source(page, unquote(parts.path))
    more = urlunsplit(parts._replace(path=""))
    if source in targets:
        return f"{page.address(targets[source])}{more}"
    _copied(root, site, page, source, href)
    return f"{page.address(source)}{more}"


def _picture(root: Path, site: Path, page: _Page, node: Node) -> None:
    attributes, text, target = node["c"]
    pairs = dict(attributes[2])
    pairs["alt"] = pairs.pop("fig-alt", None) or pairs.get("alt") or _words(text)
    attributes[2] = [list(pair) for pair in pairs.items()]
    node["c"][1] = []
    if target[0].startswith("data:"):
        return
    if not urlsplit(target[0]).scheme:
        source = _source(page, unquote(target[0]))
        _copied(root, site, page, source, target[0])
        target[0] = page.address(source)


def _source(page: _Page, path: str) -> PurePosixPath:
    """Return a path of a page from the root of the book."""
    start = "" if path.startswith("/") else str(page.source.parent)
    return PurePosixPath(os.path.normpath(os.path.join(start, path.lstrip("/"))))  # noqa: PTH118


def _copied(root: Path, site: Path, page: _Page, source: PurePosixPath, href: str) -> None:
    if ".." in source.parts or not (root / source).is_file():
        raise BookError(
            typographic(f"Dans {page.source}, « {href} » ne mène à aucun fichier du livre."),
            hint="Corrigez le lien ou l’image.",
        )
    target = site / source
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / source, target)


# -- pages -----------------------------------------------------------------------------

#: Where the link that jumps over the menus leads, as in Quarto's pages.
SKIP_TARGET: Final = "quarto-document-content"
SKIP_LINK: Final = f'<a class="passer" href="#{SKIP_TARGET}">Aller au contenu</a>'

_STYLE: Final = """
:root { color-scheme: light dark; --fond: #fff; --texte: #1f2328; --lien: #0b5a8e;
  --trait: #d5dade; --code: #f6f8f9; --note: #fff3cd; --encre: #4d3b00; }
@media (prefers-color-scheme: dark) { :root { --fond: #15191d; --texte: #e3e7ea;
  --lien: #7fc1ee; --trait: #39424a; --code: #1f252b; --note: #4d3b00; --encre: #fff3cd; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.6 system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans",
  sans-serif; color: var(--texte); background: var(--fond); }
a { color: var(--lien); }
.passer { position: absolute; padding: .5rem 1rem; color: var(--texte); background: var(--fond); }
.passer:not(:focus) { clip-path: inset(50%); }
.apercu { margin: 0; padding: .6rem 1rem; background: var(--note); color: var(--encre); }
.cadre { display: flex; flex-wrap: wrap; gap: 0 2.5rem; max-width: 72rem; margin: 0 auto;
  padding: 1rem; }
.sommaire { flex: 0 0 16rem; }
.sommaire ul { list-style: none; margin: .2rem 0 1rem; padding: 0; }
.sommaire p { margin: 0; font-weight: 650; }
.sommaire [aria-current] { font-weight: 650; }
main { flex: 1 1 20rem; min-width: 0; max-width: 48rem; }
h1, h2, h3 { line-height: 1.25; }
figure { margin: 1.5rem 0; }
figure p { margin: .3rem 0; font-size: .85rem; }
figcaption { font-size: .95rem; }
img, svg { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .6rem; background: var(--code); }
summary { cursor: pointer; }
.preuve { font-size: .85rem; overflow-wrap: anywhere; }
.tableau { overflow-x: auto; max-width: 100%; }
/* An interactive table stays on white paper, as figures do. */
.dt-container { color-scheme: light; background: #fff; }
.dt-container * { color: #1f2328 !important; }
table { border-collapse: collapse; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--trait); text-align: left;
  vertical-align: top; }
main > p, main li, td { overflow-wrap: break-word; }
[class*="callout-"] { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid var(--lien);
  background: var(--code); }
.suite { display: flex; justify-content: space-between; gap: 1rem; margin: 2rem 0; }
footer { max-width: 72rem; margin: 0 auto; padding: 1rem; border-top: 1px solid var(--trait);
  font-size: .85rem; }
@media (max-width: 60rem) { .sommaire { flex-basis: 100%; } }
@media print { .apercu, .sommaire, .suite, .code-fold, .preuve { display: none; } }
"""


def _document(page: _Page, pages: Sequence[_Page], config: Mapping[str, Any], footer: str) -> str:
    """Return the whole HTML of a page."""
    for node in list(_walk(page.blocks)):
        _let_scroll(node)
    tree = {"pandoc-api-version": _api_version(), "meta": {}, "blocks": page.blocks}
    body = _pandoc(
        json.dumps(tree), "-f", "json", "-t", "html5", "--mathml", "--wrap=none", where=page.source
    )
    book = html.escape(str(config["book"]["title"]))
    title = html.escape(page.title)
    heading = f"{page.number}{NBSP}{NBSP}{title}" if page.number else title
    name = title if page.title == config["book"]["title"] else f"{title} – {book}"
    subtitle = html.escape(str(page.meta.get("subtitle", "")))
    return (
        f'<!DOCTYPE html>\n<html lang="{config.get("lang", "fr")}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{SKIP_LINK}\n"
        f'<p class="apercu" role="note">{BANNER}</p>\n<div class="cadre">\n'
        f'<nav class="sommaire" aria-label="Sommaire">{_menu(page, pages)}</nav>\n'
        f'<main id="{SKIP_TARGET}">\n'
        f"<h1>{heading}</h1>\n{f'<p>{subtitle}</p>' if subtitle else ''}\n{body}"
        f"{_around(page, pages)}</main>\n</div>\n<footer>{footer}</footer>\n</body>\n</html>\n"
    )


@functools.cache
def _api_version() -> list[int]:
    tree = json.loads(_pandoc("", "-f", _FORMAT, "-t", "json", where="pandoc"))
    version: list[int] = tree["pandoc-api-version"]
    return version


def _menu(page: _Page, pages: Sequence[_Page]) -> str:
    """Return the list of the pages, part by part."""
    parts: dict[str, list[str]] = {}
    for other in pages:
        if other.source.stem == "404":
            continue
        here = ' aria-current="page"' if other is page else ""
        link = f'<a href="{page.address(other.target)}"{here}>{html.escape(other.title)}</a>'
        parts.setdefault(other.part, []).append(f"<li>{link}</li>")
    return "".join(
        f"{f'<p>{html.escape(part)}</p>' if part else ''}<ul>{''.join(items)}</ul>"
        for part, items in parts.items()
    )


def _around(page: _Page, pages: Sequence[_Page]) -> str:
    """Return the links to the pages before and after."""
    chain = [other for other in pages if other.source.stem != "404"]
    if page not in chain:
        return ""
    rank = chain.index(page)
    before = chain[rank - 1] if rank else None
    after = chain[rank + 1] if rank + 1 < len(chain) else None
    links = [
        f'<a href="{page.address(o.target)}">{mark.format(html.escape(o.title))}</a>'
        if o
        else "<span></span>"
        for o, mark in ((before, "← {}"), (after, "{} →"))
    ]
    return f'<nav class="suite" aria-label="Pages voisines">{"".join(links)}</nav>\n'


def _footer(config: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Return the footer of the book, both halves one after the other."""
    footer = config["book"].get("page-footer", {})
    halves = [footer] if isinstance(footer, str) else [footer.get(s) for s in ("left", "right")]
    text = "\n\n".join(filter(None, halves))
    text = _with_variables(text, variables, None)
    return _pandoc(text, "-f", _FORMAT, "-t", "html5", where="_quarto.yml")
