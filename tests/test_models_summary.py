import pytest
import torch

from dlcvlib import models

SMALLEST = [(name, "reduced", 32) for name in models.names()]
REPORT = [("vgg13_bn", "full", 32), ("mobilenet_v2", "full", 224), ("squeezenet1_0", "full", 224)]


def parameters_of(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "form", "size"), SMALLEST + REPORT)
def test_the_layers_hold_all_parameters_and_all_multiply_adds(name, form, size):
    from torch.utils.flop_counter import FlopCounterMode

    model = models.build(name, 7, form=form).eval()
    table = models.layer_table(model, size)
    assert list(table.columns) == ["name", "type", "output_shape", "parameters", "multiply_adds"]
    assert table.parameters.sum() == parameters_of(model)
    assert table.name.is_unique
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, 3, size, size))
    assert table.multiply_adds.sum() == counter.get_total_flops() // 2
    assert (table.multiply_adds >= 0).all()


def test_multiply_adds_of_a_convolution_are_counted_by_hand():
    table = models.layer_table(models.build("small_cnn", 7, width=32), 64).set_index("name")
    assert table.multiply_adds["blocks.0.0"] == 64 * 64 * 32 * 3 * 9
    assert table.output_shape["blocks.0.0"] == (32, 64, 64)
    assert table.parameters["blocks.0.0"] == 32 * 3 * 9
    assert table.multiply_adds["classifier"] == 256 * 7


@pytest.mark.parametrize(("name", "form", "size"), SMALLEST + REPORT)
def test_a_network_is_drawn_as_a_readable_number_of_stages(name, form, size):
    model = models.build(name, 7, form=form)
    stages = models.stages(model, size)
    assert 4 <= len(stages) <= 12
    assert sum(stage.parameters for stage in stages) == parameters_of(model)
    assert len({stage.name for stage in stages}) == len(stages)
    assert stages[0].name == "stem"
    head = stages[-1].asdict()
    assert (head["name"], head["channels"], head["height"], head["width"]) == ("head", 7, 1, 1)
    if name != "beit_base":
        heights = [stage.height for stage in stages]
        assert heights == sorted(heights, reverse=True)


def test_the_stages_of_resnet50_are_those_of_its_paper():
    stages = models.stages(models.build("resnet50", 7), 64)
    assert [(stage.channels, stage.height, stage.width) for stage in stages] == [
        (64, 16, 16),
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 2, 2),
        (7, 1, 1),
    ]
    assert [stage.kind for stage in stages[1:5]] == [f"{number} × Bottleneck" for number in (3, 4, 6, 3)]


SEGMENTERS = [
    ("vgg16_fcn32s", 64),
    ("vgg16_fcn8s", 64),
    ("resnet101_fcn", 64),
    ("unet", 64),
    ("deeplabv3_resnet50", 64),
    ("deeplabv3plus_resnet50", 64),
    ("deeplabv3plus_mobilenet_v2", 64),
]


@pytest.mark.parametrize(("name", "size"), SEGMENTERS)
def test_a_segmenter_is_drawn_from_the_images_to_its_logits(name, size):
    model = models.build(name, 7, form="reduced")
    stages = models.stages(model, size)
    assert 4 <= len(stages) <= 14
    assert sum(stage.parameters for stage in stages) == parameters_of(model)
    assert stages[-1].channels == 7
    assert all(stage.reads and max(stage.reads) < number for number, stage in enumerate(stages) if number)
    read = {source for stage in stages for source in stage.reads}
    assert read == set(range(len(stages) - 1))  # nothing is computed for nobody


def skips_of(model):
    """Strides of the maps that leave out stages, from the deepest to the shallowest."""
    stages = models.stages(model, 64)
    return [
        64 // stages[source].height
        for number, stage in enumerate(stages)
        for source in stage.reads
        if source != number - 1
    ]


@pytest.mark.parametrize(("dropped", "strides"), [(None, [8, 4, 2, 1]), (1, [8, 4, 2]), (3, [8, 2, 1]), (4, [4, 2, 1])])
def test_the_skips_of_a_unet_are_seen_and_a_dropped_one_is_not(dropped, strides):
    assert skips_of(models.build("unet", 7, form="reduced", drop_skip=dropped)) == strides


@pytest.mark.parametrize(
    ("name", "strides"), [("vgg16_fcn32s", []), ("vgg16_fcn8s", [16, 8]), ("deeplabv3plus_mobilenet_v2", [2])]
)
def test_what_a_decoder_reads_besides_the_last_map_is_seen(name, strides):
    assert skips_of(models.build(name, 7, form="reduced")) == strides


def test_a_transformer_is_shown_as_tokens_times_dimension():
    stages = models.stages(models.build("beit_base", 7, form="reduced"), 32)
    assert [(stage.channels, stage.height, stage.width) for stage in stages[1:-1]] == [(64, 65, 1)] * 3
    assert stages[1].kind == "Block"


def test_looking_at_a_model_leaves_it_as_it_was():
    model = models.build("vgg13_bn", 7, form="reduced").train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    models.stages(model, 32)
    models.layer_table(model, 32)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
