"""LiveSegmenter: the network in the page predicts what torch does, and every fault is a sentence of the page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from books import Visit
from PIL import Image
from training_worlds import small_segmentation, write_satellite

from dlcvlib import data as course_data
from dlcvlib import training
from dlcvlib.data import palette
from dlcvlib.runs import Run
from dlcvlib.views import LiveSegmenter
from dlcvlib.views.scrubbers import static

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SERIOUS = ("serious", "critical")
PIXELS = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
Made = tuple[Run, LiveSegmenter]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A trained record that keeps the weights of three epochs, and its view."""
    folder = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCV_RUNS", str(folder / "runs"))
        patch.setenv("DLCV_PRECISION", "fp32")
        root = write_satellite(folder / "satellite")
        recipe = small_segmentation(epochs=6, kept_weights=3)
        run = training.train(recipe, profile="smoke", seed=0, data=root)
        found = course_data.find(root).satellite
        assert found is not None
        tiles = course_data.decode(found, "val")
        images, masks = tiles.images.clone(), tiles.masks
    assert masks is not None
    return run, LiveSegmenter(run, images, masks.clone(), ["0000", "0001", "0002", "0003"], shown=["0000", "0002"])


@pytest.fixture
def page_file(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page as the book has it: weights in scripts beside it."""
    monkeypatch.setenv("DLCV_LIVE", str(tmp_path / "_static" / "live"))
    file = tmp_path / "page.html"
    file.write_text(static.page(made[1].html, title="A network in the page"))
    return file


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, page_file: Path) -> Iterator[Open]:
    """Opens the page; nothing is asked of the network, and the console stays silent."""
    visits: list[tuple[Visit, bool]] = []

    def open_page(file: Path = page_file, *, silent: bool = True, drawn: bool = True, **context: Any) -> Visit:
        made = Visit(browser, file, **context)
        made.page.set_default_timeout(15_000)
        visits.append((made, silent))
        if drawn:
            made.page.locator("[data-epoch]").wait_for()
        return made

    yield open_page
    for each, silent in visits:
        assert each.outside == []
        # The tests' own reading of the canvases is commented on.
        complaints = [text for text in each.complaints if "willReadFrequently" not in text]
        assert complaints == [] or not silent
        each.page.close()


def scripts(made: Made, page_file: Path) -> dict[str, Path]:
    """The scripts beside the page, by what they hold."""
    folder = page_file.parent / "_static" / "live"
    return {key: folder / f"{name}.js" for key, name in made[1].write_scripts(folder).items()}


def settle(page: Any) -> None:
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"
    )


def mask(page: Any, kind: str = "prediction") -> np.ndarray:
    """Class ids of a pane, (H, W); 255 where nothing is drawn."""
    settle(page)
    drawn = np.array(page.locator(f"canvas.dlcv-{kind}").evaluate(PIXELS), np.uint8).reshape(32, 32, 4)
    equal = (drawn[:, :, None, :3] == palette.COLOURS).all(-1)
    return np.where((drawn[..., 3] == 255) & equal.any(-1), equal.argmax(-1), 255)


def go_to(page: Any, index: int, epoch: int) -> None:
    page.locator(".dlcv-slider").fill(str(index))
    page.locator(f'[data-epoch="{epoch}"]').wait_for()


def uncover(page: Any) -> None:
    page.get_by_role("slider", name="square", exact=True).fill("0")


def said(page: Any) -> str:
    settle(page)
    return str(page.locator(".dlcv-said").inner_text())


def status(page: Any) -> Any:
    return page.locator(".dlcv-live > .dlcv-status")


# ---- in Python


def test_the_view_predicts_as_the_record_did(made: Made) -> None:
    run, view = made
    assert view.epochs == run.weight_epochs and len(view.epochs) == 3
    last = view.predict(view.epochs[-1])
    assert last.shape == (2, 32, 32) and last.dtype == np.uint8
    recorded = run.masks(view.epochs[-1])
    for name, predicted in zip(("0000", "0002"), last, strict=True):
        if name in recorded:
            assert (predicted == recorded[name]).mean() > 0.98
    assert view.still().startswith(b"\x89PNG")


def test_epochs_without_weights_are_refused_by_those_there_are(made: Made) -> None:
    run, _ = made
    images, masks = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, 32, 32)
    with pytest.raises(ValueError, match=rf"{run.path} keeps weights of the epochs 1, .*asked for: 5\..*kept_weights"):
        LiveSegmenter(run, images, masks, ["0000"], epochs=[5])
    with pytest.raises(ValueError, match="asked for: none"):
        LiveSegmenter(run, images, masks, ["0000"], epochs=[])


def test_python_sends_the_weights_that_the_page_asks_for(made: Made) -> None:
    _, view = made
    for epoch in (view.epochs[0], view.epochs[-1]):
        view._wanted = epoch
        assert (view._weights_epoch, view._weights) == (epoch, view._networks.packed(epoch))
    assert view._values()["_weights"] == b"" and view._values()["_wanted"] == -1, "the page has none of it"


def test_only_a_run_for_the_book_writes_scripts(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLCV_LIVE", raising=False)
    assert '"_scripts":{}' in made[1].html
    monkeypatch.setenv("DLCV_LIVE", str(tmp_path / "store"))
    html = made[1].html
    names = {file.stem for file in (tmp_path / "store").iterdir()}
    assert len(names) == 3 + 3 and all(name in html for name in names)
    assert len(html) < 110_000


# ---- in the page


@pytest.mark.browser
def test_the_page_predicts_what_torch_does_at_each_epoch(visit: Open, made: Made) -> None:
    page, view = visit().page, made[1]
    uncover(page)
    for row, name in enumerate(("0000", "0002")):
        page.get_by_role("combobox", name="image", exact=True).select_option(name)
        for index in (2, 0):
            go_to(page, index, view.epochs[index])
            expected = view.predict(view.epochs[index])[row]
            assert (mask(page) == expected).mean() >= 0.999
    first, last = view.predict(view.epochs[0]), view.predict(view.epochs[-1])
    assert (first != last).mean() > 0.01, "the epochs differ"
    assert (mask(page, "truth") == view._truths[1]).all()
    assert said(page) == "Nothing is covered."


@pytest.mark.browser
def test_the_keyboard_moves_the_square_and_the_mask_follows(visit: Open, made: Made) -> None:
    page, view = visit().page, made[1]
    frame = page.locator(".dlcv-frame[tabindex]")
    assert said(page).startswith("The square covers 4 x 4 pixels from column 6, row 6.")
    page.get_by_role("slider", name="square", exact=True).fill("8")
    for _ in range(9):
        frame.press("ArrowLeft")
        frame.press("ArrowUp")
    assert said(page).startswith("The square covers 8 x 8 pixels from column 0, row 0.")
    pixels = torch.tensor(view._photos[0]).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (view._networks.mean, view._networks.std))
    images = (pixels - mean) / std
    covered = images.clone()
    covered[..., :8, :8] = 0
    with torch.no_grad():
        network = view._networks.network(view.epochs[-1])
        logits = [
            torch.nn.functional.interpolate(network(each), (32, 32), mode="bilinear") for each in (images, covered)
        ]
    before, after = (each.argmax(1)[0].numpy() for each in logits)
    assert (mask(page) == after).mean() >= 0.999
    count = int((before != after).sum())
    shown = page.locator("canvas.dlcv-change").get_attribute("aria-label")
    assert abs(int(shown.split()[0].replace(",", "")) - count) <= 2 and count > 0
    frame.press("Shift+ArrowRight")
    assert "column 1, row 0" in said(page)
    page.wait_for_timeout(1000)
    assert page.locator(".dlcv-heard").inner_text() == said(page)
    assert page.locator(".dlcv-epoch").inner_text().startswith(f"epoch {view.epochs[-1]} "), "arrows stay in the frame"


@pytest.mark.browser
def test_the_pointer_drags_the_square(visit: Open) -> None:
    page = visit().page
    box = page.locator(".dlcv-frame[tabindex]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert "column 12, row 6" in said(page)


@pytest.mark.browser
def test_rotation_noise_blur_and_brightness_change_the_picture_and_are_undone(visit: Open) -> None:
    page = visit().page
    settle(page)
    picture = page.locator("canvas.dlcv-image")
    before, truth = picture.evaluate(PIXELS), mask(page, "truth")
    for name, value in (("rotation", "90"), ("noise", "0.2"), ("blur", "2"), ("brightness", "0.3")):
        page.get_by_role("slider", name=name, exact=True).fill(value)
        settle(page)
        assert picture.evaluate(PIXELS) != before, name
        if name == "rotation":
            assert (mask(page, "truth") == np.rot90(truth, -1)).all(), "the true mask turns, too"
        page.get_by_role("button", name="image as it was").click()
        settle(page)
        assert picture.evaluate(PIXELS) == before, name


def png(size: tuple[int, int], colour: Any, mode: str = "RGB") -> dict[str, Any]:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("image", "words"),
    [
        (png((40, 30), (250, 20, 30)), "40 x 30 pixels, resized to 16 x 16. Its middle 30 x 30 pixels are taken."),
        (png((1, 1), (0, 0, 0)), "1 x 1 pixels, resized to 16 x 16."),
        (png((8000, 8000), 9, "L"), "8000 x 8000 pixels, resized to 16 x 16."),
        (png((20, 20), (9, 9, 9, 0), "RGBA"), "Where it is transparent, it is shown on white."),
    ],
    ids=["oblong", "one pixel", "huge", "transparent"],
)
def test_an_image_of_the_readers_is_segmented_with_a_remark(visit: Open, image: dict[str, Any], words: str) -> None:
    page = visit().page
    before = mask(page)
    page.locator("input[type=file]").set_input_files(image)
    status(page).get_by_text("distribution shift").wait_for()
    text = status(page).inner_text()
    assert words in text and "trained on 12 satellite images" in text
    assert "no true mask" in page.locator(".dlcv-panes").inner_text()
    assert (mask(page) != before).any() and (mask(page) < 7).all()
    page.get_by_role("combobox", name="image", exact=True).select_option("0000")
    settle(page)
    assert status(page).inner_text() == "" and (mask(page) == before).all()


@pytest.mark.browser
def test_a_file_that_is_no_image_is_said_and_the_picture_stays(visit: Open) -> None:
    page = visit().page
    before = mask(page)
    for content in (b"not an image", b"", png((30, 30), 1, "L")["buffer"][:60]):
        page.locator("input[type=file]").set_input_files(
            {"name": "notes.png", "mimeType": "image/png", "buffer": content}
        )
        status(page).get_by_text("notes.png is not shown: this browser cannot read it as an image").wait_for()
        assert (mask(page) == before).all()


@pytest.mark.browser
def test_weights_are_loaded_for_the_epochs_looked_at(visit: Open, made: Made, page_file: Path) -> None:
    files, view = scripts(made, page_file), made[1]
    contents = {epoch: files[str(epoch)].read_text() for epoch in view.epochs[:-1]}
    for epoch in contents:
        files[str(epoch)].unlink()
    opened = visit()  # a request for one of them would fail, and be complained of
    opened.page.wait_for_timeout(300)
    files[str(view.epochs[0])].write_text(contents[view.epochs[0]])
    go_to(opened.page, 0, view.epochs[0])
    uncover(opened.page)
    assert (mask(opened.page) == view.predict(view.epochs[0])[0]).mean() >= 0.999


@pytest.mark.browser
@pytest.mark.parametrize("damage", ["missing", "cut", "shorter"])
def test_a_damaged_script_is_said_and_the_other_epochs_run(
    visit: Open, made: Made, page_file: Path, damage: str
) -> None:
    view = made[1]
    file = scripts(made, page_file)[str(view.epochs[0])]
    text = file.read_text()
    if damage == "missing":
        file.unlink()
    else:
        file.write_text(text[:400] if damage == "cut" else text[:400] + '";\n')
    opened = visit(silent=damage != "missing")  # the browser itself tells of a file that is not there
    page = opened.page
    page.locator(".dlcv-slider").fill("0")
    status(page).get_by_text(f"The network of epoch {view.epochs[0]} cannot run: ").wait_for()
    assert not [each for each in opened.complaints if "Uncaught" in each or "Error:" in each]
    go_to(page, 1, view.epochs[1])
    settle(page)
    assert status(page).inner_text() == ""
    uncover(page)
    assert (mask(page) == view.predict(view.epochs[1])[0]).mean() >= 0.999


@pytest.mark.browser
@pytest.mark.parametrize("key", ["pictures", "plan"])
def test_without_pictures_or_plan_the_page_says_so(visit: Open, made: Made, page_file: Path, key: str) -> None:
    scripts(made, page_file)[key].unlink()
    page = visit(silent=False, drawn=False).page
    status(page).get_by_text("The network cannot be shown: the weights in").wait_for()


@pytest.mark.browser
def test_a_page_without_weights_says_where_the_network_runs(
    browser: Browser, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DLCV_LIVE", raising=False)
    (tmp_path / "alone.html").write_text(static.page(made[1].html, title="alone"))
    opened = Visit(browser, tmp_path / "alone.html")
    status(opened.page).get_by_text("it runs in the built book, in JupyterLab with a kernel").wait_for()
    assert (mask(opened.page, "truth") == made[1]._truths[0]).all(), "image and true mask are there"
    assert [text for text in opened.complaints if "willReadFrequently" not in text] == []
    opened.page.close()


@pytest.mark.browser
def test_without_webassembly_javascript_predicts_the_same(visit: Open, made: Made, page_file: Path) -> None:
    policy = "<meta http-equiv='Content-Security-Policy' content=\"script-src 'unsafe-inline' file:\">"
    page_file.write_text(page_file.read_text().replace('<meta charset="utf-8">', f'<meta charset="utf-8">{policy}', 1))
    page = visit(silent=False).page  # the browser itself tells of the policy
    assert "plain JavaScript" in status(page).inner_text()
    uncover(page)
    assert (mask(page) == made[1].predict(made[1].epochs[-1])[0]).mean() >= 0.999


@pytest.mark.browser
def test_a_saved_page_holds_every_epoch(visit: Open, made: Made, tmp_path: Path) -> None:
    view = made[1]
    (tmp_path / "elsewhere").mkdir()
    view.save(tmp_path / "elsewhere" / "saved.html")
    page = visit(tmp_path / "elsewhere" / "saved.html").page
    uncover(page)
    for index, epoch in enumerate(view.epochs):
        go_to(page, index, epoch)
        assert (mask(page) == view.predict(epoch)[0]).mean() >= 0.999


@pytest.mark.browser
def test_feature_maps_of_every_layer_can_be_seen(visit: Open, made: Made) -> None:
    page = visit().page
    assert page.locator(".dlcv-layer-map").count() == 0, "nothing is drawn while the panel is closed"
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    layers = [layer for layer in json.loads(made[1]._networks.plan.to_json())["layers"] if len(layer["shape"]) == 3]
    select = page.get_by_label("layer")
    assert select.locator("option").count() == len(layers)
    for index in (0, len(layers) - 1):
        select.select_option(index=index)
        settle(page)
        channels, _, width = layers[index]["shape"]
        assert page.locator(".dlcv-layer-map").count() == 1 + min(7, channels)
        assert page.locator(".dlcv-layer-map canvas").first.evaluate("canvas => canvas.width") == width


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_a_phone_shows_everything(visit: Open, theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(theme=theme, width=390).page
    page.locator("summary").click()
    settle(page)
    found = Axe().run(page).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in SERIOUS] == []
    wide = "[...document.querySelectorAll('.dlcv-live *')].filter(one => one.getBoundingClientRect().right > 391)"
    assert page.evaluate(f"{wide}.map(one => one.outerHTML.slice(0, 80))") == []


# ---- in the book


def test_the_book_copies_the_scripts_that_its_pages_name(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "book" / "extensions"))
    import live_weights

    source, out = tmp_path / "book", tmp_path / "html"
    monkeypatch.setenv("DLCV_LIVE", str(source / "chapters" / "live" / "09_net"))
    (out / "chapters").mkdir(parents=True)
    (out / "chapters" / "09_net.html").write_text(made[1].html)
    written = {file.name for file in (source / "chapters" / "live" / "09_net").iterdir()}
    (source / "chapters" / "live" / "09_net" / "0123456789abcdef.js").write_text("of an earlier run")
    app = SimpleNamespace(srcdir=source, outdir=out, builder=SimpleNamespace(name="html"))
    live_weights.copy_weights(app, None)
    copied = out / "_static" / "live"
    assert {file.name for file in copied.iterdir()} == written and not caplog.records

    (source / "chapters" / "live" / "09_net" / min(written)).unlink()
    (copied / "feedfeedfeedfeed.js").write_text("of an earlier build")
    (copied / "my_own.js").write_text("not written by the book")
    live_weights.copy_weights(app, None)
    assert not (copied / "feedfeedfeedfeed.js").exists() and (copied / "my_own.js").exists()
    assert any("remove" in record.getMessage() and "09_net" in record.getMessage() for record in caplog.records)
