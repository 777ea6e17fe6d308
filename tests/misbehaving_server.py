"""A local producer that misbehaves on demand: each path of the server is a fault."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: The table that a healthy producer gives (synthetic).
TABLE = b"code;valeur\n46127;1\n2A004;2\n97105;3\n"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MisbehavingServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        with self.server.counting:
            self.server.seen[path] += 1
            seen = self.server.seen[path]
        self.server.asked.append(self.path)
        if path in self.server.files:
            return self.give(self.server.files[path])
        fault = getattr(self, "on_" + path.strip("/").partition("/")[0].replace("-", "_"), None)
        if fault is None:
            return self.give(b"introuvable", status=404)
        return fault(seen)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def give(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        sent = {"Content_Length": str(len(body)), **headers}
        for name, value in sent.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    # -- transfers

    def on_late_once(self, seen: int) -> None:
        if seen == 1:
            self.server.closing.wait(2)
        self.give(TABLE)

    def on_late(self, seen: int) -> None:
        self.server.closing.wait(2)
        self.close_connection = True

    def on_busy(self, seen: int) -> None:
        if seen == 1:
            return self.give(b"trop de demandes", 429, Retry_After="0")
        return self.give(TABLE)

    def on_busy_for_long(self, seen: int) -> None:
        if seen == 1:
            return self.give(b"trop de demandes", 429, Retry_After="86400")
        return self.give(TABLE)

    def on_busy_until(self, seen: int) -> None:
        if seen == 1:
            return self.give(b"", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
        return self.give(TABLE)

    def on_sick_once(self, seen: int) -> None:
        if seen == 1:
            return self.give(b"", 503)
        return self.give(TABLE)

    def on_sick(self, seen: int) -> None:
        self.give(b"", 500)

    def on_forbidden(self, seen: int) -> None:
        self.give(b"", 403)

    def on_cut(self, seen: int) -> None:
        self.give(TABLE[:-5], Content_Length=str(len(TABLE)))
        self.close_connection = True

    def on_cut_once(self, seen: int) -> None:
        if seen == 1:
            return self.on_cut(seen)
        return self.give(TABLE)

    def on_huge(self, seen: int) -> None:
        self.give(TABLE, Content_Length=str(10**15))
        self.close_connection = True

    def on_endless(self, seen: int) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        block = b"%x\r\n%s\r\n" % (len(TABLE), TABLE)
        try:
            while not self.server.closing.is_set():
                self.wfile.write(block)
        except OSError:
            self.close_connection = True

    def on_slow(self, seen: int) -> None:
        """Give half of the table, then the rest when the test says so."""
        self.give(TABLE[:20], Content_Length=str(len(TABLE)))
        self.server.halfway.set()
        self.server.going_on.wait(20)
        try:
            self.wfile.write(TABLE[20:])
        except OSError:
            self.close_connection = True

    def on_unhurried(self, seen: int) -> None:
        time.sleep(0.15)
        self.give(TABLE)

    # -- redirections

    def on_moved(self, seen: int) -> None:
        self.give(b"", 302, Location="/good")

    def on_moved_to_a_file(self, seen: int) -> None:
        self.give(b"", 302, Location="file:///etc/hostname")

    def on_moved_to_nonsense(self, seen: int) -> None:
        self.give(b"", 302, Location="http://[oups/")

    def on_moved_for_ever(self, seen: int) -> None:
        self.give(b"", 302, Location="/moved-for-ever")

    # -- contents

    def on_good(self, seen: int) -> None:
        self.give(TABLE)

    def on_web_page(self, seen: int) -> None:
        self.give(b"\n<!DOCTYPE html><html><body>Maintenance</body></html>")

    def on_message(self, seen: int) -> None:
        self.give(b'{"error": "quota"}')

    def on_empty(self, seen: int) -> None:
        self.give(b"")

    # -- catalogues of producers

    def on_listing(self, seen: int) -> None:
        names = {"attachments": [{"metas": {"id": i}} for i in ("notice_pdf", "apl_2024_xlsx")]}
        self.give(json.dumps(names).encode())

    def on_datagouv(self, seen: int) -> None:
        base = self.server.address
        resources = [
            {"title": "notice", "url": f"{base}/web-page"},
            {"title": "stock-2024.csv", "url": f"{base}/sick", "last_modified": "2024-01-01"},
            {"title": "stock-2026.csv", "url": f"{base}/good", "last_modified": "2026-01-01"},
        ]
        self.give(json.dumps({"resources": resources}).encode())

    def on_page_1(self, seen: int) -> None:
        self.give(b"code;valeur\n46127;1\n", Link='</page-2?after=1>; rel="next"')

    def on_page_2(self, seen: int) -> None:
        if seen == 1:
            return self.give(b"", 502)
        return self.give(b"code;valeur\n2A004;2\n97105;3")

    def on_page_again(self, seen: int) -> None:
        self.give(TABLE, Link='</page-again>; rel="next"')


class MisbehavingServer(ThreadingHTTPServer):
    """The server, what it was asked, and the files that it gives besides its faults."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: Counter[str] = Counter()
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}
        self.counting = threading.Lock()
        self.closing, self.halfway, self.going_on = (threading.Event() for _ in range(3))

    @property
    def address(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


@contextmanager
def running() -> Iterator[MisbehavingServer]:
    """Run a server until the end of the block."""
    server = MisbehavingServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.going_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
