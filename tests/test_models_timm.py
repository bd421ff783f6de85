"""Networks of timm by name: built, cut, embedded, drawn and loaded like our own."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from training_worlds import write_classification

from dlcvlib import models, recipes, train
from dlcvlib.models import weights

SIZED = {"image_size": 32, "patch_size": 8}
NETWORKS = {
    "timm/resnet10t": {},
    "timm/test_resnet": {},
    "timm/resnetv2_18": {},  # its classifier is a 1x1 convolution
    "timm/test_byobnet": {},
    "timm/test_convnext": {},
    "timm/mobilenetv3_small_050": {},  # a convolution lies between pooling and classifier
    "timm/test_efficientnet": {},
    "timm/test_vit": SIZED,
    "timm/vit_tiny_patch16_224": SIZED,
    "timm/hrnet_w18_small": {},  # its stages give out lists of maps
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(autouse=True)
def no_weights_folder(monkeypatch):
    monkeypatch.delenv("DLCV_WEIGHTS", raising=False)


def build(name, num_classes=7, seed=0, **options):
    torch.manual_seed(seed)
    return models.build(name, num_classes, **(NETWORKS.get(name, {}) | options))


@EVERY
def test_features_are_those_of_timm_and_the_backbone_gives_them(name):
    network, images = build(name).eval(), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features, logits = models.penultimate(network, images)
        assert logits.shape == (3, 7) and features.shape == (3, models.feature_dim(network))
        torch.testing.assert_close(features, network.forward_head(network.forward_features(images), pre_logits=True))
        assert models.classifier_of(network) is network.get_classifier()
        backbone = models.as_backbone(network)
        torch.testing.assert_close(backbone(images), features)
    with pytest.raises(ValueError, match="get_classifier"):
        models.classifier_name(backbone)


@EVERY
def test_the_stages_and_the_layers_hold_all_parameters(name):
    network = build(name)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    stages = models.stages(network, 32)
    assert sum(stage.parameters for stage in stages) == parameters and len(stages) >= 3
    assert stages[-1].channels == 7
    assert models.layer_table(network, 32).parameters.sum() == parameters


def test_a_network_of_efficientnet_size_has_its_classifier_and_features():
    with torch.device("meta"):
        network = models.build("timm/efficientnet_b0", 7)
    assert models.classifier_name(network) == "classifier" and models.feature_dim(network) == 1280


def test_the_image_size_is_an_option_where_it_is_fixed_and_others_are_passed_through():
    assert models.options_of("timm/test_vit") == ("image_size",) and models.options_of("timm/resnet10t") == ()
    assert build("timm/test_vit", img_size=48, image_size=None).patch_embed.img_size == (48, 48)
    assert build("timm/resnet10t", drop_rate=0.3).drop_rate == 0.3
    assert models.backbone_of("timm/resnet10t") is None


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("timm/resnet27", {}, "'timm/resnet27'.*timm/resnet2"),
        ("timm/resnet26.bt_in22k", {}, "bt_in22k.*resnet26.bt_in1k"),
        ("timm/resnet10t", {"widht": 3}, "timm/resnet10t.*widht"),
        ("timm/resnet10t", {"form": "reduced"}, "timm/resnet10t.*full"),
        ("timm/resnet10t", {"form": "small"}, "'small'.*full"),
        ("timm/deit_tiny_distilled_patch16_224", {}, "VisionTransformerDistilled"),
    ],
)
def test_what_cannot_be_built_is_named(name, options, said):
    with pytest.raises(ValueError, match=said):
        models.build(name, 7, **options)


def test_without_timm_all_other_networks_are_built():
    script = (
        "import sys; sys.modules['timm'] = None\n"
        "from dlcvlib import models, recipes\n"
        "models.build('resnet18', 7, form='reduced'); print('built'); models.build('timm/resnet10t', 7)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "built\n" and "import of timm halted" in done.stderr


@pytest.mark.parametrize("name", ["timm/resnet10t", "timm/test_resnet.r160_in1k"])
def test_weights_come_from_a_path_or_the_folder_with_the_normalisation_of_timm(name, tmp_path):
    source, target = build(name, num_classes=1000), build(name, seed=1)
    file = tmp_path / f"{name.replace('/', '_')}.safetensors"
    save_file(source.state_dict(), file)
    for given in ({"path": file}, {"folder": tmp_path}):
        report = models.pretrained(target, name, **given)
        assert report.report.classifier == ("fc.weight", "fc.bias")
        assert torch.equal(target.conv1[0].weight, source.conv1[0].weight)
        half = (0.5, 0.5, 0.5)
        imagenet = (weights.IMAGENET_MEAN, weights.IMAGENET_STD)
        assert (report.mean, report.std) == ((half, half) if "test_resnet" in name else imagenet)
    with pytest.raises(ValueError, match="do not fit"):
        models.pretrained(build("timm/resnet18"), "timm/resnet18", path=file)
    with pytest.raises(ValueError, match=r"conv1\.0\.weight"):
        models.pretrained(build(name, stem_width=8), name, path=file)


def test_positions_of_a_transformer_fit_another_image_size(tmp_path):
    name = "timm/test_vit"
    save_file(build(name, image_size=64).state_dict(), tmp_path / "vit.safetensors")
    target = models.as_backbone(build(name, image_size=32))
    report = models.pretrained(target, name, path=tmp_path / "vit.safetensors")
    assert set(report.report.left_out) == {"head.weight", "head.bias"}
    assert target(torch.zeros(1, 3, 32, 32)).shape == (1, 64)


@pytest.mark.parametrize("name", ["timm/resnet10t", "timm/legacy_seresnet18"])  # on timm's hub; behind a plain address
def test_an_unreachable_network_is_told_with_the_file_that_would_help(name, tmp_path, monkeypatch):
    for variable in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *arguments: None)
    with pytest.raises(models.NoWeightsError, match=rf"{name}.*{name.replace('/', '_')}\.safetensors"):
        models.pretrained(build(name), name)


def test_other_options_than_the_published_ones_are_refused_before_a_download():
    with pytest.raises(models.NoWeightsError, match=r"timm/resnet10t.*default options"):
        models.pretrained(build("timm/resnet10t", stem_width=8), "timm/resnet10t")
    with pytest.raises(models.NoWeightsError, match=r"nobody publishes.*timm/test_"):
        models.pretrained(build("timm/test_mambaout"), "timm/test_mambaout", kind="dino")


def test_a_timm_network_learns():
    network = build("timm/test_resnet", num_classes=4).train()
    images, labels = torch.randn(16, 3, 32, 32), torch.arange(16) % 4
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7


def test_the_recipe_of_a_timm_network_trains_and_its_record_holds_features(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    run = train("timm_resnet26", profile="smoke", seed=0, data=write_classification(tmp_path / "data"))
    assert run.finished and 0 <= run.info["best"]["val_accuracy"] <= 1
    recipe = recipes.get("timm_resnet26").for_profile("smoke")
    network = models.build(recipe.model, run.info["data"]["classes"])
    network.load_state_dict(run.weights())
    assert run.snapshot(2)["features"].shape[1] == models.feature_dim(network)
    with torch.device("meta"):
        assert models.feature_dim(models.build(recipes.get("timm_resnet26").model, 50)) == 2048
