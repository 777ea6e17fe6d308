"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

#: A slow machine is not a fault of the code: no deadline an example.
settings.register_profile("pvd", deadline=None)
settings.load_profile("pvd")

#: Modules that take longest, begun first: a module is given whole to one worker, which makes its
#: shared fixtures once (``pytest -n 2 --dist loadfile --no-loadscope-reorder``).
LONGEST = (
    "test_notebooks",
    "test_datapackage",
    "test_dashboard",
    "test_streets",
    "test_fleet",
    "test_book",
    "test_portrait_export",
    "test_sitecheck",
)

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first."""
    order = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


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
