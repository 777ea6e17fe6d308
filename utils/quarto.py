"""Finding Quarto, or installing it: the command that makes the real book."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from utils.errors import BookError
from utils.sources import is_offline

__all__ = ["INSTALL_LIMIT_S", "find_quarto", "install_quarto", "quarto_version"]

#: Time that the installation of Quarto from PyPI may take, seconds.
INSTALL_LIMIT_S: Final = 120


def find_quarto() -> str | None:
    """Return the path of ``quarto``: ``PVD_QUARTO``, the PATH, or the virtual environment.

    ``PVD_QUARTO=non`` asks for the preview.

    Raises
    ------
    BookError
        ``PVD_QUARTO`` is not a command.
    """
    asked = os.environ.get("PVD_QUARTO", "").strip()
    if asked == "non":
        return None
    if asked:
        found = shutil.which(asked)
        if found is None:
            raise BookError(
                f"PVD_QUARTO désigne « {asked} », qui n’est pas une commande.",
                hint="Donnez le chemin de quarto, ou « non » pour un aperçu.",
            )
        return found
    return shutil.which("quarto") or shutil.which("quarto", path=str(Path(sys.executable).parent))


def install_quarto() -> tuple[str | None, str]:
    """Try ``quarto-cli``, which installs the real Quarto; return its path, or why not."""
    if os.environ.get("PVD_QUARTO", "").strip() == "non":
        return None, "PVD_QUARTO demande l’aperçu."
    if is_offline():
        return None, "Quarto manque, et PVD_OFFLINE interdit de l’installer."
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "quarto-cli"]
    else:  # an environment made by uv
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
        command = [uv or "uv", "pip", "install", "--python", sys.executable, "quarto-cli"]
    failed = "Quarto manque, et son installation par le paquet quarto-cli a échoué : "
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"{failed}plus de {INSTALL_LIMIT_S} secondes."
    except OSError as error:
        return None, f"{failed}{error}."
    found = find_quarto()
    if done.returncode or not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return None, f"{failed}{lines[-1].strip() if lines else 'aucune commande quarto'}."
    if not quarto_version(found):
        return None, f"{failed}la commande installée ne démarre pas."
    return found, ""


def quarto_version(quarto: str) -> str:
    """Return the version that a ``quarto`` command gives, ``""`` when it does not work."""
    try:
        done = subprocess.run(
            [quarto, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
