"""The pictures of the README and of shared links, drawn from the current figures.

``make images`` writes them in ``theme/``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from utils import maps, tables
from utils.stories import commerce, towns
from utils.style import render

__all__ = ["SHARE_PX", "WIDTH_PX", "draw", "share_picture"]

_THEME: Final = Path(__file__).resolve().parent.parent.parent / "theme"
#: Town of the picture of families.
_TOWN: Final = "46127"
#: Width of the pictures of the README, pixels.
WIDTH_PX: Final = 700
#: Size of the picture of a shared link, pixels: what social networks show.
SHARE_PX: Final = (1200, 630)
_DPI: Final = 100
#: What the picture of a shared link says.
_TITLE: Final = "Portrait des\npetites villes"
_SUBTITLE: Final = "Ce que l’on y trouve, ce qui y change,\net ce qui est particulier à chacune."
_LINE: Final = "Un livre ouvert et reproductible."


def draw() -> Mapping[str, bytes]:
    """Return the PNG of each picture, by name of file."""
    programme = towns.map_of_programme().figure
    families = commerce.families(tables.load_town(_TOWN)).figure
    return {
        "carte.png": _shrunk(render(programme, "png")),
        "familles.png": _shrunk(render(families, "png")),
        "partage.png": share_picture(),
    }


def _shrunk(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        height = round(image.height * WIDTH_PX / image.width)
        small = image.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    return _light(small)


def _light(image: Image.Image) -> bytes:
    target = io.BytesIO()
    few = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(target, "png", optimize=True)
    return target.getvalue()


def share_picture() -> bytes:
    """Draw the picture of a shared link: what the book is, and the map of its towns."""
    every = tables.load_towns(pvd=True)
    figure, _ = maps.national_map(
        tables.load_departements(),
        every[["code", "lon", "lat"]].assign(value=every[towns.POPULATION].astype("float64")),
    )
    for legend in figure.legends:
        legend.remove()
    with Image.open(io.BytesIO(render(figure, "png"))) as image:
        drawn = _trimmed(image.convert("RGB"))
    height = SHARE_PX[1] - 40
    drawn = drawn.resize((round(drawn.width * height / drawn.height), height))
    page = Figure(figsize=(SHARE_PX[0] / _DPI, SHARE_PX[1] / _DPI), dpi=_DPI)
    page.figimage(np.asarray(drawn), SHARE_PX[0] - drawn.width - 40, 20)
    page.text(0.05, 0.66, _TITLE, size=46, weight="bold", va="center", linespacing=1.1)
    page.text(0.05, 0.36, _SUBTITLE, size=20, va="center", linespacing=1.4)
    page.text(0.05, 0.13, _LINE, size=16, color="#0b5a8e", va="center")
    target = io.BytesIO()
    page.savefig(target, format="png", dpi=_DPI)
    with Image.open(target) as image:
        return _light(image.convert("RGB"))


def _trimmed(image: Image.Image) -> Image.Image:
    """Cut the white margins of a picture."""
    ink = np.asarray(image.convert("L")) < 250
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return image.crop(tuple(map(int, box)))  # type: ignore[arg-type]


if __name__ == "__main__":
    for _name, _content in draw().items():
        (_THEME / _name).write_bytes(_content)
