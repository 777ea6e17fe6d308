"""The addresses that the project names: all are found, and a dead one is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from utils.catalogue import load_sources
from utils.errors import OfflineError
from utils.links import check_links, named_addresses, without_address

ROOT = Path(__file__).resolve().parent.parent


class _Handler(BaseHTTPRequestHandler):
    """A local server: each path is a way to answer."""

    def do_HEAD(self) -> None:
        self.answer({"/la": 200, "/sans-head": 501, "/garde": 403, "/ailleurs": 301}, "HEAD")

    def do_GET(self) -> None:
        self.answer({"/la": 200, "/sans-head": 200}, "GET")

    def answer(self, statuses: dict[str, int], method: str) -> None:
        status = statuses.get(self.path, 404)
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "/la")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as local:
        threading.Thread(target=local.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{local.server_port}"
        local.shutdown()


def test_a_dead_address_is_told_with_its_place(server: str) -> None:
    paths = {"la": "", "sans-head": "", "garde": "", "ailleurs": "", "mort": "chapters/x.qmd"}
    told = check_links({f"{server}/{path}": where for path, where in paths.items()})
    assert told == [f"{server}/mort (chapters/x.qmd) : répond 404."]


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PVD_OFFLINE", raising=False)
    (told,) = check_links({"http://127.0.0.1:9/": "source x"})
    assert told.startswith("http://127.0.0.1:9/ (source x) : ne répond pas")


def test_offline_nothing_is_said_to_be_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVD_OFFLINE", "1")
    with pytest.raises(OfflineError):
        check_links({"http://127.0.0.1:9/": "source x"})


def test_every_source_and_every_link_of_the_prose_is_asked(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_quarto.yml").write_text("book:\n  site-url: https://site.test/livre\n")
    (tmp_path / "chapters" / "un.qmd").write_text("Voir [ici](https://site.test/a). Et là.")
    for folder in ("data", "sspcloud"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text(f"https://site.test/{folder}")
    found = named_addresses(tmp_path)
    assert found["https://site.test/a"] == "chapters/un.qmd"
    assert found["https://site.test/livre"] == "_quarto.yml"
    assert found["https://site.test/data"] == "data/README.md"
    assert found["https://site.test/sspcloud"] == "sspcloud/README.md"
    for source in load_sources().values():
        told = source.landing or source.url
        assert (
            told in found or "dataset" in (source.resolve or {}) or source.id in without_address()
        )


def test_the_addresses_of_the_book_are_addresses() -> None:
    found = named_addresses(ROOT)
    assert len(found) > 30
    assert not [address for address in found if address.endswith(("/launcher", ")", "»"))]
    examples = ("exemple", "adresse", "MON_", "ORG")
    assert not [address for address in found if any(word in address for word in examples)]
