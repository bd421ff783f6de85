"""A scrubber as self-contained HTML, with its script, style and values inline."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import Any

from dlcvlib.views.scrubbers.bundle import bundle

MODEL = bundle("static_model.js")
EXPORT = "export default "  # not allowed in an inline script, so it is removed there


def figure(
    module: str, style: str, values: dict[str, Any], still: bytes, *, identity: str, caption: str, alt: str
) -> str:
    """Return the `<figure>` of a scrubber; its script replaces a still picture once the figure is near the screen.

    Args:
        module: text of an anywidget module: one default export, no import.
        style: CSS.
        values: values of the model by name; JSON types and bytes.
        still: PNG.
        identity: id of the widget; while that is live, the figure is hidden.
        caption: text below the figure.
        alt: alt text of the still picture.

    Raises:
        ValueError: the module does not have one default export, `module` or `style` holds its element's end tag, or a
            value is nan.
    """
    if module.count(EXPORT) != 1:
        raise ValueError(f"the module must hold `{EXPORT}` once, it holds it {module.count(EXPORT)} times")
    script = f"const scrubber = {module.partition(EXPORT)[2]}\n{MODEL}.startStatic(scrubber, root);"
    for text, name in ((script, "script"), (style, "style")):
        if f"</{name}" in text:
            raise ValueError(f"the {name} holds `</{name}`, which would end its element in a page")
    return (
        '<figure class="dlcv-figure" role="figure">\n'
        f'<div class="dlcv-static" data-identity="{escape(identity)}">\n'
        f"<style>{style}</style>\n"
        f'<div class="dlcv-holder"><img src="data:image/png;base64,{_base64(still)}" alt="{escape(alt)}" '
        'style="max-width: 100%; height: auto"></div>\n'
        f'<script type="application/json">{_json(values)}</script>\n'
        f'<script>(() => {{ "use strict"; const root = document.currentScript.parentElement;\n{script}\n'
        "})();</script>\n"
        f"</div>\n<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def page(figure_html: str, *, title: str) -> str:
    """Return a whole page around a figure, light or dark as the reader's system."""
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
    """Return JSON with bytes as `{"base64": …}`, and "<" escaped so that no value can end the script element."""
    text = json.dumps(values, default=lambda data: {"base64": _base64(data)}, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
