"""The errors of the project: a clear French sentence, and what to do next.

Every error that a reader or a student may meet is a :class:`PvdError`. The command
line prints its message and its hint, and exits with its ``exit_code`` (2).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from typing import Final

from utils.formats import typographic

__all__ = [
    "ArchiveError",
    "BookError",
    "CatalogueError",
    "ChecksumError",
    "FleetError",
    "LayoutError",
    "NetworkError",
    "OfflineError",
    "PvdError",
    "SourceError",
    "TableError",
    "TownAmbiguousError",
    "TownError",
    "TownNotFoundError",
    "UnexpectedContentError",
    "reason",
]

_REASONS: Final[Mapping[int, str]] = {
    errno.EACCES: "accès refusé",
    errno.EDQUOT: "quota dépassé",
    errno.EFBIG: "fichier plus gros que la limite permise",
    errno.ENOENT: "dossier introuvable",
    errno.ENOSPC: "plus de place sur le disque",
    errno.ENOTDIR: "un fichier est là où il faudrait un dossier",
    errno.EPERM: "accès refusé",
    errno.EROFS: "disque en lecture seule",
}


#: Longest message kept, characters.
LONGEST_MESSAGE: Final = 6000

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _printable(text: str) -> str:
    cut = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
    return _CONTROLS.sub("\ufffd", cut)


def reason(error: OSError) -> str:
    """Say in French why the system refused to read or write."""
    return _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__


class PvdError(Exception):
    """Base of every expected error.

    Parameters
    ----------
    message : str
        What happened and where, one French sentence.
    hint : str, optional
        What to do next, one French sentence. French spaces are set in both.

    A message may quote a file, hence anything: beyond :data:`LONGEST_MESSAGE` it is cut, and
    the control characters, which a terminal obeys, are shown as U+FFFD.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = typographic(_printable(message))
        self.hint = typographic(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class CatalogueError(PvdError):
    """A catalogue (``sources.yml``, ``indicators.yml``) is malformed, or an id is unknown."""


class SourceError(PvdError):
    """A dataset cannot be had from the cache, the mirror or the producer."""


class OfflineError(SourceError):
    """The network is needed, and ``PVD_OFFLINE=1`` forbids it."""


class ChecksumError(SourceError):
    """The bytes received are not those expected (checksum or length)."""


class UnexpectedContentError(SourceError):
    """Something was received, but not a table: an error page, an empty body."""


class ArchiveError(SourceError):
    """An archive is corrupt, hostile (member outside its folder, bomb) or lacks a member."""


class LayoutError(PvdError):
    """A file does not have the columns, the types or the values that its reader expects."""


class NetworkError(PvdError):
    """A street network cannot answer: no street, no facility, or not that town."""


class FleetError(PvdError):
    """The computation of all towns cannot start, or cannot go on."""


class TableError(PvdError):
    """An embedded table is missing, corrupt, or contradicts its manifest."""


class TownError(PvdError):
    """A town cannot be told from what was asked."""


class TownNotFoundError(TownError):
    """No town has that name or code.

    ``suggestions`` holds the nearest names, as ``"Gourdon (46127)"``.
    """

    def __init__(self, message: str, *, hint: str = "", suggestions: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.suggestions = tuple(suggestions)


class TownAmbiguousError(TownError):
    """Several towns have that name. ``matches`` holds them, as ``"Gourdon (46127)"``."""

    def __init__(self, message: str, *, hint: str = "", matches: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.matches = tuple(matches)


class BookError(PvdError):
    """The book could not be built, or was built with a fault that its readers would see."""
