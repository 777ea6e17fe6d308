"""The workflow of a cluster: it parses, calls real options, and has one step a region."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from utils import fleet
from utils.cli import app

FOLDER = Path(__file__).resolve().parent.parent / "sspcloud"
GUIDE = FOLDER / "acces-aux-soins.md"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "acces-aux-soins.yaml").read_text(encoding="utf-8"))


def scripts(workflow: dict[str, Any]) -> dict[str, str]:
    templates = workflow["spec"]["templates"]
    return {t["name"]: t["container"]["args"][0] for t in templates if "container" in t}


def options() -> set[str]:
    command = typer.main.get_command(app).commands["access"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def calls(text: str) -> list[list[str]]:
    """Return the words of each call of the command."""
    whole = text.replace("\\\n", " ")
    return [line.split() for line in re.findall(r"^ *pvd access (.*)$", whole, re.MULTILINE)]


def test_one_step_a_region_then_the_lines_together(workflow: dict[str, Any]) -> None:
    assert (workflow["apiVersion"], workflow["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    names = [template["name"] for template in workflow["spec"]["templates"]]
    assert workflow["spec"]["entrypoint"] == names[0]
    ((region,), (together,)) = workflow["spec"]["templates"][0]["steps"]
    assert {region["template"], together["template"]} == set(names[1:])
    assert region["arguments"]["parameters"] == [{"name": "region", "value": "{{item}}"}]
    regions = region["withItems"]
    assert regions == sorted(set(regions))
    assert len(regions) == 22


def test_every_parameter_used_is_declared(workflow: dict[str, Any]) -> None:
    declared = {p["name"] for p in workflow["spec"]["arguments"]["parameters"]}
    used = set()
    for text in scripts(workflow).values():
        used |= set(re.findall(r"{{workflow\.parameters\.(\w+)}}", text))
    assert used == declared


def test_the_command_has_the_options_that_are_called(workflow: dict[str, Any]) -> None:
    found = [*calls(scripts(workflow)["une-region"]), *calls(GUIDE.read_text(encoding="utf-8"))]
    assert len(found) == 3
    for words in found:
        asked = {word for word in words if word.startswith("--")}
        assert asked <= options()
        assert {"--all", "--osm", "--output"} <= asked
    assert {"--jobs", "--scheduler"} <= {word for words in found for word in words}


def test_the_scripts_are_bash(workflow: dict[str, Any]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash est absent : la syntaxe des étapes n’est pas vérifiée")
    for text in scripts(workflow).values():
        done = subprocess.run([bash, "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_guide_names_what_the_run_writes() -> None:
    guide, code = GUIDE.read_text(encoding="utf-8"), Path(fleet.__file__).read_text("utf-8")
    for name in ("resultats.csv", "journal.csv", "calcul.json", "tuiles", "bases", "villes"):
        assert name in guide
        assert name in code
    columns = fleet.columns(["walk", "bike"])
    for name in re.findall(r"`((?:walk|bike|covered)_\w+)`", guide):
        assert name in columns
