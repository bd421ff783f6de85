import pytest
import torch
from torch import nn

from dlcvlib import models

IMAGE_SIZE = 32
EVERY_FORM = [(name, form) for name in models.names() for form in ("full", "reduced")]
# forms that take too long for a backward pass in a test; their shapes are inferred on the meta device
HEAVY = {(name, "full") for name in ("densenet121", "resnet18", "resnet50", "convnext_tiny", "beit_base")}
LIGHT = [pair for pair in EVERY_FORM if pair not in HEAVY]


def build(name, num_classes=7, form="reduced", **options):
    torch.manual_seed(0)
    return models.build(name, num_classes, form=form, **options)


def image_size_for(name, form):
    return 224 if (name, form) == ("beit_base", "full") else 64 if form == "full" else IMAGE_SIZE


@pytest.mark.parametrize(("name", "form"), EVERY_FORM)
def test_images_become_one_logit_a_class(name, form):
    device = "meta" if (name, form) in HEAVY else "cpu"
    with torch.device(device):
        model = build(name, form=form).eval()
    size = image_size_for(name, form)
    assert model(torch.zeros(2, 3, size, size, device=device)).shape == (2, 7)
    assert model(torch.zeros(1, 3, size, size, device=device)).shape == (1, 7)


@pytest.mark.parametrize(("name", "form"), LIGHT)
def test_the_gradient_reaches_every_parameter_that_is_trained(name, form):
    model = build(name, form=form).train()
    size = image_size_for(name, form)
    logits = model(torch.randn(8, 3, size, size))
    nn.functional.cross_entropy(logits, torch.arange(8) % 7).backward()
    untouched = [
        key
        for key, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert untouched == []


@pytest.mark.parametrize("name", models.names())
def test_the_reduced_network_is_small_and_fits_a_few_images_within_a_few_steps(name):
    model = build(name, num_classes=4).train()
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_000_000
    images, labels = torch.randn(16, 3, IMAGE_SIZE, IMAGE_SIZE), torch.arange(16) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7  # ln 4 = 1.39 is knowing nothing


@pytest.mark.parametrize(("name", "form"), LIGHT)
def test_the_same_seed_gives_the_same_weights(name, form):
    first, second = build(name, form=form).state_dict(), build(name, form=form).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_vgg13_has_exactly_ten_convolution_layers_in_both_forms():
    for form in ("full", "reduced"):
        assert sum(isinstance(module, nn.Conv2d) for module in build("vgg13_bn", form=form).modules()) == 10


@pytest.mark.parametrize("name", ["vgg13_bn", "small_cnn"])
def test_width_scales_the_number_of_parameters(name):
    narrow, wide = (sum(p.numel() for p in build(name, width=width).parameters()) for width in (8, 16))
    assert 3 < wide / narrow < 4.2  # convolutions grow with its square


@pytest.mark.parametrize("name", ["small_cnn", "vgg13_bn", "resnet18", "densenet121", "mobilenet_v2"])
def test_any_image_size_from_32_pixels_on_is_taken(name):
    model = build(name).eval()
    for height, width in ((32, 32), (48, 33), (128, 128)):
        assert model(torch.zeros(1, 3, height, width)).shape == (1, 7)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "densenet121"])
@pytest.mark.parametrize("form", ["full", "reduced"])
def test_the_small_stem_keeps_more_positions_than_the_imagenet_stem(name, form):
    small, imagenet = (positions_of_convolutions(build(name, form=form, stem=stem)) for stem in ("small", "imagenet"))
    assert small[0] == 64 * 64 == 4 * imagenet[0]
    assert small[-1] > imagenet[-1]


def positions_of_convolutions(model):
    """Height times width of the output of each convolution, for an image of 64 px."""
    positions = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda module, inputs, output: positions.append(output.shape[2] * output.shape[3])
            )
    model.eval().to("meta")(torch.zeros(1, 3, 64, 64, device="meta"))
    return positions


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "densenet121", "mobilenet_v2", "squeezenet1_0", "convnext_tiny"]
)
def test_the_report_form_has_the_keys_and_shapes_of_torchvision(name):
    import torchvision

    with torch.device("meta"):
        ours, theirs = build(name, 1000, form="full").state_dict(), getattr(torchvision.models, name)().state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {key: tensor.shape for key, tensor in theirs.items()}


def test_beit_has_the_keys_and_shapes_of_timm():
    import timm

    with torch.device("meta"):
        ours = build("beit_base", 21841, form="full").state_dict()
        theirs = timm.create_model("beit_base_patch16_224", num_classes=21841).state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {key: tensor.shape for key, tensor in theirs.items()}


@pytest.mark.parametrize(("form", "size"), [("reduced", 64), ("full", 128)])
def test_beit_is_built_for_a_given_image_size(form, size):
    with torch.device("meta"):
        model = build("beit_base", form=form, image_size=size).eval()
        assert model(torch.zeros(1, 3, size, size)).shape == (1, 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "resnet_50", "num_classes": 5}, "'resnet_50'.*did you mean 'resnet50'.*known are.*vgg13_bn"),
        ({"name": "vgg13_bn", "num_classes": 5, "form": "small"}, "'small'.*known are.*reduced"),
        ({"name": "vgg13_bn", "num_classes": 5, "widht": 8}, "'widht' of vgg13_bn.*did you mean 'width'"),
        ({"name": "mobilenet_v2", "num_classes": 5, "width": 8}, "'width' of mobilenet_v2.*it takes none"),
        ({"name": "vgg13_bn", "num_classes": 0}, "num_classes=0"),
        ({"name": "vgg13_bn", "num_classes": 2.0}, "num_classes=2.0"),
        ({"name": "resnet18", "num_classes": 5, "stem": "tiny"}, "stem='tiny'.*'imagenet' or 'small'"),
        ({"name": "beit_base", "num_classes": 5, "image_size": 100}, "image_size=100.*multiple of 16"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_be_right(arguments, said):
    with pytest.raises(ValueError, match=said):
        models.build(**arguments)


def test_the_options_of_a_network_are_those_that_build_takes():
    for name, form in EVERY_FORM:
        for option in models.options_of(name, form):
            assert option in {
                "width",
                "widths",
                "dropout",
                "stem",
                "growth_rate",
                "stochastic_depth",
                "image_size",
            }
    assert "image_size" in models.options_of("beit_base", "reduced")
