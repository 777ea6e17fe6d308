"""Building the tables: what a missing source does, and what a missing value means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import build, sources, tables
from utils.errors import SourceError

CODES = pd.Series(["00001", "00002", "00003"])


def synthetic(values: dict[str, float | None], **status: str) -> pd.DataFrame:
    frame = pd.DataFrame({"code": list(values), "value": list(values.values())})
    return frame.assign(status=frame["code"].map(status)) if status else frame


def test_town_without_a_line_takes_the_meaning_of_the_source() -> None:
    for missing in ("zero", "absent", "secret"):
        frame = build.complete(synthetic({"00001": 2.0}), codes=CODES, year=2024, missing=missing)
        assert frame["status"].tolist() == ["ok", missing, missing]
        assert frame["value"].fillna(-1).tolist() == [
            2,
            *([0, 0] if missing == "zero" else [-1, -1]),
        ]


def test_a_zero_in_the_source_is_a_real_zero() -> None:
    frame = build.complete(synthetic({"00001": 0.0}), codes=CODES, year=2024, missing="absent")
    assert frame["status"].tolist() == ["zero", "absent", "absent"]


@pytest.mark.parametrize("missing", ["zero", "secret"])
def test_a_town_that_the_source_does_not_cover_is_absent(missing: str) -> None:
    frame = build.complete(
        synthetic({"00001": 2.0}),
        codes=CODES,
        year=2024,
        missing=missing,
        covered={"00001", "00002"},
    )
    assert frame["status"].tolist() == ["ok", missing, "absent"]


def test_a_secret_said_by_the_measure_stays_secret() -> None:
    measure = pd.DataFrame({
        "code": ["00001", "00002"], "value": [None, 3.0], "status": ["secret", "ok"],
    })  # fmt: skip
    frame = build.complete(measure, codes=CODES, year=2024, missing="zero")
    assert frame["status"].tolist() == ["secret", "ok", "zero"]


@given(
    st.dictionaries(
        st.sampled_from(list(CODES)), st.one_of(st.none(), st.floats(0, 1e9)), max_size=3
    ),
    st.sampled_from(["zero", "absent", "secret"]),
)
def test_a_missing_value_is_never_a_zero(values: dict[str, float | None], missing: str) -> None:
    measure = synthetic(values).astype({"code": "str", "value": "float64"})
    frame = build.complete(measure, codes=CODES, year=2024, missing=missing)
    assert len(frame) == len(CODES)
    known = frame["status"].isin(["ok", "zero"])
    assert frame.loc[known, "value"].notna().all()
    assert frame.loc[~known, "value"].isna().all()
    assert (frame.loc[frame["value"] == 0, "status"] == "zero").all()


@pytest.fixture
def from_mirror(mirror: Path, tmp_path: Path) -> Callable[[str], Path]:
    def fetch(name: str) -> Path:
        return sources.fetch(name, mirror=str(mirror), offline=True, cache=tmp_path / "cache")

    return fetch


@pytest.mark.mirror
def test_two_builds_give_the_same_bytes_as_the_committed_table(
    from_mirror: Callable[[str], Path], tmp_path: Path
) -> None:
    only = ["contours_departements", "indicators_soins"]
    for run in ("a", "b"):
        report = build.build_tables(fetch=from_mirror, folder=tmp_path / run, only=only)
        assert report.ok
        assert report.written == only
    for name in only:
        first, second = (tmp_path / run / f"{name}.parquet" for run in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes() == (tables.TABLES / f"{name}.parquet").read_bytes()
    manifests = [(tmp_path / run / "manifest.json").read_bytes() for run in ("a", "b")]
    assert manifests[0] == manifests[1]


@pytest.mark.mirror
def test_a_source_that_cannot_be_had_leaves_its_old_table(
    from_mirror: Callable[[str], Path], tmp_path: Path
) -> None:
    only = ["contours_departements", "indicators_soins"]
    build.build_tables(fetch=from_mirror, folder=tmp_path, only=only)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    def without_apl(name: str) -> Path:
        if name == "apl_professions":
            raise SourceError("La Drees ne répond pas.")
        return from_mirror(name)

    report = build.build_tables(fetch=without_apl, folder=tmp_path, only=only)
    assert not report.ok
    assert report.failed == {"indicators_soins": "La Drees ne répond pas."}
    assert report.unchanged == ["contours_departements"]
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


def test_nothing_is_written_when_no_source_can_be_had(tmp_path: Path) -> None:
    def nothing(name: str) -> Path:
        raise SourceError(f"{name} manque.")

    report = build.build_tables(fetch=nothing, folder=tmp_path)
    assert set(report.failed) == set(build.BUILDERS)
    assert list(tmp_path.iterdir()) == []
