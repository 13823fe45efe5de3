"""The plots of docs/media-quality.md show what was measured last."""

import json
from xml.etree import ElementTree

from benchmarks.impairment import DRAWN, PLOTS, RESULTS, draw, table
from benchmarks.watching import REAL_PAGES


def test_plots_and_table_are_those_of_the_results() -> None:
    results = json.loads(RESULTS.read_text())
    drawn = {name: text for how in DRAWN for name, text in draw(results, how).items()}
    assert drawn.keys() == {path.name for path in PLOTS.iterdir()}
    for name, text in drawn.items():
        assert (PLOTS / name).read_text() == text, f"{name}: run python -m benchmarks.impairment --draw"
        ElementTree.fromstring(text)  # noqa: S314 - our own
    text = (PLOTS.parent / "media-quality.md").read_text()
    for how in ("", *REAL_PAGES):
        assert table(results, how) in text
