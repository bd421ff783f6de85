"""Regions drawn over an image, their slider, and the picker of prompts: what the kernel sees of it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from dlcvlib import views
from dlcvlib.views.prompt_picker import PromptPicker
from dlcvlib.views.regions import COLOURS, colours_of

DRAW = np.random.default_rng(0)
IMAGE = DRAW.integers(256, size=(3, 24, 32), dtype=np.uint8)
TEXTS = {"caption": "what to <notice>", "alt": "what is seen"}


def test_regions_that_touch_differ_in_colour() -> None:
    for seed in range(10):
        centres = np.random.default_rng(seed).random((30, 2)) * 40
        places = np.stack(np.mgrid[:40, :40], axis=-1)
        painted = ((places[:, :, None] - centres) ** 2).sum(-1).argmin(-1) - 1  # one of them is no region
        colours = colours_of(painted)
        for one, other in ((painted[:, 1:], painted[:, :-1]), (painted[1:], painted[:-1])):
            meet = (one != other) & (one >= 0) & (other >= 0)
            assert meet.any() and (colours[one[meet]] != colours[other[meet]]).all()
        assert len(np.unique(colours)) > 3


def test_an_overlay_tints_regions_marks_borders_and_darkens_the_rest() -> None:
    painted = np.full((24, 32), -1)
    painted[:, :16] = 0
    drawn = views.region_overlay(torch.from_numpy(IMAGE), painted, opacity=1.0)
    assert drawn.shape == IMAGE.shape and drawn.dtype == np.uint8
    tinted = drawn[:, :, :16].reshape(3, -1).T
    assert (tinted == tinted[0]).all() and tinted[0].tolist() in COLOURS.astype(int).tolist()
    assert (drawn[:, :, 16] == 255).all()
    assert (drawn[:, :, 17:] <= IMAGE[:, :, 17:]).all()
    with pytest.raises(ValueError, match="do not fit"):
        views.region_overlay(IMAGE, painted[:5])


def test_the_slider_s_steps_hold_a_picture_and_a_title_for_each_image() -> None:
    images = np.stack([IMAGE, IMAGE[:, ::-1]])
    halves = np.kron([[0, 1]], np.ones((24, 16))).astype(int)
    painted = {"4": [halves, halves - 1], "8": [halves * 0 - 1, halves]}
    picture = views.region_slider(images, painted, ["a", "b"], parameter="points", caption="Look.")
    found = re.search(r'<script type="application/json">(.*?)</script>', picture.html, flags=re.DOTALL)
    assert found is not None
    content = json.loads(found[1])
    layout, steps = content["layout"], content["steps"]
    assert [step["label"] for step in steps] == ["4", "8"]
    assert steps[0]["args"][0]["annotations[1].text"] == "b<br>1 regions<br>50% covered"
    assert steps[1]["args"][0]["annotations[0].text"] == "a<br>0 regions<br>0% covered"
    shown = steps[1]["args"][0]
    for place in (0, 1):
        assert layout["images"][place]["source"] == shown[f"images[{place}].source"]
        assert shown[f"images[{place}].source"].startswith("data:image/jpeg;base64,")
    assert "b: 1 regions, 50% covered" in picture.alt
    with pytest.raises(ValueError, match="do not fit each other"):
        views.region_slider(images, {"4": [halves]}, ["a", "b"], parameter="points", caption="Look.")


def test_a_picker_asks_once_for_each_prompt_and_keeps_the_answer() -> None:
    asked: list[tuple] = []

    def segment(points: list, labels: list, box: list) -> np.ndarray:
        asked.append((points, labels, box))
        return np.arange(24 * 32).reshape(24, 32) < 40

    picker = PromptPicker(IMAGE, segment, **TEXTS)
    assert asked == [] and picker.mask is None
    picker.set_state({"points": [[3, 4]], "labels": [1]})  # as a page does
    assert asked == [([[3, 4]], [1], [])]
    assert picker.mask is not None and picker.mask.sum() == 40
    picker.box = [1, 2, 9, 9]
    assert asked[1:] == [([[3, 4]], [1], [1, 2, 9, 9])]
    picker.set_state({"points": [], "labels": [], "box": []})
    assert len(asked) == 2 and picker.mask is None


def test_an_answer_that_fails_is_told_in_the_picker() -> None:
    def fail(*_: object) -> np.ndarray:
        raise ValueError("no such place")

    picker = PromptPicker(IMAGE, fail, points=[(1, 1)], labels=[1], **TEXTS)
    assert "no such place" in picker.message and picker.mask is None
    picker.set_state({"points": [], "labels": []})
    assert picker.message == ""


def test_the_book_s_picture_of_a_picker_shows_prompt_and_answer() -> None:
    def picture(**prompt: object) -> str:
        return PromptPicker(IMAGE, lambda *_: np.ones((24, 32)), **prompt, **TEXTS).picture().html  # type: ignore[arg-type]

    pictures = [
        picture(),
        picture(points=[(5, 5)], labels=[1]),
        picture(points=[(5, 5)], labels=[0]),
        picture(box=(2, 2, 20, 20)),
    ]
    assert len(set(pictures)) == 4
    bundle, _ = PromptPicker(IMAGE, **TEXTS)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "what to &lt;notice&gt;" in bundle["text/html"] and 'alt="what is seen"' in bundle["text/html"]


def test_a_picker_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="1 points need as many labels, got 0"):
        PromptPicker(IMAGE, points=[(1, 1)], **TEXTS)
    with pytest.raises(ValueError, match="caption is empty"):
        PromptPicker(IMAGE, caption=" ", alt="seen")
    with pytest.raises(ValueError, match="uint8"):
        PromptPicker(np.asarray(Image.new("L", (4, 4))), **TEXTS)
