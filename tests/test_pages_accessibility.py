"""axe-core finds no serious fault on any page, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from books import Visit, all_pages

SERIOUS = ("serious", "critical")
RULES = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},  # the rest is the same page
}
EXCEPTIONS: dict[str, str] = {}
"""Rules of axe-core that a page may break, each with the reason."""


def violations(page: Any, options: dict[str, Any]) -> list[str]:
    """Serious and critical faults of an open page, each with its rule and the first element that has it."""
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']}, {len(fault['nodes'])} elements, the first {fault['nodes'][0]['target']}: "
        f"{fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in SERIOUS and fault["id"] not in EXCEPTIONS
    ]


@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_no_page_has_a_serious_fault_in_either_theme(pages: Path, browser: Any) -> None:
    found = {}
    for file in all_pages(pages):
        visit = Visit(browser, file)
        visit.draw_all()
        for theme, options in RULES.items():
            visit.page.emulate_media(color_scheme=theme)
            visit.page.wait_for_timeout(300)
            assert visit.value("document.documentElement.dataset.theme") == theme
            found[file.relative_to(pages), theme] = violations(visit.page, options)
        visit.page.close()
    assert {page: faults for page, faults in found.items() if faults} == {}
