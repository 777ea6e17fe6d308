"""Relief: the elevation of places, from any raster that GDAL reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from utils.errors import LayoutError

__all__ = ["read_elevation"]

Floats = NDArray[np.float64]


def read_elevation(path: Path, lon: Floats, lat: Floats) -> Floats:
    """Read the elevation of some places, between the four cells around each.

    Parameters
    ----------
    path : Path
        GeoTIFF, or any raster of GDAL, in any CRS; its first band, in metres.
    lon, lat : array
        Degrees (EPSG:4326), shape (n,).

    Returns
    -------
    array
        Metres, shape (n,), bilinear between the middles of cells; NaN out of the raster and
        where one of the four cells has no data. Only the window of the places is read.

    Raises
    ------
    LayoutError
        The file is absent, is not a raster, or does not say its CRS.
    """
    if not path.is_file():
        raise LayoutError(
            f"Le fichier de relief {path} n’existe pas.",
            hint="Donnez le chemin d’un modèle numérique de terrain (GeoTIFF).",
        )
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise LayoutError(
                    f"Le relief {path.name} ne dit pas son système de coordonnées.",
                    hint="Ajoutez-le, par exemple avec « gdal_translate -a_srs EPSG:2154 ».",
                )
            to_raster = Transformer.from_crs(4326, raster.crs.to_wkt(), always_xy=True)
            x, y = to_raster.transform(np.asarray(lon), np.asarray(lat))
            to_cell = ~raster.transform
            # From the middle of the first cell, not from its corner.
            column = to_cell.a * x + to_cell.b * y + to_cell.c - 0.5
            row = to_cell.d * x + to_cell.e * y + to_cell.f - 0.5
            inside = (column >= 0) & (column <= raster.width - 1)
            inside &= (row >= 0) & (row <= raster.height - 1)
            heights = np.full(len(inside), np.nan)
            if inside.any():
                heights[inside] = _between(raster, column[inside], row[inside])
    except RasterioError as error:
        raise LayoutError(
            f"Le fichier {path.name} n’est pas un relief lisible.",
            hint="Donnez un modèle numérique de terrain en GeoTIFF, par exemple la BD ALTI ou le"
            " RGE ALTI de l’IGN.",
        ) from error
    return heights


def _between(raster: rasterio.DatasetReader, column: Floats, row: Floats) -> Floats:
    """Interpolate at places given in cells from the middle of the first."""
    left, top = int(column.min()), int(row.min())
    right = min(int(column.max()) + 1, raster.width - 1)
    bottom = min(int(row.max()) + 1, raster.height - 1)
    window = Window(left, top, right - left + 1, bottom - top + 1)
    cells = raster.read(1, window=window, masked=True).astype(float).filled(np.nan)
    i, j = row - top, column - left
    above = np.minimum(i.astype(int), max(cells.shape[0] - 2, 0))
    before = np.minimum(j.astype(int), max(cells.shape[1] - 2, 0))
    below, after = np.minimum(above + 1, bottom - top), np.minimum(before + 1, right - left)
    down, along = i - above, j - before
    first = cells[above, before] * (1 - along) + cells[above, after] * along
    second = cells[below, before] * (1 - along) + cells[below, after] * along
    return np.asarray(first * (1 - down) + second * down)
