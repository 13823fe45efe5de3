"""The whole product as a person meets it: start, first page, time from Join to the first remote frame.

Starts `./run` with a data directory of its own and drives two separate Chromium processes by the
accessible names that docs promise. Run as `python -m benchmarks.product`; prints one JSON object.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, Request, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path("/usr/bin/chromium")
PORT, MEDIA_PORT = 18831, 18832
READY_LINE = "Lintel is ready at"
READY_WITHIN_SECONDS = 120
QUIET_MILLISECONDS = 1000
EMAIL, NAME, PASSWORD = "bench@example.org", "Bea Bench", "a long sentence for the benchmark 7"
JOINS = 7
STARTS = 3
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# Notes when Join is pressed and when a remote video first has a frame to show, on the page's own clock.
WATCH_FIRST_FRAME = """
addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button || button.textContent.trim() !== "Join" || window.benchPressed) return;
  window.benchPressed = performance.now();
  const look = () => {
    for (const video of document.querySelectorAll('[data-participant][data-self="false"] video')) {
      if (video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 0) {
        window.benchSeen = performance.now();
        return;
      }
    }
    setTimeout(look, 5);
  };
  look();
}, true);
"""


@dataclass(frozen=True)
class ProductMeasured:
    first_start_s: float
    second_start_s: list[float]
    second_start_s_median: float
    second_start_cpu_s: list[float]
    page_kb_without_fonts: dict[str, float]
    page_kb_once_touched: dict[str, float]
    join_s: list[float]
    join_s_p50: float


def environment(data_dir: str) -> dict[str, str]:
    return os.environ | {
        "LINTEL_DATA_DIR": data_dir,
        "LINTEL_PORT": str(PORT),
        "LINTEL_MEDIA_PORT": str(MEDIA_PORT),
    }


@dataclass(frozen=True)
class Started:
    """From the command to the line that says it is ready. On a busy machine the CPU time says more."""

    seconds: float
    cpu_seconds: float


def cpu_seconds_of(pid: int) -> float:
    """User and system time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(data_dir: str) -> Iterator[Started]:
    """The product, started; stopped by SIGTERM at the end."""
    # A file, not a pipe: nobody reads its log, and a full pipe would stop the server.
    with tempfile.NamedTemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "run")],
            cwd=ROOT,
            env=environment(data_dir),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while READY_LINE not in (said := _said(Path(log.name))):
                if process.poll() is not None or time.monotonic() - began > READY_WITHIN_SECONDS:
                    raise RuntimeError(f"it never became ready:\n{said[-2000:]}")
                time.sleep(0.02)
            yield Started(time.monotonic() - began, cpu_seconds_of(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _said(log: Path) -> str:
    return log.read_text(errors="replace")


def create_host(data_dir: str) -> None:
    command = [sys.executable, str(ROOT / "run"), "manage", "createperson", EMAIL, "--name", NAME, "--role", "admin"]
    subprocess.run(
        [*command, "--password-stdin"],
        cwd=ROOT,
        env=environment(data_dir),
        input=PASSWORD + "\n",
        text=True,
        check=True,
        capture_output=True,
    )


def page_weights_kb(browser: Browser, path: str) -> tuple[float, float]:
    """Kilobytes (1000 bytes) of response bodies as they travel, fonts left out, with an empty cache.

    First the page as it opens, then with what it fetches once somebody touches it.
    """
    context = browser.new_context()
    page = context.new_page()
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - Playwright marks it
    page.goto(url(path), wait_until="networkidle")
    opened = _kb(finished)
    page.mouse.click(1, 1)
    page.wait_for_timeout(QUIET_MILLISECONDS)
    page.wait_for_load_state("networkidle")
    touched = _kb(finished)
    context.close()
    return opened, touched


def _kb(requests: list[Request]) -> float:
    return round(sum(r.sizes()["responseBodySize"] for r in requests if r.resource_type != "font") / 1000, 1)


def url(path: str) -> str:
    return f"http://localhost:{PORT}{path}"


def open_room(browser: Browser) -> tuple[Page, str]:
    """Signs the host in, schedules a meeting that anyone with the link walks into, and joins it."""
    context = browser.new_context(permissions=["camera", "microphone"])
    page = context.new_page()
    page.goto(url("/sign-in/"))
    page.get_by_role("textbox", name="Email").fill(EMAIL)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/meetings/")
    page.goto(url("/meetings/new/"))
    page.get_by_role("textbox", name="Title").fill("Benchmark")
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    page.get_by_label("Date").fill(start.date().isoformat())
    page.get_by_label("Starts").fill(start.strftime("%H:%M"))
    page.get_by_role("combobox", name="Time zone").select_option("UTC")
    page.get_by_role("radio", name="Anyone with the link").check(force=True)
    page.get_by_role("button", name="Schedule and send invitations").click()
    page.get_by_role("link", name="Open the room").or_(page.get_by_role("button", name="Open the room")).first.click()
    page.wait_for_url("**/m/**")
    join(page)
    return page, page.url.removesuffix("?")


def join(page: Page, name: str = "") -> None:
    """From the pre-join page into the room with camera and microphone. Guests give a name."""
    if name:
        page.get_by_role("textbox", name="Your name").fill(name)
    page.get_by_role("button", name="Allow camera and microphone").click()
    page.wait_for_function("() => [...document.querySelectorAll('video')].some((v) => v.videoWidth > 0)")
    page.get_by_role("button", name="Join", exact=True).click()
    try:
        page.wait_for_selector('main[data-call-state="connected"]')
    except TimeoutError as error:
        main = page.locator("main")
        raise RuntimeError(f"{main.get_attribute('data-call-state')}: {main.inner_text()[:1000]}") from error


def measure_join(browser: Browser, room_url: str) -> float:
    """Seconds from the guest's press of Join to the host's first frame on the guest's page."""
    context = browser.new_context(permissions=["camera", "microphone"])
    page = context.new_page()
    page.add_init_script(WATCH_FIRST_FRAME)
    page.goto(room_url)
    join(page, "Guest")
    page.wait_for_function("() => window.benchSeen")
    milliseconds = page.evaluate("() => window.benchSeen - window.benchPressed")
    page.get_by_role("button", name="Leave").first.dispatch_event("click")  # it may have been put away meanwhile
    context.close()
    return round(milliseconds / 1000, 3)


def measure(playwright: Playwright) -> ProductMeasured:
    with tempfile.TemporaryDirectory(prefix="lintel-bench-") as data_dir:
        with running(data_dir) as first_start:
            create_host(data_dir)
        again: list[Started] = []
        for _ in range(STARTS):
            with running(data_dir) as started:
                again.append(started)
        with running(data_dir):
            host_browser, guest_browser = (
                playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS) for _ in range(2)
            )
            weights = {"/sign-in/": page_weights_kb(guest_browser, "/sign-in/")}
            _, room_url = open_room(host_browser)
            joins = [measure_join(guest_browser, room_url) for _ in range(JOINS)]
            weights["/m/<code>"] = page_weights_kb(guest_browser, room_url.removeprefix(url("")))
            host_browser.close()
            guest_browser.close()
    return ProductMeasured(
        first_start_s=round(first_start.seconds, 2),
        second_start_s=[round(started.seconds, 2) for started in again],
        second_start_s_median=round(statistics.median(started.seconds for started in again), 2),
        second_start_cpu_s=[round(started.cpu_seconds, 2) for started in again],
        page_kb_without_fonts={path: opened for path, (opened, _) in weights.items()},
        page_kb_once_touched={path: touched for path, (_, touched) in weights.items()},
        join_s=joins,
        join_s_p50=round(statistics.median(joins), 3),
    )


def main() -> None:
    if not CHROMIUM.exists():
        sys.exit("Chromium is missing: apt-get install -y chromium")
    with sync_playwright() as playwright:
        print(json.dumps(asdict(measure(playwright))))


if __name__ == "__main__":
    main()
