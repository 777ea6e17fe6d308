"""The SSP Cloud: links that its launcher accepts, and the script that prepares a service."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import nbformat
import pytest
import yaml

from utils.errors import BookError
from utils.sspcloud import (
    IMAGES,
    SERVICES,
    Repository,
    launch_links,
    launch_url,
    load_repository,
)

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "sspcloud" / "init.sh"


def site_address() -> str:
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    return str(config["book"]["site-url"])


NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))

# -- links -----------------------------------------------------------------------------


def test_the_address_obeys_the_grammar_of_the_launcher() -> None:
    """Written by hand from the grammar: keys with a dot, guillemets encoded, nothing raw."""
    address = launch_url(
        "JupyterLab",
        notebook="01_commerces",
        repository=Repository("https://github.com/org/depot", "main"),
    )
    assert address == (
        "https://datalab.sspcloud.fr/launcher/ide/jupyter-python?name=pvd-commerces"
        "&autoLaunch=true"
        "&git.repository=%C2%ABhttps%3A%2F%2Fgithub.com%2Forg%2Fdepot%C2%BB"
        "&git.branch=%C2%ABmain%C2%BB"
        "&init.personalInit=%C2%ABhttps%3A%2F%2Fraw.githubusercontent.com%2Forg%2Fdepot"
        "%2Fmain%2Fsspcloud%2Finit.sh%C2%BB"
        "&init.personalInitArgs=%C2%AB01_commerces%C2%BB"
        "&service.image.version=%C2%ABinseefrlab%2Fonyxia-jupyter-python%3Apy3.13.13%C2%BB"
    )


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("branch", ["main", "essai=1&2", "thème/énergie"])
def test_every_string_comes_back_whole(service: str, branch: str) -> None:
    address = launch_url(service, repository=Repository("https://github.com/o/d", branch))
    assert address.isascii()
    pairs = urlsplit(address).query.split("&")
    assert all(pair.count("=") == 1 for pair in pairs)  # a raw « = » in a value is refused
    values = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
    assert values["git.branch"] == f"«{branch}»"
    assert values["autoLaunch"] == "true"
    assert "init.personalInitArgs" not in values


def test_the_setting_is_that_of_the_book() -> None:
    repository = load_repository()
    assert repository.url.startswith("https://github.com/")
    assert launch_url("VS Code", notebook="01_commerces") in str(launch_links("01_commerces"))


def test_a_book_without_an_address_says_so(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yml").write_text("book:\n  repo-url: https://exemple.fr/x\n")
    with pytest.raises(BookError, match="publié"):
        load_repository(tmp_path)


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_every_notebook_begins_with_its_links(stem: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    assert sum(f'launch_links("{stem}")' in cell.source for cell in notebook.cells) == 1


def test_the_readme_launches_the_book_of_the_setting() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for service in SERVICES:
        assert launch_url(service, notebook="01_commerces") in text
    assert f"({load_repository().archive})" in text


def test_the_image_is_that_of_the_workflow() -> None:
    workflow = (ROOT / "sspcloud" / "acces-aux-soins.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"image: (\S+)", workflow)) == set(IMAGES.values())


def test_every_address_of_the_project_is_that_of_the_setting() -> None:
    """Of the repository, of the site, and of the folder of a clone."""
    here, site = load_repository(), urlsplit(site_address())
    told = rf"https://github\.com/([\w.-]+/{here.name})|https://([\w.-]+)/{here.name}\b"
    owner = urlsplit(here.url).path.strip("/")
    pages = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CITATION.cff", ROOT / "index.qmd"]
    for pattern in ("data/*.md", "sspcloud/*", "chapters/*.qmd", "notebooks/*.ipynb", "*.yml"):
        pages += ROOT.glob(pattern)
    seen = set()
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for repository, host in re.findall(told, text):
            assert repository in {owner, ""}, path.name
            assert host in {site.netloc, "github.com", ""}, path.name
            seen.add(path.name)
        assert set(re.findall(r"git clone (https?://\S+)", text)) <= {here.url}, path.name
        assert set(re.findall(r"~/work/([\w-]+)/", text)) <= {here.name}, path.name
    assert {"README.md", "SECURITY.md", "CITATION.cff", "_quarto.yml"} <= seen
    assert site.path == f"/{here.name}"


# -- the script ------------------------------------------------------------------------

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash absent")

#: A synthetic uv: it writes what it was asked, and fails or lags when told to.
FAKE_UV = """#!/bin/sh
echo "uv $*" >> "$PVD_TEMOIN"
sleep "${PVD_LENT:-0}"
exit "${PVD_CODE_UV:-0}"
"""


def clone(work: Path) -> Path:
    """Make what the launcher leaves: a work folder with other things, and a clone."""
    (work / "autre-projet").mkdir(parents=True)
    (work / "notes.txt").write_text("à garder")
    depot = work / load_repository().name
    for folder in ("sspcloud", "notebooks", "utils", "data"):
        shutil.copytree(ROOT / folder, depot / folder, ignore=shutil.ignore_patterns("raw"))
    for name in ("requirements.lock", "pyproject.toml", "README.md", "LICENSE", "_quarto.yml"):
        shutil.copy(ROOT / name, depot / name)
    return depot


def launch(
    home: Path, *args: str, uv: str | None = FAKE_UV, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as Onyxia does: read from its standard input, in a bare environment."""
    tools = home / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    if uv is not None:
        (tools / "uv").write_text(uv)
        (tools / "uv").chmod(0o755)
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python").chmod(0o755)
    return subprocess.run(
        ["bash", "-s", "--", *args],
        input=SCRIPT.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={
            "HOME": str(home),
            "PATH": f"{tools}:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "PVD_TEMOIN": str(home / "temoin.txt"),
            "PYTHONPATH": "",
            "GIT_REPOSITORY": "https://jeton-secret@github.com/o/d",
            **environment,
        },
    )


@needs_bash
def test_the_script_installs_the_lock_and_opens_the_notebook(tmp_path: Path) -> None:
    depot = clone(tmp_path / "work")
    config = tmp_path / ".jupyter" / "jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text("c.ServerApp.ip = '0.0.0.0'")
    for notebook in ("01_commerces", "02_culture"):  # twice: the second takes the place
        done = launch(tmp_path, notebook)
        assert done.returncode == 0, done.stdout + done.stderr
    asked = (tmp_path / "temoin.txt").read_text()
    assert asked.count(f"--require-hashes -r {depot}/requirements.lock") == 2
    lines = config.read_text().splitlines()
    assert lines[0] == "c.ServerApp.ip = '0.0.0.0'"
    assert [line.split("=")[1].split("#")[0].strip() for line in lines[1:]] == [
        f"'/lab/tree/{depot.name}/notebooks/02_culture.ipynb'"
    ]
    log = (tmp_path / "work" / "pvd-installation.log").read_text()
    assert log.count("Prêt.") == 2
    assert (tmp_path / "work" / "notes.txt").read_text() == "à garder"
    assert "jeton-secret" not in log + done.stdout + done.stderr


@needs_bash
@pytest.mark.parametrize(
    ("args", "environment", "told"),
    [
        (("99_absent",), {}, "le carnet 99_absent n’existe pas"),
        (("../../etc/passwd",), {}, "n’est pas un nom de carnet"),
        (("01_commerces",), {"PVD_CODE_UV": "1"}, "les paquets n’ont pas pu être installés"),
        ((), {"PVD_LENT": "9", "PVD_DELAI": "1"}, "l’installation a dépassé 1 secondes"),
        ((), {"PVD_LENT": "2", "PVD_DELAI": "3"}, "l’installation a dépassé 3 secondes"),
        ((), {"PVD_PYTHON": "/bin/false"}, "est trop ancien"),
    ],
)
def test_what_failed_is_said_in_french(
    tmp_path: Path, args: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    clone(tmp_path / "work")
    done = launch(tmp_path, *args, **environment)
    assert done.returncode == 2
    log = (tmp_path / "work" / "pvd-installation.log").read_text()
    assert "ÉCHEC" in log
    assert told in log
    assert "À faire" in log
    (line,) = (tmp_path / ".jupyter" / "jupyter_server_config.py").read_text().splitlines()
    assert "= '/lab/tree/pvd-installation.log'" in line  # what the student sees first


@needs_bash
def test_without_a_clone_the_script_says_what_to_do(tmp_path: Path) -> None:
    done = launch(tmp_path, "01_commerces")
    assert done.returncode == 2
    assert "clonez-le" in done.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck absent")
def test_the_scripts_are_clean() -> None:
    for script in (SCRIPT, ROOT / ".ci" / "run"):
        subprocess.run(["shellcheck", str(script)], check=True)
        assert script.stat().st_mode & stat.S_IRUSR


def interpreter(version: str) -> str | None:
    """Return a Python of that version, where there is one that starts."""
    known = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for name in (f"python{version}", *known):
        found = shutil.which(str(name))
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13"])
@pytest.mark.skipif(os.environ.get("PVD_INSTALLATION") != "1", reason="PVD_INSTALLATION=1 manque")
def test_a_whole_installation(version: str, tmp_path: Path) -> None:
    """The real thing: the lock in a new Python of the images, then a notebook that runs."""
    python = interpreter(version)
    assert python is not None, f"Python {version} absent : PVD_INSTALLATION=1 demande les deux"
    depot = clone(tmp_path / "work")
    subprocess.run([python, "-m", "venv", str(tmp_path / "image")], check=True)
    real = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    inside = tmp_path / "image" / "bin" / "python"
    uv = f'#!/bin/sh\nexec "{real}" "$@"\n'
    kept = {k: v for k, v in os.environ.items() if k.startswith(("UV_", "PIP_", "SSL_"))}
    for time_of in ("première fois", "seconde fois"):  # the second finds everything done
        start = time.monotonic()
        done = launch(tmp_path, "01_commerces", uv=uv, PVD_PYTHON=str(inside), **kept)
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"Python {version}, {time_of} : {time.monotonic() - start:.0f} s")
    assert (tmp_path / "work" / "notes.txt").read_text() == "à garder"
    ran = subprocess.run(
        [inside, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook", "--stdout",
         "notebooks/01_commerces.ipynb"],
        cwd=depot, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": "", "PVD_OFFLINE": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
