"""Links that open a notebook on the SSP Cloud, Insee’s open datalab.

The launcher of Onyxia reads the query as Helm values: a key with a dot is a value of the
chart, a string stands between guillemets, booleans and numbers stand bare, and a raw ``=`` in
a value is refused (checked on its public code of July 2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import yaml

from utils.errors import BookError
from utils.formats import NBSP
from utils.publish import MarkdownBlock

__all__ = [
    "DOWNLOADS",
    "IMAGES",
    "SERVICES",
    "Repository",
    "launch_links",
    "launch_url",
    "load_repository",
]

ROOT: Final = Path(__file__).resolve().parent.parent

_LAUNCHER: Final = "https://datalab.sspcloud.fr/launcher/ide"

#: Services of the catalogue that run the notebooks: name shown -> chart.
SERVICES: Final = {"JupyterLab": "jupyter-python", "VS Code": "vscode-python"}

#: Images on which the lock is known to install. That of VS Code is left to the catalogue: the
#: same tag could not be seen there, and a tag that does not exist starts nothing.
IMAGES: Final = {"JupyterLab": "inseefrlab/onyxia-jupyter-python:py3.13.13"}

#: Folder of the site where the notebooks are as they are, to be downloaded.
DOWNLOADS: Final = "carnets"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the code is published: address without ``.git``, branch.

    The one setting is ``book.repo-url`` and ``book.repo-branch`` of ``_quarto.yml``.
    """

    url: str
    branch: str

    @property
    def name(self) -> str:
        """Last part of the address, the folder of a clone."""
        return self.url.rpartition("/")[2]

    def raw(self, path: str) -> str:
        """Return the address of a file as it is, for a repository of GitHub."""
        owner = urlsplit(self.url).path.strip("/")
        return f"https://raw.githubusercontent.com/{owner}/{self.branch}/{path}"

    @property
    def archive(self) -> str:
        """Address of all the files in one archive."""
        return f"{self.url}/archive/refs/heads/{self.branch}.zip"


def load_repository(root: Path = ROOT) -> Repository:
    """Read where the code is published.

    Raises
    ------
    BookError
        ``_quarto.yml`` does not say it, or says an address that is not of GitHub.
    """
    book = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8")).get("book", {})
    url, branch = str(book.get("repo-url") or "").rstrip("/"), str(book.get("repo-branch") or "")
    parts = urlsplit(url)
    if parts.netloc != "github.com" or parts.path.count("/") != 2 or not branch:
        raise BookError(
            "_quarto.yml ne dit pas où le dépôt est publié.",
            hint="Attendu, sous book : repo-url (https://github.com/ORG/DÉPÔT) et repo-branch.",
        )
    return Repository(url, branch)


def launch_url(service: str, *, notebook: str = "", repository: Repository | None = None) -> str:
    """Return the address that launches a service of the SSP Cloud on the book.

    Parameters
    ----------
    service : str
        A name of :data:`SERVICES`.
    notebook : str
        Notebook opened at the start, without folder nor extension; none by default.
    repository : Repository, optional
        That of ``_quarto.yml`` by default.

    Returns
    -------
    str
        An address in ASCII, to be followed as it is.
    """
    repository = repository or load_repository()
    name = notebook.partition("_")[2].replace("_", "-") or "livre"
    values = {
        "git.repository": repository.url,
        "git.branch": repository.branch,
        "init.personalInit": repository.raw("sspcloud/init.sh"),
        **({"init.personalInitArgs": notebook} if notebook else {}),
        **({"service.image.version": IMAGES[service]} if service in IMAGES else {}),
    }
    query = [f"name=pvd-{quote(name, safe='')}", "autoLaunch=true"]
    query += [f"{key}={quote(f'«{value}»', safe='')}" for key, value in values.items()]
    return f"{_LAUNCHER}/{SERVICES[service]}?{'&'.join(query)}"


def launch_links(notebook: str) -> MarkdownBlock:
    """Return the lines at the head of a notebook: launch or download it, or see another town."""
    repository = load_repository()
    links = [
        f"[{service}]({launch_url(service, notebook=notebook, repository=repository)})"
        for service in SERVICES
    ]
    file = f'[le carnet](../{DOWNLOADS}/{notebook}.ipynb){{download="{notebook}.ipynb"}}'
    return MarkdownBlock(
        f"**Exécuter ce carnet sur le SSP Cloud**{NBSP}: {' ou '.join(links)}"
        f" (compte gratuit pour les agents publics et l’enseignement supérieur)."
        f" Télécharger {file}, ou [tout ce qu’il lui faut]({repository.archive})"
        f" (archive zip).\n\n"
        f"**Voir une autre ville sans rien installer**{NBSP}: le"
        " [tableau de bord](../chapters/tableau_de_bord.qmd) les a toutes."
    )
