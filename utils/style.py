"""The house style: one look for every figure, legible on a phone and in print.

A figure is :data:`WIDTH_IN` inches wide and its smallest text :data:`FONT_PT` points:
shown 343 CSS pixels wide (a phone of 375) that text is still 9 pixels high. The colours
of :data:`PALETTE` have a contrast of 4.5:1 on white, so they serve for text as well, and
stay apart for the three colour-vision deficiencies (simulated as in Machado, Oliveira
and Fernandes, 2009; the tests hold it). Colour is never alone: each series also has its
own marker, line or hatch.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import pairwise
from typing import Any, Literal, ParamSpec, Self

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.rcsetup import cycler
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedLocator, Formatter, MaxNLocator
from PIL import Image

from utils.errors import TableError
from utils.formats import number, quantity, typographic, year

__all__ = [
    "FONT_PT",
    "HATCHES",
    "INK",
    "LAND",
    "LINES",
    "LINE_STYLES",
    "MARKERS",
    "MUTED",
    "PALETTE",
    "STYLE",
    "TITLE_PT",
    "TOWN",
    "WIDTH_IN",
    "checked",
    "french_axis",
    "french_log_label",
    "house_figure",
    "message_title",
    "render",
    "sequential",
    "text_width",
    "use_style",
    "wrap",
    "year_axis",
]

WIDTH_IN = 5.2
FONT_PT = 10.0
TITLE_PT = 12.0
DPI = 192  # twice the 96 CSS pixels of an inch

PALETTE = ("#0072B2", "#C24E00", "#7A28C8", "#3D1420", "#00664F")
TOWN = "#C24E00"
INK = "#222222"
MUTED = "#56606B"
LAND = "#EEF1F4"
LINES = "#8A949E"
MARKERS = ("o", "s", "^", "v", "P", "X", "p", "h")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
HATCHES = ("", "////", "....", "xxxx")

STYLE: dict[Any, Any] = {
    **sns.axes_style("ticks"),
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_PT,
    "axes.labelsize": FONT_PT,
    "xtick.labelsize": FONT_PT,
    "ytick.labelsize": FONT_PT,
    "legend.fontsize": FONT_PT,
    "legend.title_fontsize": FONT_PT,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.4,
    "axes.titlesize": FONT_PT,
    "axes.titlelocation": "left",
    "figure.titlesize": TITLE_PT,
    "figure.titleweight": "bold",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.unicode_minus": True,
    "grid.color": "#DDE2E7",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.8,
    "image.cmap": "cividis",
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "petites-villes",
    "figure.dpi": 96,
    "savefig.dpi": DPI,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}


class _HouseStyle:
    """What :func:`use_style` returns: the style is on; leaving a ``with`` takes it off."""

    def __init__(self) -> None:
        self._before = {key: rcParams[key] for key in STYLE}
        rcParams.update(STYLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        rcParams.update(self._before)


def use_style() -> _HouseStyle:
    """Apply the house style to matplotlib and seaborn.

    As a plain call it holds for the whole notebook; as ``with use_style():`` it holds in
    the block only. The functions of ``charts`` and ``maps`` apply it by themselves.
    """
    return _HouseStyle()


P = ParamSpec("P")
Drawn = tuple[Figure, pd.DataFrame]


def house_figure(function: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Draw in the house style, and sign the drawn frame (``attrs["function"]``)."""

    @wraps(function)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with rc_context(STYLE):
            figure, frame = function(*args, **kwargs)
        frame.attrs["function"] = f"{function.__module__}.{function.__qualname__}"
        frame.attrs.setdefault("notes", [])
        return figure, frame

    return drawn


def render(figure: Figure, kind: Literal["svg", "png"]) -> bytes:
    """Return the bytes of a figure: the same figure gives the same bytes, any day.

    A PNG has twice the pixels of the page and 256 colours, a quarter of the weight.
    """
    target = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with rc_context(STYLE):
        figure.savefig(target, format=kind, dpi=DPI, metadata=metadata)
    return _light_png(target) if kind == "png" else target.getvalue()


def _light_png(full: io.BytesIO) -> bytes:
    with Image.open(full) as image:
        few = image.convert("RGB").quantize(
            256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    target = io.BytesIO()
    few.save(target, "png", optimize=True, dpi=(DPI, DPI))
    return target.getvalue()


def checked(frame: pd.DataFrame, columns: Iterable[str], *, what: str) -> pd.DataFrame:
    """Return a copy of a frame to be drawn, refusing an empty or incomplete one.

    Raises
    ------
    TableError
        If the frame has no row, or lacks a column.
    """
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise TableError(
            typographic(f"{what} : il manque la colonne « {' », « '.join(lacking)} »."),
            hint=typographic(f"Colonnes reçues : {', '.join(map(str, frame.columns))}."),
        )
    if frame.empty:
        raise TableError(
            typographic(f"{what} : le tableau reçu est vide, il n'y a rien à dessiner."),
            hint="Vérifiez la sélection (ville, années, indicateurs) faite juste avant.",
        )
    return frame.copy()


# -- text ------------------------------------------------------------------------------


def text_width(text: str, *, size: float = FONT_PT, weight: str = "normal") -> float:
    """Return the width in inches of the longest line of a text."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    widths = (
        text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]
        for line in text.split("\n")
    )
    return float(max(widths, default=0.0)) / 72


def wrap(text: str, width_in: float, *, size: float = FONT_PT, weight: str = "normal") -> str:
    """Break a text into lines no wider than ``width_in`` inches, as drawn.

    Lines break at ordinary spaces and after hyphens, never at a no-break space; a single
    word wider than the width stays whole.
    """
    lines = [""]
    for piece in re.findall(r"[^ \n-]*-|[^ \n-]+ *|[ \n]+", text):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(" "), size=size, weight=weight) > (
            width_in
        ):
            lines.append("")
        lines[-1] += piece.replace("\n", " ")
    return "\n".join(line.strip(" ") for line in lines)


def message_title(target: Figure | Axes, text: str) -> str:
    """Set a left-aligned title that wraps to the width; return it as drawn.

    A title is a sentence: what the figure says. On a figure it is bold and spans the
    whole width; on one set of axes it is plain.
    """
    text = typographic(text)
    if isinstance(target, Axes):
        text = wrap(text, target.get_window_extent().width / target.figure.dpi)
        target.set_title(text, loc="left")
        return text
    text = wrap(text, target.get_figwidth() - 0.15, size=TITLE_PT, weight="bold")
    target.suptitle(text, x=0.06 / target.get_figwidth(), ha="left", linespacing=1.2)
    return text


# -- axes ------------------------------------------------------------------------------


class _FrenchFormatter(Formatter):
    """Tick labels in French, with just the decimals that the ticks need."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit

    def __call__(self, x: float, pos: int | None = None) -> str:
        return quantity(x, self.unit, _places(x))

    def format_ticks(self, values: Iterable[float]) -> list[str]:
        ticks = list(values)
        decimals = max((_places(b - a) for a, b in pairwise(ticks)), default=0)
        return [quantity(tick, self.unit, decimals) for tick in ticks]


def _places(step: float) -> int:
    """Return how many decimals write a number, six at most."""
    return next((d for d in range(6) if abs(round(step, d) - step) <= abs(step) * 1e-6), 6)


def french_axis(axes: Axes, which: Literal["x", "y"], *, unit: str = "", ticks: int = 5) -> None:
    """Write the numbers of an axis in French, about ``ticks`` of them."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(_FrenchFormatter(unit))


def year_axis(axes: Axes, years: Iterable[int], *, width_in: float) -> None:
    """Put ticks on observed years only, as many as stand side by side in ``width_in``."""
    wanted = sorted({int(one) for one in years})
    span = max(wanted[-1] - wanted[0], 1)
    least = text_width("2000") * 1.25 / width_in * span
    kept: list[int] = []
    for one in reversed(wanted):
        last_or_apart = not kept or kept[-1] - one >= least
        if last_or_apart and (one == wanted[0] or not kept or one - wanted[0] >= least):
            kept.append(one)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_major_formatter(lambda x, _: year(x))
    if len(wanted) == 1:
        axes.set_xlim(wanted[0] - 1, wanted[0] + 1)


def sequential(k: int) -> list[str]:
    """Return ``k`` colours from light to dark (viridis reversed): the darker, the more."""
    return [to_hex(c) for c in mpl.colormaps["viridis_r"](np.linspace(0.06, 0.94, max(k, 2)))][:k]


def french_log_label(x: float, _: float | None = None) -> str:
    """Write a tick of a logarithmic axis: all its digits, no exponent."""
    return number(x, max(0, -int(np.floor(np.log10(x)))) if x > 0 else 0)
