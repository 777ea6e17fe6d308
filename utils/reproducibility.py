"""The report of reproducibility of a built site, ``reproductibilite.json``.

It says of each figure where it is, what it holds (CSV and checksum) and where it comes from;
``pvd verify --site`` compares with it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from utils import __version__, tables
from utils.build import code_digest
from utils.catalogue import DATA
from utils.provenance import commit

__all__ = ["REPORT", "figures_digest", "write_site_report"]

#: Name of the report, at the root of the site.
REPORT: Final = "reproductibilite.json"

#: Packages whose version may change what a figure shows.
_PACKAGES: Final = ("geopandas", "matplotlib", "numpy", "pandas", "pyarrow", "scikit-learn")

_ID: Final = re.compile(r'\bid="((?:fig|tbl)-[\w-]+)"')


def write_site_report(site: Path, root: Path) -> None:
    """Write ``reproductibilite.json`` in a built site, from its ``figures/report.json``.

    Each figure and table of the book has its page, its CSV and checksum, its sources with
    vintage and checksum, its function and its cell; each embedded table its own checksum and
    sources; then the commit, the digests of the code and the versions of the packages.

    Parameters
    ----------
    site : Path
        Folder of the site.
    root : Path
        Folder of ``_quarto.yml`` from which it was built.
    """
    report = site / "figures" / "report.json"
    kept = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    pages = _pages_of_ids(site)
    now = commit(root)
    content = {
        "version": 1,
        "commit": {"hash": now.hash, "modified": now.modified} if now else None,
        "code": {
            "version": __version__,
            "tables": code_digest(),
            "figures": figures_digest(root),
        },
        "environment": {
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "tables": {
            name: {key: entry[key] for key in ("rows", "sha256", "sources", "code")}
            for name, entry in tables.load_manifest()["tables"].items()
        },
        "figures": {
            name: {**_in_site(entry), "page": pages.get(_anchor(name, entry), "")}
            for name, entry in kept.get("figures", {}).items()
        },
    }
    tables.write_json(content, site / REPORT)


def figures_digest(root: Path) -> str:
    """Return a digest of what decides the figures: code, catalogues, chapters, notebooks."""
    files = [
        *sorted((root / "utils").rglob("*.py")),
        *sorted(path for path in DATA.iterdir() if path.suffix in {".csv", ".yml"}),
        *sorted(root.glob("*.qmd")),
        *sorted((root / "chapters").glob("*.qmd")),
        *sorted((root / "notebooks").glob("*.ipynb")),
    ]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _in_site(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry, the names of its files told from the root of the site."""
    files = {kind: entry[kind] for kind in ("csv", "image") if kind in entry}
    return {**entry} | {
        kind: {**one, "file": f"figures/{one['file']}"} for kind, one in files.items()
    }


def _anchor(name: str, entry: Mapping[str, Any]) -> str:
    return f"{'fig' if entry['kind'] == 'figure' else 'tbl'}-{name}"


def _pages_of_ids(site: Path) -> dict[str, str]:
    """Return the page of each figure or table: ``fig-x`` -> ``chapters/y.html#fig-x``."""
    return {
        name: f"{page.relative_to(site).as_posix()}#{name}"
        for page in sorted(site.rglob("*.html"))
        for name in _ID.findall(page.read_text(encoding="utf-8"))
    }
