"""Pictures: what a reader gets, with and without eyes, scripts or JupyterLab."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dlcvlib.views.display import PLOTLY_MIME, Picture, plotly_picture, svg_picture, table_picture


class Elements(HTMLParser):
    """Every element of a piece of HTML with its attributes, and the text inside `<script>`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.text[self.found[-1][0]] = self.text.get(self.found[-1][0], "") + data

    def first(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.found if name == tag)


def curve() -> go.Figure:
    return go.Figure(go.Scatter(x=[0, 1, 2], y=[0.1, np.nan, 0.7], name="</script><b>"))


def every_kind() -> list[Picture]:
    return [
        plotly_picture(curve(), caption="A <b> & c", alt='says "so"'),
        svg_picture("<?xml version='1.0'?><svg><text>x</text></svg>", caption="A <b> & c", alt='says "so"'),
        table_picture(pd.DataFrame({"a": [1.0, np.nan]}), caption="A <b> & c"),
    ]


@pytest.mark.parametrize("picture", every_kind(), ids=["plotly", "svg", "table"])
def test_every_picture_is_a_figure_with_its_caption(picture: Picture) -> None:
    bundle = picture._repr_mimebundle_()
    assert bundle["text/plain"] == "A <b> & c"
    elements = Elements(bundle["text/html"])
    assert elements.found[0] == ("figure", {"class": "dlcv-figure", "role": "figure"})
    assert elements.text["figcaption"].strip() == "A <b> & c"


def test_every_picture_but_a_table_says_what_is_seen() -> None:
    plotly, svg, _ = (Elements(picture.html) for picture in every_kind())
    assert plotly.first("div")["aria-label"] == 'says "so"' == svg.first("div")["aria-label"]
    assert 'says "so"' in plotly.text["p"], "the text for viewers that run no script"


def test_empty_alt_and_empty_caption_are_refused() -> None:
    with pytest.raises(ValueError, match="alt is empty"):
        plotly_picture(curve(), caption="c", alt="")
    with pytest.raises(ValueError, match="alt is empty"):
        svg_picture("<svg></svg>", caption="c", alt="")
    with pytest.raises(ValueError, match="caption is empty"):
        table_picture(pd.DataFrame(), caption="\n")


def test_the_book_is_given_the_whole_figure() -> None:
    picture = plotly_picture(curve(), caption="c", alt="a")
    drawn = json.loads(Elements(picture.html).text["script"])
    assert drawn["data"] == json.loads(curve().to_json())["data"], "a text in the figure cannot end the script element"


def test_jupyterlab_is_given_the_same_data_and_the_caption() -> None:
    figure = curve().update_layout(title="Own", height=300)
    live = plotly_picture(figure, caption="word " * 60, alt="a").live[PLOTLY_MIME]
    assert live["data"] == json.loads(figure.to_json())["data"]
    shown = live["layout"]["title"]["text"].split("<br>")
    assert shown[0] == "<b>Own</b>" and " ".join(shown[1:]) == ("word " * 60).strip()
    assert max(map(len, shown)) <= 110
    assert figure.layout.title.text == "Own" and figure.layout.height == 300, "the figure itself is left as it was"


@pytest.mark.parametrize("host", ["page", "JupyterLab"])
def test_both_hosts_scroll_by_default_and_offer_no_network(host: str) -> None:
    picture = plotly_picture(curve(), caption="c", alt="a")
    content = json.loads(Elements(picture.html).text["script"]) if host == "page" else picture.live[PLOTLY_MIME]
    assert content["layout"]["dragmode"] is False and content["config"]["scrollZoom"] is False
    assert content["config"]["showSendToCloud"] is False and content["config"]["plotlyServerURL"] == ""
    assert content["layout"]["legend"]["itemclick"] == "toggleothers"


def test_a_slider_is_an_input_of_the_page_and_plotly_s_own_in_jupyterlab() -> None:
    steps = [{"method": "relayout", "args": [{}], "label": label} for label in ("low", "high")]
    slider = {"active": 1, "steps": steps, "currentvalue": {"prefix": "height = "}}
    picture = plotly_picture(curve().update_layout(sliders=[slider]), caption="c", alt="a")
    drawn = json.loads(Elements(picture.html).text["script"])
    given = Elements(picture.html).first("input")
    assert (given["max"], given["value"], given["aria-valuetext"]) == ("1", "1", "high")
    assert [step["label"] for step in drawn["steps"]] == ["low", "high"] and "sliders" not in drawn["layout"]
    assert picture.live[PLOTLY_MIME]["layout"]["sliders"][0]["active"] == 1


def test_a_drawing_without_svg_is_refused() -> None:
    with pytest.raises(ValueError, match="<svg>"):
        svg_picture("<p>no</p>", caption="c", alt="a")


def test_a_table_shows_missing_values_escapes_text_and_hides_a_mere_count() -> None:
    frame = pd.DataFrame({"model <A>": ["x", "y"], "accuracy": [0.76543, np.nan]})
    html = table_picture(frame, caption="c").html
    assert "0.765" in html and "–" in html and "model &lt;A&gt;" in html and "nan" not in html.lower()
    assert ">1</th>" not in html
    assert '<th scope="row">top</th>' in table_picture(frame.set_axis(["top", "end"]), caption="c").html
