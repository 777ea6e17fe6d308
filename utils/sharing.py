"""What a page of the site says of itself where its link is shared: address, kind, description."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bs4 import BeautifulSoup, Tag

__all__ = ["MOST", "describe_pages", "description"]

#: Longest description, characters: what search engines and social networks show.
MOST: Final = 200
#: A shorter paragraph says too little to describe a page.
LEAST: Final = 60

#: What holds no prose of the page.
_APART: Final = frozenset({"details", "figure", "header", "nav", "table"})
_PUBLISHED: Final = re.compile(r"(?:fig|tbl)-")
#: Links at the head of a notebook.
_LAUNCHER: Final = "a[href*='/launcher/'], a[download]"


def describe_pages(site: Path, address: str) -> None:
    """Give each page its own address, kind and description for those who share its link.

    Parameters
    ----------
    site : Path
        Folder of the site, whose pages are rewritten.
    address : str
        Where the site will stand, ``https://…`` without a final slash.
    """
    for page in sorted(site.rglob("*.html")):
        if "site_libs" in page.parts or page.name == "404.html":
            continue
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(site).as_posix()
        index = name == "index.html"
        told = description(text)
        tags = {
            "og:url": f"{address}/{'' if index else name}",
            "og:type": "website" if index else "article",
        }
        if told and not index:  # the first page is described as the whole site
            tags |= {"og:description": told, "twitter:description": told, "description": told}
        page.write_text(_tagged(text, tags), encoding="utf-8")


def description(page: str) -> str:
    """Return the first paragraph of prose of a page, shortened at a word; empty if it has none."""
    main = BeautifulSoup(page, "html.parser").find("main")
    if not isinstance(main, Tag):
        return ""
    for paragraph in main.find_all("p"):
        text = paragraph.get_text().replace("\n", " ").strip()
        if len(text) >= LEAST and not text.endswith(":") and not _aside(paragraph):
            return text if len(text) <= MOST else f"{text[:MOST].rpartition(' ')[0]}…"
    return ""


def _aside(paragraph: Tag) -> bool:
    return bool(paragraph.select_one(_LAUNCHER)) or any(
        parent.name in _APART
        or "callout" in (parent.get("class") or [])
        or _PUBLISHED.match(str(parent.get("id") or ""))
        for parent in paragraph.parents
    )


def _tagged(page: str, tags: dict[str, str]) -> str:
    """Write tags in the head of a page, in the place of those that have the same name."""
    head, end, rest = page.partition("</head>")
    for name, value in tags.items():
        key = "property" if name.startswith("og:") else "name"
        head = re.sub(rf'<meta {key}="{re.escape(name)}"[^>]*>\n?', "", head)
        head += f'<meta {key}="{name}" content="{_attribute(value)}">\n'
    return f"{head}{end}{rest}"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
