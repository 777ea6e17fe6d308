"""Checking the pages of the site as its readers will see them.

Two looks: the files (links, anchors, images, language, nothing loaded from elsewhere), then
a real browser (errors of the console, images shown, nothing wider than the screen, rules of
accessibility, weight).
"""

from __future__ import annotations

import functools
import http.server
import importlib.resources
import os
import queue
import re
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from rich.console import Console

from utils import weights
from utils.errors import BookError
from utils.formats import counted, join_words, typographic
from utils.tables import write_json

if TYPE_CHECKING:  # playwright takes long to load
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route

__all__ = ["WIDTHS", "Seen", "check_in_browser", "check_site", "find_browser", "pages_of", "run"]

#: A page that asks for nothing during so long has all that it wants, seconds.
QUIET_S: Final = 0.5
#: Time that it has for that, seconds.
PATIENCE_S: Final = 30
#: Widths at which the pages are looked at, CSS pixels: a desktop and a phone.
WIDTHS: Final = (1280, 375)

#: Success criteria that every page must meet, as axe tags its rules.
WCAG: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
#: The one of these rules that takes long, and those that a change of colours may break.
CONTRAST: Final = "color-contrast"
COLOURS: Final = (CONTRAST, "link-in-text-block")
#: Elements named for a broken rule; the others are counted.
MAX_ELEMENTS: Final = 3

#: Browsers at work at once: each keeps about one processor busy.
BROWSERS: Final = 2
#: Quality of the screenshots (JPEG), on 100.
QUALITY: Final = 80

#: Views that a page has only once it is asked for them.
VIEWS: Final[Mapping[str, tuple[str, ...]]] = {
    "chapters/tableau_de_bord.html": (
        "?ville=54397",
        "?ville=54397&avec=46127&reference=region",
        "?ville=54397&carte=1",
    ),
}

#: Of the browser: no sandbox (it runs as root in containers), and nothing asked of the network.
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: What Quarto or the preview leaves in a text where something did not resolve.
_RESIDUE: Final = re.compile(
    r"\?@?(?:fig|tbl|sec|eq|lst)-[\w-]+|(?<![\w.])@(?:fig|tbl|sec|eq|lst)-[\w-]+"
    r"|\?(?:var|meta|env|quarto)[:-][\w.-]+|\{\{<[^}]*|^:{3,}.*",
    re.MULTILINE,
)
_LABEL: Final = re.compile(r"(?:fig|tbl|sec|eq|lst)-[\w-]+")
_ELSEWHERE: Final = re.compile(r"(?:https?:)?//", re.IGNORECASE)
#: Formats that social networks show.
_SHARED: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif")
_CSS_ELSEWHERE: Final = re.compile(
    r"""(?:@import\s+|url\()\s*(?:url\()?["']?((?:https?:)?//[^"')\s;]+)""", re.IGNORECASE
)
_LOADED_RELATIONS: Final = frozenset(
    {"stylesheet", "preload", "modulepreload", "prefetch", "icon", "preconnect", "dns-prefetch"}
)


# --------------------------------------------------------------------------- files


def pages_of(folder: Path) -> list[Path]:
    """Return the pages of a site, but for the fragments of its libraries, sorted.

    Raises
    ------
    BookError
        The folder holds no book.
    """
    pages = [p for p in sorted(folder.rglob("*.html")) if "site_libs" not in p.parts]
    if folder / "index.html" not in pages:
        raise BookError(
            typographic(f"Aucun livre construit dans {folder}."),
            hint="Construisez-le avec «\u00a0make book\u00a0».",
        )
    return pages


def check_site(folder: Path) -> list[str]:
    """Check the files of a site; return one French sentence a fault.

    Internal links and anchors, images and their alternative text, references left
    unresolved, labels carried twice, warnings shown, language and title of each page, and
    what would be loaded from elsewhere.

    Raises
    ------
    BookError
        The folder holds no book.
    """
    pages = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in pages_of(folder)
    }
    anchors = {
        path: [str(tag["id"]) for tag in soup.find_all(id=True)] for path, soup in pages.items()
    }
    faults: list[str] = []
    for path, soup in pages.items():
        links = _link_faults(soup, path, folder, anchors)  # before the code is taken off
        found = [*links, *_page_faults(soup), *_shared_faults(soup, folder), *_text_faults(soup)]
        faults += _told(path.relative_to(folder), found)
    for sheet in sorted(folder.rglob("*.css")):
        faults += _told(sheet.relative_to(folder), _style_faults(sheet.read_text("utf-8")))
    return faults + _shared_labels(folder, anchors)


def _told(page: Path, faults: Iterable[str]) -> list[str]:
    return [typographic(f"{page.as_posix()} : {fault}") for fault in dict.fromkeys(faults)]


def _page_faults(soup: BeautifulSoup) -> Iterator[str]:
    root = soup.find("html")
    if root is None or str(root.get("lang", "")).split("-")[0] != "fr":
        yield "la langue de la page n’est pas le français."
    if soup.title is None or not soup.title.get_text(strip=True):
        yield "la page n’a pas de titre."
    for image in soup.find_all("img"):
        if not str(image.get("alt") or "").strip():
            yield f"l’image {_short(str(image.get('src')))} n’a pas de texte de remplacement."
    loaded = [(tag, "src") for tag in soup.find_all(src=True)]
    loaded += [
        (tag, "href")
        for tag in soup.find_all("link")
        if _LOADED_RELATIONS & set(tag.get("rel") or [])
    ]
    for tag, attribute in loaded:
        address = str(tag.get(attribute) or "")
        if _ELSEWHERE.match(address):
            yield f"{tag.name} chargé d’un autre site : {_short(address)}."
    main, first = soup.find("main", id=True), soup.find("a", href=True)
    if main is not None and first is not None and first["href"] != f"#{main['id']}":
        yield "le premier lien de la page ne mène pas au contenu, par-dessus les menus."
    styles = [tag.get_text() for tag in soup.find_all("style")]
    styles += [str(tag["style"]) for tag in soup.find_all(style=True)]
    yield from _style_faults("\n".join(styles))


def _shared_faults(soup: BeautifulSoup, folder: Path) -> Iterator[str]:
    """Find the pictures of links shared elsewhere that are not there, or cannot be shown."""
    for tag in soup.find_all("meta", property="og:image"):
        address = str(tag.get("content") or "")
        local = urlsplit(address).path.removeprefix(_base_path(folder)).lstrip("/")
        if not local.endswith(_SHARED) or not (folder / local).is_file():
            yield f"image de partage absente, ou d’un format peu montré, {_short(address)}."


def _text_faults(soup: BeautifulSoup) -> Iterator[str]:
    """Find what a reader would see unresolved; takes the code off the page to read it."""
    if soup.select_one(".cell-output-stderr"):
        yield "une cellule montre un avertissement au lecteur."
    for tag in soup.find_all(["pre", "code", "script", "style", "math"]):
        tag.decompose()
    for found in _RESIDUE.findall(soup.get_text("\n")):
        yield f"« {found.strip()} » n’est pas résolu."


def _style_faults(style: str) -> Iterator[str]:
    for address in _CSS_ELSEWHERE.findall(style):
        yield f"style qui charge un autre site : {_short(address)}."


def _shared_labels(folder: Path, anchors: Mapping[Path, Sequence[str]]) -> list[str]:
    """Find the labels carried twice: a reference to them is ambiguous."""
    holders: dict[str, list[Path]] = defaultdict(list)
    for page, ids in anchors.items():
        for label in filter(_LABEL.fullmatch, ids):
            holders[label].append(page.relative_to(folder))
    return [
        typographic(f"L’identifiant « {label} » est porté deux fois : {_names(pages)}.")
        for label, pages in holders.items()
        if len(pages) > 1
    ]


def _names(pages: Sequence[Path]) -> str:
    return join_words([page.as_posix() for page in pages])


def _short(address: str) -> str:
    return address if len(address) < 120 else f"{address[:100]}…"


def _base_path(folder: Path) -> str:
    """Return the path at which the site will stand (``/portrait-petites-villes``), or nothing.

    The page of errors links to the others by their whole path, which the site map tells.
    """
    sitemap = folder / "sitemap.xml"
    text = sitemap.read_text(encoding="utf-8") if sitemap.is_file() else ""
    found = re.search(r"<loc>([^<]+)/index\.html</loc>", text)
    return urlsplit(found.group(1)).path.rstrip("/") if found else ""


def _link_faults(
    soup: BeautifulSoup, page: Path, folder: Path, anchors: Mapping[Path, Sequence[str]]
) -> Iterator[str]:
    base, whole = _base_path(folder), folder.resolve()
    targets = [(str(tag["href"]), "lien") for tag in soup.find_all("a", href=True)]
    targets += [(str(tag["src"]), "fichier") for tag in soup.find_all(src=True)]
    targets += [
        (str(tag["href"]), "fichier")
        for tag in soup.find_all("link", href=True)
        if _LOADED_RELATIONS & set(tag.get("rel") or [])
    ]
    for target, kind in dict.fromkeys(targets):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or target in {"#", ""}:
            continue
        local = unquote(parts.path)
        if base and local.startswith(f"{base}/"):
            local = local.removeprefix(base)
        start = folder / local.lstrip("/") if local.startswith("/") else page.parent / local
        found = (start if local else page).resolve()
        if found.is_dir():
            found = found / "index.html"
        if not found.is_file() or not found.is_relative_to(whole):
            yield f"{kind} cassé, {_short(target)}."
            continue
        ids = anchors.get(folder / found.relative_to(whole))
        if parts.fragment and ids is not None and unquote(parts.fragment) not in ids:
            yield f"{kind} vers une ancre qui n’existe pas, {_short(target)}."


# --------------------------------------------------------------------------- browser


def find_browser() -> str | None:
    """Return the path of a Chromium of the system, or ``None``."""
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serve a folder as if it stood at the site's own path."""

    def __init__(self, *args: Any, base: str, **kwargs: Any) -> None:  # noqa: ANN401
        self.base = base
        super().__init__(*args, **kwargs)

    def translate_path(self, path: str) -> str:
        """Take the site's path off before looking into the folder."""
        return super().translate_path(path.removeprefix(self.base))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its parent's name
        """Say nothing: the faults are what matters."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback address; give the address of its first page's folder."""
    base = _base_path(folder)
    handler = functools.partial(_Handler, directory=str(folder), base=base)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{base}"
        finally:
            server.shutdown()
            thread.join()


#: Elements wider than the screen, but for those inside a container that scrolls.
_TOO_WIDE: Final = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width + 1) return [];
  const scrolls = (e) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.body.querySelectorAll('*')]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e))
    .map((e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '')
      + [...e.classList].map((c) => '.' + c).join(''));
  return wide.length ? wide.slice(0, 5) : ['la page'];
}"""

#: Blocks of code whose text goes beyond their frame: the page may be no wider, and cut it.
_CUT: Final = """() => [...document.querySelectorAll('main pre')]
  .filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent.trim().slice(0, 40))"""

#: Scroll down and back, so that what is loaded late is loaded; then the images not shown.
_BROKEN_IMAGES: Final = """async () => {
  const images = [...document.images];
  images.forEach((i) => { i.loading = 'eager'; });
  for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);  // what waits to be seen is told after the first
  }
  scrollTo(0, 0);
  await Promise.all(images.map((i) => i.decode().catch(() => null)));
  return images.filter((i) => !i.complete || i.naturalWidth === 0).map((i) => i.src);
}"""


#: Unfold everything, so that what is folded is judged too.
_UNFOLD: Final = "() => document.querySelectorAll('details').forEach((d) => { d.open = true; })"

#: Tell whether the page is dark: the sheets that Quarto puts in are there, not only asked for.
_DARKENED: Final = """() => {
  const quarto = document.querySelector("link#quarto-bootstrap");
  const sheets = [...document.querySelectorAll("link[rel=stylesheet]")];
  return sheets.every((link) => link.sheet)
    && (!quarto || document.body.classList.contains("quarto-dark"));
}"""

#: Mark the cells of tables and the words of code that have the colours and the letters of one
#: before them: their contrast is the same, and they are by far the most numerous.
_MARK_ALIKE: Final = """() => {
  document.querySelectorAll('[data-alike]').forEach((e) => e.removeAttribute('data-alike'));
  const under = new Map();
  const grounds = (e) => {
    if (!e) return '';
    if (!under.has(e)) {
      const s = getComputedStyle(e);
      under.set(e, [s.backgroundColor, s.backgroundImage, s.opacity, grounds(e.parentElement)]
        .join());
    }
    return under.get(e);
  };
  const seen = new Set();
  for (const e of document.querySelectorAll('pre *, td, th, td *, th *')) {
    if (e.childElementCount || e.tagName === 'A' || !e.checkVisibility()) continue;
    const s = getComputedStyle(e);
    const look = [e.tagName, s.color, s.fontSize, s.fontWeight, s.textShadow, grounds(e)].join();
    if (seen.has(look)) e.dataset.alike = '';
    seen.add(look);
  }
}"""

#: Run axe but for the contrast, or some rules alone on the elements not marked; return, for
#: each rule that is broken, its name and the elements that break it.
_AXE: Final = """async ([tags, rules, contrast]) => {
  const options = rules
    ? { runOnly: { type: 'rule', values: rules } }
    : { runOnly: { type: 'tag', values: tags }, rules: { [contrast]: { enabled: false } } };
  const where = rules ? { exclude: [['[data-alike]']] } : document;
  const found = await axe.run(where, { ...options, resultTypes: ['violations'] });
  return found.violations.map((rule) => [rule.id, rule.nodes.map((n) => n.target.join(' '))]);
}"""


def _axe_script() -> str:
    """Return the script of axe, which the package ``axe-playwright-python`` carries."""
    script = importlib.resources.files("axe_playwright_python") / "axe.min.js"
    return script.read_text(encoding="utf-8")


def _accessibility(page: Page, scheme: str, rules: Sequence[str] | None = None) -> Iterator[str]:
    """Judge a page by rules of WCAG 2.1 AA: some, or all but the contrast."""
    if rules:
        page.evaluate(_MARK_ALIKE)
    for rule, elements in page.evaluate(_AXE, [list(WCAG), list(rules or ()) or None, CONTRAST]):
        named = ", ".join(_short(element) for element in elements[:MAX_ELEMENTS])
        more = len(elements) - MAX_ELEMENTS
        others = f" et {counted(more, 'autre')}" if more > 0 else ""
        yield f"accessibilité ({scheme}), règle « {rule} » : {named}{others}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser saw: one French sentence a fault, and what each page weighs."""

    faults: list[str] = field(default_factory=list)
    weights: list[weights.Weight] = field(default_factory=list)


def check_in_browser(folder: Path, artefacts: Path, *, widths: Sequence[int] = WIDTHS) -> Seen:
    """Open every page in a headless Chromium, at each width.

    Each is judged by axe as well, at WCAG 2.1 AA, all unfolded: the contrast and the links in
    light and in dark, the rest once. Among the cells of tables and the words of code, those
    that look the same are judged once for their contrast. At the first width, what a page loads
    is weighed against its budget (:mod:`utils.weights`).

    Screenshots of the whole pages are kept in ``artefacts/screenshots``. Any request to
    another host is refused, and is a fault.

    Raises
    ------
    BookError
        The folder holds no book; no Chromium is installed, or it does not start.
    """
    pages = [page.relative_to(folder).as_posix() for page in pages_of(folder)]
    shots = artefacts / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    asked = [(name, width) for width in widths for page in pages for name in _views(page)]
    todo: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    for one in asked:
        todo.put(one)
    looks: dict[tuple[str, int], _Look] = {}

    def work(address: str) -> None:
        with _browser() as browser:
            while not todo.empty():
                try:
                    name, width = todo.get_nowait()
                except queue.Empty:
                    return
                shot = shots / f"{_slug(name)}-{width}.jpg"
                looks[name, width] = _look(browser, address, name, width, shot)

    count = min(BROWSERS, os.cpu_count() or 1, len(asked))
    with _served(folder) as address, ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, address) for _ in range(count)]:
            done.result()
    seen = Seen()
    for name, width in asked:
        look = looks[name, width]
        seen.faults.extend(_told(Path(f"{name} à {width} px"), look.faults))
        if width == widths[0]:
            files = _sizes(folder, look.files)
            weight = weights.Weight(name, files, frozenset(files) & look.opening)
            seen.weights.append(weight)
            seen.faults.extend(weight.faults())
    return seen


def _sizes(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """Return the bytes sent for some files of a site, those that are there."""
    files = {name: folder / name for name in names}
    files |= {name: path / "index.html" for name, path in files.items() if path.is_dir()}
    return {
        name: weights.sent_bytes(path) for name, path in sorted(files.items()) if path.is_file()
    }


def _views(page: str) -> list[str]:
    return [page, *(f"{page}{asked}" for asked in VIEWS.get(page, ()))]


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name.replace(".html", ""))


@contextmanager
def _browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError as error:
        raise BookError(
            "Le paquet playwright manque : les pages ne peuvent pas être regardées.",
            hint="Installez les paquets de requirements.lock.",
        ) from error
    executable = find_browser()
    if executable is None:
        raise BookError(
            "Aucun navigateur Chromium n’est installé : les pages ne peuvent pas être regardées.",
            hint="Sous Debian : apt-get install chromium.",
        )
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        except Error as error:
            raise BookError(f"Chromium ne démarre pas : {error}.") from error
        with browser:
            yield browser


@dataclass(frozen=True, slots=True)
class _Look:
    """One page at one width: its faults, the files that it loaded of the site, and when.

    ``opening`` holds those that it loaded before anything moved, ``files`` all of them.
    """

    faults: list[str]
    files: set[str]
    opening: set[str]


def _look(browser: Browser, address: str, name: str, width: int, shot: Path) -> _Look:
    faults: list[str] = []
    files: set[str] = set()
    awaited: set[Request] = set()

    def keep_local(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            faults.append(f"demande refusée vers {_short(route.request.url)}")
            route.abort()

    def on_failure(request: Request) -> None:
        awaited.discard(request)
        if request.url.startswith(address):
            faults.append(f"fichier non reçu, {_short(request.url)}")

    def on_answer(response: Response) -> None:
        if response.url.startswith(f"{address}/"):
            files.add(unquote(urlsplit(response.url.removeprefix(f"{address}/")).path))
        if response.status >= 400:
            faults.append(f"fichier absent ({response.status}), {_short(response.url)}")

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"erreur de console, {message.text}")

    with browser.new_context(viewport={"width": width, "height": 900}, locale="fr-FR") as context:
        page = context.new_page()
        page.route("**/*", keep_local)
        # playwright marks the functions that it is given: a method of a set cannot be marked
        page.on("request", lambda request: awaited.add(request))
        page.on("requestfinished", lambda request: awaited.discard(request))
        page.on("requestfailed", on_failure)
        page.on("response", on_answer)
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(f"erreur de script, {error}"))
        page.goto(f"{address}/{name}", wait_until="networkidle")
        opening = set(files)
        faults += [f"image non montrée, {_short(src)}" for src in page.evaluate(_BROKEN_IMAGES)]
        if wide := page.evaluate(_TOO_WIDE):
            faults.append(f"plus large que l’écran, {', '.join(wide)}")
        if not _quiet(page, awaited):
            faults.append(f"des fichiers se font encore attendre après {PATIENCE_S} s")
        page.screenshot(path=str(shot), full_page=True, type="jpeg", quality=QUALITY)
        loaded = set(files)
        # What a reader unfolds may ask elsewhere, by her own act: the tiles of a map.
        page.remove_listener("console", on_console)
        page.unroute("**/*")
        page.route(
            lambda url: not url.startswith((address, "data:", "blob:")), lambda route: route.abort()
        )
        page.evaluate(_UNFOLD)
        faults += [f"texte plus large que son cadre, {text}…" for text in page.evaluate(_CUT)]
        page.add_style_tag(content="*, ::before, ::after { transition: none !important; }")
        page.evaluate(_axe_script())
        faults += _accessibility(page, "clair")
        faults += _accessibility(page, "clair", COLOURS[:1])
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(_DARKENED)
        faults += _accessibility(page, "sombre", COLOURS)
    return _Look([fault.replace(f"{address}/", "") for fault in faults], loaded, opening)


def _quiet(page: Page, awaited: Collection[Request]) -> bool:
    """Wait until a page has asked for nothing for a while; tell whether that time came."""
    since = begun = time.monotonic()
    while (now := time.monotonic()) - since < QUIET_S:
        if now - begun > PATIENCE_S:
            return False
        page.wait_for_timeout(50)  # the events come meanwhile
        if awaited:
            since = time.monotonic()
    return True


def run(folder: Path, artefacts: Path) -> int:
    """Check a site both ways, print the weights and the faults; return the exit status, 0 or 2.

    The weights are written in ``artefacts/poids.json`` too.
    """
    seen = check_in_browser(folder, artefacts)
    faults = check_site(folder) + seen.faults
    write_json(weights.report(seen.weights), artefacts / "poids.json")
    console = Console()
    console.print(weights.table(seen.weights))
    for fault in faults:
        console.print(f"✗ {fault}", markup=False, highlight=False, soft_wrap=True)
    pages, widths = counted(len(pages_of(folder)), "page"), join_words([str(w) for w in WIDTHS])
    told = f"Vérification de {pages}, à {widths} px : {counted(len(faults), 'faute')}."
    console.print(
        typographic(f"{told} Captures : {artefacts / 'screenshots'}"),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 2 if faults else 0
