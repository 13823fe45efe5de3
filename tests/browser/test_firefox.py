"""Chromium and Firefox in one encrypted room, both directions, through the real engine.

Firefox takes no media over the loopback interface. So portal and browsers get a network of their own, in which one end
of a virtual cable has an address; pages are still those of http://localhost, where browsers give cameras.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, chromium
from tests.support.firefox import firefox

ADDRESS, GATEWAY = "10.77.0.1", "10.77.0.2"
CABLE = f"""
ip link set lo up
ip link add near type veth peer name far
ip addr add {ADDRESS}/24 dev near
ip link set near up
ip link set far up
ip addr add {GATEWAY}/24 dev far
ip route add default via {GATEWAY} dev near
exec "$@"
"""


@pytest.mark.extra
@pytest.mark.timeout(400)
def test_chromium_and_firefox_meet_in_one_encrypted_room() -> None:
    chromium()
    firefox()
    for needed in ("unshare", "ip"):
        if shutil.which(needed) is None:
            pytest.skip(f"no {needed}: apt-get install -y util-linux iproute2")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network of its own: that needs root, or the right to unshare")
    inside = Path(__file__).with_name("firefox_and_chromium.py")
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(inside)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", CABLE, "sh", *tests],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=380, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
