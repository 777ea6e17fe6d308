"""What moved between two editions of the tables, told by indicator and by town."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import changes, tables
from utils.changes import compare_frames, indicator_moves
from utils.errors import TableError


def test_frames_are_the_same_within_the_last_bits() -> None:
    frame = pd.DataFrame({"code": ["01001", "2A004"], "value": [1 / 3, np.nan]})
    assert compare_frames(frame, frame.assign(value=[1 / 3 + 1e-12, np.nan])) == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"value": [0.5, 2.0]}, "1 ligne sur 2, n° 1, dans value\u202f; écart d’au plus 50"),
        ({"value": [1.0, np.nan]}, "1 ligne sur 2, n° 2, dans value"),
        ({"code": ["01001", "2B004"]}, "1 ligne sur 2, n° 2, dans code"),
        ({"other": [1, 2]}, "avec other en plus"),
    ],
)
def test_a_difference_says_how_much_and_where(changed: dict[str, list], words: str) -> None:
    frame = pd.DataFrame({"code": ["01001", "2A004"], "value": [1.0, 2.0]})
    told = compare_frames(frame, frame.assign(**changed)).replace("\u00a0", " ")
    assert words.replace("\u202f", " ") in told.replace("\u202f", " ")


def test_rows_lost_are_counted() -> None:
    frame = pd.DataFrame({"value": range(3)})
    assert compare_frames(frame, frame.head(1)).replace("\u00a0", " ") == "1 ligne au lieu de 3"


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False), st.text(max_size=3)),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 4),
)
def test_whatever_is_in_a_frame_it_equals_itself_and_not_its_change(
    values: list[object], place: int
) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    assert compare_frames(frame, frame.copy()) == ""
    other = frame.copy()
    other.iloc[place % len(values), 0] = "autre chose"
    assert "dans x" in compare_frames(frame, other)


def edition(values: list[float], statuses: list[str]) -> pd.DataFrame:
    """Return synthetic lines of one indicator."""
    codes = [f"0100{i}" for i in range(len(values))]
    lines = {"code": codes, "indicator": "revenu_median", "year": 2021}
    return pd.DataFrame({**lines, "value": values, "status": statuses})


def test_moves_of_an_indicator_are_counted_by_hand() -> None:
    before = edition([10, 20, 30, np.nan, 0], ["ok", "ok", "ok", "secret", "zero"])
    after = edition([10, 22, 25, 40, 0], ["ok", "ok", "ok", "ok", "zero"])
    (move,) = indicator_moves(before, after)
    assert (move.towns, move.changed, move.median, move.largest) == (5, 3, -1.5, -5)
    assert move.statuses == {("secret", "ok"): 1}
    assert move.top["code"].tolist() == ["01002", "01001"]
    assert move.top["change"].tolist() == [-5, 2]


def test_nothing_moves_in_the_same_edition() -> None:
    lines = tables.load_indicators("revenu_median")
    assert indicator_moves(lines, lines.copy()) == []


@pytest.fixture
def editions(tmp_path: Path) -> tuple[Path, Path]:
    """Return two copies of a few embedded tables."""
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        entries = tables.load_manifest()["tables"]
        kept = {one: entries[one] for one in ("towns", "indicators_soins", "cinemas")}
        for entry in kept.values():
            shutil.copy(tables.TABLES / entry["file"], tmp_path / name)
        tables.write_json({"tables": kept}, tmp_path / name / "manifest.json")
    return tmp_path / "before", tmp_path / "after"


def rewritten(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Put a table in an edition."""
    path = folder / f"{name}.parquet"
    tables.write_parquet(frame, path)
    manifest = tables.load_manifest(folder)
    manifest["tables"][name]["sha256"] = tables.file_sha256(path)
    manifest["tables"][name]["sources"][0]["sha256"] = "f" * 64
    tables.write_json(manifest, folder / "manifest.json")


def test_the_report_names_sources_indicators_and_towns(editions: tuple[Path, Path]) -> None:
    before, after = editions
    assert "Rien n’a bougé" in changes.report(before, after, reference="essai")
    frame = pd.read_parquet(before / "indicators_soins.parquet")
    moved = (frame["code"] == "46127") & (frame["status"] == "ok")
    rewritten(after, "indicators_soins", frame.assign(value=frame["value"].where(~moved, 99)))
    towns = pd.read_parquet(before / "towns.parquet")
    rewritten(after, "towns", towns[towns["code"] != "52247"])
    text = changes.report(before, after, reference="essai").replace("\u00a0", " ")
    assert "Gourdon (46127)" in text
    assert "1 sortie (52247)" in text
    assert "`ffffffffffff`" in text
    assert "| 99" in text
    assert "cinemas" not in text


def test_a_table_that_was_not_rebuilt_is_never_said_the_same(editions: tuple[Path, Path]) -> None:
    before, after = editions
    failed = {"towns": "La source | n’est pas là.", "cinemas": "La source | n’est pas là."}
    text = changes.report(before, after, reference="essai", failed=failed).replace("\u00a0", " ")
    assert "Rien n’a bougé" not in text
    assert "2 tables sur 3" in text
    assert "- `towns` et `cinemas` : La source \\| n’est pas là." in text
    assert "Les tables refaites sont identiques à l’octet." in text
    failed["indicators_soins"] = "Rien."
    text = changes.report(before, after, reference="essai", failed=failed)
    assert "identiques" not in text


def test_an_unreadable_edition_is_a_sentence(editions: tuple[Path, Path]) -> None:
    before, after = editions
    rewritten(after, "towns", pd.DataFrame({"code": ["46127"]}))
    (after / "towns.parquet").write_bytes(b"PAR1 puis rien")
    with pytest.raises(TableError, match="ne se lit pas"):
        changes.report(before, after, reference="essai")


def test_the_reference_is_what_git_holds_or_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "versionnées").mkdir()
    told = changes.keep_committed(tables.TABLES, tmp_path / "versionnées")
    assert (tmp_path / "versionnées" / "manifest.json").is_file()
    assert told in {"les tables versionnées", "les tables d’avant la reconstruction"}
    (tmp_path / "là").mkdir()
    (tmp_path / "copie").mkdir()
    (tmp_path / "là" / "manifest.json").write_text("{}")
    told = changes.keep_committed(tmp_path / "là", tmp_path / "copie")
    assert told == "les tables d’avant la reconstruction"
    assert (tmp_path / "copie" / "manifest.json").read_text() == "{}"
