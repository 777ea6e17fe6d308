"""From where the tables can be rebuilt: said as the catalogue and the manifest have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils import catalogue, reach, tables
from utils.catalogue import load_sources
from utils.stories.catalogue_pages import reach_markdown

ROOT = Path(__file__).resolve().parent.parent

#: Synthetic sources: one with an address, one in a package, one in a mirror only.
SOURCES = """
loin: {title: a, producer: a, licence: LO-2.0, format: csv, vintage: '1', attribution: a,
  url: 'https://exemple.fr/a.csv'}
paquet: {title: a, producer: a, licence: LO-2.0, format: json, vintage: '1', attribution: a,
  resolve: {kind: npm, package: a, version: '1', member: b}}
copie: {title: a, producer: a, licence: LO-2.0, format: csv, vintage: '1', attribution: a,
  mirror: a.csv, mirror_layout: réduit, sha256: 'SUM'}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(SOURCES.replace("SUM", "0" * 64), encoding="utf-8")
    every = load_sources(path)
    monkeypatch.setattr(reach, "load_sources", lambda: every)
    used = {"a": ["loin"], "b": ["loin", "paquet"], "c": ["paquet", "copie"], "d": []}
    entries = {name: {"sources": [{"id": one} for one in ids]} for name, ids in used.items()}
    monkeypatch.setattr(tables, "load_manifest", lambda: {"tables": entries})


@pytest.mark.usefixtures("small")
def test_a_table_is_as_far_as_the_farthest_of_its_files() -> None:
    found = reach.measure()
    assert found.sources == {
        reach.PRODUCER: ["loin"],
        reach.PACKAGE: ["paquet"],
        reach.MIRROR: ["copie"],
    }
    assert found.reduced == ["copie"]
    assert found.tables == {
        reach.PRODUCER: ["a", "d"],
        reach.PACKAGE: ["b"],
        reach.MIRROR: ["c"],
    }
    assert found.same == ["a", "b", "d"]
    assert "3\u00a0tables sur 4 peuvent être refaites" in found.sentences()[-1]


def test_every_file_and_table_of_the_book_is_counted_once() -> None:
    found = reach.measure()
    entries = tables.load_manifest()["tables"]
    read = {one["id"] for entry in entries.values() for one in entry["sources"]}
    assert sorted(name for names in found.sources.values() for name in names) == sorted(read)
    assert sorted(name for names in found.tables.values() for name in names) == sorted(entries)
    assert read <= set(catalogue.load_sources())


def test_the_readme_and_the_chapter_say_it_as_it_is() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    page = reach_markdown()
    for sentence in reach.measure().sentences():
        assert " ".join(sentence.split()) in readme
        assert sentence in page
    for names in reach.measure().sources.values():
        for name in names:
            assert f"](sources.qmd#src-{name.replace('_', '-')})" in page
