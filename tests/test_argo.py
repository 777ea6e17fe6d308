"""The workflow of a cluster: it parses, calls real options, and has one step a region."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from utils import fleet
from utils.cli import app

FOLDER = Path(__file__).resolve().parent.parent / "sspcloud"
GUIDE = FOLDER / "acces-aux-soins.md"


def fields(required: Sequence[str] = (), **known: Any) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no other."""
    return {
        "type": "object",
        "properties": known,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
PARAMETERS = fields(
    ["parameters"], parameters={"type": "array", "items": fields(["name"], name=TEXT, value=TEXT)}
)
SECRET = fields(["secretKeyRef"], secretKeyRef=fields(["name", "key"], name=TEXT, key=TEXT))
MEASURES = fields(cpu=TEXT, memory=TEXT)
CONTAINER = fields(
    ["image", "command", "args"],
    image=TEXT,
    command=TEXTS,
    args=TEXTS,
    env={"type": "array", "items": fields(["name"], name=TEXT, value=TEXT, valueFrom=SECRET)},
    resources=fields(["requests"], requests=MEASURES, limits=MEASURES),
)
STEP = fields(["name", "template"], name=TEXT, template=TEXT, arguments=PARAMETERS, withItems=TEXTS)
RETRY = fields(
    ["limit", "retryPolicy"],
    limit=TEXT,
    retryPolicy={"enum": ["Always", "OnFailure", "OnError", "OnTransientError"]},
)
TEMPLATE = fields(
    ["name"],
    name=TEXT,
    inputs=PARAMETERS,
    retryStrategy=RETRY,
    container=CONTAINER,
    steps={"type": "array", "items": {"type": "array", "items": STEP}},
)
#: The part of the API of Argo Workflows (v1alpha1) that the workflow uses.
SCHEMA = fields(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "argoproj.io/v1alpha1"},
    kind={"const": "Workflow"},
    metadata=fields(["generateName"], generateName={"type": "string", "pattern": "^[a-z0-9-]+$"}),
    spec=fields(
        ["entrypoint", "templates"],
        entrypoint=TEXT,
        parallelism={"type": "integer", "minimum": 1},
        arguments=PARAMETERS,
        templates={"type": "array", "items": TEMPLATE},
    ),
)


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


def test_the_fields_are_those_of_argo(workflow: dict[str, Any]) -> None:
    """A name misspelt is a field that the server drops without a word."""
    jsonschema.validate(workflow, SCHEMA)
    workflow = copy.deepcopy(workflow)
    workflow["spec"]["templates"][1]["retryStrategie"] = {"limit": "2"}
    with pytest.raises(jsonschema.ValidationError, match="retryStrategie"):
        jsonschema.validate(workflow, SCHEMA)


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
