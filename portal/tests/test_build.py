"""What `manage verify-build` says of a server that serves something else."""

from __future__ import annotations

import hashlib

from django.test import SimpleTestCase

from portal.build import PAGES, Served, differences, lines, number

POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'"
FILES = {"js/room.0a1b.js": b"room", "css/room.2c3d.css": b"style"}
KNOWN = {name: hashlib.sha256(body).hexdigest() for name, body in FILES.items()}
HTML = (
    '<link rel="stylesheet" href="/static/css/room.2c3d.css">'
    '<script type="module" src="/static/js/room.0a1b.js"></script>'
)


class Differences(SimpleTestCase):
    def said(self, served: dict[str, Served]) -> list[str]:
        answers = {f"/static/{name}": Served(200, body) for name, body in FILES.items()}
        answers |= {path: Served(200, HTML.encode(), POLICY) for path in PAGES}
        answers |= served
        return list(differences(KNOWN, lambda path: answers[path]))

    def test_the_released_code_has_none(self) -> None:
        assert self.said({}) == []

    def test_another_file_and_a_missing_one(self) -> None:
        assert self.said({"/static/js/room.0a1b.js": Served(200, b"rooM")}) == ["js/room.0a1b.js is another file"]
        assert self.said({"/static/js/room.0a1b.js": Served(404, b"")}) == ["js/room.0a1b.js is not there (status 404)"]

    def test_a_page_that_loads_or_holds_something_else(self) -> None:
        page = PAGES[0]
        for html, what in (
            ('<script src="/static/js/tap.js"></script>', "/static/js/tap.js"),
            ('<script src="https://elsewhere.example/a.js"></script>', "https://elsewhere.example/a.js"),
            ("<script>tap()</script>", "a script that is part of it"),
            ('<link rel="modulepreload" href="/js/room.0a1b.js">', "/js/room.0a1b.js"),
            ('<link rel="stylesheet" href="/static/css/other.css">', "/static/css/other.css"),
        ):
            assert self.said({page: Served(200, html.encode(), POLICY)}) == [f"the page {page} loads {what}"]
        data = '<script type="application/json" id="door">{}</script><link rel="icon" href="/x.svg">'
        assert self.said({page: Served(200, data.encode(), POLICY)}) == []

    def test_a_page_with_a_wider_policy_or_none(self) -> None:
        page = PAGES[1]
        wider = POLICY.replace("script-src 'self'", "script-src 'self' https://elsewhere.example")
        assert self.said({page: Served(200, b"", wider)}) == [f"the page {page} lets script-src load from elsewhere"]
        assert len(self.said({page: Served(200, b"")})) == 3
        assert self.said({page: Served(503, b"", POLICY)}) == [f"the page {page} is not there (status 503)"]

    def test_the_number_is_of_every_name_and_every_byte(self) -> None:
        assert lines(KNOWN).splitlines()[0] == f"{KNOWN['css/room.2c3d.css']}  css/room.2c3d.css"
        numbers = {number(KNOWN), number(KNOWN | {"a": "b"}), number({name: "0" for name in KNOWN})}
        assert len(numbers) == 3
