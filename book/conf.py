"""Sphinx configuration: executed notebooks become a folder of pages that work offline."""

import sys
from pathlib import Path

import plotly

from dlcvlib.views.figures import SCRIPT, STYLE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "Deep learning for computer vision, executed"
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "mathml",
    "records",
    "recorded_overview",
    "recorded_settings",
    "recorded_segmentations",
    "recorded_benchmarks",
    "package_api",
    "library_layers",
    "chapter_numbers",
    "folded_code",
    "search_text",
    "source_links",
    "theme_names",
    "used_files",
    "measured_minutes",
    "live_weights",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "results", "chapters/logs", "chapters/trained", "**.ipynb_checkpoints"]

# Chapters were run by papermill (book/chapters.py); Sphinx only shows them.
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # what a cell shows as Markdown may hold mathematics, as the text does
nb_output_stderr = "remove"  # progress bars; what a reader should know is in the text and the figures
nb_mime_priority_overrides = [
    # A widget needs a running kernel, or scripts from a CDN: the HTML beside it is what a page can show.
    ("html", "text/html", 1),
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "application/javascript", None),
]
nb_ipywidgets_js = {}
# What is beside the HTML (see dlcvlib/views/display.py) is left out; an output without HTML still fails the build.
suppress_warnings = ["mystnb.unknown_mime_type"]

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"  # book/extensions/mathml.py: no script; font in book.css
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"

# Docstrings have the sections Args, Returns and Raises; types stand in the signature (book/extensions/package_api.py).
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static", str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js")]
html_css_files = ["icons.css", "book.css", "figures.css"]
html_js_files = ["figures.js", "page.js", "progress.js"]
html_domain_indices = False  # the reference lists the modules
html_copy_source = True
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until the reader chooses
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the search field stands in the sidebar already
    "footer_content_items": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def without_widget_state(app, pagename, templatename, context, doctree):
    """A scrubber stands in the page as HTML: its widget's state, which myst-nb adds, would double the page's weight."""
    files = context.get("script_files", [])
    files[:] = [file for file in files if getattr(file, "attributes", {}).get("type") != WIDGET_STATE]


def with_figures(app):
    """The script and the style that draw the figures are the library's."""
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "figures.js").write_text(SCRIPT, encoding="utf-8")
    (static / "figures.css").write_text(STYLE, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", with_figures)
    app.connect("html-page-context", without_widget_state, priority=900)  # after myst-nb's own
