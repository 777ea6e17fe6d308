"""Chains: is a shop's sign that of a brand? (pure functions).

A chain is a network of points of sale under one sign coordinated by a head (Insee's *réseau
d’enseigne*). Three classes are told: ``chaine``; ``aucune_detectee``, which is not a proof of
independence; ``sans_enseigne``, when nothing is written on the register but the activity.

An establishment is of a chain when its sign is that of a brand sold under that activity
(the gate: *L’Atelier* is a brand of something, but no bakery of that name is), or when its
enterprise has :data:`MANY` shops or more. The brands are those of the name-suggestion-index
(BSD 3-Clause), reduced to France, and a supplement judged by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from utils.communes import fold_name
from utils.errors import LayoutError

__all__ = [
    "CLASSES",
    "MANY",
    "SMALLEST_CELL",
    "STRATA",
    "TOTAL",
    "classify",
    "count_classes",
    "detector_scores",
    "draw_signs",
    "extract_brands",
    "fold_sign",
    "hide_small",
    "match_signs",
    "one_letter_apart",
    "rare_sum",
]

#: Classes of a shop, and how the book names them.
CLASSES: Final[Mapping[str, str]] = {
    "chaine": "chaîne",
    "aucune_detectee": "aucune chaîne détectée",
    "sans_enseigne": "sans enseigne connue",
}

#: Number of shops of one enterprise from which it is a chain by itself.
MANY: Final = 5

#: Family of all shops together.
TOTAL: Final = "ensemble"

#: Statistical secrecy on enterprises: no cell under three units (Insee).
SMALLEST_CELL: Final = 3

#: Shortest name, spaces left out, in which one letter may be wrong.
SHORTEST_NEARLY: Final = 8

#: Length of a name that tells a brand wherever it stands in a sign.
TELLING: Final = 14

#: Letters at either end by which nearly equal names are looked up.
ENDS: Final = 4

#: Length of a French name that tells a brand at the end of a sign (*Ibso Calipage*).
ENDING: Final = 6

#: Length of a French name of several words that tells a brand under any retail activity.
UNMISTAKABLE: Final = 12

#: Activities where signs are made of evocative words, *La Panetière aux saveurs d’antan*: a
#: brand that begins by an article tells nothing there unless what follows adds nothing, nor
#: does a brand at the end.
EVOCATIVE: Final = re.compile(r"10\.|47\.2|56\.|96\.")

_ARTICLES: Final = frozenset({"le", "la", "les", "l", "au", "aux", "un", "une", "chez"})

#: Families whose signs are never those of a brand of another trade.
_APART: Final = frozenset({"restauration", "services"})

#: What separates two signs in one.
_SEPARATORS: Final = re.compile(r"\s*[-/,+]\s*")

#: Longest sign that is looked at, characters: the field of Sirene has 50, two lines 100.
LONGEST: Final = 200

#: Countries and regions of the index that mean France, whole or part.
_FRANCE: Final = re.compile(r"^(fx|fr|re|gp|mq|gf|yt|fr-[a-z0-9]+\.geojson)$")
_WORLD: Final = frozenset({"001", "150", "155", "eu"})

#: Kinds of places of the index that may be shops of a town.
_KEYS: Final = ("shop", "amenity", "craft", "healthcare", "leisure")

#: Legal forms, and words that add nothing to a sign.
_LEGAL: Final = frozenset(
    re.findall(r"\w+", "sarl sas sasu eurl sa snc sci scop selarl ei eirl ets etablissements")
)

#: Words that may surround a brand without changing it.
_AROUND: Final = frozenset(
    re.findall(
        r"\w+",
        "magasin magasins supermarche supermarches hypermarche hyper super superette market marche"
        " express city contact proximite proxi drive station service services carburant carburants"
        " essence centre auto autos garage agence boutique boulangerie patisserie restaurant"
        " brasserie cafe bar pizza pizzeria coiffure salon institut optique opticien opticiens"
        " audition librairie jardinerie jardin bricolage meubles cuisines literie chaussures"
        " surgeles fleurs fleuriste telecom france le la les l de du des d et a au aux en sur by"
        " chez saint sainte st ste nord sud est ouest ville zone commercial point vert maison"
        " distributeur contact mutualiste cosy relais shop store concept boutik connect com"
        " agent agents club acousticien acousticiens groupe sncf concession concessionnaire"
        " gare aeroport hopital galerie aire autoroute espace",
    )
)


def fold_sign(text: object) -> str:
    """Fold a sign for comparison: no case, accent, punctuation nor legal form.

    ``"S.A.R.L. CHAUSS'EXPO"`` gives ``"chauss expo"``; what is not a text gives ``""``.
    """
    if not isinstance(text, str):
        return ""
    plain = text[:LONGEST].replace("&", " ")
    plain = re.sub(r"\b(\w)\.(?=\w\b|\s|$)", r"\1", plain)  # S.A.R.L. is one word
    words = re.findall(r"[a-z0-9]+", fold_name(plain))
    return " ".join(word for word in words if word not in _LEGAL)


def extract_brands(index: Mapping[str, Any]) -> pd.DataFrame:
    """Reduce the name-suggestion-index to the brands that may be met in a French town.

    Parameters
    ----------
    index : mapping
        ``dist/json/nsi.json`` of the npm package ``name-suggestion-index``.

    Returns
    -------
    DataFrame
        ``brand``, ``wikidata``, ``key``, ``value`` (OSM tag), ``names`` (folded, joined by
        ``"|"``), ``scope`` (``fr``, or ``monde`` for the brands of the whole world or of
        Europe), sorted, one line a brand and tag.

    Raises
    ------
    LayoutError
        The file has not the layout of the index.
    """
    try:
        categories = index["nsi"].items()
    except (KeyError, TypeError, AttributeError) as error:
        raise LayoutError(
            "Le fichier n’est pas celui du name-suggestion-index : la clé « nsi » manque.",
            hint="Attendu : dist/json/nsi.json du paquet npm name-suggestion-index.",
        ) from error
    lines = []
    for path, category in categories:
        tree, key, value = path.split("/")
        if tree != "brands" or key not in _KEYS:
            continue
        for item in category["items"]:
            scope = _scope(item["locationSet"])
            tags = item["tags"]
            names = {fold_sign(name) for name in _names(item)} - {""}
            if scope and tags.get("brand") and names:
                lines.append(
                    (
                        tags["brand"],
                        tags.get("brand:wikidata", ""),
                        key,
                        value,
                        "|".join(sorted(names)),
                        scope,
                    )
                )
    columns = ["brand", "wikidata", "key", "value", "names", "scope"]
    frame = pd.DataFrame(lines, columns=columns)
    return frame.drop_duplicates().sort_values(columns, ignore_index=True)


def _names(item: Mapping[str, Any]) -> Iterable[str]:
    tags = item["tags"]
    yield from (tags[k] for k in ("brand", "name", "short_name", "alt_name") if k in tags)
    yield item["displayName"]
    yield from item.get("matchNames", [])


def _scope(places: Mapping[str, Any]) -> str:
    included = {str(place).lower() for place in places.get("include", [])}
    excluded = {str(place).lower() for place in places.get("exclude", [])}
    if excluded & {"fr", "fx"}:
        return ""
    if any(_FRANCE.match(place) for place in included):
        return "fr"
    return "monde" if included & _WORLD else ""


# --------------------------------------------------------------------------- matching


def match_signs(signs: pd.DataFrame, brands: pd.DataFrame, gate: pd.DataFrame) -> pd.Series:
    """Find the brand of each sign, among those sold under its activity.

    A sign is that of a brand when it, or one of the parts that a dash or a slash separates,
    is one of its names, give or take the words that may surround any sign (*Super*,
    *Express*, *Drive*…), the name of the commune, and in a long name one letter; or, for a
    distinctive brand, when it begins with the name, or holds it if it is long. A distinctive
    French brand is also looked for under the other activities of the same family.

    Parameters
    ----------
    signs : DataFrame
        ``sign`` (as registered), ``naf``, and perhaps ``place`` (name of the commune).
    brands : DataFrame
        :func:`extract_brands`, and the supplement in the same columns.
    gate : DataFrame
        ``data/naf_commerce.csv``: ``naf``, ``famille``, ``osm`` (``key=value`` joined by
        ``"|"``, ``*`` for any value).

    Returns
    -------
    Series
        Brand (str), ``NaN`` where none is found; index of ``signs``.
    """
    asked = signs.assign(
        text=signs["sign"].astype("str").where(signs["sign"].notna(), "").str.upper(),
        around=signs["place"].map(fold_sign) if "place" in signs else "",
    )
    keys = ["text", "naf", "around"]
    distinct = asked[keys].drop_duplicates()
    families = gate.groupby("famille")["osm"].agg("|".join)
    unmistakable = {
        name: brand
        for brand, name, scope in _named(brands, "|".join(families.drop(_APART, errors="ignore")))
        if scope == "fr" and " " in name and _distinctive(name, shortest=UNMISTAKABLE)
    }
    used = gate[gate["naf"].isin(distinct["naf"])]
    by_naf = {
        naf: _Lexicon(
            brands,
            osm,
            families[family],
            elsewhere={} if family in _APART else unmistakable,
            evocative=bool(EVOCATIVE.match(naf)),
        )
        for naf, osm, family in zip(used["naf"], used["osm"], used["famille"], strict=True)
    }
    distinct["brand"] = [
        by_naf[naf].find(text, frozenset(around.split())) if naf in by_naf and text else None
        for text, naf, around in zip(*(distinct[key] for key in keys), strict=True)
    ]
    found = asked.merge(distinct, on=keys, how="left")["brand"]
    return found.set_axis(signs.index)


class _Lexicon:
    """The names of the brands sold under one activity, and under those of its family."""

    def __init__(
        self,
        brands: pd.DataFrame,
        osm: str,
        family_osm: str,
        *,
        elsewhere: Mapping[str, str],
        evocative: bool,
    ) -> None:
        self.elsewhere = elsewhere
        self.evocative = evocative
        self.exact: dict[str, str] = {}
        self.inside: dict[str, str] = {}
        self.ending: set[str] = set()
        for brand, name, scope in _named(brands, osm):
            self.exact.setdefault(name, brand)
            if _distinctive(name, shortest=5 if scope == "fr" else 8):
                self.inside.setdefault(name, brand)
                if scope == "fr" and _distinctive(name, shortest=ENDING):
                    self.ending.add(name)
        for brand, name, scope in _named(brands, family_osm):
            if scope == "fr" and _distinctive(name, shortest=7):
                self.exact.setdefault(name, brand)
        self.longest = max((name.count(" ") + 1 for name in self.inside), default=0)
        self.squeezed = {_squeeze(name): brand for name, brand in self.exact.items()}
        self.by_end: dict[str, list[str]] = {}
        for name in self.squeezed:  # one letter apart: the same beginning, or the same end
            for end in {name[:ENDS], name[-ENDS:]}:
                self.by_end.setdefault(end, []).append(name)

    def find(self, sign: str, place: frozenset[str]) -> str | None:
        """Return the brand of a sign: whole, then each of its parts."""
        parts = [part for part in map(fold_sign, _SEPARATORS.split(sign[:LONGEST])) if part]
        found = self._whole(fold_sign(sign), place)
        if found is None and len(parts) > 1:
            cores = (self._core(part, place) for part in parts)
            names = (name for pair in zip(parts, cores, strict=True) for name in pair)
            found = next(
                (self.exact[n] for n in names if n in self.exact and n not in _PLAIN), None
            )
        return found

    def _whole(self, folded: str, place: frozenset[str]) -> str | None:
        words = folded.split()
        if folded in self.exact and folded not in _COMMON:
            return self.exact[folded]
        bare = " ".join(w for w in words if w not in place and not w.isdigit())
        if bare in self.exact and bare not in _COMMON:
            return self.exact[bare]
        core = self._core(folded, place)
        if core in self.exact and core not in _PLAIN:
            return self.exact[core]
        for size in range(min(len(words), self.longest), 0, -1):
            for start in range(len(words) - size + 1):
                end = start + size
                name = " ".join(words[start:end])
                rest = set(words[:start] + words[end:])
                if self.evocative:
                    telling = start == 0 and words[0] not in _ARTICLES
                else:
                    telling = start == 0 or (end == len(words) and name in self.ending)
                alone = telling or (len(name) >= TELLING and not self.evocative)
                if name in self.inside and (alone or _only_around(rest, place)):
                    return self.inside[name]
        return self._nearly(_squeeze(folded)) or self.elsewhere.get(folded)

    @staticmethod
    def _core(folded: str, place: frozenset[str]) -> str:
        """Return a sign without the words that may surround any, nor those of the commune."""
        return " ".join(w for w in folded.split() if w not in _AROUND and w not in place)

    def _mistyped(self, word: str, name: str) -> bool:
        """Tell whether a word may be a name mistyped, and not its feminine nor its plural."""
        inflected = name in self.exact and (word[:-1] == name or name[:-1] == word)
        return one_letter_apart(word, name) and not inflected

    def _nearly(self, squeezed: str) -> str | None:
        """Return the brand written without its spaces, or with one letter wrong."""
        if len(squeezed) < SHORTEST_NEARLY:
            return None
        if squeezed in self.squeezed:
            return self.squeezed[squeezed]
        for end in (squeezed[:ENDS], squeezed[-ENDS:]):
            for name in self.by_end.get(end, ()):
                if squeezed[0] == name[0] and self._mistyped(squeezed, name):
                    return self.squeezed[name]
        return None


def _squeeze(folded: str) -> str:
    """Write a name without its spaces, nor *et*, which stands for *&*, left out by folding."""
    return "".join(word for word in folded.split() if word != "et")


def _named(brands: pd.DataFrame, osm: str) -> Iterable[tuple[str, str, str]]:
    """Yield brand, name and scope of the brands with one of some tags."""
    wanted = set(osm.split("|"))
    tag = brands["key"] + "=" + brands["value"]
    kept = brands[tag.isin(wanted) | (brands["key"] + "=*").isin(wanted)]
    for brand, names, scope in zip(kept["brand"], kept["names"], kept["scope"], strict=True):
        for name in names.split("|"):
            yield brand, name, scope


def one_letter_apart(first: str, second: str) -> bool:
    """Tell whether two words differ by one letter at most: changed, added or left out."""
    if abs(len(first) - len(second)) > 1:
        return False
    short, long = sorted([first, second], key=len)
    start = next(
        (i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    rest = short[start:] if len(short) < len(long) else short[start + 1 :]
    return long[start + 1 :] == rest


def _only_around(rest: set[str], place: frozenset[str]) -> bool:
    """Tell whether words add nothing to a brand: generic, the commune's name, a number."""
    return all(word in _AROUND or word in place or word.isdigit() for word in rest)


#: Names too common to be looked for inside a sign, though a French brand has them.
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "atelier nature soleil monde maison jardin france eden lune olympe"
        " harmonie relais avenir horizon cote ambiance tendance passion plaisir royal palace bistro"
        " bistrot class style beaute zen spa temps marche halles fournil moulin epi gourmandises",
    )
)


#: Brands that are ordinary words or first names: only alone, under an activity that they have.
_ALONE: Final = frozenset(
    re.findall(
        r"\w+",
        "casa esprit etam jules salsa alpine amazon ancien arabica arche aubade augustin avon avril"
        " bastide benoit besson bocage boite bonjour bonobo boss boucherie brice budget bureau"
        " campanile camper cargo carlin carrement champion change chloe coccinelle coeur coiffeur"
        " columbia confort conseil costa coton crescendo creuset criee cyclable diptyque disney"
        " dodo dollar dune emma entendre entrepot firmin fitness gant gap gautier glass graff"
        " habitat hermes ideal indiana james jet joyeux karma kenzo lafayette laurent lincoln lotus"
        " louise lynx man marathon mariette max metro mg mobil monceau monsieur montagne morgan"
        " national nuance omega onglerie panda paprika parfois paul persona photo piaget place"
        " presse pret printemps procure puma raison ram rubis s salomon sante securite simply"
        " singer smart soeur sol star stop sushi swatch taverne tiffany top trek tutti vespa"
        " vicomte vision voisin votre yes z",
    )
)
_PLAIN: Final = _COMMON | _ALONE


def _distinctive(name: str, *, shortest: int) -> bool:
    """Tell whether a name may be looked for inside a longer sign (letters, common words)."""
    words = [word for word in name.split() if word not in _AROUND]
    if not words:
        return False
    ordinary = len(words) == 1 and (words[0] in _COMMON or name in _ALONE)
    return len("".join(words)) >= shortest and not ordinary


def classify(shops: pd.DataFrame, brands: pd.DataFrame, gate: pd.DataFrame) -> pd.DataFrame:
    """Class establishments: chain, no chain detected, no sign known.

    Parameters
    ----------
    shops : DataFrame
        ``siren``, ``code``, ``naf``, ``sign``, ``usual_name``, and perhaps ``place``,
        ``osm_brand`` (tag ``brand`` of the place in OpenStreetMap, where it is known).
        ``siren_size``, the shops of the company in a larger file, may stand for ``siren``
        (:func:`utils.readers.sirene.read_shop_signs`).
    brands, gate : DataFrame
        As for :func:`match_signs`.

    Returns
    -------
    DataFrame
        The establishments whose activity is in the gate: their columns, ``siren_size``,
        ``famille`` and ``classe`` (a key of :data:`CLASSES`).
    """
    family = gate.set_index("naf")["famille"]
    kept = shops[shops["naf"].isin(family.index)].copy()
    kept["famille"] = kept["naf"].map(family)
    sign = kept["sign"].fillna(kept["usual_name"])
    matched = match_signs(kept.assign(sign=sign), brands, gate).notna()
    if "siren_size" not in kept:
        kept["siren_size"] = kept.groupby("siren")["siren"].transform("size")
    many = kept["siren_size"] >= MANY
    if "osm_brand" in kept:
        matched |= kept["osm_brand"].notna()
    known = sign.map(fold_sign) != ""
    kept["classe"] = np.select(
        [matched | many, known], ["chaine", "aucune_detectee"], default="sans_enseigne"
    )
    return kept


def count_classes(classed: pd.DataFrame) -> pd.DataFrame:
    """Count the shops by commune, family and class: ``code``, ``famille``, ``classe``, ``value``.

    Every family, :data:`TOTAL` included, and every class of a commune has a line. A line of
    ``classed`` is a shop, or as many as its column ``shops`` says.
    """
    classed = pd.concat([classed, classed.assign(famille=TOTAL)])
    if "shops" not in classed:
        classed = classed.assign(shops=1)
    counts = classed.groupby(["code", "famille", "classe"])["shops"].sum()
    every = pd.MultiIndex.from_product(
        [sorted(classed["code"].dropna().unique()), sorted(classed["famille"].unique()), CLASSES],
        names=["code", "famille", "classe"],
    )
    return counts.reindex(every, fill_value=0).rename("value").reset_index()


# --------------------------------------------------------------------------- secrecy


def hide_small(counts: pd.DataFrame) -> pd.DataFrame:
    """Hide the cells that could tell of one enterprise, and those that would give them away.

    A family with a cell of one or two shops is hidden whole, zeros included: whoever counts
    its shops in the register, which is public, learns no more. So is the line ``ensemble``.
    The hidden families of a town then form a table of which the margins may be known; the
    bounds of its cells are those of Fréchet (1940), which are exact. As long as they leave a
    small cell one value only, the smallest family left is hidden too, and the line
    ``ensemble`` last.

    Parameters
    ----------
    counts : DataFrame
        ``code``, ``famille``, ``classe``, ``value``: every class of a family has a line, and
        the family ``ensemble`` is the total.

    Returns
    -------
    DataFrame
        The same with ``status`` (``ok``, ``zero``, ``secret``); a secret value is NaN, and may
        be 0.
    """
    done = counts.reset_index(drop=True)
    wide = done.pivot_table(index=["code", "famille"], columns="classe", values="value")
    hidden = pd.Series(False, index=wide.index)
    for _, town in wide.groupby(level="code"):
        total = town.index.get_level_values("famille") == TOTAL
        cells = town.to_numpy()
        families, whole = _hidden_lines(cells[~total], cells[total])
        hidden.loc[town.index[~total]] = families
        hidden.loc[town.index[total]] = whole
    secret = hidden.reindex(pd.MultiIndex.from_frame(done[["code", "famille"]])).to_numpy()
    value = done["value"].astype("float64")
    done["status"] = np.select([secret, value == 0], ["secret", "zero"], default="ok")
    done["value"] = value.mask(secret)
    return done


def _hidden_lines(
    families: NDArray[np.float64], total: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], bool]:
    """Tell which families of a town (lines, by class) to hide, and whether to hide the total."""
    hidden = np.asarray(_small(families).any(axis=1), dtype=np.bool_)
    whole = bool(_small(total).any())
    sizes = families.sum(axis=1)
    while hidden.any() and not whole and not _uncertain(families[hidden]):
        left = np.flatnonzero(~hidden & (sizes > 0))
        if len(left):
            hidden[left[np.argmin(sizes[left])]] = True
        else:
            whole = True
    return hidden, whole


def _small(cells: NDArray[np.float64]) -> NDArray[np.bool_]:
    small: NDArray[np.bool_] = (cells > 0) & (cells < SMALLEST_CELL)
    return small


def _uncertain(table: NDArray[np.float64]) -> bool:
    """Tell whether the margins of a table leave each of its small cells two values at least."""
    lines, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    low = np.maximum(0, lines + columns - table.sum())
    high = np.minimum(lines, columns)
    return bool((high > low)[_small(table)].all())


# --------------------------------------------------------------------------- how good

#: Strata of the signs of an activity, from the likeliest chains to the least likely.
STRATA: Final = ("annoncee", "proche", "autre")

#: Shortest name of a brand that, met in a sign, makes it near a chain (letters).
_NEAR: Final = 4


def draw_signs(
    classed: pd.DataFrame,
    brands: pd.DataFrame,
    *,
    seen: Iterable[str],
    seed: int,
    shares: Mapping[str, tuple[float, int]],
) -> pd.DataFrame:
    """Draw signs to label, at random in each activity, those that may be chains more often.

    In each activity the strata are the signs announced as chains, those that hold the name of
    a brand of any activity without being announced, and the others (:data:`STRATA`). A sign
    is drawn once in an activity, however many shops have it.

    Parameters
    ----------
    classed : DataFrame
        :func:`classify`, with ``siren_size``.
    brands : DataFrame
        As for :func:`match_signs`.
    seen : iterable of str
        Signs labelled before; a sign that is one of them, once folded, is not drawn.
    seed : int
        Seed of the draw.
    shares : mapping
        Stratum -> share drawn (0 to 1), and least number of signs.

    Returns
    -------
    DataFrame
        ``enseigne``, ``naf``, ``etablissements`` (``1-4`` or ``5+``), ``strate``, ``poids``
        (signs that a line stands for), by activity and sign, whatever their stratum.
    """
    signs = classed.assign(enseigne=classed["sign"].fillna(classed["usual_name"]))
    signs["folded"] = signs["enseigne"].map(fold_sign)
    before = {fold_sign(sign) for sign in seen} | {""}
    signs = signs[~signs["folded"].isin(before)].sort_values(["naf", "folded", "enseigne"])
    signs = signs.drop_duplicates(["naf", "folded"])
    names = {
        name
        for joined in brands["names"]
        for name in joined.split("|")
        if _distinctive(name, shortest=_NEAR)
    }
    near = signs["folded"].map(lambda folded: _holds(folded.split(), names))
    signs["strate"] = np.select(
        [signs["classe"] == "chaine", near], ["annoncee", "proche"], default="autre"
    )
    signs["etablissements"] = np.where(signs["siren_size"] >= MANY, "5+", f"1-{MANY - 1}")
    drawn: list[pd.DataFrame] = []
    for (_, stratum), rows in signs.groupby(["naf", "strate"]):
        share, least = shares[str(stratum)]
        size = min(len(rows), max(least, round(share * len(rows))))
        part = rows.sample(size, random_state=np.random.default_rng(seed + len(drawn)))
        drawn.append(part.assign(poids=len(rows) / size))
    columns = ["enseigne", "naf", "etablissements", "strate", "poids"]
    return pd.concat(drawn)[columns].sort_values(["naf", "enseigne"], ignore_index=True)


def _holds(words: list[str], names: set[str]) -> bool:
    """Tell whether consecutive words are one of some names."""
    return any(
        " ".join(words[start:end]) in names
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    )


def detector_scores(labelled: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """Precision and recall of the detector among shops that have a sign, by group and over all.

    Parameters
    ----------
    labelled : DataFrame
        A line a sign: ``chain`` (bool, the truth), ``found`` (bool, the detector), the column
        ``by``, and perhaps ``shops``, the shops that have the sign, ``weight``, the signs that
        the line stands for (1: none but itself), and ``doubtful`` (bool, no one can tell).

    Returns
    -------
    DataFrame
        ``by``; ``signs``, ``chains``, ``found`` and ``doubtful``, counts of lines, the last
        apart from the others; ``precision``, ``recall`` (0 to 1), where a line weighs its shops
        times its weight; ``recall_low``, ``recall_high``, the error of the draw at 95 %;
        ``precision_worst``, ``recall_worst``, what they would be if the detector was wrong on
        each doubtful sign. The last line, ``ensemble``, is that of all signs.

    Notes
    -----
    All the signs announced are to be labelled, with a weight of 1: only the missed chains are
    an estimate, a weighted sum of rare events, whose interval is that of Fay and Feuer (1997)
    with the mean weights of Tiwari, Clegg and Zou (2006).
    """
    for column, default in {"shops": 1, "weight": 1.0, "doubtful": False}.items():
        if column not in labelled:
            labelled = labelled.assign(**{column: default})
    lines = [{by: name, **_scores(rows)} for name, rows in labelled.groupby(by)]
    return pd.DataFrame([*lines, {by: TOTAL, **_scores(labelled)}])


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    """Return the scores of the detector on some signs (:func:`detector_scores`)."""
    stands = rows["weight"] * rows["shops"]
    sure, drawn = ~rows["doubtful"], rows["weight"] > 1
    missed = sure & rows["chain"] & ~rows["found"]
    hits = stands[sure & rows["chain"] & rows["found"]].sum()
    announced = stands[sure & rows["found"]].sum()
    known = hits + stands[missed & ~drawn].sum()
    low, high = rare_sum(stands[missed & drawn], stands[sure & drawn & ~rows["found"]])
    unsure = stands[rows["doubtful"]].groupby(rows["found"]).sum()
    return {
        "signs": int(sure.sum()),
        "chains": int((sure & rows["chain"]).sum()),
        "found": int((sure & rows["found"]).sum()),
        "doubtful": int(rows["doubtful"].sum()),
        "precision": _ratio(hits, announced),
        "precision_worst": _ratio(hits, announced + unsure.get(True, 0.0)),
        "recall": _ratio(hits, known + stands[missed & drawn].sum()),
        "recall_low": _ratio(hits, known + high),
        "recall_high": _ratio(hits, known + low),
        "recall_worst": _ratio(hits, hits + stands[missed].sum() + unsure.get(False, 0.0)),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def rare_sum(met: pd.Series, pool: pd.Series) -> tuple[float, float]:
    """Bound at 95 % a weighted sum of rare events that a draw estimates.

    Parameters
    ----------
    met : Series
        Weights of the events met.
    pool : Series
        Weights of all the lines drawn, events or not; no draw, no error.

    Returns
    -------
    tuple of float
        Bounds: quantiles of gamma distributions (Fay and Feuer, 1997); one event more, of the
        mean weight of the pool, gives the upper one (Tiwari, Clegg and Zou, 2006).
    """
    if pool.empty:
        return float(met.sum()), float(met.sum())
    total, square = met.sum(), (met**2).sum()
    low = stats.gamma.ppf(0.025, total**2 / square, scale=square / total) if total else 0.0
    total, square = total + pool.mean(), square + (pool**2).mean()
    return float(low), float(stats.gamma.ppf(0.975, total**2 / square, scale=square / total))
