"""Asking the addresses that the project names whether they answer (``pvd check-links``).

One HEAD an address, a GET of which nothing is read where a server refuses HEAD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import requests

from utils.catalogue import Source, load_sources
from utils.errors import OfflineError
from utils.sources import is_offline

__all__ = ["check_links", "named_addresses", "without_address"]

#: Seconds to connect, then to answer.
TIMEOUT_S: Final = (10.0, 30.0)
#: Addresses asked at once.
WORKERS: Final = 4

_USER_AGENT: Final = "petites-villes (vérification hebdomadaire des liens)"
_ADDRESS: Final = re.compile(r"https?://[^\s)>\]\"'`«»]+")
#: What a page names but never leads to: launchers need an account, examples are examples.
_NOT_FOLLOWED: Final = re.compile(
    r"^https?://(?:localhost|127\.|exemple\.fr|datalab\.sspcloud\.fr/launcher)|MON_"
)
#: A server that answers so does not serve robots; the address is there.
_GUARDED: Final = frozenset({401, 403, 405, 429})


def named_addresses(root: Path) -> dict[str, str]:
    """Return the addresses that the sources and the prose name, each with where.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    """
    found: dict[str, str] = {}
    for where, text in _texts(root):
        for raw in _ADDRESS.findall(text):
            address = raw.rstrip(".,;:!?*_")
            if not _NOT_FOLLOWED.search(address):
                found.setdefault(address, where)
    return found


def without_address() -> list[str]:
    """Return the sources that name no address at all: nothing can be asked for them."""
    return [source.id for source in load_sources().values() if not _of_source(source)]


def _of_source(source: Source) -> str:
    """Return the addresses of a source, separated by spaces."""
    rule = source.resolve or {}
    named = (source.landing, source.url, rule.get("dataset"), rule.get("listing"))
    return " ".join(filter(None, named))


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    for source in load_sources().values():
        yield f"source {source.id}", _of_source(source)
    pages = [root / "_quarto.yml"]
    for pattern in ("*.qmd", "*.md", "*/*.qmd", "data/*.md", "sspcloud/*.md"):
        pages += root.glob(pattern)
    for path in sorted(pages):
        yield str(path.relative_to(root)), path.read_text(encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        yield str(path.relative_to(root)), "\n".join(prose)


def check_links(addresses: Mapping[str, str]) -> list[str]:
    """Ask each address; return one French sentence for each that does not answer.

    Parameters
    ----------
    addresses : mapping
        Address -> where it is named (:func:`named_addresses`).

    Raises
    ------
    OfflineError
        ``PVD_OFFLINE`` forbids the network: nothing can be said.
    """
    if is_offline():
        raise OfflineError(
            "Les adresses ne peuvent être vérifiées : PVD_OFFLINE interdit le réseau.",
            hint="Retirez PVD_OFFLINE, et relancez.",
        )
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = pool.map(_asked, addresses)
        told = zip(addresses.items(), answers, strict=True)
        return [f"{address} ({where}) : {why}" for (address, where), why in told if why]


def _asked(address: str) -> str:
    """Say why an address does not answer, or nothing when it does."""
    why = ""
    for method in ("HEAD", "GET"):
        try:
            with requests.request(
                method,
                address,
                headers={"User-Agent": _USER_AGENT},
                timeout=TIMEOUT_S,
                allow_redirects=True,
                stream=True,
            ) as answer:
                status = answer.status_code
        except requests.RequestException as error:
            why = f"ne répond pas ({type(error).__name__})."
            continue
        if status < 400 or status in _GUARDED:
            return ""
        why = f"répond {status}."
    return why
