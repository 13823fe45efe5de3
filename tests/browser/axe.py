"""What axe-core finds wrong with a page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page


def violations(page: Page, **options: Any) -> list[dict[str, Any]]:
    """Each broken rule with its nodes; `options` as `axe.run` takes them.

    Nothing of what is right with the page: to gather it and carry it here took longer than to look.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(
        "async (options) => (await axe.run(document, options)).violations", {"resultTypes": ["violations"]} | options
    )
    return found
