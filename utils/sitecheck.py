"""Checking the pages of the site as its readers will see them.

Two looks: the files (links, anchors, images, language, nothing loaded from elsewhere), then
a real browser (errors of the console, images shown, nothing wider than the screen).
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from playwright.sync_api import Error as BrowserError
from rich.console import Console

from utils.errors import BookError

__all__ = ["WIDTHS", "check_in_browser", "check_site", "find_browser", "run"]

#: Widths at which the pages are looked at, CSS pixels: a desktop and a phone.
WIDTHS: Final = (1280, 375)

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: What Quarto or a preview leaves where a reference did not resolve.
_RESIDUE: Final = re.compile(r"\?@(fig|tbl|sec)-[\w-]+|\?(var|meta):[\w-]+|\?quarto-[\w-]+")


# --------------------------------------------------------------------------- files


def check_site(folder: Path) -> list[str]:
    """Check the files of a site; return one French sentence a fault.

    Internal links and anchors, images and their alternative text, references left
    unresolved, language and title of each page, and what would be loaded from elsewhere.
    """
    pages = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(folder.rglob("*.html"))
        if "site_libs" not in path.parts
    }
    if not pages:
        return [f"Aucune page dans {folder}."]
    anchors = {
        path: {str(tag["id"]) for tag in soup.find_all(id=True)} for path, soup in pages.items()
    }
    faults: list[str] = []
    for path, soup in pages.items():
        name = path.relative_to(folder).as_posix()
        faults += [f"{name} : {fault}" for fault in _page_faults(soup)]
        faults += [f"{name} : {f}" for f in _link_faults(soup, path, folder, anchors)]
    return faults


def _page_faults(soup: BeautifulSoup) -> Iterator[str]:
    root = soup.find("html")
    if root is None or str(root.get("lang", "")).split("-")[0] != "fr":
        yield "la langue de la page n’est pas le français."
    if soup.title is None or not soup.title.get_text(strip=True):
        yield "la page n’a pas de titre."
    for match in sorted({m.group() for m in _RESIDUE.finditer(soup.get_text(" "))}):
        yield f"référence non résolue « {match} »."
    for image in soup.find_all("img"):
        if not str(image.get("alt") or "").strip():
            yield f"l’image {_short(str(image.get('src')))} n’a pas de texte de remplacement."
    loaded = [(tag, "src") for tag in soup.find_all(["script", "img", "iframe", "source"])]
    loaded += [
        (tag, "href")
        for tag in soup.find_all("link")
        if {"stylesheet", "preload", "icon"} & set(tag.get("rel") or [])
    ]
    for tag, attribute in loaded:
        address = str(tag.get(attribute) or "")
        if re.match(r"(https?:)?//", address):
            yield f"{tag.name} chargé d’un autre site : {_short(address)}."


def _short(address: str) -> str:
    return address if len(address) < 120 else f"{address[:100]}…"


def _base_path(folder: Path) -> str:
    """Return the path at which the site will stand (``/portrait-petites-villes``), or nothing.

    The page of errors links to the others by their whole path, which the site map tells.
    """
    sitemap = folder / "sitemap.xml"
    found = (
        re.search(r"<loc>([^<]+)/index\.html</loc>", sitemap.read_text())
        if sitemap.is_file()
        else None
    )
    return urlsplit(found.group(1)).path.rstrip("/") if found else ""


def _link_faults(
    soup: BeautifulSoup, page: Path, folder: Path, anchors: dict[Path, set[str]]
) -> Iterator[str]:
    root = _base_path(folder)
    targets = [(str(tag["href"]), "lien") for tag in soup.find_all("a", href=True)]
    targets += [(str(tag["src"]), "image") for tag in soup.find_all("img", src=True)]
    for target, kind in dict.fromkeys(targets):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or target in {"#", ""}:
            continue
        local = unquote(parts.path)
        if root and local.startswith(f"{root}/"):
            local = local.removeprefix(root)
        base = folder / local.lstrip("/") if local.startswith("/") else page.parent / local
        found = (base if local else page).resolve()
        if found.is_dir():
            found = found / "index.html"
        if not found.is_file():
            yield f"{kind} cassé vers {_short(target)}."
        elif parts.fragment and found in anchors and unquote(parts.fragment) not in anchors[found]:
            yield f"{kind} vers une ancre qui n’existe pas : {_short(target)}."


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
  return [...document.body.querySelectorAll('*')]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e))
    .slice(0, 5)
    .map((e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + '.' + e.className);
}"""

_BROKEN_IMAGES: Final = """async () => {
  const images = [...document.images];
  images.forEach((i) => { i.loading = 'eager'; });
  await Promise.all(images.map((i) => i.decode().catch(() => null)));
  return images.filter((i) => !i.complete || i.naturalWidth === 0).map((i) => i.src);
}"""


def check_in_browser(folder: Path, artefacts: Path, *, widths: Sequence[int] = WIDTHS) -> list[str]:
    """Open every page in a headless Chromium; return one French sentence a fault.

    Screenshots of the whole pages are kept in ``artefacts/screenshots``. Any request to
    another host is refused, and is a fault.

    Raises
    ------
    BookError
        No Chromium is installed, or it does not start.
    """
    executable = find_browser()
    if executable is None:
        raise BookError(
            "Aucun navigateur Chromium n’est installé : les pages ne peuvent pas être regardées.",
            hint="Sous Debian : apt-get install chromium.",
        )
    shots = artefacts / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    pages = [p for p in sorted(folder.rglob("*.html")) if "site_libs" not in p.parts]
    faults: list[str] = []
    with _served(folder) as address, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
        except BrowserError as error:
            raise BookError(f"Chromium ne démarre pas : {error}.") from error
        with browser:
            for width in widths:
                for page in pages:
                    name = page.relative_to(folder).as_posix()
                    shot = shots / f"{name.removesuffix('.html').replace('/', '-')}-{width}.png"
                    found = _look(browser, address, name, width, shot)
                    faults += [f"{name} à {width} px : {fault}" for fault in found]
    return faults


def _look(browser: Browser, address: str, name: str, width: int, shot: Path) -> list[str]:
    faults: list[str] = []

    def keep_local(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            faults.append(f"demande refusée vers {_short(route.request.url)}.")
            route.abort()

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"erreur de console : {message.text}")

    context: Any = browser.new_context(viewport={"width": width, "height": 900}, locale="fr-FR")
    with context:
        page: Page = context.new_page()
        page.route("**/*", keep_local)
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(f"erreur de script : {error}"))
        page.goto(f"{address}/{name}", wait_until="load")
        faults += [f"image non chargée : {_short(src)}" for src in page.evaluate(_BROKEN_IMAGES)]
        wide = page.evaluate(_TOO_WIDE)
        if wide:
            faults.append(f"plus large que l’écran : {', '.join(wide)}.")
        page.screenshot(path=str(shot), full_page=True)
    return faults


def run(folder: Path, artefacts: Path) -> int:
    """Check a site both ways, print the faults, and return the exit status."""
    console = Console()
    if not (folder / "index.html").is_file():
        raise BookError(
            f"Aucun livre construit dans {folder}.", hint="Construisez-le avec « make book »."
        )
    faults = check_site(folder) + check_in_browser(folder, artefacts)
    for fault in faults:
        console.print(f"✗ {fault}", markup=False, highlight=False, soft_wrap=True)
    number = len([p for p in folder.rglob("*.html") if "site_libs" not in p.parts])
    console.print(
        f"{number} pages regardées à {' et '.join(map(str, WIDTHS))} px : {len(faults)} faute(s)."
        f" Captures : {artefacts / 'screenshots'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 1 if faults else 0
