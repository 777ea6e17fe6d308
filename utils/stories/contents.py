"""The contents of the book, as a list of links to its chapters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import yaml

from utils.formats import typographic
from utils.publish import MarkdownBlock

__all__ = ["contents"]

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_FRONT: Final = re.compile(r"\A---\n(.*?)^---$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^# (.+)$", re.MULTILINE)


def contents(root: Path = _ROOT) -> MarkdownBlock:
    """List the chapters of ``_quarto.yml`` by part, each with its title.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    """
    book = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))["book"]
    lines = []
    for part in book["chapters"]:
        lines.append(f"- {part['part']}")
        lines += [f"  - [{_title(root / path)}](/{path})" for path in part["chapters"]]
    return MarkdownBlock(typographic("\n".join(lines)))


def _title(path: Path) -> str:
    """Return the title that a chapter or a notebook gives itself."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
        text = next(cell for cell in cells if _FRONT.match(cell) or _HEADING.search(cell))
    front = _FRONT.match(text)
    title = yaml.safe_load(front[1]).get("title") if front else None
    heading = _HEADING.search(text)
    return str(title or (heading[1] if heading else path.stem))
