"""A served portal with data of its own, a Chromium with fake devices, and a place for what tests leave behind.

Fixtures end with this package: Playwright keeps an event loop running, which other tests must not find.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.support import portal
from tests.support.accounts import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--use-fake-device-for-media-stream=fps=5",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FILM = """
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
if (ask) navigator.mediaDevices.getUserMedia = ({ audio, video, ...rest }) => {
  const size = window.film ?? { width: 320, height: 240, frameRate: 10 };
  return ask({
    ...rest,
    audio: audio && { ...(audio === true ? {} : audio), ...plain },
    video: video && { ...(video === true ? {} : video), ...size },
  });
};
"""
"""Smaller pictures than a camera's, and sound as the microphone gives it: a machine that plays three people has to
encode and to draw all of them, and there is neither echo nor noise in what they say.
"""
expect.set_options(timeout=60_000)  # of a slow machine that runs other tests beside this one


class Portal(portal.Portal):
    """A portal as people use it. `url` has no slash at its end."""

    _forgotten: frozenset[Path] = frozenset()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.port}"

    def sign_in(self, page: Page, address: str) -> None:
        """Through the sign-in page, as people do."""
        page.goto(f"{self.url}/sign-in/")
        page.get_by_role("textbox", name="Email").fill(address)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/meetings/")

    def forget_mails(self) -> None:
        """What was mailed until now is about other meetings: whoever waits for a mail waits for a new one."""
        self._forgotten = frozenset(self._outbox())

    def _outbox(self) -> list[Path]:
        return sorted((self.data_dir / "outbox").glob("[!.]*.eml"))

    def mails(self) -> list[EmailMessage]:
        """What the portal mailed and nobody forgot, oldest first."""
        found = [path for path in self._outbox() if path not in self._forgotten]
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found]  # type: ignore[misc]

    def personal_links(self, address: str) -> list[str]:
        """Personal links mailed to this address, oldest first."""
        links: list[str] = []
        for mail in self.mails():
            body = mail.get_body(("plain",))
            if address in str(mail["To"]) and body is not None:
                links += re.findall(rf"{re.escape(self.url)}/i/[\w-]+", body.get_content())
        return links


def chromium() -> str:
    """The path of a Chromium; the one without a window of its own needs half the time.

    Skips loudly without one; in CI that is a failure.
    """
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "no Chromium: apt-get install -y chromium-headless-shell"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="package")
def playwright_() -> Iterator[Playwright]:
    chromium()
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright_: Playwright) -> Iterator[Browser]:
    """A Chromium with fake camera, microphone and screen, that grants them without asking."""
    launched = playwright_.chromium.launch(executable_path=chromium(), args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal for the tests of one file, with no account yet."""
    portal = Portal(tmp_path_factory.mktemp("portal") / "data", LINTEL_ORGANISATION="Nordhavn")
    yield portal
    portal.close()


@pytest.fixture(scope="package")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal without anybody, of which tests only want the scripts that it serves."""
    portal = Portal(tmp_path_factory.mktemp("bare") / "data")
    yield portal
    portal.close()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots stay after the run."""
    place = ROOT / "test-artifacts"
    place.mkdir(exist_ok=True)
    return place


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    item.stash.setdefault(_REPORTS, {})[call.when] = report
    if report.failed:
        for index, lines in enumerate(item.stash.get(_CONSOLES, [])):
            report.sections.append((f"Console of browser {index}", "\n".join(lines[-CONSOLE_LINES:])))


_REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()
_CONSOLES = pytest.StashKey[list[list[str]]]()
CONSOLE_LINES = 60
"""The last ones of each browser, which are shown of a test that failed."""


@pytest.fixture
def some_page(bare_server: Portal, visitor: Callable[..., BrowserContext]) -> Page:
    """A real page, on which a test draws a part of the room."""
    opened = visitor().new_page()
    opened.goto(f"{bare_server.url}/help/keyboard/")
    return opened


@pytest.fixture
def visitor(
    browser: Browser, artifacts: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser profiles that know nothing of each other. After a failure a picture of every page is kept."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | options))
        context.set_default_timeout(60_000)
        context.add_init_script(FILM)
        lines: list[str] = []
        context.on("console", lambda said: lines.append(f"{datetime.now():%T.%f} {said.type}: {said.text}"))
        request.node.stash.setdefault(_CONSOLES, []).append(lines)
        opened.append(context)
        return context

    yield make
    report = request.node.stash.get(_REPORTS, {}).get("call")
    for index, context in enumerate(opened):
        if report is not None and report.failed:
            for number, page in enumerate(context.pages):
                page.screenshot(path=str(artifacts / f"failed-{request.node.name}-{index}-{number}.png"))
        context.close()
