"""Making the site that Quarto builds lighter to load, and no different to look at.

Quarto gives every page the whole of Bootstrap, twice (light, then dark laid on it), and the
2,000 icons of its font. Three things are taken away:

- from the sheets, the rules of a class that no page and no script of the site names;
- from the dark sheet, the properties on which it says what the light one has said;
- from the font, the icons that no rule left asks for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import tinycss2
from fontTools import subset

__all__ = ["darken", "lighten", "named_words", "prune", "subset_font"]

#: Where Quarto puts the sheets of Bootstrap and the font of icons.
_BOOTSTRAP: Final = Path("site_libs") / "bootstrap"
_ICONS: Final = "bootstrap-icons"
_LIGHT: Final = re.compile(r"bootstrap-[0-9a-f]+\.min\.css")
_DARK: Final = re.compile(r"bootstrap-dark-[0-9a-f]+\.min\.css")

#: At-rules that hold rules of their own.
_NESTING: Final = frozenset({"media", "supports", "container", "layer"})
_WORD: Final = re.compile(r"[\w-]+")
#: An icon is a letter of the private use area of Unicode.
_GLYPH: Final = re.compile("[\ue000-\uf8ff]")

Rules = list[Any]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of a sheet; ``text`` is all of an at-rule that is kept as it is.

    Attributes
    ----------
    context
        The at-rules around it, outermost first.
    selectors, declarations
        One text each; a declaration is a name and its value.
    """

    context: tuple[str, ...]
    selectors: tuple[str, ...] = ()
    declarations: tuple[tuple[str, str], ...] = ()
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return self.text
        return f"{','.join(self.selectors)}{{{';'.join(':'.join(d) for d in self.declarations)}}}"


def lighten(site: Path) -> None:
    """Lighten a site made by Quarto; one that has not its sheets is left as it is.

    Parameters
    ----------
    site : Path
        Folder of the site, whose files are rewritten.
    """
    folder = site / _BOOTSTRAP
    if not folder.is_dir():
        return
    words = named_words(_sources(site))
    light = dark = None
    for path in sorted(folder.glob("*.css")):
        before = path.read_text(encoding="utf-8")
        path.write_text(prune(before, words), encoding="utf-8")
        light = path if _LIGHT.fullmatch(path.name) else light
        dark = path if _DARK.fullmatch(path.name) else dark
    if light and dark:
        below, above = (one.read_text(encoding="utf-8") for one in (light, dark))
        dark.write_text(darken(below, above), encoding="utf-8")
    icons, font = folder / f"{_ICONS}.css", folder / f"{_ICONS}.woff"
    if icons.is_file() and font.is_file():
        subset_font(font, map(ord, _GLYPH.findall(icons.read_text(encoding="utf-8"))))


def _sources(site: Path) -> Iterator[str]:
    """Read the pages and the scripts of a site."""
    for pattern in ("*.html", "*.js"):
        for path in sorted(site.rglob(pattern)):
            yield path.read_text(encoding="utf-8")


def named_words(texts: Iterable[str]) -> frozenset[str]:
    """Return all words of some texts, hyphens and underscores within."""
    return frozenset(word for text in texts for word in _WORD.findall(text))


# -- the sheets ------------------------------------------------------------------------


def prune(sheet: str, words: frozenset[str]) -> str:
    r"""Leave out the rules that can match nothing.

    A selector goes when it asks for a class that is not among the words, nor made of two of
    them, of which the first ends with a hyphen (``"bi-" + name``).

    Parameters
    ----------
    sheet : str
        CSS.
    words : frozenset of str
        Of :func:`named_words`.
    """
    kept = []
    for rule in _rules(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)):
        left = tuple(s for s in rule.selectors if all(_named(c, words) for c in _classes(s)))
        if rule.text or left:
            kept.append(_Rule(rule.context, left, rule.declarations, rule.text))
    return _written(kept)


def darken(light: str, dark: str) -> str:
    """Leave out of a dark sheet what the light one, below it, has said in the same words.

    Properties are taken by families (``border``, ``border-width``…: the first word of their
    names), a custom one alone. A family on which the two sheets have the same declarations of
    the same selectors, in the same order, goes; the others stay whole. Whatever matches, the
    last declaration of each property is thus the one that it was.

    Parameters
    ----------
    light, dark : str
        CSS.
    """
    below, above = (
        list(_rules(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)))
        for sheet in (light, dark)
    )
    first, second = _by_family(below), _by_family(above)
    changed = {name for name, lines in second.items() if lines != first.get(name)}
    if "all" in second:
        return dark
    said = {(rule.context, rule.text) for rule in below}
    kept = []
    for rule in above:
        own = tuple(d for d in rule.declarations if _family(d[0]) in changed)
        if own or (rule.text and (rule.context, rule.text) not in said):
            kept.append(_Rule(rule.context, rule.selectors, own, rule.text))
    return _written(kept)


def _by_family(rules: Sequence[_Rule]) -> dict[str, list[tuple[object, ...]]]:
    lines: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for rule in rules:
        for name, value in rule.declarations:
            lines[_family(name)].append((rule.context, rule.selectors, name, value))
    return lines


def _family(name: str) -> str:
    if name.startswith("--"):
        return name
    return re.sub(r"^-[a-z]+-", "", name).partition("-")[0]


def _named(name: str, words: frozenset[str]) -> bool:
    if name in words:
        return True
    ends = [place + 1 for place, letter in enumerate(name) if letter == "-"]
    return any(name[:end] in words and name[end:] in words for end in ends)


def _classes(selector: str) -> Iterator[str]:
    """Return the classes that an element must have: none of those between parentheses."""
    parts = tinycss2.parse_component_value_list(selector)
    for dot, name in pairwise(parts):
        if dot.type == "literal" and dot.value == "." and name.type == "ident":
            yield name.value


def _rules(nodes: Rules, context: tuple[str, ...] = ()) -> Iterator[_Rule]:
    for node in nodes:
        if node.type == "at-rule" and node.lower_at_keyword in _NESTING and node.content:
            here = f"@{node.lower_at_keyword} {tinycss2.serialize(node.prelude).strip()}"
            inside = tinycss2.parse_rule_list(
                node.content, skip_comments=True, skip_whitespace=True
            )
            yield from _rules(inside, (*context, here))
        elif node.type == "qualified-rule":
            yield _Rule(context, tuple(_selectors(node.prelude)), tuple(_declared(node.content)))
        else:
            yield _Rule(context, text=node.serialize())


def _selectors(prelude: Rules) -> list[str]:
    lists: list[Rules] = [[]]
    for node in prelude:
        if node.type == "literal" and node.value == ",":
            lists.append([])
        else:
            lists[-1].append(node)
    return [tinycss2.serialize(one).strip() for one in lists]


def _declared(content: Rules) -> Iterator[tuple[str, str]]:
    for node in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        value = tinycss2.serialize(node.value).strip()
        yield node.name, f"{value}!important" if node.important else value


def _written(rules: Sequence[_Rule]) -> str:
    """Write rules, those of the same at-rules together as long as they follow each other."""
    parts: list[str] = []
    open_now: tuple[str, ...] = ()
    for rule in rules:
        if rule.context != open_now:
            parts.append("}" * len(open_now) + "".join(f"{one}{{" for one in rule.context))
            open_now = rule.context
        parts.append(str(rule))
    return "".join([*parts, "}" * len(open_now)])


# -- the icons -------------------------------------------------------------------------


def subset_font(font: Path, glyphs: Iterable[int]) -> None:
    """Keep some glyphs of a font in WOFF.

    Parameters
    ----------
    font : Path
        The font, rewritten.
    glyphs : iterable of int
        Code points kept.
    """
    options = subset.Options(flavor="woff", notdef_outline=True)
    with subset.load_font(str(font), options, dontLoadGlyphNames=True) as whole:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=list(glyphs))
        subsetter.subset(whole)
        subset.save_font(whole, str(font), options)
