"""The engine of the pages computes what torch computes: every network of the book and kind of layer, both backends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from books import Visit
from live_networks import (
    ENGINE,
    NODE,
    PASS,
    Evaluate,
    as_trained,
    base64_of,
    error,
    evaluate_in_node,
    network_of,
    run,
)
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import live

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CLASSIFIERS = (
    "r1_small_cnn",
    "r1_resnet50",
    "r2_densenet121",
    "r4_vgg13_bn",
    "our_scratch",
    "timm_resnet26",
    "mobilenet_v2_a",
    "squeezenet1_0_a",
)
SEGMENTERS = (
    "our_fcn32s",
    "our_fcn8s",
    "our_unet",
    *(f"our_unet_without_{skip}" for skip in (1, 2, 3, 4, "random")),
    "our_deeplabv3plus_random",
    "r1_deeplabv3",
    "r2_resnet101_fcn",
)
TIE = 1e-3
"""Difference of a pixel's two largest logits, as a share of the largest of all, that float16 may turn around."""
BACKENDS = {True: "wasm", False: "javascript"}


@pytest.fixture(scope="module")
def evaluate(request: pytest.FixtureRequest) -> Evaluate:
    """The engine in node, or else in a page."""
    if NODE:
        return evaluate_in_node
    page = request.getfixturevalue("browser").new_page()
    return lambda code, request: page.evaluate(PASS, [code, request])


@pytest.mark.parametrize("recipe", CLASSIFIERS + SEGMENTERS)
def test_a_network_of_the_book_gives_torchs_logits(recipe: str, evaluate: Evaluate) -> None:
    network, image = network_of(recipe)
    with torch.no_grad():
        expected = network(image)[0]
    half = live.plan(network, image)
    exact = replace(half, precision="float32")
    for wasm in (True, False):
        passed = run(evaluate, exact, image, exact.pack(), wasm=wasm)
        assert passed.backend == BACKENDS[wasm]
        assert error(passed.logits, expected) < 2e-5

    logits = run(evaluate, half, image, half.pack()).logits
    assert error(logits, expected) < 5e-3
    best, second = expected.topk(2, dim=0).values
    decided = (best - second > TIE * expected.abs().max()).numpy()  # untrained networks have many ties
    assert decided.mean() > 0.95
    assert (logits.argmax(0) == expected.numpy().argmax(0))[decided].mean() >= 0.999


@pytest.mark.parametrize("recipe", ["our_fcn32s", "our_fcn8s", "our_unet", "our_deeplabv3plus_random"])
def test_images_whose_sides_no_stride_divides_give_torchs_logits(recipe: str, evaluate: Evaluate) -> None:
    network, image = network_of(recipe)
    image = image[..., :77, :101]
    with torch.no_grad():
        expected = network(image)[0]
    planned = live.plan(network, image, precision="float32")
    assert error(run(evaluate, planned, image, planned.pack()).logits, expected) < 2e-5


class Together(nn.Module):
    """Modules of one input, called by a function of the input and of them."""

    def __init__(self, forward: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.function = nn.ModuleList(parts), forward

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images, *self.parts)


def normalised(images: Tensor, convolution: nn.Module) -> Tensor:
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1), torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1)
    return convolution((images - mean) / std)


def changed_in_place(images: Tensor, convolution: nn.Module) -> Tensor:
    maps = convolution(images)
    functional.relu_(maps)
    return maps + convolution(images)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "strided, dilated and padded unevenly": lambda: nn.Conv2d(3, 6, (3, 2), (2, 3), (2, 1), (1, 2)),
    "grouped": lambda: nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 9, 3, padding=1, groups=3), nn.ReLU6()),
    "depthwise": lambda: nn.Sequential(nn.Conv2d(3, 3, 5, stride=2, groups=3), nn.BatchNorm2d(3), nn.GELU()),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(3, 5, (4, 3), (2, 3), (1, 2)), nn.BatchNorm2d(5), nn.ReLU()),
    "transposed with ReLU6": lambda: nn.Sequential(nn.ConvTranspose2d(3, 5, 2, 2), nn.ReLU6()),
    "normalised": lambda: Together(normalised, nn.Conv2d(3, 4, 3, padding=1)),
    "constants": lambda: Together(lambda x: 1 - (2 * x + 0.5) / 3 - 0.25),
    "activation alone": lambda: Together(lambda x: functional.gelu(torch.cat([x, functional.relu(x)], dim=1))),
    "changed in place": lambda: Together(changed_in_place, nn.Conv2d(3, 4, 1)),
    "read twice": lambda: Together(lambda x, c, n: c(x) + n(c(x)), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)),
    "max pooling, padded": lambda: nn.MaxPool2d(3, 2, padding=1),
    "max pooling, rounded up": lambda: nn.MaxPool2d((3, 2), 2, ceil_mode=True),
    "average pooling, padding counted": lambda: nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "average pooling, padding not counted": lambda: nn.AvgPool2d(
        (2, 3), 2, padding=1, ceil_mode=True, count_include_pad=False
    ),
    "adaptive pooling": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((7, 5)), nn.AdaptiveMaxPool2d((3, 2))),
    "mean and linear": lambda: Together(lambda x, layer: layer(x.mean((2, 3)).relu()), nn.Linear(3, 4)),
    "flattened": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 5), nn.ReLU()),
    "enlarged": lambda: nn.Upsample(size=(31, 26), mode="bilinear"),
    "enlarged by a factor": lambda: nn.Upsample(scale_factor=3, mode="bilinear"),
    "reduced": lambda: nn.Upsample(size=(7, 11), mode="bilinear"),
    "enlarged, corners aligned": lambda: nn.Upsample(size=(29, 40), mode="bilinear", align_corners=True),
    "cropped": lambda: Together(lambda x: x[..., :11, :9] + 1),
    "repeated": lambda: Together(lambda x: torch.cat([x, x.mean((2, 3), keepdim=True).expand(-1, -1, 14, 17)], 1)),
    "zeros": lambda: Together(lambda x: torch.cat([torch.zeros_like(x), x], dim=1)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_gives_torchs_map(kind: str, evaluate: Evaluate) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LAYERS[kind]()
        as_trained(network)
        image = torch.randn(1, 3, 14, 17)
    with torch.no_grad():
        expected = network.eval()(image)[0]
    planned = live.plan(network, image, precision="float32")
    for wasm in (True, False):
        passed = run(evaluate, planned, image, planned.pack(), wasm=wasm)
        assert passed.logits.shape == tuple(expected.shape)
        assert error(passed.logits, expected) < 2e-6


def test_every_map_of_a_pass_can_be_looked_at(evaluate: Evaluate) -> None:
    network, image = network_of("our_unet")
    planned = live.plan(network, image, precision="float32")
    names = ["down.0.2", "down.1.5", "pool", "pool_2", "bottom.5", "enlarge.3", "up.3.5", "up.0.5", "classifier"]
    seen: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def keep(name: str, output: Tensor) -> None:
        calls[name] += 1
        seen[name if calls[name] == 1 else f"{name}_{calls[name]}"] = output[0].clone()

    for name, module in network.named_modules():
        if name in names:
            module.register_forward_hook(lambda module, inputs, output, name=name: keep(name, output))
    with torch.no_grad():
        network(image)
    passed = run(evaluate, planned, image, planned.pack(), maps=[*names, "input"])
    assert {name: passed.maps[name].shape for name in names} == {name: tuple(seen[name].shape) for name in names}
    assert all(error(passed.maps[name], seen[name]) < 1e-5 for name in names)
    assert np.array_equal(passed.maps["input"], image[0].numpy())


def test_the_weights_of_another_epoch_go_into_the_same_network(evaluate: Evaluate) -> None:
    (first, image), (second, _) = network_of("r2_densenet121", seed=1), network_of("r2_densenet121", seed=2)
    planned = live.plan(first, image)
    with torch.no_grad():
        expected = second(image)[0]
    passed = run(evaluate, planned, image, planned.pack(), later=planned.pack(second))
    assert error(passed.logits, expected) < 5e-3
    with pytest.raises(Exception, match="another network's"):
        run(evaluate, planned, image, planned.pack()[:-4])


def test_an_image_of_another_size_and_an_unknown_layer_are_refused(evaluate: Evaluate) -> None:
    network, image = network_of("r1_small_cnn")
    planned = live.plan(network, image)
    with pytest.raises(Exception, match="the image has 2352 numbers; the plan is for 3 x 32 x 32"):
        run(evaluate, planned, image[..., :28, :28], planned.pack())
    with pytest.raises(Exception, match=r"there is no layer blocks\.9; there are input, blocks\.0\.0"):
        run(evaluate, planned, image, planned.pack(), maps=["blocks.9"])


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>network</title>{head}</head><body>
<script type="application/json">{request}</script>
<script>
const request = JSON.parse(document.querySelector("script").textContent);
const {{ openNetwork, readWeights, bytesOf }} = {engine};
async function answer() {{
  const weights = await readWeights(`_static/live/${{request.name}}.js`, request.name);
  const kernel = bytesOf(request.kernel);
  const network = await openNetwork({{ plan: request.plan, weights, kernel }});
  const logits = network.run(new Float32Array(bytesOf(request.image).buffer));
  return [network.backend, [...logits]];
}}
</script></body></html>"""


def page_of(folder: Path, planned: live.Plan, image: Tensor, head: str = "") -> Path:
    """Write a page with a network, and its weights beside it; return its file."""
    name, text = live.weights_script(planned.pack())
    request = {
        "plan": json.loads(planned.to_json()),
        "kernel": base64_of(live.kernel()),
        "image": base64_of(image.numpy().tobytes()),
        "name": name,
    }
    weights = folder / "_static" / "live" / f"{name}.js"
    weights.parent.mkdir(parents=True)
    weights.write_text(text)
    page = folder / "page.html"
    page.write_text(PAGE.format(head=head, request=json.dumps(request), engine=ENGINE))
    return page


@pytest.mark.browser
def test_a_page_from_disk_runs_a_network_without_asking_anything_outside(browser: Browser, tmp_path: Path) -> None:
    network, image = network_of("our_deeplabv3plus_random")
    with torch.no_grad():
        expected = network(image)[0]
    visit = Visit(browser, page_of(tmp_path, live.plan(network, image), image))
    backend, values = visit.value("answer()")
    assert backend == "wasm"
    assert error(np.array(values), expected) < 5e-3
    assert visit.value("Object.keys(window.dlcvWeights).length") == 0, "the text is not kept beside the weights"
    assert (visit.outside, visit.complaints) == ([], [])
    visit.page.close()


@pytest.mark.browser
def test_a_page_that_forbids_webassembly_runs_it_in_javascript(browser: Browser, tmp_path: Path) -> None:
    network, image = network_of("r1_small_cnn")
    policy = "<meta http-equiv='Content-Security-Policy' content=\"script-src 'unsafe-inline' file:\">"
    with torch.no_grad():
        expected = network(image)[0]
    visit = Visit(browser, page_of(tmp_path, live.plan(network, image), image, policy))
    backend, values = visit.value("answer()")
    assert backend == "javascript"
    assert error(np.array(values), expected) < 5e-3
    visit.page.close()


@pytest.mark.browser
def test_weights_that_are_missing_or_of_another_epoch_are_said(browser: Browser, tmp_path: Path) -> None:
    network, image = network_of("r1_small_cnn")
    page = page_of(tmp_path, live.plan(network, image), image)
    (file,) = (tmp_path / "_static" / "live").iterdir()
    for spoil in (lambda: file.write_text(""), file.unlink):
        spoil()
        visit = Visit(browser, page)
        said: Any = visit.value("answer().catch((error) => error.message)")
        assert said == f"the weights in _static/live/{file.name} cannot be read"
        visit.page.close()


@pytest.mark.browser
def test_chromium_and_node_give_the_same_numbers(browser: Browser, evaluate: Evaluate) -> None:
    network, image = network_of("our_scratch")
    planned = live.plan(network, image)
    page = browser.new_page()
    in_page = run(lambda code, request: page.evaluate(PASS, [code, request]), planned, image, planned.pack())
    assert np.allclose(in_page.logits, run(evaluate, planned, image, planned.pack()).logits, rtol=1e-6)
    page.close()
