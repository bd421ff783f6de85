"""Diagrams of the methods: everything lies where it belongs, and every number comes from a recipe or a network."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dlcvlib import recipes
from dlcvlib.views import Picture, diagram
from dlcvlib.views.diagram.drawing import OUTLINES, alt_text
from dlcvlib.views.diagram.grid import WIDTH, Arrow, Box, Grid, Rectangle

DRAWN: dict[str, Callable[[], Picture]] = {
    "byol": diagram.byol,
    "simsiam": diagram.simsiam,
    "dino": diagram.dino,
    "settings": diagram.settings,
    "fcn": diagram.fcn,
    "unet": diagram.unet,
    "unet with a dropped skip": lambda: diagram.unet(recipes.get("r3_unet_dropped")),
    "sam": diagram.sam,
    "classifier": diagram.classifier,
}
TAPS = {"rate 2": lambda: diagram.atrous(2, 9), "rate 36": lambda: diagram.atrous(36, 8)}
every_diagram = pytest.mark.parametrize("name", DRAWN)


@cache
def picture(name: str) -> Picture:
    return (DRAWN | TAPS)[name]()


def svg(shown: Picture) -> ElementTree.Element:
    text = re.search(r"<svg.*</svg>", shown.html, re.DOTALL)
    assert text is not None
    return ElementTree.fromstring(text[0].replace(' xmlns="http://www.w3.org/2000/svg"', ""))


def rectangles(drawing: ElementTree.Element) -> list[Rectangle]:
    sides = ("x", "y", "width", "height")
    return [Rectangle(*(float(each.attrib[side]) for side in sides)) for each in drawing.iterfind("rect[@class='box']")]


def arrows(drawing: ElementTree.Element) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Start and tip of each arrow."""
    starts = [re.findall(r"[\d.]+", path.attrib["d"])[:2] for path in drawing.iterfind("path[@class='arrow']")]
    tips = [head.attrib["points"].split()[0].split(",") for head in drawing.iterfind("polygon")]
    return [((float(x1), float(y1)), (float(x2), float(y2))) for (x1, y1), (x2, y2) in zip(starts, tips, strict=True)]


def is_on_edge(place: tuple[float, float], box: Rectangle) -> bool:
    x, y = place
    within = box.left <= x <= box.right and box.top <= y <= box.bottom
    return within and min(abs(x - box.left), abs(x - box.right), abs(y - box.top), abs(y - box.bottom)) < 0.2


@every_diagram
def test_boxes_lie_in_the_drawing_and_none_on_another(name: str) -> None:
    drawing = svg(picture(name))
    boxes, (_, _, width, height) = rectangles(drawing), map(float, drawing.attrib["viewBox"].split())
    assert len(boxes) >= 8
    assert [box for box in boxes if not Rectangle(0, 0, width, height).contains(box)] == []
    assert [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []


@every_diagram
def test_every_arrow_leads_from_box_to_box_and_through_no_other(name: str) -> None:
    drawing = svg(picture(name))
    boxes, routes = rectangles(drawing), arrows(drawing)
    assert len(routes) >= 7
    for start, tip in routes:
        assert sum(is_on_edge(start, box) for box in boxes) == 1 == sum(is_on_edge(tip, box) for box in boxes)
        (left, right), (top, bottom) = sorted((start[0], tip[0])), sorted((start[1], tip[1]))
        line = Rectangle(left - 0.1, top + 0.3, right - left + 0.2, bottom - top - 0.6)
        if top == bottom:
            line = Rectangle(left + 0.3, top - 0.1, right - left - 0.6, 0.2)
        assert not any(line.overlaps(box) for box in boxes)


@every_diagram
def test_the_alt_text_holds_every_word_of_the_drawing(name: str) -> None:
    shown = picture(name)
    words = {word for text in svg(shown).iterfind("text") for word in str(text.text).strip(",;").split()}
    missing = {word for word in words if word.strip(",") not in shown.alt and not word.endswith("-")}
    assert missing == set() and len(words) > 10


@pytest.mark.parametrize("name", [*DRAWN, *TAPS])
def test_a_drawing_has_title_description_and_colours_of_either_theme(name: str) -> None:
    shown, drawing = picture(name), svg(picture(name))
    assert drawing.find("title") is not None and drawing.findtext("desc") == shown.alt
    assert 'role="img"' in shown.html and drawing.attrib["fill"] == "currentColor"
    assert "#000" not in shown.html and "#fff" not in shown.html.lower()


def test_no_two_kinds_of_boxes_differ_in_colour_alone() -> None:
    looks = {(outline.dashes, outline.radius, outline.width) for outline in OUTLINES.values()}
    assert len(looks) == len(OUTLINES) == len({outline.looks for outline in OUTLINES.values()})


INSIDE = """[...document.querySelectorAll('svg')].flatMap(svg => {
    const at = part => part.getBoundingClientRect(), frame = at(svg);
    const texts = [...svg.querySelectorAll('text')], boxes = [...svg.querySelectorAll('rect.box')].map(at);
    const lines = [...svg.querySelectorAll('path.arrow')].map(at);
    const wide = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const crosses = (a, b, by) => wide(a, b) > by && high(a, b) > by;
    return texts.flatMap((text, index) => {
        const own = at(text), found = [];
        if (own.left < frame.left || own.right > frame.right || own.bottom > frame.bottom) found.push('leaves drawing');
        texts.slice(0, index).forEach(other => crosses(own, at(other), 3) && found.push('on ' + other.textContent));
        boxes.forEach(box => {
            const whole = own.left >= box.left + 2 && own.right <= box.right - 2;
            if (crosses(own, box, 2) && !whole) found.push('leaves its box');
        });
        lines.forEach(line => {
            const y = (line.top + line.bottom) / 2, x = (line.left + line.right) / 2;
            const flat = line.width > line.height;
            const on = flat ? wide(own, line) > 1 && y > own.top + 3 && y < own.bottom - 3
                            : high(own, line) > 1 && x > own.left - 1 && x < own.right + 1;
            if (on) found.push('on an arrow');
        });
        return found.map(fault => `${text.textContent}: ${fault}`);
    });
})"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
def test_texts_fit_their_boxes_and_letters_stay_readable(browser: Any, tmp_path: Path, width: int) -> None:
    from page_checks import WIDER, smallest_letters

    file = tmp_path / "page.html"
    body = "".join(picture(name).html for name in [*DRAWN, *TAPS])
    style = "body { font-family: sans-serif; margin: 16px } figure { margin: 0 }"
    file.write_text(f"<!DOCTYPE html><style>{style}</style><body>{body}</body>")
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(file.as_uri())
    assert page.evaluate(INSIDE) == []
    letters = smallest_letters(page)
    assert letters is not None and letters >= 9.5
    assert page.evaluate(WIDER) == 0
    page.close()


# --- numbers ---


@pytest.mark.parametrize("rate", [1, 2, 3, 4, 6, 12, 36])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 64])
def test_the_taps_inside_are_those_that_an_atrous_convolution_reads(rate: int, size: int) -> None:
    layer = nn.Conv2d(1, 1, 3, padding=rate, dilation=rate, bias=False)
    nn.init.ones_(layer.weight)
    image = torch.ones(1, 1, size, size, requires_grad=True)
    layer(image)[0, 0, size // 2, size // 2].backward()
    assert image.grad is not None
    read = [(row, column) for row, column, inside in diagram.taps(rate, size) if inside]
    assert sorted(map(list, read)) == image.grad[0, 0].nonzero().tolist()
    assert diagram.taps_inside(rate, size) == len(read)


@pytest.mark.parametrize("name", TAPS)
def test_every_tap_is_drawn_and_counted(name: str) -> None:
    shown = picture(name)
    drawing = svg(shown)
    inside, outside = drawing.findall("rect[@class='tap']"), drawing.findall("g[@class='tap']")
    assert len(inside) + len(outside) == 9
    assert f"(filled squares): {len(inside)} of 9" in shown.caption and shown.alt.count("outside") == len(outside)


@pytest.mark.parametrize(("rate", "size"), [(0, 8), (2, 0)])
def test_a_rate_or_size_below_one_is_refused(rate: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"rate={rate} and size={size} must both be at least 1"):
        diagram.atrous(rate, size)


def test_sizes_of_the_methods_are_those_of_the_recipe() -> None:
    small = diagram.byol(recipes.get("our_byol").for_profile("quick"))
    assert "(N, 3, 32, 32)" in small.alt and "z2: (N, 64)" in small.alt and "m from 0.9 to 1" in small.caption
    full = diagram.byol(recipes.get("our_byol"))
    assert "z2: (N, D)" in full.alt, "a dimension that the recipe leaves to the method has no number"
    dino = diagram.dino(recipes.get("r3_dino"))
    assert "2 of 224 pixels, 6 of 96 pixels" in dino.alt and "(8N, 65536)" in dino.alt and "0.04" in dino.alt


def test_sizes_of_the_networks_are_those_of_their_maps() -> None:
    assert all(f"× {size} × {size}, stride" in diagram.fcn(100).alt for size in (13, 7, 4)), "pooling rounds up"
    reduced = diagram.unet(recipes.get("our_unet").for_profile("quick"))
    side = recipes.get("our_unet").for_profile("quick").image_size
    assert f"encoder 2: 16 × {side // 2} × {side // 2}" in reduced.alt
    assert "encoder 4 to decoder 4 (zeros)" in picture("unet with a dropped skip").alt
    assert "linear layer: 2048 to 50" in picture("classifier").alt and "(N, 2048, 4, 4)" in picture("classifier").alt


def test_a_setting_is_drawn_as_the_course_states_it() -> None:
    for name, setting in recipes.SETTINGS.items():
        trained = "trained" if setting.trains == "model" else "frozen"
        assert f"{name}, backbone: {trained};" in picture("settings").alt
        assert f"{name}, classifier: trained" in picture("settings").alt


@pytest.mark.parametrize("draw", [diagram.byol, diagram.simsiam, diagram.dino], ids=["byol", "simsiam", "dino"])
def test_a_recipe_of_another_method_is_refused_with_one_that_fits(draw: Callable[..., Picture]) -> None:
    with pytest.raises(ValueError, match=rf"the recipe r1_resnet50 trains no {draw.__name__}; pass .* such as \w+_"):
        draw(recipes.get("r1_resnet50"))


def test_a_network_without_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="is vgg16_fcn8s, not a U-Net; pass such as r3_unet"):
        diagram.unet(recipes.get("r5_fcn8s"))


# --- the grid ---

ONE, BESIDE, BELOW = Box("one", 0, 0), Box("beside", 1, 0), Box("below", 1, 1, "a note")


def test_an_arrow_is_straight_or_refused() -> None:
    routes = Grid([ONE, BESIDE, BELOW], [Arrow("one", "beside"), Arrow("below", "beside")]).routes()
    assert [route.is_vertical for route in routes] == [False, True]
    assert routes[1].start[1] > routes[1].end[1], "upward"
    with pytest.raises(ValueError, match="one and below share neither a row nor a column"):
        Grid([ONE, BELOW], [Arrow("one", "below")]).routes()


def test_two_boxes_of_a_name_and_arrows_to_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match="two boxes are called one"):
        Grid([ONE, Box("one", 1, 1)], [])
    with pytest.raises(ValueError, match="no box is called two; there are one, beside"):
        Grid([ONE, BESIDE], [Arrow("one", "two")])


def test_a_long_label_and_a_long_note_get_the_room_that_they_need() -> None:
    short = Grid([BESIDE, BELOW], [Arrow("beside", "below", "go")])
    long = Grid([BESIDE, BELOW], [Arrow("beside", "below", "a label of many words that needs several lines")])
    assert long.height > short.height
    (route,) = long.routes()
    assert Rectangle(0, 0, WIDTH, long.height).contains(route.label)
    assert not any(route.label.overlaps(place) for place in long.places().values())


def test_the_alt_text_names_every_box_arrow_and_label() -> None:
    grid = Grid([ONE, BESIDE, BELOW], [Arrow("one", "beside", "EMA", "dashed")])
    assert alt_text(grid, "Title") == (
        "Title. Boxes: one; beside; below: a note. Kinds of boxes: data: one, beside, below. "
        "Arrows: one to beside (EMA)."
    )
