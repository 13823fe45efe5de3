"""Static files under names that hold their content's hash, compressed once, ES module imports rewritten as well."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig as DjangoStaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage as Files
from django.core.management import call_command
from servestatic.storage import CompressedManifestStaticFilesStorage

from portal.lean_javascript import lean


class Lean:
    """Files as they are, our scripts without their comments."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def open(self, name: str, mode: str = "rb") -> File[Any]:
        opened = self.files.open(name, mode)
        if not name.endswith(".js"):
            return opened
        with opened:
            return ContentFile(lean(opened.read().decode()).encode(), name)


class Storage(CompressedManifestStaticFilesStorage):
    """Module imports are followed, so that a cached page never mixes two versions of our modules.

    Scripts lose their comments on the way to their hashed names; the plain names keep the source.
    """

    support_js_module_import_aggregation = True
    # A pass settles the names one import further; Django's five are too few for our chains, and a settled tree ends it.
    max_post_process_passes = 20

    def get_modified_time(self, name: str) -> datetime:
        """Long ago, so that collecting replaces every file: a release is older than what was made of the last one."""
        return datetime.min.replace(tzinfo=UTC)

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[tuple[str, str | None, Any]]:
        lean_paths = {name: (Lean(files), path) for name, (files, path) in paths.items()}
        yield from super().post_process(lean_paths, *args, **options)


class StaticFilesConfig(DjangoStaticFilesConfig):
    ignore_patterns = [*DjangoStaticFilesConfig.ignore_patterns, "*.d.ts", "tsconfig.json", "build"]


def collect() -> None:
    """Brings STATIC_ROOT up to date.

    While neither the sources, nor what makes files of them, nor what came of it has changed since the last time, there
    is nothing to do: to find that out by making every file again is half of what a start costs.
    """
    root = Path(settings.STATIC_ROOT)
    note = root.with_name(f"{root.name}.made-of")
    if note.exists() and note.read_text() == _state(root):
        return
    note.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    note.write_text(_state(root))


def _state(root: Path) -> str:
    """Stands for the sources and the programs, which an upgrade may bring with any time, and for the results, of which
    names, sizes and times are enough: nobody writes them but us."""
    state = hashlib.sha256(f"{sys.version} {version('django')} {version('servestatic')}".encode())
    ignored = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    found = [Path(files.path(name)) for finder in get_finders() for name, files in finder.list(ignored)]
    for path in (Path(__file__), Path(__file__).with_name("lean_javascript.py"), *sorted(found)):
        content = path.read_bytes()
        state.update(f"{path} {len(content)}\n".encode() + content)
    for path in sorted(Path(place, name) for place, _, names in os.walk(root) for name in names):
        status = path.stat()
        state.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return state.hexdigest()
