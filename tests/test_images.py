"""The pictures of the README and of shared links: drawn from the tables, at their sizes."""

from __future__ import annotations

import io
from pathlib import Path

import yaml
from PIL import Image

from utils.stories.images import SHARE_PX, WIDTH_PX, draw

ROOT = Path(__file__).resolve().parent.parent


def test_the_pictures_are_drawn_as_the_pages_name_them() -> None:
    drawn = draw()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    book = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["book"]
    assert book["open-graph"]["image"] == "/theme/partage.png"
    for name, content in drawn.items():
        with Image.open(io.BytesIO(content)) as image, Image.open(ROOT / "theme" / name) as kept:
            assert image.format == "PNG"
            assert image.width == (SHARE_PX[0] if name == "partage.png" else WIDTH_PX)
            assert kept.size == image.size
        assert len(content) < 250_000
        assert f"theme/{name}" in readme or name == "partage.png"
    with Image.open(io.BytesIO(drawn["partage.png"])) as image:
        assert image.size == SHARE_PX
