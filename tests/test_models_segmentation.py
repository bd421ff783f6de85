import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from dlcvlib import models
from dlcvlib.models import fcn, registry
from dlcvlib.models.aspp import ASPP
from dlcvlib.models.batch_norm import BatchNorm, accept_single_values
from dlcvlib.models.pyramid import Pyramid

SHARED = Path(__file__).resolve().parents[2] / "shared" / "weights"
NAMES = models.names("segmentation")
WITH_BACKBONE = [name for name in NAMES if models.backbone_of(name)]
WITH_AUXILIARY = [name for name in NAMES if "auxiliary" in models.options_of(name)]


def build(name, num_classes=7, form="reduced", seed=0, **options):
    torch.manual_seed(seed)
    return models.build(name, num_classes, form=form, **options)


def on_meta(name, **options):
    with torch.device("meta"):
        return models.build(name, 7, **options)


def number_of_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_segmenters_and_classifiers_are_listed_apart():
    assert set(NAMES).isdisjoint(models.names())
    assert {"vgg16_fcn32s", "vgg16_fcn8s", "resnet101_fcn", "unet", "deeplabv3_resnet50"} <= set(NAMES)
    assert {f"deeplabv3plus_{backbone}" for backbone in ("resnet50", "resnet18", "mobilenet_v2")} <= set(NAMES)


@pytest.mark.parametrize(("name", "parameters"), [("vgg16_fcn32s", 40_118_087), ("vgg16_fcn8s", 39_936_885)])
def test_the_fcns_have_exactly_the_parameters_of_their_report(name, parameters):
    assert number_of_parameters(on_meta(name)) == parameters


# Sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["full", "reduced"])
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_as_large_as_the_images(name, form):
    model = on_meta(name, form=form).eval()
    for size in ((64, 64), (512, 512), (33, 65), (45, 31), (7, 40), (1, 1)):
        assert model(torch.zeros(2, 3, *size, device="meta")).shape == (2, 7, *size)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_trains_at_any_size(name):
    model = build(name).train()
    for size in ((64, 64), (45, 33), (5, 3), (1, 1)):
        logits = model(torch.randn(1, 3, *size))
        assert logits.shape == (1, 7, *size)
        model.zero_grad()
        logits.square().mean().backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_every_parameter(name):
    model = build(name).train()
    labels = torch.arange(4 * 40 * 40).view(4, 40, 40) % 7
    functional.cross_entropy(model(torch.randn(4, 3, 40, 40)), labels).backward()
    assert [key for key, parameter in model.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_and_bfloat16_give_the_same_logits_to_their_precision(name):
    model, images = build(name).eval(), torch.randn(2, 3, 48, 40)
    with torch.no_grad():
        expected = model(images)
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
        torch.testing.assert_close(model(images), expected, rtol=1e-3, atol=1e-4)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(model(images).float(), expected, rtol=0.1, atol=0.1 * expected.std().item())


@pytest.mark.parametrize("name", NAMES)
def test_the_reduced_network_is_small_and_learns_a_few_images(name):
    model = build(name, 4).train()
    assert number_of_parameters(model) < 1_000_000
    labels = torch.randint(0, 4, (4, 2, 2)).repeat_interleave(32, 1).repeat_interleave(32, 2)
    images = torch.randn(4, 3)[labels].permute(0, 3, 1, 2) + 0.3 * torch.randn(4, 3, 64, 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.9  # ln 4 = 1.39 is knowing nothing


# FCN -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2, 8, 32])
def test_transposed_convolutions_start_as_bilinear_interpolation(factor):
    scores = torch.randn(2, 3, 5, 6)
    enlarged = fcn.bilinear_upsampling(3, factor, padding=factor // 2)(scores)
    expected = functional.interpolate(scores, scale_factor=factor, mode="bilinear", align_corners=False)
    inside = (..., slice(factor // 2, -factor // 2), slice(factor // 2, -factor // 2))
    assert enlarged.shape == expected.shape
    torch.testing.assert_close(enlarged[inside], expected[inside])


def test_a_score_of_one_class_is_enlarged_without_touching_another():
    kernel = fcn.bilinear_kernel(3, 4)
    assert kernel.shape == (3, 3, 8, 8)
    mixing = kernel.sum((2, 3))
    torch.testing.assert_close(mixing, 16 * torch.eye(3))  # each output pixel meets 1 of 4 x 4 weights


def test_fused_scores_are_the_fine_ones_plus_the_coarse_from_the_upper_left_corner():
    coarse, fine = torch.randn(1, 2, 3, 3), torch.randn(1, 2, 5, 4)
    fused = fcn.fuse(coarse, fine, lambda scores: scores.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert fused.shape == fine.shape
    torch.testing.assert_close((fused - fine)[..., 2:4, 2:4], coarse[..., 1:2, 1:2].expand(-1, -1, 2, 2))


@pytest.mark.parametrize(("name", "border"), [("vgg16_fcn32s", 0), ("vgg16_fcn8s", 16)])
def test_scores_of_a_place_come_out_at_that_place(name, border, monkeypatch):
    """If the coarse scores say where they lie, at the corners of the 32-px cells, so do the logits of each pixel."""
    model = build(name, 2).eval()

    def positions(pool5):
        rows, columns = (32.0 * torch.arange(cells + 1) for cells in pool5.shape[-2:])
        return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]

    monkeypatch.setattr(model, "coarse_scores", positions)
    height, width = 150, 101
    logits = model(torch.zeros(1, 3, height, width))[0]
    pixels = torch.stack(torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij"))
    inside = (..., slice(border, height - border), slice(border, width - border))
    torch.testing.assert_close(logits[inside], pixels[inside], rtol=0, atol=1e-3)


def test_fcn8s_starts_with_the_scores_of_its_coarsest_map_and_then_uses_the_finer_ones():
    model, images = build("vgg16_fcn8s").eval(), torch.randn(1, 3, 64, 64)
    before = model(images)
    for parameter in model.score.parameters():
        nn.init.zeros_(parameter)
    assert before.any() and not model(images).any()
    nn.init.ones_(model.score_pool3.weight)
    assert model(images).any()


# U-Net -----------------------------------------------------------------------------------------------------------


def gradients_of_skip_channels(model):
    """Return True for each level whose decoder weights on the skip connection's features have a gradient."""
    torch.manual_seed(3)
    model.zero_grad()
    model(torch.randn(2, 3, 48, 48)).square().mean().backward()
    weights = [block[0].weight for block in model.up]
    return [bool(weight.grad[:, : weight.shape[1] // 2].any()) for weight in weights]


def test_only_the_dropped_skip_connection_has_no_gradient():
    assert gradients_of_skip_channels(build("unet").train()) == [True] * 4
    for level in range(1, 5):
        model = build("unet", drop_skip=level)
        expected = [other != level for other in range(1, 5)]
        assert gradients_of_skip_channels(model.train()) == expected
        assert gradients_of_skip_channels(model.eval()) == expected


def test_a_dropped_skip_connection_keeps_the_number_of_parameters():
    numbers = {number_of_parameters(build("unet", drop_skip=dropped)) for dropped in (None, 1, 4, "random")}
    assert len(numbers) == 1


def test_random_drops_each_level_in_training_by_the_seed_and_none_in_evaluation():
    whole, model = build("unet"), build("unet", drop_skip="random")
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model.eval()(images), whole.eval()(images), rtol=0, atol=0)

    def dropped_levels():
        seen = []
        hooks = [
            block.register_forward_pre_hook(
                lambda module, inputs, level=level: (
                    seen.append(level) if not inputs[0][:, : inputs[0].shape[1] // 2].any() else None
                )
            )
            for level, block in enumerate(model.up, start=1)
        ]
        torch.manual_seed(0)
        for _ in range(30):
            model(images)
        for hook in hooks:
            hook.remove()
        return seen

    model.train()
    first = dropped_levels()
    assert len(first) == 30 and set(first) == {1, 2, 3, 4}
    assert dropped_levels() == first


# DeepLab ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 45])
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_atrous_convolutions_keep_every_output_of_the_strided_network_and_add_more_between(name, size):
    torch.manual_seed(0)
    strided = Pyramid(models.build(name, 1)).eval()
    atrous = Pyramid(models.build(name, 1), output_stride=8).eval()
    atrous.load_state_dict(strided.state_dict())
    with torch.no_grad():
        images = torch.randn(1, 3, size, size)
        coarse, fine = strided(images), atrous(images)
    assert strided.strides == (2, 4, 8, 16, 32)
    assert fine[-1].shape[-1] == fine[2].shape[-1] == coarse[2].shape[-1]
    for step, before, after in zip((1, 1, 1, 2, 4), coarse, fine, strict=True):
        torch.testing.assert_close(after[..., ::step, ::step], before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
@pytest.mark.parametrize("form", ["full", "reduced"])
def test_a_pyramid_says_its_channels(name, form):
    with torch.device("meta"):
        pyramid = Pyramid(models.build(name, 1, form=form))
        maps = pyramid(torch.zeros(1, 3, 64, 64))
    assert tuple(features.shape[1] for features in maps) == pyramid.channels
    assert tuple(64 // features.shape[2] for features in maps) == pyramid.strides


def test_deeplabv3_computes_what_torchvisions_does_with_the_same_weights():
    from torchvision.models.segmentation import deeplabv3_resnet50

    torch.manual_seed(0)
    theirs = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=7, aux_loss=True).eval()
    ours = models.build("deeplabv3_resnet50", 7, auxiliary=True).eval()
    assert models.load_into(ours, theirs.state_dict()) == models.LoadReport()
    images = torch.randn(1, 3, 65, 49)
    with torch.no_grad():
        expected, found = theirs(images), ours(images, with_auxiliary=True)
    torch.testing.assert_close(found.logits, expected["out"], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.auxiliary, expected["aux"], rtol=1e-3, atol=1e-4)


def test_resnet101_fcn_has_torchvisions_keys_and_one_convolution_more():
    from torchvision.models.segmentation import fcn_resnet101

    with torch.device("meta"):
        theirs = fcn_resnet101(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
    shapes = {key: tensor.shape for key, tensor in on_meta("resnet101_fcn", auxiliary=True).state_dict().items()}
    assert (shapes.pop("head.weight"), shapes.pop("head.bias")) == ((7, 21, 1, 1), (7,))
    assert shapes == {key: tensor.shape for key, tensor in theirs.state_dict().items()}


def test_aspp_sees_at_its_rates_and_everywhere_through_the_mean():
    aspp = ASPP(1, rates=(2, 5), out_channels=4, dropout=0.0).eval()
    features = torch.zeros(1, 1, 15, 15, requires_grad=True)
    for index, distances in enumerate(((0,), (-2, 0, 2), (-5, 0, 5))):
        features.grad = None
        nn.init.ones_(aspp.convs[index][0].weight)
        aspp.convs[index][0](features)[0, 0, 7, 7].backward()
        expected = torch.zeros(15, 15)
        for row in distances:
            for column in distances:
                expected[7 + row, 7 + column] = 1
        torch.testing.assert_close(features.grad[0, 0], expected)
    images = torch.randn(1, 1, 15, 15)
    pooled = aspp.convs[-1](images)
    assert pooled.shape == (1, 4, 15, 15) and torch.equal(pooled, pooled[..., :1, :1].expand_as(pooled))
    torch.testing.assert_close(pooled, aspp.convs[-1](images.flip(3)))


@pytest.mark.parametrize(("output_stride", "rates"), [(8, (12, 24, 36)), (16, (6, 12, 18))])
@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "deeplabv3plus_mobilenet_v2"])
def test_rates_follow_the_output_stride_unless_given(name, output_stride, rates):
    def rates_of(model):
        aspp = next(module for module in model.modules() if isinstance(module, ASPP))
        return tuple(branch[0].dilation[0] for branch in list(aspp.convs)[1:-1])

    assert rates_of(on_meta(name, output_stride=output_stride)) == rates
    assert rates_of(on_meta(name, output_stride=output_stride, atrous_rates=[3, 4])) == (3, 4)


# Auxiliary head --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_AUXILIARY)
def test_the_auxiliary_head_is_trained_only_when_its_logits_are_asked_for(name):
    model, images = build(name, auxiliary=True).train(), torch.randn(2, 3, 40, 33)
    assert isinstance(model(images), torch.Tensor)
    found = model(images, with_auxiliary=True)
    assert found.logits.shape == found.auxiliary.shape == (2, 7, 40, 33)
    found.logits.square().mean().backward(retain_graph=True)
    head = list(model.aux_classifier.parameters())
    assert all(parameter.grad is None for parameter in head)
    found.auxiliary.square().mean().backward()
    assert all(parameter.grad is not None for parameter in head)


@pytest.mark.parametrize("name", WITH_AUXILIARY)
def test_logits_of_an_auxiliary_head_that_is_not_there_are_refused(name):
    with pytest.raises(ValueError, match="no auxiliary head; build it with auxiliary=True"):
        build(name)(torch.zeros(2, 3, 32, 32), with_auxiliary=True)


# Weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_BACKBONE)
def test_the_backbone_takes_the_weights_of_its_classifier_and_names_what_it_left_out(name):
    classifier = build(models.backbone_of(name), 5, seed=1)
    model, images = build(name).eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model(images)
        report = models.load_into(model.backbone, classifier.state_dict())
        assert not torch.allclose(model(images), before)
    loaded, source = model.backbone.state_dict(), classifier.state_dict()
    assert all(torch.equal(tensor, source[key]) for key, tensor in loaded.items())
    assert set(report.left_out) == source.keys() - loaded.keys()
    assert {f"{models.classifier_name(classifier)}.{part}" for part in ("weight", "bias")} <= set(report.left_out)


@pytest.mark.parametrize("name", WITH_BACKBONE)
def test_the_backbone_takes_the_weights_of_a_pre_trained_backbone(name):
    pretrained = models.as_backbone(build(models.backbone_of(name), 1, seed=1))
    model = build(name)
    models.load_into(model.backbone, pretrained.state_dict())
    source = pretrained.state_dict()
    assert all(torch.equal(tensor, source[key]) for key, tensor in model.backbone.state_dict().items())


def test_any_other_mismatch_of_a_backbone_is_named():
    state = dict(build("resnet18", 5).state_dict())
    del state["layer1.0.conv1.weight"]
    state["layer9.weight"] = torch.zeros(2)
    state["conv1.weight"] = torch.zeros(16, 3, 7, 7)
    with pytest.raises(ValueError) as error:
        models.load_into(build("deeplabv3plus_resnet18").backbone, state)
    for said in ("missing: layer1.0.conv1.weight", "unexpected: layer9.weight", "conv1.weight (16, 3, 7, 7) for"):
        assert said in str(error.value)


def test_options_of_the_classifier_inside_are_given_by_name():
    classifier = build("resnet18", 5, width=40)
    model = build("deeplabv3_resnet18", backbone_options={"width": 40})
    models.load_into(model.backbone, classifier.state_dict())
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7, 32, 32)


@pytest.mark.parametrize("name", ["vgg16", "resnet101"])
def test_backbones_of_segmenters_only_take_torchvisions_keys(name):
    import torchvision

    with torch.device("meta"):
        networks = models.build(name, 1000), getattr(torchvision.models, name)()
    ours, theirs = (
        {key: value.shape for key, value in network.state_dict().items() if not key.startswith(("classifier.", "fc."))}
        for network in networks
    )
    assert ours == theirs


def test_vgg16_weights_load_by_path_into_the_fcn_without_their_fully_connected_layers(tmp_path):
    model = build("vgg16_fcn8s")
    features = {key: tensor + 1 for key, tensor in model.backbone.state_dict().items()}
    fully_connected = {f"classifier.{layer}.weight": torch.zeros(2, 2) for layer in (0, 3, 6)}
    torch.save(features | fully_connected, tmp_path / "vgg16-397923af.pth")
    fc6 = model.fc6.weight.clone()
    source = models.pretrained(model.backbone, "vgg16", path=tmp_path / "vgg16-397923af.pth")
    assert source.report.left_out == tuple(fully_connected)
    assert torch.equal(model.backbone.features[0].weight, features["features.0.weight"])
    assert torch.equal(model.fc6.weight, fc6)


@pytest.mark.parametrize("auxiliary", [False, True])
def test_published_segmenters_load_whole_or_without_what_counts_other_classes(auxiliary, tmp_path):
    for name, kept, shared in (
        ("resnet101_fcn", "head", "classifier.4.weight"),
        ("deeplabv3_resnet50", "classifier.4", "classifier.1.weight"),
    ):
        published = build(name, 21, auxiliary=True, seed=1)
        state = {key: tensor for key, tensor in published.state_dict().items() if not key.startswith("head.")}
        torch.save(state, tmp_path / f"{name}.pth")
        model = build(name, 7, auxiliary=auxiliary)
        source = models.pretrained(model, name, path=tmp_path / f"{name}.pth")
        assert source.report.classifier == (f"{kept}.weight", f"{kept}.bias")
        assert torch.equal(model.state_dict()[shared], state[shared])


def test_published_segmenters_are_known_to_torchvision_with_the_normalisation_noted():
    import torchvision

    found = {name: registry.family(name).published for name in (*NAMES, *models.names("backbone"))}
    found = {name: published for name, published in found.items() if published}
    assert {"vgg16", "resnet101", "resnet101_fcn", "deeplabv3_resnet50"} == found.keys()
    for published in found.values():
        enum, member = published.torchvision.split(".")
        home = torchvision.models if hasattr(torchvision.models, enum) else torchvision.models.segmentation
        transform = getattr(home, enum)[member].transforms()
        assert (published.mean, published.std) == (tuple(transform.mean), tuple(transform.std))


def test_supplied_imagenet_weights_of_mobilenet_fit_the_deeplab_on_it():
    if not SHARED.is_dir():
        pytest.skip(f"the supplied weights are not at {SHARED}")
    model = build("deeplabv3plus_mobilenet_v2", form="full")
    source = models.pretrained(model.backbone, "mobilenet_v2", folder=SHARED, allow_download=False)
    assert {key.rpartition(".")[0] for key in source.report.left_out} == {
        "classifier.1",
        "features.18.0",
        "features.18.1",
    }
    with torch.no_grad():
        assert model.eval()(torch.randn(1, 3, 65, 64)).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_record_of_the_same_network_loads_whole(name):
    first, second = build(name, seed=0), build(name, seed=1)
    assert models.load_into(second, first.state_dict()) == models.LoadReport()
    images = torch.randn(1, 3, 33, 40)
    with torch.no_grad():
        assert torch.equal(second.eval()(images), first.eval()(images))


# Batch normalisation ---------------------------------------------------------------------------------------------


def test_batch_normalisation_is_torchs_except_for_a_single_value():
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    features = torch.randn(2, 3, 4, 4) + 2
    for _ in range(2):
        torch.testing.assert_close(ours(features), theirs(features))
    single = torch.randn(1, 3, 1, 1)
    torch.testing.assert_close(ours(single), theirs.eval()(single))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)


def test_replacing_batch_normalisation_keeps_the_state_and_the_outputs():
    model = build("resnet18").eval()
    images = torch.randn(2, 3, 32, 32)
    before, state = model(images), {key: tensor.clone() for key, tensor in model.state_dict().items()}
    accept_single_values(model)
    assert all(torch.equal(state[key], tensor) for key, tensor in model.state_dict().items())
    assert torch.equal(model(images), before)


# Looking at networks and copying them -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_layers_holds_all_parameters(name):
    model = build(name)
    assert models.layer_table(model, 64).parameters.sum() == number_of_parameters(model)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_computes_the_same_and_shares_no_weights(name):
    model, images = build(name).eval(), torch.randn(1, 3, 40, 33)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        before = model(images)
        assert torch.equal(twin(images), before)
        for parameter in model.parameters():
            parameter.zero_()
        assert torch.equal(twin(images), before) and not model(images).any()


# Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("unet", {"drop_skip": 5}, "drop_skip=5.*'random'.*1 .shallowest. to 4 .deepest."),
        ("unet", {"drop_skip": True}, "drop_skip=True"),
        ("unet", {"drop_skip": "deepest"}, "drop_skip='deepest'"),
        ("unet", {"drop_skips": 1}, "'drop_skips' of unet.*did you mean 'drop_skip'"),
        ("unet", {"backbone_options": {}}, "'backbone_options' of unet"),
        ("vgg16_fcn32s", {"auxiliary": True}, "'auxiliary' of vgg16_fcn32s"),
        ("deeplabv3_resnet18", {"output_stride": 12}, "output_stride=12.*4, 8"),
        ("deeplabv3_resnet18", {"atrous_rates": (6, 0)}, r"atrous_rates=\(6, 0\).*at least 1"),
        ("deeplabv3_resnet18", {"atrous_rates": ()}, r"atrous_rates=\(\)"),
        ("deeplabv3_resnet18", {"backbone_options": {"widht": 8}}, "'widht' of resnet18.*did you mean 'width'"),
        ("deeplabv3plus_resnet19", {}, "'deeplabv3plus_resnet19'.*did you mean 'deeplabv3plus_resnet18'"),
    ],
)
def test_a_wrong_option_is_named_with_what_would_be_right(name, options, said):
    with pytest.raises(ValueError, match=said):
        build(name, **options)


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="task 'segment' is not known; did you mean 'segmentation'"):
        models.names("segment")
