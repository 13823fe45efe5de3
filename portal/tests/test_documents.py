"""The guides name what is there: files, settings, scopes, and the operations that programs were promised."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from portal.api.v1 import api
from portal.config import known_settings
from portal.logs import redact_path
from portal.models import ApiToken

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FILE = re.compile(
    r"(?<![\w/.…-])(?:docs|portal|meetings|media_engine|tests|benchmarks|deploy|static|templates)/[\w/.-]+\.\w+\b"
)
HTTP_ONLY = re.compile(r"^\s*(?:log_format|map|limit_req_zone|limit_conn_zone|upstream)\b", re.MULTILINE)
MEETING = "/api/v1/meetings/{meeting_id}"
INVITATION = MEETING + "/invitations/{invitation_id}"
PROMISED = {
    "/api/v1/meetings": {"get", "post"},
    MEETING: {"get", "patch", "delete"},
    MEETING + "/invitations": {"get", "post"},
    **{f"{INVITATION}/{act}": {"post"} for act in ("revoke", "restore", "resend")},
    MEETING + "/history": {"get"},
    MEETING + "/participants": {"get"},
    **{
        f"{MEETING}/participants/{{participant_id}}/{act}": {"post"}
        for act in ("admit", "refuse", "remove", "mute", "move-to-door")
    },
    **{f"{MEETING}/{act}": {"post"} for act in ("lock", "unlock", "end", "suspend", "resume")},
    "/api/v1/audit": {"get"},
}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_file_that_a_guide_names_is_there(guide: Path) -> None:
    text = guide.read_text()
    links = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    missing = {name for name in FILE.findall(text) if not (ROOT / name).exists()}
    missing |= {target for target in links if not (guide.parent / target).exists()}
    assert missing == set()


def test_the_guide_for_operators_names_every_setting_and_no_other() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"\bLINTEL_[A-Z_]*[A-Z]\b", guide)) == known_settings()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_scopes_in_examples_can_be_typed(guide: Path) -> None:
    assert set(re.findall(r"--scope (\w\S*)", guide.read_text())) <= set(ApiToken.Scope.values)


def test_every_promised_operation_is_in_the_document() -> None:
    paths = json.loads(api.document_text())["paths"]
    missing = {path: methods - set(paths.get(path, {})) for path, methods in PROMISED.items()}
    assert {path: methods for path, methods in missing.items() if methods} == {}


def test_every_command_that_a_guide_names_is_there() -> None:
    named = {name for guide in GUIDES for name in re.findall(r"\./run manage ([a-z][\w-]*)", guide.read_text())}
    assert named - set(get_commands()) == set()


def test_what_nginx_takes_on_its_top_level_alone_stands_there() -> None:
    """It refuses the whole file otherwise."""
    text = re.sub(r"#.*", "", (ROOT / "deploy" / "nginx.conf").read_text())
    deep = [text[: found.start()].count("{") - text[: found.start()].count("}") for found in HTTP_ONLY.finditer(text)]
    assert deep
    assert set(deep) == {0}


@pytest.mark.parametrize("place", ["i", "setup", "password/reset/key", "rta"])
def test_the_log_of_nginx_leaves_out_what_ours_leaves_out(place: str) -> None:
    path = f"/{place}/s3cr3t/validateCredentials"
    assert "s3cr3t" not in redact_path(path)
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    table = re.search(r"map \$uri \$lintel_path \{(.*?)\n\}", text, re.DOTALL)
    assert table
    shown = [written for rule, written in re.findall(r"~\*(\S+)\s+(\S+);", table[1]) if re.match(rule, path)]
    assert shown == [f"/{place}/…"]
    assert "access_log /var/log/nginx/lintel.log lintel;" in text


def test_nginx_lets_a_browser_that_comes_for_the_first_time_have_all_of_the_room_at_once() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    files = len(list((ROOT / "static" / "js").rglob("*.js")))
    budget = re.search(r"location /static/ \{\s*limit_req zone=lintel_static burst=(\d+) delay=(\d+);", text)
    assert budget
    assert int(budget[2]) >= 2 * files, "two people behind one address wait for nothing"
    assert int(budget[1]) >= 30 * files, "a class of thirty gets everything"
