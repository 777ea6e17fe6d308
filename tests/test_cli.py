"""The command line, as a student types it: clear sentences, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from utils import __version__, cli, tables


def pvd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "utils.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        timeout=120,
        check=False,
    )


Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pvd_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Return what runs a command in this process: most of its time is in the imports."""

    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["pvd", *arguments])
        for stream in (cli.out, cli.err):
            monkeypatch.setattr(stream, "_width", 100)
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run


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
def test_an_error_is_a_sentence_and_exit_status_2(
    arguments: list[str], message: str, pvd_here: Here
) -> None:
    status, told, error = pvd_here(*arguments)
    assert (status, told) == (2, "")
    assert message in error


def test_an_error_leaves_no_trace_of_python() -> None:
    done = pvd("town", "Gordon")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Erreur : ")
    assert "Traceback" not in done.stderr


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


@pytest.mark.mirror
def test_the_access_of_a_town_is_told_with_its_sources_and_its_edge(mirror: Path) -> None:
    done = pvd("access", "01306", PVD_MIRROR=str(mirror), PVD_OFFLINE="1")
    assert done.returncode == 0
    assert "4\u00a0médecins généralistes (BPE)" in done.stdout
    assert "1\u00a0pharmacie (OpenStreetMap)" in done.stdout
    assert "en carreau imputé" in done.stdout
    assert "bord de l’extrait" in done.stdout


@pytest.mark.mirror
def test_the_access_of_a_town_is_the_same_in_json(mirror: Path) -> None:
    done = pvd("access", "01306", "--modes", "walk", "--json", PVD_MIRROR=str(mirror))
    found = json.loads(done.stdout)
    (pharmacy,) = [
        line["share"]
        for line in found["shares"]
        if (line["mode"], line["kind"], line["minutes"]) == ("walk", "pharmacy", 10)
    ]
    embedded = tables.load_street_shares().query(
        "code == '01306' and mode == 'walk' and kind == 'pharmacy' and minutes == 10"
        " and age == 'tous'"
    )
    assert pharmacy == pytest.approx(embedded.sort_values("kmh")["share"].iloc[1], abs=0.1)
    assert {line["mode"] for line in found["shares"]} == {"walk"}


@pytest.mark.mirror
def test_without_squares_the_homes_are_weighted_by_their_floor(
    mirror: Path, tmp_path: Path
) -> None:
    extract = mirror / "osm" / "01306-pont-de-veyle.osm.pbf"
    done = pvd(
        "access", "01306", "--osm", str(extract),
        PVD_MIRROR="", PVD_OFFLINE="1", PVD_CACHE=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0
    assert "selon leur surface" in done.stdout
    assert "1\u202f594\u00a0habitants" in done.stdout  # all those of the census
    assert "OpenStreetMap" in done.stdout
    assert "BPE)" not in done.stdout


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["46127"], "Aucun extrait OpenStreetMap"),
        (["46127", "--osm", "{monaco}"], "ne couvre pas Gourdon"),
        (["06104", "--osm", "{monaco}"], "coupe Roquebrune"),
        (["01306", "--osm", "absent.osm.pbf"], "n’existe pas"),
        (["01306", "--osm", "{corrupt}"], "lisible"),
        (["01306", "--osm", "{empty}"], "aucune rue"),
        (["01306", "--modes", "cheval"], "Modes inconnus"),
        (["01306", "--carreaux", "absent.gpkg"], "n’existe pas"),
        (["01306", "--relief", "absent.tif"], "n’existe pas"),
        (["01306", "--relief", "{empty}"], "relief lisible"),
        (["01306", "--overpass"], "PVD_OFFLINE interdit"),
        (["01306", "--overpass", "--osm", "{monaco}"], "pas des deux"),
        (["--all", "--relief", "{empty}"], "une seule ville"),
        ([], "Dites pour quelles villes"),
    ],
)
def test_access_that_cannot_be_measured_exits_2_with_a_sentence(
    arguments: list[str], message: str, mirror: Path, tmp_path: Path, pvd_here: Here
) -> None:
    corrupt, empty = tmp_path / "coupe.osm.pbf", tmp_path / "vide.osm"
    whole = (mirror / "osm" / "01306-pont-de-veyle.osm.pbf").read_bytes()
    corrupt.write_bytes(whole[: len(whole) // 2])
    empty.write_text('<osm version="0.6"></osm>', encoding="utf-8")
    files = {"monaco": mirror / "osm" / "monaco.osm.pbf", "corrupt": corrupt, "empty": empty}
    status, told, error = pvd_here(
        "access", *(argument.format(**files) for argument in arguments),
        PVD_MIRROR=str(mirror), PVD_OFFLINE="1",
    )  # fmt: skip
    assert (status, told) == (2, "")
    assert message in error
