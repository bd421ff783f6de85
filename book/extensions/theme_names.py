"""Names for what the theme leaves without one, for readers who hear the page."""

from __future__ import annotations

from functools import cache
from typing import Any


def name_toggles(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Name the buttons that open a part of the table of contents in the sidebar."""
    generate = context.get("generate_toctree_html")
    if generate is None:
        return

    @cache
    def named(*args: Any, **kwargs: Any) -> Any:
        tree = generate(*args, **kwargs)
        for summary in tree.find_all("summary"):
            link = summary.find_parent("li").find("a")
            summary["aria-label"] = f"Pages of {link.get_text(strip=True)}"
        return tree

    context["generate_toctree_html"] = named


def setup(app: Any) -> dict[str, bool]:
    app.connect("html-page-context", name_toggles, priority=900)  # after the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
