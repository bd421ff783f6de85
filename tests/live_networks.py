"""Networks of the book with statistics as after a training, and the engine of the pages, run by node or Chromium."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dlcvlib import live, models, recipes
from dlcvlib.views.scrubbers.bundle import bundle

NODE = shutil.which("node")
CLASSES = 7

# Runs a network once and returns its logits and maps, all numbers as base64 of float32.
PASS = """async ([code, request]) => {
  const { openNetwork, bytesOf } = eval(code);
  const base64Of = (values) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };
  const kernel = request.kernel && bytesOf(request.kernel);
  const network = await openNetwork({ plan: request.plan, weights: bytesOf(request.weights), kernel });
  const image = new Float32Array(bytesOf(request.image).buffer);
  network.run(image.map((value) => 1 - value)); // what a pass leaves behind must not change the next one
  if (request.later) network.load(bytesOf(request.later));
  const logits = base64Of(network.run(image));
  const maps = request.maps.map((name) => ({ ...network.layer(name), values: base64Of(network.layer(name).values) }));
  return { backend: network.backend, logits, maps };
}"""
ENGINE = f"({{ ...{bundle('network.js', live.FOLDER)}, ...{bundle('loading.js', live.FOLDER)} }})"
IN_NODE = f"""
let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", async () => console.log(JSON.stringify(await ({PASS})(JSON.parse(text)))));
"""


class Evaluate(Protocol):
    """Run `PASS` in node or in a page."""

    def __call__(self, code: str, request: dict[str, Any]) -> dict[str, Any]: ...


def evaluate_in_node(code: str, request: dict[str, Any]) -> dict[str, Any]:
    assert NODE is not None
    text = json.dumps([code, request])
    done = subprocess.run([NODE, "-e", IN_NODE], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@dataclass
class Passed:
    """Result of a forward pass of the engine: logits, and the maps asked for by layer."""

    backend: str
    logits: np.ndarray
    maps: dict[str, np.ndarray]


def run(
    evaluate: Evaluate,
    planned: live.Plan,
    image: Tensor,
    weights: bytes,
    *,
    later: bytes | None = None,
    wasm: bool = True,
    maps: Sequence[str] = (),
) -> Passed:
    """Run a planned network on one image, (1, C, H, W); `later` are weights to put in after a first pass."""
    request = {
        "plan": json.loads(planned.to_json()),
        "weights": base64_of(weights),
        "later": base64_of(later) if later else None,
        "kernel": base64_of(live.kernel()) if wasm else None,
        "image": base64_of(image.numpy().astype("<f4").tobytes()),
        "maps": list(maps),
    }
    result = evaluate(ENGINE, request)
    found = {
        name: numbers(each["values"]).reshape(each["shape"]) for name, each in zip(maps, result["maps"], strict=True)
    }
    shape = planned.layers[planned.output].shape
    return Passed(result["backend"], numbers(result["logits"]).reshape(shape), found)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def network_of(recipe: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Return a recipe's network of the profile quick in evaluation mode, as if trained, and an image of its size."""
    settings = recipes.get(recipe).for_profile("quick")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.build_at(
            settings.image_size, settings.model, CLASSES, form=settings.form, **settings.model_options
        )
        as_trained(network)
        image = smooth_image(settings.image_size)
    return network.eval(), image


def as_trained(network: nn.Module) -> None:
    """Set statistics, scales and shifts of batch normalisation, and the biases, to values that all differ."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.3, 2)
                module.weight.uniform_(0.5, 1.5)
            bias = getattr(module, "bias", None)
            if isinstance(bias, Tensor):
                bias.normal_(0, 0.3)
            if isinstance(module, nn.Conv2d):  # those of the skips of FCN8s are zeros at first
                nn.init.kaiming_normal_(module.weight)


def smooth_image(size: int) -> Tensor:
    """Return an image of coloured patches with a little noise, (1, 3, size, size), normalised."""
    patches = nn.functional.interpolate(torch.randn(1, 3, 8, 8), size=(size, size), mode="bicubic")
    return patches + 0.1 * torch.randn(1, 3, size, size)


def error(found: np.ndarray, expected: Tensor) -> float:
    """Largest deviation, relative to the largest value expected."""
    wanted = expected.numpy().reshape(found.shape)
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())
