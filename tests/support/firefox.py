"""A Firefox as distributions ship it, without a window, driven over WebDriver BiDi: it speaks that by itself.

Enough of https://w3c.github.io/webdriver-bidi/ to open pages and ask them things, and no more.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

STARTS_WITHIN_S = 60
ANSWERS_WITHIN_S = 60

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.manage-offline-status": False,  # the network of its test leads nowhere else, and that is no reason to wait
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "remote.active-protocols": 1,
}


def firefox() -> str:
    """The path of a Firefox. Skips loudly without one, in CI too: nothing else needs it."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    if found is None:
        pytest.skip("no Firefox: apt-get install -y firefox-esr")
    return found


class Firefox:
    """Started by `with`; one page, in a profile of its own."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        self._log = profile / "stderr.txt"
        self._number = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        command = [firefox(), "--headless", "--no-remote", "--profile", str(self.profile), "--remote-debugging-port=0"]
        with self._log.open("wb") as stderr:
            self._process = subprocess.Popen(
                command, stdout=stderr, stderr=stderr, env=os.environ | {"MOZ_HEADLESS": "1", "HOME": str(self.profile)}
            )
        try:
            line = connect(f"{self._address()}/session", max_size=None, compression=None)
            self._socket: ClientConnection = self._stack.enter_context(line)
            self._call("session.new", capabilities={})
            self._page = self._call("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._process.kill()
        self._process.wait(20)

    def _address(self) -> str:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := re.search(r"listening on (ws://\S+)", self._log.read_text(errors="replace")):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"Firefox did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            answer = json.loads(self._socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def before_every_page(self, script: str) -> None:
        self._call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def goto(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it is, as JSON carries it."""
        answer = self._call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self._page},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def picture(self, path: Path) -> None:
        shot = self._call("browsingContext.captureScreenshot", context=self._page)
        path.write_bytes(base64.b64decode(shot["data"]))
