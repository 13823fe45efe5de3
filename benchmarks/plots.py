"""Draws measurements as SVG that reads on light and dark pages. Pure: numbers in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT, TOP = 720, 64, 16, 34
_STYLE = """
:root { --ground: #fff; --ink: #1f2328; --faint: #d0d7de; --a: #0550ae; --b: #bc4c00; --c: #1a7f37 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --ink: #e6edf3; --faint: #3d444d; --a: #79c0ff; --b: #ffa657; --c: #7ee787 }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink) }
text { paint-order: stroke; stroke: var(--ground); stroke-width: 4px }
.ground { fill: var(--ground) } .grid { stroke: var(--faint) } .goal { stroke: var(--ink); stroke-dasharray: 5 4 }
.a { fill: var(--a) } .b { fill: var(--b) } .c { fill: var(--c) }
polyline { fill: none; stroke-width: 2 } polyline.a { stroke: var(--a) } polyline.b { stroke: var(--b) }
polyline.a, polyline.b, polyline.c { fill: none } polyline.c { stroke: var(--c) }
"""


@dataclass(frozen=True)
class Line:
    """One curve: what it is, its unit, the top of its scale, and a value for each moment."""

    name: str
    top: float
    values: Sequence[float]


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>' + "".join(parts) + "</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def bars(title: str, groups: Sequence[tuple[str, Sequence[float]]], labels: Sequence[str], goal: float) -> str:
    """Shares in percent, one group per row of bars; `goal` is drawn across them."""
    row, body = 118, 70
    top = max([2 * goal, *(value for _, values in groups for value in values)])
    step = (WIDTH - LEFT - RIGHT) / len(labels)
    parts = [_text(LEFT, 20, title)]
    for number, (name, values) in enumerate(groups):
        base = TOP + number * row + body + 20
        parts.append(_text(LEFT, base - body - 6, name))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>')
        y = base - body * goal / top
        parts.append(f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{goal:g} %", "end"))
        for place, value in enumerate(values):
            tall = body * value / top
            x, colour = LEFT + place * step + step * 0.25, "abc"[number % 3]
            size = f'width="{step / 2:.0f}" height="{max(tall, 0.6):.1f}"'
            parts.append(f'<rect class="{colour}" x="{x:.0f}" y="{base - tall:.1f}" {size}/>')
            parts.append(_text(x + step / 4, base - tall - 3, f"{value:g} %", "middle"))
            parts.append(_text(x + step / 4, base + 15, labels[place], "middle"))
    return _svg(title, TOP + len(groups) * row + 10, parts)


def timeline(title: str, times: Sequence[float], lines: Sequence[Line], marks: Sequence[tuple[float, str]]) -> str:
    """Curves over seconds, one below the other, with moments marked across all of them."""
    row, body = 96, 62
    height = TOP + len(lines) * row + 34
    start, end = times[0], times[-1]

    def x(at: float) -> float:
        return LEFT + (at - start) / (end - start) * (WIDTH - LEFT - RIGHT)

    parts = [_text(LEFT, 20, title)]
    for number, line in enumerate(lines):
        base = TOP + number * row + body + 22
        parts.append(_text(LEFT, base - body - 6, line.name))
        parts += [_text(LEFT - 6, base + 4, "0", "end"), _text(LEFT - 6, base - body + 8, f"{line.top:g}", "end")]
        for y in (base, base - body):
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        points = " ".join(
            f"{x(at):.1f},{base - body * min(1.0, value / line.top):.1f}"
            for at, value in zip(times, line.values, strict=True)
        )
        parts.append(f'<polyline class="{"abc"[number % 3]}" points="{points}"/>')
    floor = height - 30
    for at, word in marks:
        parts.append(f'<line class="goal" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{TOP}" y2="{floor}"/>')
        parts.append(_text(x(at) + 4, floor + 2, word))
    for second in range(int(start), int(end) + 1, 5):
        parts.append(_text(x(second), height - 8, f"{second} s", "middle"))
    return _svg(title, height, parts)
