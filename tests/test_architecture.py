"""The house has one direction: a room imports only rooms to its left. And it stays clean."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: From the foundations up; a module may import those of lower rooms, and of its own.
ROOMS = [
    ["formats"],
    ["errors"],
    ["spreadsheet"],
    ["catalogue"],
    ["communes"],
    ["sources"],
    ["quarto"],
    ["readers"],
    ["tiles", "overpass"],
    ["network"],
    ["commerce", "culture", "energy", "care", "territory", "brands"],
    ["access"],
    ["peers"],
    ["typology", "programme"],
    ["portrait"],
    ["tables"],
    ["changes", "reach"],
    ["fleet"],
    ["build"],
    ["style"],
    ["maps", "charts"],
    ["provenance"],
    ["svg"],
    ["webmaps"],
    ["publish"],
    ["sspcloud", "links", "prose", "weights"],
    ["stories"],
    ["dashboard"],
    ["preview", "sitecheck", "reproducibility", "portrait_export", "lighten", "sharing"],
    ["book"],
    ["verify", "datapackage"],
    ["doctor"],
    ["cli"],
]
LEVEL = {name: level for level, names in enumerate(ROOMS) for name in names}

#: What a room may not know even though it is lower: a reader opens no source, a figure
#: loads no table, a measure is a pure function.
FORBIDDEN = {
    "readers": {"sources", "catalogue"},
    "charts": {"tables", "build", "sources", "readers"},
    "maps": {"tables", "build", "sources", "readers"},
    "svg": {"tables", "build", "sources", "readers"},
    "portrait": {"sources", "readers"},
    "webmaps": {"tables", "build", "sources", "readers"},
    "commerce": {"sources", "readers"},
    "culture": {"sources", "readers"},
    "energy": {"sources", "readers"},
    "care": {"sources", "readers"},
    "network": {"sources", "readers"},
    "tiles": {"sources", "catalogue"},
    "overpass": {"sources", "catalogue"},
    "access": {"sources", "catalogue"},
    "territory": {"sources", "readers"},
    "brands": {"sources", "readers"},
    "peers": {"sources", "readers", "catalogue"},
    "typology": {"sources", "readers", "catalogue"},
    "programme": {"sources", "readers", "catalogue"},
}


def room(path: Path) -> str:
    relative = path.relative_to(ROOT / "utils")
    return relative.parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return the rooms that a module imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {n.name.split(".")[1] for n in node.names if n.name.startswith("utils.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "utils":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("utils."):
            found.add(str(node.module).split(".")[1])
    return {name for name in found if not name.startswith("__")}


MODULES = sorted(p for p in (ROOT / "utils").rglob("*.py") if p != ROOT / "utils" / "__init__.py")


def test_every_module_has_a_room() -> None:
    assert {room(path) for path in MODULES} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    here = room(path)
    others = imported(path) - {here}
    upward = {name for name in others if LEVEL[name] >= LEVEL[here]}
    assert not upward, f"{here} importe {upward}, plus haut que lui"
    assert not others & FORBIDDEN.get(here, set())


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("pas de dépôt git : la liste des fichiers versionnés manque")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


#: Hosts of package registries, and paths of one machine: nothing of the project needs them.
#: (Written in two parts, so that this file does not name them.)
PRIVATE = re.compile(
    r"registry\.npm" "js|py" r"pi\.org|python" r"hosted\.org|/wo" "rk/main|/ro" "ot/"
)


def test_no_file_names_a_registry_or_a_machine() -> None:
    for path in tracked():
        if path.suffix in {".parquet", ".png"}:
            continue
        found = PRIVATE.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)} : {found and found.group()}"


def test_no_raw_file_and_no_large_file_is_versioned() -> None:
    for path in tracked():
        assert not {"raw", "cache"} & set(path.relative_to(ROOT).parts[:-1])
        assert path.stat().st_size < 5 * 1024**2, path


def test_notebooks_are_versioned_without_outputs() -> None:
    for path in tracked():
        if path.suffix == ".ipynb":
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                assert not cell.get("outputs"), path
                assert cell.get("execution_count") is None, path
