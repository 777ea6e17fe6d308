"""What a reuse declared on data.gouv.fr says: its text, its datasets, its picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from utils import tables
from utils.catalogue import THEMES, Source, load_indicators_catalogue, load_sources
from utils.formats import counted, join_words, number, typographic
from utils.publish import MarkdownBlock, figures_dir
from utils.stories import towns
from utils.stories.catalogue_pages import towns_date
from utils.style import render

__all__ = ["citation", "datasets", "declaration", "picture"]

_DATA_GOUV: Final = "https://www.data.gouv.fr/"
_ROOT: Final = Path(__file__).resolve().parent.parent.parent

_TAGS: Final = (
    "petites-villes-de-demain",
    "revitalisation",
    "commerces",
    "culture",
    "energies-renouvelables",
    "acces-aux-soins",
    "defis",
)


def _site() -> str:
    config = yaml.safe_load((_ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    return str(config["book"]["site-url"])


def declaration() -> MarkdownBlock:
    """Return the fields of the form, each ready to be copied."""
    every = tables.load_towns()
    used = {
        source["id"]
        for entry in tables.load_manifest()["tables"].values()
        for source in entry["sources"]
    }
    themes = join_words([title.lower() for title in THEMES.values()])
    text = typographic(
        f"Un livre ouvert et reproductible sur les {number(int(every['pvd'].sum()))} communes du"
        " programme Petites villes de demain : commerces, culture, énergies renouvelables, accès"
        " aux soins, et ce qui est particulier à chaque ville quand on la compare à ses"
        " semblables.\n\n"
        f"Il met {number(len(load_indicators_catalogue()))} indicateurs ({themes}) sur"
        f" {number(len(every))} communes, calculés à partir de {number(len(used))} sources"
        " publiques. Chaque figure mène à ses données, à ses sources avec leur millésime et leur"
        " empreinte, et au code qui la dessine ; une commande les recalcule et dit ce qui"
        " diffère. Les carnets, en Python, tournent pour n’importe quelle ville.\n\n"
        f"Liste des villes au {towns_date()}. Code sous licence MIT ; textes et tables sous Licence"
        " Ouverte 2.0 ; tables tirées d’OpenStreetMap sous ODbL 1.0.\n\n"
        "Réponse au défi « Revitalisation des petites villes » de la Banque des Territoires."
    )
    fields = (
        ("Titre", "Portrait des petites villes"),
        ("Lien", _site()),
        ("Type", "Visualisation"),
        ("Mots-clés", ", ".join(_TAGS)),
        ("Description", text),
    )
    return _to_copy(fields)


def _to_copy(fields: Sequence[tuple[str, str]]) -> MarkdownBlock:
    """Write texts that a button copies, each under its name."""
    # Of the language « default », which has no colours, so that Quarto adds its button.
    blocks = [f"**{name}**\n\n```default\n{value}\n```" for name, value in fields]
    return MarkdownBlock("\n\n".join(blocks) + "\n")


def citation() -> MarkdownBlock:
    """Return how to cite the book, in words and for BibTeX, each ready to be copied."""
    known = yaml.safe_load((_ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (author,) = (one["name"] for one in known["authors"])
    edition, year = f"liste des villes au {towns_date()}", towns_date().rpartition(" ")[2]
    words = f"{author}, « {known['title']} », version {known['version']}, {edition}. {_site()}"
    bibtex = (
        "@misc{portrait-petites-villes,\n"
        f"  author = {{{{{author}}}}},\n"
        f"  title = {{{known['title']}}},\n"
        f"  year = {{{year}}},\n"
        f"  version = {{{known['version']}}},\n"
        f"  note = {{{edition[0].upper()}{edition[1:]}}},\n"
        f"  url = {{{_site()}}}\n"
        "}"
    )
    return _to_copy((("Dans un texte", typographic(words)), ("BibTeX", bibtex)))


def datasets() -> MarkdownBlock:
    """Return the datasets of data.gouv.fr to associate, then the producers found elsewhere."""
    used = {
        source["id"]
        for entry in tables.load_manifest()["tables"].values()
        for source in entry["sources"]
    }
    pages: dict[str, list[Source]] = {}
    for name, source in load_sources().items():
        if name in used:
            pages.setdefault(source.landing or "", []).append(source)
    unknown = pages.pop("", [])
    here = {page: pages[page] for page in pages if page.startswith(_DATA_GOUV)}
    lines = _datasets_lines(here)
    lines.append("\nD’autres ont leur page chez leur producteur ; cherchez-les par leur titre :\n")
    lines += _datasets_lines({page: pages[page] for page in pages if page not in here})
    if unknown:
        lines.append("\nDe ceux-ci, la page n’est pas connue avec certitude :\n")
        lines += [f"- {one.title}, {one.producer}" for one in unknown]
    return MarkdownBlock(typographic("\n".join(lines)) + "\n")


def _datasets_lines(pages: Mapping[str, Sequence[Source]]) -> list[str]:
    """Return a line a page: its first dataset, and how many others are there."""
    lines = []
    for page, (first, *others) in pages.items():
        more = f", et {counted(len(others), 'autre')} de la même page" if others else ""
        lines.append(f"- [{first.title}](<{page}>), {first.producer}{more}")
    return lines


def picture() -> MarkdownBlock:
    """Draw the picture of the reuse, keep it as PNG, and show it with a link to the file."""
    story = towns.map_of_programme()
    path = figures_dir() / "reutilisation.png"
    path.write_bytes(render(story.figure, "png"))
    address = Path(os.path.relpath(path, Path.cwd())).as_posix()
    alt = story.alt.replace('"', "”")
    link = f'[Télécharger l’image (PNG)]({address}){{download="{path.name}"}}'
    return MarkdownBlock(f'![]({address}){{fig-alt="{alt}"}}\n\n{link}\n')
