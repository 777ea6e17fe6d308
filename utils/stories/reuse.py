"""What a reuse declared on data.gouv.fr says: its text, its datasets, its picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import yaml

from utils import tables
from utils.catalogue import THEMES, Source, load_indicators_catalogue, load_sources
from utils.formats import join_words, number, typographic
from utils.publish import MarkdownBlock, figures_dir
from utils.stories import towns
from utils.stories.catalogue_pages import towns_date
from utils.style import render

__all__ = ["datasets", "declaration", "picture"]

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
    blocks = [f"**{name}**\n\n```text\n{value}\n```" for name, value in fields]
    return MarkdownBlock("\n\n".join(blocks) + "\n")


def datasets() -> MarkdownBlock:
    """Return the datasets of data.gouv.fr to associate, then the producers found elsewhere."""
    used = {
        source["id"]
        for entry in tables.load_manifest()["tables"].values()
        for source in entry["sources"]
    }
    here: dict[str, Source] = {}
    elsewhere: dict[str, Source] = {}
    for name, source in load_sources().items():
        if name in used and source.landing:
            there = source.landing.startswith("https://www.data.gouv.fr/")
            (here if there else elsewhere).setdefault(source.landing, source)
    lines = [f"- [{one.title}](<{page}>), {one.producer}" for page, one in here.items()]
    lines.append("")
    lines.append(
        "Les autres sources ont leur page chez leur producteur ; cherchez-les par leur titre :\n"
    )
    lines += [f"- [{one.title}](<{page}>), {one.producer}" for page, one in elsewhere.items()]
    return MarkdownBlock(typographic("\n".join(lines)) + "\n")


def picture() -> MarkdownBlock:
    """Draw the picture of the reuse, keep it as PNG, and show it with a link to the file."""
    story = towns.map_of_programme()
    path = figures_dir() / "reutilisation.png"
    path.write_bytes(render(story.figure, "png"))
    address = Path(os.path.relpath(path, Path.cwd())).as_posix()
    alt = story.alt.replace('"', "”")
    link = f'[Télécharger l’image (PNG)]({address}){{download="{path.name}"}}'
    return MarkdownBlock(f'![]({address}){{fig-alt="{alt}"}}\n\n{link}\n')
