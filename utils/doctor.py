"""What is installed, what is missing, and what each missing thing would give."""

from __future__ import annotations

import os
import re
import socket
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from utils import tables
from utils.catalogue import load_sources
from utils.errors import BookError, TableError
from utils.formats import counted, join_words, typographic
from utils.quarto import find_quarto, quarto_version
from utils.sitecheck import find_browser
from utils.sources import is_offline

__all__ = ["Finding", "diagnose"]

OLDEST_PYTHON: Final = (3, 11)
#: A producer whose name is looked up to tell whether there is a network.
_WITNESS: Final = ("www.data.gouv.fr", 443)
_WITNESS_LIMIT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is, whether it is there, one French sentence."""

    name: str
    ok: bool
    sentence: str


def diagnose(root: Path) -> list[Finding]:
    """Look at what the project needs, from Python to the embedded tables.

    Parameters
    ----------
    root : Path
        Folder of ``requirements.lock``.
    """
    looks = [_python(), _packages(root), _quarto(), _browser(), _network(), _mirror(), _tables()]
    return [Finding(f.name, f.ok, typographic(f.sentence)) for f in looks]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= OLDEST_PYTHON
    tail = "" if ok else " : il faut 3.11 ou plus récent."
    return Finding("python", ok, f"Python {version}{tail}")


def _packages(root: Path) -> Finding:
    lock = root / "requirements.lock"
    if not lock.is_file():
        return Finding("paquets", False, "Le verrou requirements.lock manque.")
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)([^\\\n]*)", lock.read_text(), re.MULTILINE)
    wrong = []
    for name, version, marker in pins:
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            if ";" not in marker:
                wrong.append(name)
            continue
        if found != version and ";" not in marker:
            wrong.append(f"{name} {found} au lieu de {version}")
    if wrong:
        return Finding(
            "paquets",
            False,
            f"Paquets absents ou d’une autre version : {join_words(wrong[:8])}."
            " « make book » les installe ; sans eux, les résultats peuvent différer.",
        )
    return Finding("paquets", True, f"Les {len(pins)} paquets du verrou sont là.")


def _quarto() -> Finding:
    try:
        quarto = find_quarto()
    except BookError as error:
        return Finding("quarto", False, str(error))
    if quarto is None:
        return Finding(
            "quarto", False, "Quarto manque : avec lui, le vrai livre ; sans lui, un aperçu."
        )
    version = quarto_version(quarto)
    if not version:
        return Finding("quarto", False, f"La commande {quarto} ne démarre pas.")
    return Finding("quarto", True, f"Quarto {version} ({quarto}).")


def _browser() -> Finding:
    browser = find_browser()
    if browser is None:
        return Finding(
            "navigateur",
            False,
            "Chromium manque : avec lui, « pvd check-site » regarde les pages construites.",
        )
    return Finding("navigateur", True, f"Navigateur : {browser}.")


def _network() -> Finding:
    if is_offline():
        return Finding("réseau", False, "PVD_OFFLINE interdit le réseau : ni tuiles, ni sources.")
    try:
        socket.create_connection(_WITNESS, timeout=_WITNESS_LIMIT_S).close()
    except OSError:
        return Finding(
            "réseau",
            False,
            "Pas de réseau vers les producteurs : les tables embarquées suffisent au livre, mais"
            " les fonds de carte et les nouvelles sources manquent.",
        )
    return Finding("réseau", True, "Le réseau répond.")


def _mirror() -> Finding:
    mirror = os.environ.get("PVD_MIRROR", "").strip()
    if not mirror:
        return Finding(
            "miroir", False, "Aucun miroir (PVD_MIRROR) : « pvd data » ira chez les producteurs."
        )
    if "://" in mirror:
        return Finding("miroir", True, f"Miroir distant : {mirror.rpartition('@')[2]}.")
    wanted = [s.mirror for s in load_sources().values() if s.mirror]
    there = sum((Path(mirror).expanduser() / path).is_file() for path in wanted)
    return Finding(
        "miroir",
        there == len(wanted),
        f"Miroir {mirror} : {counted(there, 'fichier')} sur {len(wanted)}.",
    )


def _tables() -> Finding:
    try:
        faults = tables.verify_tables()
    except TableError as error:
        faults = [str(error)]
    if faults:
        return Finding("tables", False, " ".join(faults))
    return Finding("tables", True, "Les tables embarquées sont celles du manifeste.")
