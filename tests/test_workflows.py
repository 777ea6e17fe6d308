"""The workflows: valid, pinned by hash, with the least rights, and no step that fails unseen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: Rights that a job may ask for itself; the workflow as a whole only reads.
RIGHTS = {"contents": "write", "pull-requests": "write", "issues": "write"}
RIGHTS |= {"pages": "write", "id-token": "write"}


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


def test_there_is_one_for_each_moment() -> None:
    assert {path.stem for path in WORKFLOWS} == {"verifier", "publier", "semaine"}


def test_they_obey_the_schema_of_github() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows",
         *map(str, WORKFLOWS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_hash_and_named_by_version(path: Path) -> None:
    asked = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    for action in asked:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", action), action


def test_an_action_has_one_version_everywhere() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    versions: dict[str, set[str]] = {}
    for name, pin in re.findall(r"uses: ([\w./-]+)@(.+)", text):
        versions.setdefault(name, set()).add(pin)
    assert all(len(pins) == 1 for pins in versions.values()), versions


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_the_least(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job.get("permissions", {}).items() <= RIGHTS.items()
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_fails_unseen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "continue-on-error" not in text
    assert "|| true" not in text
    assert "pull_request_target" not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_text_from_outside_enters_a_command(path: Path) -> None:
    """What others write (titles, branches) would be run as a command: use ``env:``."""
    for step in steps(path):
        assert "${{" not in step.get("run", ""), step


def test_each_week_a_failure_opens_an_issue() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "semaine.yml")["jobs"]
    warn = jobs["prevenir"]
    assert set(warn["needs"]) == set(jobs) - {"prevenir"}
    assert warn["if"].startswith("always()")
    for result in ("failure", "cancelled"):  # out of time, a job is cancelled
        assert f"contains(needs.*.result, '{result}')" in warn["if"]
    assert "gh issue create" in warn["steps"][0]["run"]


def test_what_is_published_has_been_looked_at() -> None:
    (build,) = [step for step in steps(ROOT / ".github/workflows/publier.yml") if "run" in step]
    assert build["run"].split("\n")[:2] == ["bash .ci/run", "make pdf"]
    everything = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f"\nmake {what}\n" in everything for what in ("book", "check", "test"))


def test_the_tables_are_rebuilt_from_what_the_repository_names() -> None:
    job = load(ROOT / ".github" / "workflows" / "semaine.yml")["jobs"]["tables"]
    names = ("PVD_MIRROR", "PVD_NPM_REGISTRY")
    assert job["env"] == {name: f"${{{{ vars.{name} }}}}" for name in names}
    without, *others = job["steps"]
    assert "::notice::" in without["run"]
    assert without["if"] == " && ".join(f"env.{name} == ''" for name in names)
    for step in others:
        assert " || ".join(f"env.{name} != ''" for name in names) in step["if"]


@pytest.mark.parametrize("lines", [3, 20_000])
def test_the_report_of_the_tables_fits_in_a_proposal(lines: int, tmp_path: Path) -> None:
    steps = load(ROOT / ".github" / "workflows" / "semaine.yml")["jobs"]["tables"]["steps"]
    cut = [line for line in steps[-1]["run"].split("\n") if line.startswith(("awk", "printf"))]
    (tmp_path / "changements.md").write_text("| une ligne ï |\n" * lines, encoding="utf-8")
    subprocess.run(
        ["bash", "-euc", "\n".join(cut)], cwd=tmp_path, check=True, env={**os.environ, "RUN": "x"}
    )
    text = (tmp_path / "corps.md").read_text(encoding="utf-8")
    assert len(text) < 65_536
    assert text.count("ï |\n") == text.count("ï")  # cut between two lines
    assert text.endswith("joint à l’exécution : x\n")


def test_the_cloud_is_tried_with_both_pythons() -> None:
    job = load(ROOT / ".github" / "workflows" / "semaine.yml")["jobs"]["installation"]
    (setup,) = [step for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"].split() == ["3.12", "3.13"]
    assert job["steps"][-1]["env"] == {"PVD_INSTALLATION": "1"}
