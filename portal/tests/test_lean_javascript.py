"""What travels of a script says the same as its source."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from portal.lean_javascript import lean

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "static" / "js"


def test_comment_lines_go_and_every_line_keeps_its_number() -> None:
    source = (
        '// Why.\n/** @param {string} name\n * more */\nexport function f(name) {\n  // here\n  return "// no";\n}\n'
    )
    assert lean(source) == '\n\n\nexport function f(name) {\n\nreturn "// no";\n}\n'


def test_code_behind_a_comment_stays() -> None:
    assert lean("/** @type {X} */ (byId('x')).href = a;\n/* one\n two */ go();") == "(byId('x')).href = a;\n\ngo();"


@pytest.mark.parametrize(
    "source",
    [
        "const a = `one\n// two\n`;",
        'const a = "one\\\n// two";',
        "go(); /* one\n// two */ stop();",
        'accept("image/*");\n// kept, for nobody can tell',
        "/* without an end\ngo();",
    ],
)
def test_where_it_cannot_tell_nothing_is_touched(source: str) -> None:
    assert lean(source) == source


PARSE = """
const { SourceTextModule } = require("node:vm");
for (const [name, text] of Object.entries(JSON.parse(require("node:fs").readFileSync(0, "utf8"))))
  new SourceTextModule(text, { identifier: name });
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is missing")
def test_our_scripts_get_a_fifth_lighter_and_still_parse() -> None:
    sources = {script.name: script.read_text() for script in sorted(SCRIPTS.rglob("*.js"))}
    leaner = {name: lean(source) for name, source in sources.items()}
    for name, source in sources.items():
        assert leaner[name].count("\n") == source.count("\n"), name
    assert sum(map(weight, leaner.values())) < 0.8 * sum(map(weight, sources.values()))
    subprocess.run(["node", "--experimental-vm-modules", "-e", PARSE], input=json.dumps(leaner), text=True, check=True)


def weight(text: str) -> int:
    """Bytes as they travel."""
    return len(gzip.compress(text.encode()))
