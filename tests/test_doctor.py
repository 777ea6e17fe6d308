"""The doctor: what is there, what is missing, what each missing thing would give."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from utils import doctor
from utils.doctor import Finding, diagnose
from utils.errors import TableError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no mirror, whatever the machine has."""
    monkeypatch.setenv("PVD_OFFLINE", "1")
    monkeypatch.setenv("PVD_MIRROR", "")


def _found(root: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in diagnose(root)}


def test_this_machine_can_build_the_book(root: Path) -> None:
    found = _found(root)
    assert found["python"].ok
    assert found["tables"].ok
    assert not found["réseau"].ok
    assert not found["miroir"].ok


def test_every_sentence_is_french_and_ends(root: Path) -> None:
    for finding in diagnose(root):
        assert finding.sentence[0].isupper()
        assert " :" not in finding.sentence


def test_missing_tools_say_what_they_would_give(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_quarto", lambda: None)
    monkeypatch.setattr(doctor, "find_browser", lambda: None)
    found = _found(root)
    assert not found["quarto"].ok
    assert "aperçu" in found["quarto"].sentence
    assert not found["navigateur"].ok
    assert "check-site" in found["navigateur"].sentence


def test_packages_are_those_of_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    there = f"pyyaml=={metadata.version('pyyaml')}"
    lock.write_text(f'{there}\nnot-for-here==1 ; sys_platform == "none"\n')
    assert _found(tmp_path)["paquets"].ok
    lock.write_text(f"{there}\nno-such-package-pvd==1.0\npandas==0.1\n")
    found = _found(tmp_path)["paquets"]
    assert not found.ok
    assert "no-such-package-pvd" in found.sentence
    assert "au lieu de 0.1" in found.sentence
    lock.unlink()
    assert not _found(tmp_path)["paquets"].ok


def test_a_mirror_is_counted(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVD_MIRROR", str(tmp_path))
    found = _found(root)["miroir"]
    assert not found.ok
    assert "0\u00a0fichier sur" in found.sentence
    monkeypatch.setenv("PVD_MIRROR", "https://user:secret@example.org/miroir")
    assert "secret" not in _found(root)["miroir"].sentence


def test_broken_tables_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[str]:
        raise TableError("Le manifeste n’existe pas.")

    for verify, told in ((missing, "manifeste"), (lambda: ["La table x manque."], "table x")):
        monkeypatch.setattr(doctor.tables, "verify_tables", verify)
        found = _found(root)["tables"]
        assert not found.ok
        assert told in found.sentence
