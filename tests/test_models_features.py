import pytest
import torch
from torch import nn

from dlcvlib import models

LINEAR = [name for name in models.names() if name != "squeezenet1_0"]


def build(name, form="reduced", **options):
    torch.manual_seed(0)
    return models.build(name, 7, form=form, **options)


@pytest.mark.parametrize("name", LINEAR)
def test_features_times_the_classifier_are_the_logits(name):
    model, images = build(name), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features, logits = models.penultimate(model, images)
        torch.testing.assert_close(models.classifier_of(model)(features), logits)
        torch.testing.assert_close(model.eval()(images), logits)
    assert features.dtype == logits.dtype == torch.float32


def test_features_of_a_convolutional_classifier_are_averaged_over_positions():
    model, images = build("squeezenet1_0"), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features, logits = models.penultimate(model, images)
        assert features.shape == (3, models.classifier_of(model).in_channels)
        weight, bias = models.classifier_of(model).weight.flatten(1), models.classifier_of(model).bias
        torch.testing.assert_close(features @ weight.T + bias, logits)


def test_the_published_squeezenet_gives_512_features():
    features, logits = models.penultimate(build("squeezenet1_0", form="full"), torch.randn(2, 3, 64, 64))
    assert features.shape == (2, 512)
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("name", ["vgg13_bn", "mobilenet_v2", "beit_base"])
def test_the_model_is_left_as_it_was_found(name):
    model = build(name).train()
    frozen = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d | nn.LayerNorm)).eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    models.penultimate(model, torch.randn(4, 3, 32, 32))
    assert [module.training for module in model.modules()] == modes
    assert not frozen.training
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert not models.classifier_of(model)._forward_pre_hooks


def test_the_hook_is_taken_off_after_an_error():
    model = build("vgg13_bn").train()
    with pytest.raises(RuntimeError):
        models.penultimate(model, torch.randn(4, 5, 32, 32))
    assert not models.classifier_of(model)._forward_pre_hooks
    assert model.training


def test_features_are_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        features, logits = models.penultimate(build("small_cnn"), torch.randn(2, 3, 32, 32))
    assert features.dtype == logits.dtype == torch.float32


def test_a_model_without_classifier_is_named():
    with pytest.raises(ValueError, match=r"Sequential has no.*linear layer.*is it a classifier"):
        models.classifier_of(nn.Sequential(nn.Linear(3, 3)))
