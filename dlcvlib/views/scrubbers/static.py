"""A scrubber as HTML that needs nothing else: its module, its style and its values stand in the page."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

MODEL = (Path(__file__).parent / "static_model.js").read_text(encoding="utf-8")
EXPORT = "export default "  # what an ES module ends with; a script in a page has no exports


def figure(
    module: str, style: str, values: dict[str, Any], still: bytes, *, identity: str, caption: str, alt: str
) -> str:
    """The `<figure>` of a scrubber.

    It holds a still picture, which the script replaces once the figure comes near the screen.

    Args:
        module: text of an anywidget module, without imports.
        style: its CSS.
        values: of the model, by name; what JSON holds, and bytes.
        still: PNG.
        identity: of the widget that this figure gives way to.
        caption: below the figure.
        alt: of the still picture.

    Raises:
        ValueError: the module has not one default export, `module` or `style` would end its element, or a value is nan.
    """
    if module.count(EXPORT) != 1:
        raise ValueError(f"the module must hold `{EXPORT}` once, it holds it {module.count(EXPORT)} times")
    script = MODEL + module.replace(EXPORT, "const scrubber = ") + "\nstartStatic(scrubber, place);"
    for text, name in ((script, "script"), (style, "style")):
        if f"</{name}" in text:
            raise ValueError(f"the {name} holds `</{name}`, which would end its element in a page")
    return (
        '<figure class="dlcv-figure" role="figure">\n'
        f'<div class="dlcv-static" data-identity="{escape(identity)}">\n'
        f"<style>{style}</style>\n"
        f'<div class="dlcv-place"><img src="data:image/png;base64,{_base64(still)}" alt="{escape(alt)}" '
        'style="max-width: 100%; height: auto"></div>\n'
        f'<script type="application/json">{_json(values)}</script>\n'
        f'<script>(() => {{ "use strict"; const place = document.currentScript.parentElement;\n{script}\n'
        "})();</script>\n"
        f"</div>\n<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def page(figure_html: str, *, title: str) -> str:
    """A whole page around a figure, light or dark as the reader's system is."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        "<style>:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; "
        "max-width: 60rem; padding: 0 1rem; } figure { margin: 0; } "
        "figcaption { font-size: 0.9em; margin-top: 0.75rem; }"
        f"</style>\n</head>\n<body>\n{figure_html}\n</body>\n</html>\n"
    )


def _json(values: dict[str, Any]) -> str:
    """JSON in which bytes are `{"base64": …}`; "<" is escaped so that no text in it can end the script element."""
    text = json.dumps(values, default=lambda data: {"base64": _base64(data)}, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
