"""One list of dependencies: the lock pins all of it with hashes, conda installs the lock."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def blocks() -> list[str]:
    """Return the lock, a block a pin (a name may have several, by platform)."""
    return [block for block in re.split(r"\n(?=\S)", LOCK.strip()) if not block.startswith("#")]


def pins() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in blocks():
        name, version = re.match(r"([\w.\-\[\],]+)==([^\s;\\]+)", block).groups()  # type: ignore[union-attr]
        found.setdefault(canonicalize_name(name.partition("[")[0]), []).append(version)
    return found


def requirements() -> list[Requirement]:
    listed = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        listed += extra
    return [Requirement(text) for text in listed]


def test_every_dependency_is_pinned_as_asked() -> None:
    locked = pins()
    for requirement in requirements():
        versions = locked[canonicalize_name(requirement.name)]
        assert any(Version(v) in requirement.specifier for v in versions), requirement


def test_what_builds_the_package_is_pinned() -> None:
    """The package is installed without build isolation, hence from the lock alone."""
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    for requirement in map(Requirement, system["requires"]):
        (version,) = pins()[canonicalize_name(requirement.name)]
        assert Version(version) in requirement.specifier


def test_the_hooks_run_the_tools_of_the_lock() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    revisions = {r["repo"].rpartition("/")[2]: r.get("rev", "") for r in hooks["repos"]}
    for repository, name in (("ruff-pre-commit", "ruff"), ("nbstripout", "nbstripout")):
        assert pins()[name] == [revisions[repository].removeprefix("v")]


def test_every_pin_has_hashes() -> None:
    for block in blocks():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


def test_the_lock_names_no_index_and_no_host() -> None:
    for line in LOCK.splitlines():
        assert not re.match(r"\s*(-i|-f|--index|--extra-index|--find-links|--trusted)", line)
        assert "://" not in line


def test_conda_installs_python_quarto_and_the_lock() -> None:
    names = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    python = next(n for n in names if n.startswith("python="))
    assert Version(python.partition("=")[2]) in SpecifierSet(PROJECT["requires-python"])
    assert any(n.startswith("quarto") for n in names)
    assert "conda-forge" in ENVIRONMENT["channels"]
    (pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    assert any("requirements.lock" in line for line in pip)


def test_what_the_card_asks_is_there() -> None:
    asked = {"jupyter", "pandas", "geopandas", "matplotlib", "seaborn", "contextily", "osmnx"}
    assert asked <= {canonicalize_name(Requirement(d).name) for d in PROJECT["dependencies"]}


def test_every_import_of_the_code_is_declared() -> None:
    """A module imported by ``utils`` comes from the standard library or from the list."""
    import ast
    import sys

    declared = {canonicalize_name(Requirement(d).name) for d in PROJECT["dependencies"]}
    names = {
        "yaml": "pyyaml",
        "pypandoc": "pypandoc-binary",
        "bs4": "beautifulsoup4",
        "PIL": "pillow",
        "sklearn": "scikit-learn",
        "vl_convert": "vl-convert-python",
    }
    for path in (ROOT / "utils").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            tops = []
            if isinstance(node, ast.Import):
                tops = [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                tops = [node.module.partition(".")[0]]
            for top in tops:
                if top in sys.stdlib_module_names or top == "utils":
                    continue
                assert canonicalize_name(names.get(top, top)) in declared, f"{path.name} : {top}"
