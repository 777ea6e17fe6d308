"""Where a figure comes from: its cell, its function, its files, its commit; the site's report."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from utils import provenance, tables
from utils.provenance import Commit, code_cells, commit, makers, proof
from utils.reproducibility import REPORT, figures_digest, write_site_report


def families(town: str) -> str:
    """Stand for a story."""
    return town


NAMES = {"commerce": SimpleNamespace(families=families), "families": families, "ville": "x"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('publish_story(commerce.families(ville), id="a")', "families"),
        ('#| echo: false\npublish_story(families(ville), id="a")', "families"),
        ('story = commerce.families(ville)\npublish_story(story, id="a")', "families"),
        ('publish_story(families(ville), id="b")\npublish_story(other(ville), id="a")', ""),
        ('publish_story(ville, id="a")', ""),
        ('publish_story(id="a")', ""),
        ('publish_frame(commerce.families(ville).head(9), id="a")', "families"),
        ('publish_frame(commerce.families(ville).head(9).tail(2), id="a")', "families"),
        ('publish_story(commerce.absent(ville), id="a")', ""),
        ("%matplotlib inline", ""),
        ("", ""),
    ],
)
def test_the_function_is_told_from_the_cell(cell: str, expected: str) -> None:
    found = makers(cell, "a", NAMES)
    assert found == (f"{families.__module__}.{expected}" if expected else "")


def test_cells_of_code_are_counted_in_both_kinds_of_documents(tmp_path: Path) -> None:
    chapter = tmp_path / "a.qmd"
    chapter.write_text("Texte.\n\n```{python}\n#| echo: false\nx = 1\n```\n\n```{python}\ny\n```\n")
    assert code_cells(chapter) == ["#| echo: false\nx = 1\n", "y\n"]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("Texte"), nbformat.v4.new_code_cell("x = 1")]
    )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    assert code_cells(tmp_path / "a.ipynb") == ["x = 1"]


def test_outside_a_notebook_there_is_no_cell() -> None:
    assert provenance.running_cell("01_commerces.ipynb") is None


def test_the_commit_is_that_of_the_project_only(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    project = tmp_path / "projet"
    (project / "dedans").mkdir(parents=True)
    git = ["git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (project / "a").write_text("a")
    subprocess.run([*git, "add", "a"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "a"], check=True)
    commit.cache_clear()
    now = commit(project)
    assert now is not None
    assert len(now.hash) == 40
    assert not now.modified
    assert commit(project / "dedans") is None, "the project of another is not ours"
    commit.cache_clear()
    (project / "a").write_text("b")
    assert commit(project) == Commit(now.hash, modified=True)
    commit.cache_clear()


ENTRY = {
    "kind": "figure",
    "function": "utils.charts.bars",
    "made_by": "utils.stories.commerce.families",
    "notebook": "01_commerces.ipynb",
    "cell": {"rank": 4, "text": "publish_story(…)"},
    "sources": [
        {"id": "bpe_2018", "vintage": "2018", "sha256": ["ab" * 32]},
        {"id": "osm", "vintage": "2022", "sha256": []},
    ],
}


@pytest.mark.parametrize("now", [None, Commit("c" * 40, modified=True)])
def test_the_proof_says_it_all_folded(now: Commit | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: now)
    text = proof(ENTRY).replace("\u00a0", " ").replace("\u202f", " ")
    assert "<details" in text
    assert "D’où vient cette figure ?" in text
    assert "`utils.stories.commerce.families` puis `utils.charts.bars`" in text
    assert "cellule de code n° 4" in text
    said = "[`bpe_2018`](/chapters/sources.qmd#src-bpe-2018), millésime 2018, fichier lu : SHA-256"
    assert f"{said} `abababababab`" in text
    assert "[`osm`](/chapters/sources.qmd#src-osm), millésime 2022, aucun fichier lu" in text
    link = f"/blob/{'c' * 40}/notebooks/01_commerces.ipynb"
    assert (link in text) == (now is not None)
    assert "modifié depuis" in text or "hors dépôt" in text


def test_checksums_are_those_of_the_manifest() -> None:
    (entry,) = [
        one
        for one in tables.load_manifest()["tables"]["towns"]["sources"]
        if one["id"] == "pvd_communes"
    ]
    assert provenance.source_checksums("pvd_communes") == [entry["sha256"]]
    assert provenance.source_checksums("inconnue") == []


def test_the_report_of_the_site_leads_to_each_page_and_file(tmp_path: Path, root: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "notebooks").mkdir()
    files = {"csv": {"file": "a.csv", "sha256": "0" * 64}}
    table = {**ENTRY, "kind": "table", **files}
    kept = {"figures": {"a": {**ENTRY, **files}, "b": table}}
    (tmp_path / "figures" / "report.json").write_text(json.dumps(kept), encoding="utf-8")
    (tmp_path / "notebooks" / "01_commerces.html").write_text('<div id="fig-a"></div>')
    (tmp_path / "index.html").write_text('<div class="x" id="tbl-b"></div>')
    write_site_report(tmp_path, root)
    report = json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))
    assert report["figures"]["a"]["page"] == "notebooks/01_commerces.html#fig-a"
    assert report["figures"]["b"]["page"] == "index.html#tbl-b"
    assert report["figures"]["a"]["csv"]["file"] == "figures/a.csv"
    assert set(report["tables"]) == set(tables.load_manifest()["tables"])
    assert report["environment"]["packages"]["pandas"]
    assert report["code"]["figures"] == figures_digest(root)
    before = (tmp_path / REPORT).read_bytes()
    write_site_report(tmp_path, root)
    assert (tmp_path / REPORT).read_bytes() == before
