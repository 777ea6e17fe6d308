"""The command line, as a student types it: clear sentences, and the exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils import __version__


def pvd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "utils.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        timeout=120,
        check=False,
    )


def test_version_and_help() -> None:
    assert pvd("version").stdout.strip() == __version__
    assert "Reconstruire les tables" in pvd("--help").stdout


def test_a_town_is_found() -> None:
    done = pvd("town", "le grau du roi")
    assert done.returncode == 0
    assert done.stdout.strip() == "Le Grau-du-Roi (30133), Gard"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["town", "Gordon"], "Gourdon (46127)"),
        (["town", "Gourdon"], "Plusieurs communes"),
        (["town", "<img onerror=alert(1)>[red]"], "<img onerror=alert(1)>[red]"),
        (["fetch", "bpe_2017"], "bpe_2018"),
        (["check-site", "/nulle/part"], "make book"),
        (["portrait"], "--all"),
        (["portrait", "46127", "--all"], "pas les deux"),
        (["portrait", "46127", "--format", "docx"], "html et pdf"),
        (["portrait", "Gordon"], "Gourdon (46127)"),
    ],
)
def test_an_error_is_a_sentence_and_exit_status_2(arguments: list[str], message: str) -> None:
    done = pvd(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_portrait_is_written(tmp_path: Path) -> None:
    done = pvd("portrait", "gourdon (46)", "--format", "html, pdf", "--output", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.split() == [str(tmp_path / "46127.html"), str(tmp_path / "46127.pdf")]
    assert (tmp_path / "46127.pdf").read_bytes().startswith(b"%PDF-1.7")


def test_data_without_any_source_exits_2_and_touches_nothing(tmp_path: Path, root: Path) -> None:
    folder = root / "data" / "tables"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = pvd("data", PVD_MIRROR="", PVD_OFFLINE="1", PVD_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert "PVD_OFFLINE" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_doctor_says_what_is_missing() -> None:
    done = pvd("doctor", PVD_OFFLINE="1", PVD_MIRROR="")
    assert done.returncode == 0
    assert "✓ Python 3." in done.stdout
    assert "✗ Aucun miroir" in done.stdout
    assert "✓ Les tables embarquées" in done.stdout
