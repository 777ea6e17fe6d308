"""French words and numbers: pure functions, no locale, no state.

The locale of the machines where the notebooks run is often English, so every number
that a reader sees is formatted here: decimal comma, narrow no-break space (U+202F)
between thousands, true minus sign (U+2212), "n. d." where nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

__all__ = [
    "MINUS",
    "MISSING",
    "NBSP",
    "NNBSP",
    "counted",
    "elided",
    "in_town",
    "join_words",
    "number",
    "of_noun",
    "of_town",
    "ordinal",
    "percent",
    "plural",
    "quantity",
    "typographic",
    "year",
]

NBSP = "\u00a0"
NNBSP = "\u202f"
MINUS = "\u2212"
MISSING = f"n.{NBSP}d."

# Only these begin with an h aspiré among the names of small French towns; the other
# names in H elide ("d'Hirson"). Compared on the first word, up to a hyphen or a space.
_ASPIRATED = frozenset(
    {
        "habsheim", "haguenau", "ham", "haut", "haute", "hautes", "hauts", "hettange",
        "hochfelden", "hoenheim", "hoerdt", "holtzheim", "hombourg", "honfleur", "horbourg",
        "houdan", "houilles", "huelgoat", "huningue",
    }
)  # fmt: skip
_ARTICLE = re.compile(r"^(Le|La|Les|L’)(?:\s+|(?<=’))(?=\S)")
_VOWELS = frozenset("aeiouàâäéèêëîïôöùûüœæ")


def _decimal(value: object) -> Decimal | None:
    """Return the value as an exact decimal, None where it is missing or infinite."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    exact = Decimal(str(value))
    return exact if exact.is_finite() else None


def rounded(value: float, decimals: int) -> Decimal:
    """Round as :func:`number` writes: halves away from zero."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def number(value: object, decimals: int = 0) -> str:
    """Write a number in French.

    Parameters
    ----------
    value : number or missing
        Any scalar; ``None``, ``NaN``, ``pd.NA`` and infinities are missing.
    decimals : int
        Digits after the comma; halves are rounded away from zero, as in school.

    Returns
    -------
    str
        ``"12 345,6"`` with U+202F between thousands; ``"n. d."`` when missing.
    """
    exact = _decimal(value)
    if exact is None:
        return MISSING
    written = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    digits = f"{abs(written):,.{decimals}f}".replace(",", NNBSP).replace(".", ",")
    return f"{MINUS}{digits}" if written < 0 else digits


def percent(value: object, decimals: int = 0) -> str:
    """Write a percentage: ``percent(12.34, 1)`` is ``"12,3 %"`` (value already times 100)."""
    return quantity(value, "%", decimals)


def year(value: object) -> str:
    """Write a year, without a thousands separator."""
    exact = _decimal(value)
    return MISSING if exact is None else str(int(exact))


def quantity(value: object, unit: str, decimals: int = 0) -> str:
    """Write a number and its unit with a no-break space; a missing value has no unit."""
    text = number(value, decimals)
    return f"{text}{NBSP}{unit}" if unit and text != MISSING else text


def plural(n: float, singular: str, plural_form: str = "") -> str:
    """Return the form of a noun that agrees with ``n``: 0 and 1.9 are singular in French.

    ``plural_form`` defaults to the singular with an "s".
    """
    return singular if abs(n) < 2 else plural_form or f"{singular}s"


def counted(n: float, singular: str, plural_form: str = "") -> str:
    """Return a count and its noun: ``"1 ville"``, ``"1 646 villes"``."""
    return f"{number(n)}{NBSP}{plural(n, singular, plural_form)}"


def ordinal(n: int, *, feminine: bool = False) -> str:
    """Return ``"1er"``, ``"1re"`` or ``"12e"``."""
    if n == 1:
        return "1re" if feminine else "1er"
    return f"{number(n)}e"


def join_words(words: Sequence[str], last: str = "et") -> str:
    """Join words as in a sentence: ``"a, b et c"``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def elided(name: str) -> bool:
    """Tell whether "de" becomes "d’" before a common noun, or a town without article."""
    first = name[0].lower()
    if first == "h":
        head = re.split(r"[-\s’]", name.lower(), maxsplit=1)[0].replace("œ", "oe")
        return head not in _ASPIRATED
    if first == "y":  # "d'Yvetot", "d'Yerville" but "de Yenne", "de Yutz"
        return len(name) > 1 and (name[1].lower() not in _VOWELS or name.startswith("Yer"))
    return first in _VOWELS


def _split_article(name: str) -> tuple[str, str]:
    """Return the article of a town ("" when it has none) and the rest of its name."""
    name = name.strip().replace("'", "’")
    found = _ARTICLE.match(name)
    return (found.group(1), name[found.end() :]) if found else ("", name)


def of_noun(name: str) -> str:
    """Return a common noun after "de": "d’infirmier", "de dentiste"."""
    return f"d’{name}" if elided(name) else f"de {name}"


def of_town(name: str) -> str:
    """Return a town's name after "de": "d’Arcachon", "du Puy", "de La Souterraine"."""
    article, rest = _split_article(name)
    if article in ("Le", "Les"):
        return f"{'du' if article == 'Le' else 'des'} {rest}"
    if article:
        return f"de {article}{'' if article == 'L’' else ' '}{rest}"
    return f"d’{rest}" if rest and elided(rest) else f"de {rest}"


def in_town(name: str) -> str:
    """Return a town's name after "à": "à Gourdon", "au Puy", "aux Andelys", "à L’Isle"."""
    article, rest = _split_article(name)
    if article in ("Le", "Les"):
        return f"{'au' if article == 'Le' else 'aux'} {rest}"
    return f"à {article}{' ' if article == 'La' else ''}{rest}"


_KEEP = re.compile(r"(`[^`]*`|https?://[^\s)>\]]+)")
_SPACE = rf"[ {NBSP}{NNBSP}]*"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=\w)'(?=\w)"), "’"),
    (re.compile(r"\.\.\."), "…"),
    (re.compile(rf"«{_SPACE}(?=\S)"), f"«{NBSP}"),
    (re.compile(rf"(?<=\S){_SPACE}»"), f"{NBSP}»"),
    (re.compile(rf"(?<=[^\s:;!?(\[]){_SPACE}(:[:;!?]*)(?=[\s»)\]]|$)"), rf"{NBSP}\1"),
    (re.compile(rf"(?<=[^\s:;!?(\[]){_SPACE}([;!?][:;!?]*)(?=[\s»)\]]|$)"), rf"{NNBSP}\1"),
    (re.compile(rf"(?<=\d){_SPACE}%"), f"{NBSP}%"),
)


def typographic(text: str) -> str:
    """Set the French no-break spaces, apostrophes and ellipses of a text.

    Addresses (``https://…``) and code between backquotes are left as they are. Applying
    it twice changes nothing more.
    """
    parts = _KEEP.split(text)
    for i in range(0, len(parts), 2):
        for pattern, replacement in _RULES:
            parts[i] = pattern.sub(replacement, parts[i])
    return "".join(parts)
