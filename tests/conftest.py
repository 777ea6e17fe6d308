"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

#: A slow machine is not a fault of the code: no deadline an example.
settings.register_profile("pvd", deadline=None)
settings.load_profile("pvd")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Return the mirror of real files, or skip by name."""
    asked = os.environ.get("PVD_MIRROR", "")
    folder = Path(asked) if asked else ROOT.parent / "shared" / "mirror"
    if not (folder / "manifest.yml").is_file():
        pytest.skip("miroir absent : PVD_MIRROR ne désigne pas un dossier de fichiers réels")
    return folder
