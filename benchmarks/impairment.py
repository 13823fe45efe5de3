"""libwebrtc behind lossy, narrow and cut ways: what becomes of picture and sound there, and afterwards.

One member films, another watches over a seeded relay. Counted by the watching libwebrtc: how long the picture stood
still, and the share of sound that was made up. `python -m benchmarks.impairment` measures every cell of the grid;
`5:150` one cell (percent, milliseconds), `up:5:150` the same on the way of the one who films, `narrow` and `cut` those
scenes. `voice:5:150` is a voice beside a small still picture, which takes next to no processor; with `plain:` nobody
knows redundancy (RED). `chromium:5:150` and `e2ee:5:150` are two pages of a portal's room, encrypted to the server and
end to end; `chromium` and `e2ee` alone, every cell of theirs. What is measured is written to
`benchmarks/results/impairment.json` beside what was measured before; `--draw` makes the plots of docs/media-quality.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.plots import Line, bars, timeline
from benchmarks.watching import REAL_PAGES, Watcher, lanes, watching
from media_engine.tests.test_impaired import FRAMES_PER_SECOND, HEIGHT

LOSSES = (0, 1, 5, 10, 20)
DELAYS_MS = (0, 50, 150)
SETTLE_SECONDS = 5.0
"""After this the ends know what the way is like."""
LOOK_SECONDS = 0.1
LATE_SECONDS, HELD_UP_SECONDS, TRIES = 0.04, 0.2, 3
RESULTS = Path(__file__).with_name("results") / "impairment.json"
PLOTS = Path(__file__).parents[1] / "docs" / "plots"
DRAWN = ("", "e2ee")
"""What has plots: libwebrtc by itself, and the room as it is unless somebody wants it otherwise."""


@dataclass(frozen=True)
class Moment:
    """What had been counted `at` seconds after a scene began. Counters only grow; `height` is that of the picture."""

    at: float
    pictures: int
    height: int
    octets: int
    made_up: int
    samples: int
    sound_lost: int
    sound_came: int
    still_seconds: float
    key_frames: int


class HeldUp:
    """How long this process could not do what was due, in seconds: relay, engine and clients are all in it."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            late = loop.time() - due
            self._seconds += late if late > LATE_SECONDS else 0.0

    def stop(self) -> float:
        self._task.cancel()
        return round(self._seconds, 2)


async def look(ben: Watcher, since: float) -> Moment:
    """What Ben's libwebrtc has counted by now."""
    (picture,), (sound,) = await ben.inbound("video"), await ben.inbound("audio")
    return Moment(
        at=round(time.monotonic() - since, 2),
        pictures=picture.get("framesDecoded", 0),
        height=picture.get("frameHeight", 0),
        octets=picture["bytesReceived"] + sound["bytesReceived"],
        made_up=sound.get("concealedSamples", 0),
        samples=sound.get("totalSamplesReceived", 0),
        sound_lost=sound["packetsLost"],
        sound_came=sound["packetsReceived"],
        still_seconds=picture.get("totalFreezesDuration", 0.0),
        key_frames=picture.get("pliCount", 0),
    )


async def look_on(ben: Watcher, since: float, until: float) -> list[Moment]:
    """Moments up to `until` seconds after `since`."""
    moments = []
    while time.monotonic() - since < until:
        moments.append(await look(ben, since))
        await asyncio.sleep(LOOK_SECONDS)
    return moments


def longest_still(moments: list[Moment]) -> float:
    """The longest time in which no new picture was decoded, to the tenth of a second."""
    longest, last = 0.0, moments[0]
    for moment in moments:
        if moment.pictures > last.pictures:
            last = moment
        longest = max(longest, moment.at - last.at)
    return round(longest, 1)


async def measure(loss: int, delay_ms: int, seconds: float, how: AbstractSet[str]) -> dict[str, Any]:
    """One cell: `loss` percent each way, `delay_ms` of round trip and a fifth of it on top as jitter."""
    async with watching(how=how) as ben:
        for lane in lanes(ben):
            lane.delay_seconds, lane.jitter_seconds, lane.loss = delay_ms / 2000, delay_ms / 10_000, loss / 100
        await asyncio.sleep(SETTLE_SECONDS)
        watch = HeldUp()
        moments = await look_on(ben, time.monotonic(), seconds)
        held_up = watch.stop()
    first, last = moments[0], moments[-1]
    took = last.at - first.at
    return {
        "still_percent": round(100 * (last.still_seconds - first.still_seconds) / took, 1),
        "longest_still_seconds": longest_still(moments),
        "pictures_per_second": round((last.pictures - first.pictures) / took, 1),
        "made_up_percent": round(100 * (last.made_up - first.made_up) / max(1, last.samples - first.samples), 1),
        "key_frames_asked": last.key_frames - first.key_frames,
        "held_up_seconds": held_up,
    }


async def measure_undisturbed(loss: int, delay_ms: int, seconds: float, how: AbstractSet[str]) -> dict[str, Any]:
    """One cell, again where this process was held up by others while it measured; the least disturbed counts."""
    tries = []
    for _ in range(TRIES):
        tries.append(await measure(loss, delay_ms, seconds, how))
        if tries[-1]["held_up_seconds"] <= HELD_UP_SECONDS:
            break
    return min(tries, key=lambda cell: cell["held_up_seconds"])


def _kept(moments: list[Moment]) -> list[list[float]]:
    """Every moment as the row of its figures."""
    return [list(asdict(moment).values()) for moment in moments]


async def narrow(how: AbstractSet[str]) -> dict[str, Any]:
    """A way of 300 kbit/s with a second of queue for ten seconds, for whom got more than twice as much."""
    async with watching("q", "h", how=how) as ben:
        await ben.is_ready_to_be_narrowed()
        begun = time.monotonic()
        watch = HeldUp()
        moments = await look_on(ben, begun, 5.0)
        ben.road.down.bits_per_second, ben.road.down.queue_seconds = 300_000, 1.0
        narrowed = time.monotonic() - begun
        moments += await look_on(ben, begun, 15.0)
        ben.road.down.bits_per_second = 1e9
        widened = time.monotonic() - begun
        moments += await look_on(ben, begun, 35.0)
        held_up = watch.stop()
    small = next((m.at for m in moments if m.at > narrowed and m.height < HEIGHT), None)
    large = next((m.at for m in moments if m.at > widened and m.height == HEIGHT), None)
    before = next(m for m in moments if m.at > narrowed)
    return {
        "marks": [[round(narrowed, 2), "300 kbit/s"], [round(widened, 2), "wide again"]],
        "smaller_after_seconds": round(small - narrowed, 1) if small is not None else None,
        "larger_after_seconds": round(large - widened, 1) if large is not None else None,
        "sound_lost": moments[-1].sound_lost - before.sound_lost,
        "sound_came": moments[-1].sound_came - before.sound_came,
        "made_up_percent": round(
            100 * (moments[-1].made_up - before.made_up) / max(1, moments[-1].samples - before.samples), 2
        ),
        "held_up_seconds": held_up,
        "moments": _kept(moments),
    }


async def cut(how: AbstractSet[str], seconds: float = 30.0) -> dict[str, Any]:
    """Nothing passes for `seconds`; then Ben's page, which has its socket again, looks for the server anew."""
    async with watching(how=how) as ben:
        begun = time.monotonic()
        moments = await look_on(ben, begun, 4.0)
        await ben.lose_everything()
        gone = time.monotonic() - begun
        moments += await look_on(ben, begun, gone + seconds)
        await ben.find_everything()
        back = time.monotonic() - begun
        moments += await look_on(ben, begun, back + 6)
    still = next(m for m in reversed(moments) if m.at < back)
    seen = next((m.at for m in moments if m.at > back and m.pictures > still.pictures), None)
    heard = next((m.at for m in moments if m.at > back and m.sound_came > still.sound_came), None)
    return {
        "marks": [[round(gone, 2), "cut"], [round(back, 2), "back"]],
        "seen_after_seconds": round(seen - back, 1) if seen is not None else None,
        "heard_after_seconds": round(heard - back, 1) if heard is not None else None,
        "moments": _kept(moments),
    }


def table(cells: dict[str, Any], how: str = "") -> str:
    """Markdown of the grid as it was measured in Python, or in `how`, such as "e2ee"."""
    prefix = f"{how}:" if how else ""
    pictures = f"pictures a second of {FRAMES_PER_SECOND}"
    head = (
        "loss each way",
        "round trip",
        "picture stood still",
        "longest",
        pictures,
        "sound made up",
        "whole pictures",
    )
    lines = [f"| {' | '.join(head)} |", "| ---: " * len(head) + "|"]
    for delay_ms in DELAYS_MS:
        for loss in LOSSES:
            cell = cells.get(f"{prefix}{loss}:{delay_ms}")
            if cell is not None:
                row = (
                    f"{loss} %",
                    f"{delay_ms} ms",
                    f"{cell['still_percent']} %",
                    f"{cell['longest_still_seconds']} s",
                    str(cell["pictures_per_second"]),
                    f"{cell['made_up_percent']} %",
                    str(cell["key_frames_asked"]),
                )
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def draw(results: dict[str, Any], how: str = "") -> dict[str, str]:
    """File names and SVG of everything that was measured in Python, or in `how`."""
    drawn = {}
    before, prefix = (f"{how}:", f"{how}-") if how else ("", "")
    labels = [f"{loss} % lost" for loss in LOSSES]
    for name, key, title in (
        ("still", "still_percent", "How long the picture stood still"),
        ("made-up", "made_up_percent", "How much of the sound was made up"),
    ):
        groups = [
            (f"round trip {delay_ms} ms", [results[f"{before}{loss}:{delay_ms}"][key] for loss in LOSSES])
            for delay_ms in DELAYS_MS
            if all(f"{before}{loss}:{delay_ms}" in results for loss in LOSSES)
        ]
        drawn[f"{prefix}{name}.svg"] = bars(title, groups, labels, 5.0)
    for name, title in (("narrow", "A way that is narrow for ten seconds"), ("cut", "Nothing for thirty seconds")):
        if before + name in results:
            drawn[f"{prefix}{name}.svg"] = _draw_scene(title, results[before + name])
    return drawn


def _draw_scene(title: str, scene: dict[str, Any]) -> str:
    moments = [Moment(*moment) for moment in scene["moments"]]
    step = 5  # of half a second: single pictures would make a comb of it
    ends = list(zip(moments, moments[step:], strict=False))
    times = [after.at for _, after in ends]
    rates = [8 * max(0, after.octets - before.octets) / (after.at - before.at) / 1000 for before, after in ends]
    shown = [(after.pictures - before.pictures) / (after.at - before.at) for before, after in ends]
    made_up = [
        100 * (after.made_up - before.made_up) / max(1, after.samples - before.samples) for before, after in ends
    ]
    lines = [Line("kbit/s received", 200.0 * math.ceil(max(rates) / 200), rates)]
    if len({after.height for _, after in ends}) > 1:
        lines.append(Line("lines of the picture", HEIGHT, [after.height for _, after in ends]))
    lines.append(Line("pictures a second", 25, shown))
    lines.append(Line("% of the sound made up", 100, made_up))
    return timeline(title, times, lines, [(at, word) for at, word in scene["marks"]])


async def main(wanted: list[str], seconds: float) -> None:
    """Measure, print, and keep what was measured."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted:
        match name.split(":"):
            case [*how, "narrow"]:
                results[name] = await narrow(set(how))
            case [*how, "cut"]:
                results[name] = await cut(set(how))
            case [*how, loss, delay_ms]:
                results[name] = await measure_undisturbed(int(loss), int(delay_ms), seconds, set(how))
        print(name, {key: value for key, value in results[name].items() if key != "moments"}, flush=True)
        RESULTS.write_text(
            "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(results[key])}" for key in results) + "\n}\n"
        )
    for how in ("", *REAL_PAGES):
        print(table(results, how))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each cell is watched")
    parser.add_argument("--draw", action="store_true", help="draw what was measured before, and measure nothing")
    parser.add_argument("what", nargs="*", metavar="LOSS:DELAY|narrow|cut", help="such as 5:150; the grid if nothing")
    options = parser.parse_args()
    if options.draw:
        PLOTS.mkdir(exist_ok=True)
        results = json.loads(RESULTS.read_text())
        for how in DRAWN:
            for file, text in draw(results, how).items():
                (PLOTS / file).write_text(text)
    else:
        grid = [f"{loss}:{delay_ms}" for delay_ms in DELAYS_MS for loss in LOSSES]
        wanted = []
        for name in options.what or [""]:
            is_all = name in ("", *REAL_PAGES)
            wanted += [f"{name}:{cell}".lstrip(":") for cell in grid] if is_all else [name]
        asyncio.run(main(wanted, options.seconds))
