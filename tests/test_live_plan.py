"""Plans of networks for the page: folding, packing, weights of other epochs, and refusals by the name of the layer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from live_networks import network_of
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import live, models, recipes
from dlcvlib.views.scrubbers.bundle import bundle


def small(width: int = 4) -> nn.Module:
    return models.build("small_cnn", 3, form="reduced", width=width).eval()


IMAGE = torch.zeros(1, 3, 32, 32)


def test_batch_norm_and_activation_become_part_of_the_convolution() -> None:
    planned = live.plan(small(), IMAGE)
    kinds = [layer.kind for layer in planned.layers]
    assert kinds == ["input", *["conv", "max_pool"] * 4, "adaptive_average_pool", "flatten", "linear"]
    first = planned.layers[1]
    assert (first.name, first.folded) == ("blocks.0.0", ("blocks.0.1", "blocks.0.2"))
    assert (first.shape, first.options["activation"]) == ((4, 32, 32), "relu")
    assert planned.layers[planned.output].name == "classifier"


def test_a_map_that_others_read_too_is_not_folded_away() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.convolution(images)
            return functional.relu(self.norm(maps)) + maps

    layers = live.plan(Twice().eval(), IMAGE).layers
    assert [layer.kind for layer in layers] == ["input", "conv", "affine", "add"]
    assert layers[2].options == {"activation": "relu"}


def test_an_activation_that_is_the_output_of_a_convolution_read_by_nothing_else_is_folded_but_never_two() -> None:
    layers = live.plan(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.ReLU6()).eval(), IMAGE).layers
    assert [layer.kind for layer in layers] == ["input", "conv", "activation"]


def test_the_names_of_layers_are_unique_where_a_module_is_called_often() -> None:
    network, image = network_of("our_unet")
    names = [name for layer in live.plan(network, image).layers for name in (layer.name, *layer.folded)]
    assert len(set(names)) == len(names)
    assert {"pool", "pool_2", "pool_3", "pool_4", "concat", "concat_4"} < set(names)

    class Numbered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.pool_2 = nn.MaxPool2d(2), nn.MaxPool2d(2)

        def forward(self, images: Tensor) -> Tensor:
            return self.pool(self.pool_2(self.pool(images)))

    names = [layer.name for layer in live.plan(Numbered().eval(), IMAGE).layers]
    assert names == ["input", "pool", "pool_2", "pool_3"]


@pytest.mark.parametrize("recipe", ["our_deeplabv3plus", "r2_densenet121", "our_fcn8s"])
def test_the_plan_says_where_each_weight_lies(recipe: str) -> None:
    network, image = network_of(recipe)
    planned = live.plan(network, image)
    structure, packed = json.loads(planned.to_json()), planned.pack()
    end = 0
    for layer, described in zip(planned.layers, structure["layers"], strict=True):
        assert described["shape"] == list(layer.shape)
        for name, place in described["weights"].items():
            assert place["at"] % 4 == 0 and place["at"] >= end, "aligned, and behind the one before"
            kind = np.dtype(place["type"])
            values = np.frombuffer(packed, kind, int(np.prod(place["shape"])), place["at"])
            wanted = layer.weights[name].numpy()
            assert np.array_equal(values.reshape(place["shape"]), wanted.astype(kind))
            assert kind == (np.float16 if wanted.ndim == 2 else np.float32)
            end = place["at"] + values.nbytes
    assert 0 <= len(packed) - end < 4
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert len(packed) < 2.2 * parameters, "two bytes a weight"


def test_single_precision_is_exact() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1)).eval()
    packed = live.plan(network, IMAGE, precision="float32").pack()
    expected = [*network[0].weight.flatten().tolist(), *network[0].bias.tolist()]
    assert np.frombuffer(packed, "<f4").tolist() == expected


def test_the_weights_of_another_epoch_share_the_plan() -> None:
    first, second = small(), small()
    planned = live.plan(first, IMAGE)
    assert planned.pack() == planned.pack(first)
    assert planned.pack(second) != planned.pack()
    assert planned.pack(second) == live.plan(second, IMAGE).pack()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: small(width=6), r"its layer 'blocks\.0\.0' differs from 'blocks\.0\.0' in shape, weights"),
        (lambda: network_of("our_unet")[0], r"its layer 'down\.0\.0' differs from 'blocks\.0\.0' in name"),
        (lambda: nn.Sequential(small(), nn.ReLU()).eval(), r"differs from 'blocks\.0\.0' in name"),
    ],
)
def test_weights_of_another_network_are_refused(other: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        live.plan(small(), IMAGE).pack(other())


def test_a_network_in_half_precision_is_planned_like_its_copy_in_single() -> None:
    network = small().half()
    assert live.plan(network, IMAGE).pack() == live.plan(copy.deepcopy(network).float(), IMAGE).pack()
    assert next(network.parameters()).dtype == torch.float16


def test_planning_changes_neither_the_network_nor_the_random_draws() -> None:
    network = small()
    before, state = {name: value.clone() for name, value in network.state_dict().items()}, torch.get_rng_state()
    live.plan(network, IMAGE)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


REFUSED = {
    "r2_convnext": r"the layer 'features\.0\.1' \(LayerNorm2d\) cannot run in the page: it calls permute",
    "r4_beit": r"the layer 'patch_embed' \(PatchEmbed\) cannot run in the page: it calls view",
}


@pytest.mark.parametrize("recipe", REFUSED)
def test_a_network_that_the_page_cannot_run_is_refused_by_the_name_of_the_layer(recipe: str) -> None:
    settings = recipes.get(recipe).for_profile("quick")
    network = models.build_at(settings.image_size, settings.model, 3, form=settings.form).eval()
    with pytest.raises(ValueError, match=REFUSED[recipe]):
        live.plan(network, torch.zeros(1, 3, settings.image_size, settings.image_size))


class Called(nn.Module):
    """A function of the image as a network."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> object:
        return self.function(images)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.ConvTranspose2d(4, 4, 2, groups=2)), r"'0' \(ConvTranspose2d\) .* \(groups=2\)"),
        (nn.Sequential(nn.ConvTranspose2d(4, 4, 3, 2, output_padding=1)), r"'0' .* \(output_padding=\[1, 1\]\)"),
        (nn.Sequential(nn.Identity(), nn.MaxPool2d(2, dilation=2)), r"'1' \(MaxPool2d\) .* \(dilation=\[2, 2\]\)"),
        (nn.Sequential(nn.GELU("tanh")), r"'0' \(GELU\) .* \(approximate='tanh'\)"),
        (nn.Sequential(nn.Hardtanh(-2, 2)), r"'0' \(Hardtanh\) .* \(limits of -2(\.0)? and 2(\.0)?\)"),
        (nn.Sequential(nn.SiLU()), r"'0' \(SiLU\) .* calls silu"),
        (nn.Sequential(nn.Linear(32, 4)), r"'0' \(Linear\) .* \(an input of shape \(4, 32, 32\) per image\)"),
        (Called(lambda x: x * x), "the product of two maps"),
        (Called(lambda x: x * torch.arange(32.0)), r"a constant of torch.Size\(\[32\]\)"),
        (Called(lambda x: x[:, :2]), "a slice of dimension 1"),
        (Called(lambda x: x[..., 3:]), "a slice from 3"),
        (Called(lambda x: torch.cat([x, x], dim=2)), "dim=2"),
        (Called(lambda x: (x, x + 1)), "the network returns 2 values"),
        (Called(lambda x: x if x.sum() > 0 else -x), "torch.export cannot follow Called"),
        (nn.Conv2d(3, 3, 1), r"torch.export cannot follow Conv2d for an image of \(1, 4, 32, 32\)"),
    ],
)
def test_what_the_engine_has_no_code_for_is_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        live.plan(network.eval(), torch.zeros(1, 4, 32, 32))


@pytest.mark.parametrize(
    ("network", "image", "precision", "message"),
    [
        (small().train(), IMAGE, "float16", r"training mode.*call eval\(\)"),
        (small(), IMAGE[0], "float16", r"shape \(3, 32, 32\); give one image"),
        (small(), IMAGE.expand(2, -1, -1, -1), "float16", r"shape \(2, 3, 32, 32\)"),
        (small(), IMAGE, "int8", "'int8' is not known; choose one of float16, float32"),
    ],
)
def test_unusable_arguments_are_refused(network: nn.Module, image: Tensor, precision: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        live.plan(network, image, precision=precision)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), r"the layer 'blocks\.1\.0' has a weight that is nan or infinite"),
        (1e6, r"the layer 'blocks\.1\.0' has a weight of .*e\+0., which float16 cannot hold.*precision=\"float32\""),
    ],
)
def test_weights_that_cannot_be_packed_are_refused(value: float, message: str) -> None:
    network = small()
    with torch.no_grad():
        network.get_parameter("blocks.1.0.weight")[0, 0, 0, 0] = value
    planned = live.plan(network, IMAGE)
    with pytest.raises(ValueError, match=message):
        planned.pack()


def test_equal_weights_have_one_script() -> None:
    first, second = small(), small()
    planned = live.plan(first, IMAGE)
    name, text = live.weights_script(planned.pack())
    assert live.weights_script(planned.pack(first)) == (name, text)
    assert live.weights_script(planned.pack(second))[0] != name
    assert f'["{name}"]' in text and "</" not in text


def test_a_view_bundles_the_engine_from_its_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "views" / "scrubbers"
    folder.mkdir(parents=True)
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "network.js").write_text('import { two } from "./two.js";\nexport const four = two + two;\n')
    (tmp_path / "live" / "two.js").write_text("export const two = 2;\n")
    begin = 'import { four } from "../../live/network.js";\n'
    (folder / "view.js").write_text(f"{begin}export const eight = 2 * four;\n")
    code = bundle("view.js", folder)
    assert 'const { four } = modules["network.js"];' in code
    assert (
        code.index('modules["two.js"] =') < code.index('modules["network.js"] =') < code.index('modules["view.js"] =')
    )

    (folder / "network.js").write_text("export const other = 1;\n")
    (folder / "view.js").write_text(f'{begin}import {{ other }} from "./network.js";\n')
    with pytest.raises(ValueError, match=r"view\.js imports two files named network\.js"):
        bundle("view.js", folder)
