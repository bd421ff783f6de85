import errno
import hashlib
import json
import os
import pickle
import re
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dlcvlib import models
from dlcvlib.memory import is_out_of_memory
from dlcvlib.models import registry, weights

SHARED = Path(__file__).resolve().parents[2] / "shared" / "weights"
IMAGENET_MEAN = (0.485, 0.456, 0.406)


def build(name="resnet18", num_classes=7, form="reduced", seed=0, **options):
    torch.manual_seed(seed)
    return models.build(name, num_classes, form=form, **options)


def assert_same(state, other):
    assert state.keys() == other.keys()
    for key in state:
        torch.testing.assert_close(state[key], other[key], rtol=0, atol=0)


@pytest.fixture(autouse=True)
def no_weights_folder(monkeypatch):
    monkeypatch.delenv("DLCV_WEIGHTS", raising=False)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("name", models.names())
def test_weights_written_and_read_give_the_same_model(name, suffix, tmp_path):
    first, second = build(name, seed=0), build(name, seed=1)
    file = tmp_path / f"weights{suffix}"
    save_file(first.state_dict(), file) if suffix == ".safetensors" else torch.save(first.state_dict(), file)
    report = models.load_into(second, models.load_state(file))
    assert report == models.LoadReport()
    assert_same(first.state_dict(), second.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_float32_and_counters_stay_whole(dtype, tmp_path):
    state = build().half().state_dict()
    state = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    save_file(state, tmp_path / "half.safetensors")
    read = models.load_state(tmp_path / "half.safetensors")
    assert {tensor.dtype for tensor in read.values()} == {torch.float32, torch.int64}
    assert_same(read, {key: value.float() if value.is_floating_point() else value for key, value in state.items()})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {}},
        lambda state: {"student": {}, "teacher": state},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {f"module.{key}": tensor for key, tensor in state.items()},
        lambda state: {"teacher": {f"module.backbone.{key}": tensor for key, tensor in state.items()}},
        lambda state: {f"encoder.{key}": tensor for key, tensor in state.items()},
    ],
)
def test_wrapping_and_prefixes_of_checkpoints_are_taken_off(wrap, tmp_path):
    first, second = build(seed=0), build(seed=1)
    torch.save(wrap(first.state_dict()), tmp_path / "checkpoint.pt")
    models.load_into(second, models.load_state(tmp_path / "checkpoint.pt"))
    assert_same(first.state_dict(), second.state_dict())


def test_of_teacher_and_student_the_teacher_is_read(tmp_path):
    torch.save({"student": build(seed=1).state_dict(), "teacher": build(seed=0).state_dict()}, tmp_path / "dino.pth")
    assert_same(models.load_state(tmp_path / "dino.pth"), dict(build(seed=0).state_dict()))


def test_a_prefix_that_the_model_itself_has_is_kept():
    segmenter = torch.nn.ModuleDict({"backbone": torch.nn.Conv2d(3, 4, 1), "classifier": torch.nn.Conv2d(4, 2, 1)})
    assert models.load_into(segmenter, segmenter.state_dict()) == models.LoadReport()


def test_a_projection_head_beside_the_backbone_is_left_out_and_named():
    first, second = build(seed=0), build(seed=1)
    state = {f"backbone.{key}": tensor for key, tensor in first.state_dict().items() if not key.startswith("fc.")}
    report = models.load_into(second, state | {"head.mlp.0.weight": torch.zeros(2, 2)})
    assert report == models.LoadReport(classifier=("fc.weight", "fc.bias"), left_out=("head.mlp.0.weight",))


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0", "mobilenet_v2", "beit_base"])
def test_a_classifier_of_another_size_keeps_its_own_weights_and_is_named(name):
    source, target = build(name, num_classes=5, seed=0), build(name, num_classes=7, seed=1)
    last = models.classifier_name(target)
    own = models.classifier_of(target).weight.clone()
    report = models.load_into(target, source.state_dict())
    assert report.classifier == (f"{last}.weight", f"{last}.bias")
    assert torch.equal(models.classifier_of(target).weight, own)
    body = {key: tensor for key, tensor in source.state_dict().items() if not key.startswith(last)}
    assert_same(body, {key: target.state_dict()[key] for key in body})


def test_half_a_classifier_is_not_taken():
    source, target = build(seed=0), build(seed=1)
    state = dict(source.state_dict())
    del state["fc.bias"]
    own = target.fc.weight.clone()
    assert models.load_into(target, state).classifier == ("fc.weight", "fc.bias")
    assert torch.equal(target.fc.weight, own)


def test_weights_that_do_not_fit_are_named_and_leave_the_model_unchanged():
    model = build()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    state = {key: tensor + 1 for key, tensor in before.items()}
    del state["layer1.0.conv1.weight"]
    state["extra.weight"] = torch.zeros(2)
    state["conv1.weight"] = torch.zeros(16, 3, 7, 7)
    with pytest.raises(ValueError, match="do not fit NarrowResNet") as error:
        models.load_into(model, state)
    for said in (
        "1 missing: layer1.0.conv1.weight",
        "1 unexpected: extra.weight",
        "1 of another shape: conv1.weight (16, 3, 7, 7) for (16, 3, 3, 3)",
    ):
        assert said in str(error.value)
    assert_same(before, dict(model.state_dict()))


def test_of_many_missing_keys_ten_are_named_and_all_are_counted():
    model = build("densenet121")
    expected = [key for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    expected = [key for key in expected if not key.startswith("classifier.")]
    with pytest.raises(ValueError) as error:
        models.load_into(model, {})
    missing = str(error.value).partition("missing: ")[2].partition(";")[0]
    assert f"{len(expected)} missing: " in str(error.value)
    assert missing == ", ".join(expected[:10]) + f", … ({len(expected) - 10} more)"


def test_weights_from_before_batches_were_counted_are_taken():
    first, second = build(seed=0), build(seed=1)
    state = {key: value for key, value in first.state_dict().items() if not key.endswith("num_batches_tracked")}
    assert models.load_into(second, state) == models.LoadReport()


def test_files_that_hold_no_weights_are_refused_by_name(tmp_path):
    whole = tmp_path / "whole.pt"
    torch.save(build("small_cnn"), whole)
    cut_safe, cut_zip = tmp_path / "cut.safetensors", tmp_path / "cut.pt"
    save_file(build().state_dict(), cut_safe)
    torch.save(build().state_dict(), cut_zip)
    for file in (cut_safe, cut_zip):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    text, empty, number, mixed = (tmp_path / f"{name}.pt" for name in ("text", "empty", "number", "mixed"))
    text.write_text("<html>404</html>")
    empty.write_bytes(b"")
    torch.save(3, number)
    torch.save({"weight": torch.zeros(1), "epoch": 3}, mixed)
    for file, said in [
        (whole, "could run code.*state_dict"),
        (cut_safe, "cut short.*again"),
        (cut_zip, "cut short.*again"),
        (text, "damaged"),
        (empty, "cut short"),
        (number, "holds no weights but a int"),
        (mixed, "epoch.*known wrappers"),
    ]:
        with pytest.raises(ValueError, match=f"{re.escape(file.name)}.*{said}"):
            models.load_state(file)


class RunsCode:
    """A pickle of it makes a folder when it is read by someone who trusts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["evil.pt", "evil.pth", "evil.safetensors", "plain.pt", "plain.safetensors"])
def test_a_file_of_weights_runs_no_code(tmp_path, name):
    file, ran = tmp_path / name, tmp_path / "ran"
    if name.startswith("plain"):
        file.write_bytes(pickle.dumps({"weight": RunsCode(ran)}))
    else:
        torch.save({"weight": RunsCode(ran)}, file)
    with pytest.raises(ValueError, match=re.escape(str(file))):
        models.load_state(file)
    assert not ran.exists()
    pickle.loads(pickle.dumps(RunsCode(ran)))
    assert ran.exists(), "it would have run"


def header(length: int, tensors: dict[str, object]) -> bytes:
    """The head of a .safetensors file that claims to have `length` bytes."""
    return struct.pack("<Q", length) + json.dumps(tensors).encode()


def huge(shape: list[int], end: int) -> bytes:
    tensors = {"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}
    return header(len(json.dumps(tensors)), tensors)


@pytest.mark.parametrize(
    "content",
    [
        header(2**63, {}),
        header(10**9, {}),
        huge([2**40], 2**42),
        huge([2**40, 2**40], 4),
        b"",
        bytes(range(256)) * 40,
    ],
    ids=["longer than can be", "a long head", "a large tensor", "an overflow", "empty", "garbage"],
)
def test_a_head_that_claims_what_is_not_there_is_refused_by_name(tmp_path, content):
    file = tmp_path / "claims.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"claims\.safetensors.*fetch or save it again"):
        models.load_state(file)


def test_a_small_file_that_would_fill_the_memory_is_refused_by_name(tmp_path):
    saved, packed = tmp_path / "saved.pt", tmp_path / "packed.pt"
    torch.save({"weight": torch.zeros(10**6)}, saved)
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in archive.infolist():
            target.writestr(entry.filename, archive.read(entry))
    with pytest.raises(ValueError, match=r"packed\.pt.*unpack"):
        models.load_state(packed)
    repeated = tmp_path / "repeated.pt"
    torch.save({"weight": torch.zeros(1).expand(10**12)}, repeated)
    with pytest.raises(ValueError, match=r"repeated\.pt: weight is not"):
        models.load_state(repeated)


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path):
    content: dict[str, object] = {}
    content["model"] = content
    torch.save(content, tmp_path / "circle.pt")
    with pytest.raises(ValueError, match=r"circle\.pt holds.*model"):
        models.load_state(tmp_path / "circle.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_that_are_not_finite_are_refused_by_file_and_key(tmp_path, value, suffix):
    state = build().state_dict()
    state["layer1.0.conv1.weight"][0, 0, 0, 0] = value
    file = tmp_path / f"diverged{suffix}"
    save_file(state, file) if suffix == ".safetensors" else torch.save({"model": state}, file)
    with pytest.raises(ValueError, match=rf"diverged\{suffix}: layer1\.0\.conv1\.weight holds nan or infinity"):
        models.load_state(file)
    with pytest.raises(ValueError, match=r"layer1\.0\.conv1\.weight"):
        models.pretrained(build(), "resnet18", path=file)


@pytest.mark.parametrize("tensor", [torch.eye(2).to_sparse(), torch.ones(2).to(torch.float8_e5m2)])
def test_tensors_that_are_not_plain_are_refused_by_name(tmp_path, tensor):
    torch.save({"weight": tensor}, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=r"odd\.pt"):
        models.load_state(tmp_path / "odd.pt")


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("shapes do not agree"), False),
        (ValueError("a file named out of memory"), False),
    ],
)
def test_what_says_that_memory_ran_out_is_known(error, is_one):
    assert is_out_of_memory(error) == is_one


def test_a_missing_file_and_an_unknown_suffix_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt"):
        models.load_state(tmp_path / "nowhere.pt")
    with pytest.raises(ValueError, match=r"model\.h5 has the suffix '\.h5'.*\.safetensors, \.pt, \.pth"):
        models.load_state(tmp_path / "model.h5")


def test_the_weights_folder_is_looked_through_by_name(tmp_path, monkeypatch):
    assert models.find_weights("resnet18") is None
    assert models.find_weights("resnet18", tmp_path) is None
    file = tmp_path / "resnet18-f37072fd.pth"
    file.touch()
    (tmp_path / "resnet18.txt").touch()
    assert models.find_weights("resnet18", tmp_path) == file
    assert models.find_weights("resnet50", tmp_path) is None
    (tmp_path / "resnet18_other.pt").touch()
    with pytest.raises(ValueError, match=r"several weights of resnet18: resnet18-f37072fd\.pth, resnet18_other\.pt"):
        models.find_weights("resnet18", tmp_path)
    exact = tmp_path / "resnet18.safetensors"
    exact.touch()
    monkeypatch.setenv("DLCV_WEIGHTS", str(tmp_path))
    assert models.find_weights("resnet18") == exact
    with pytest.raises(FileNotFoundError, match=r"weights folder .*nowhere"):
        models.find_weights("resnet18", tmp_path / "nowhere")


def test_weights_given_by_path_are_loaded_and_described(tmp_path):
    source, model = build(num_classes=64, seed=0), build(num_classes=7, seed=1)
    file = tmp_path / "own.safetensors"
    save_file(source.state_dict(), file)
    found = models.pretrained(model, "resnet18", path=file)
    assert (found.kind, found.location) == ("path", str(file))
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.report.classifier == ("fc.weight", "fc.bias")
    assert found.mean == IMAGENET_MEAN
    assert torch.equal(model.conv1.weight, source.conv1.weight)


def test_a_path_that_does_not_fit_is_an_error_and_never_a_download(tmp_path):
    save_file(build("small_cnn").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="do not fit"):
        models.pretrained(build(), "resnet18", path=tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError):
        models.pretrained(build(), "resnet18", path=tmp_path / "nowhere.pt")


def test_published_weights_are_not_asked_for_a_form_that_they_cannot_fit(monkeypatch):
    monkeypatch.setattr(weights, "download_file", lambda name: pytest.fail("nothing may be fetched"))
    with pytest.raises(models.NoWeightsError, match=r"full network.*\(16, 3, 3, 3\) for conv1\.weight \(64, 3, 7, 7\)"):
        models.pretrained(build("resnet18"), "resnet18")
    with pytest.raises(models.NoWeightsError, match="full network"):
        models.pretrained(build("resnet18", form="full", stem="small"), "resnet18")


def test_without_folder_download_or_publication_the_reason_is_given():
    with pytest.raises(models.NoWeightsError, match="DLCV_WEIGHTS, which is not set, and download was not allowed"):
        models.pretrained(build("squeezenet1_0", form="full"), "squeezenet1_0", allow_download=False)
    with pytest.raises(models.NoWeightsError, match="nobody publishes weights that fit our vgg13_bn"):
        models.pretrained(build("vgg13_bn"), "vgg13_bn")
    with pytest.raises(ValueError, match="'resnet19' is not known"):
        weights.download_file("resnet19")


@pytest.mark.parametrize("name", ["resnet18", "beit_base"])
def test_an_unreachable_network_is_told_before_a_download_is_tried(name, tmp_path, monkeypatch):
    """Nothing listens at this proxy: every request fails, with a network or without."""
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *arguments: None)
    for client in (
        "torch.hub.download_url_to_file",
        "huggingface_hub.hf_hub_download",
    ):
        monkeypatch.setattr(client, lambda *_arguments: pytest.fail("a download was tried"))
    with pytest.raises(models.NoWeightsError, match=rf"weights of {name} cannot be reached.*{name}\.safetensors"):
        weights.download_file(name)
    assert list(tmp_path.iterdir()) == []


def test_published_weights_that_were_fetched_before_need_no_network(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(weights, "_check_reachable", lambda name, url: pytest.fail("no request is needed"))
    source = build("squeezenet1_0", 1000, form="full", seed=0)
    torch.save(source.state_dict(), tmp_path / "checkpoints" / "squeezenet1_0-b66bff10.pth")
    model = build("squeezenet1_0", form="full", seed=1)
    found = models.pretrained(model, "squeezenet1_0")
    assert (found.kind, found.location) == ("download", "SqueezeNet1_0_Weights.IMAGENET1K_V1")
    assert found.image_size == 224
    assert torch.equal(model.features[0].weight, source.features[0].weight)


def test_every_published_name_is_known_to_its_library_with_the_normalisation_noted():
    import timm
    import torchvision

    for name in models.names():
        published = registry.family(name).published
        if published is None:
            continue
        if published.torchvision:
            enum, member = published.torchvision.split(".")
            transform = getattr(torchvision.models, enum)[member].transforms()
            expected = transform.mean, transform.std
        else:
            configuration = timm.get_pretrained_cfg(published.timm)
            assert configuration.hf_hub_id
            expected = configuration.mean, configuration.std
        assert (published.mean, published.std) == tuple(tuple(value) for value in expected)


def test_published_densenet_keys_with_a_dot_are_renamed(tmp_path):
    source, model = build("densenet121", seed=0), build("densenet121", seed=1)
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): v for key, v in source.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "densenet121-a639ec97.pth")
    assert models.pretrained(model, "densenet121", path=tmp_path / "densenet121-a639ec97.pth").report.classifier == ()
    assert_same(dict(source.state_dict()), dict(model.state_dict()))


def test_beit_weights_fit_another_image_size(tmp_path):
    source, model = build("beit_base", image_size=32), build("beit_base", image_size=48, seed=1)
    save_file(source.state_dict(), tmp_path / "beit_base.safetensors")
    found = models.pretrained(model, "beit_base", path=tmp_path / "beit_base.safetensors")
    assert found.mean == (0.5, 0.5, 0.5)
    assert torch.equal(model.blocks[0].mlp.fc1.weight, source.blocks[0].mlp.fc1.weight)
    assert model.eval()(torch.zeros(1, 3, 48, 48)).shape == (1, 7)


@pytest.mark.parametrize("name", ["squeezenet1_0", "mobilenet_v2"])
def test_supplied_imagenet_weights_are_found_and_fit_the_report_form(name, tmp_path):
    if not SHARED.is_dir():
        pytest.skip(f"the supplied weights are not at {SHARED}")
    model = build(name, 50, form="full")
    found = models.pretrained(model, name, folder=SHARED, allow_download=False)
    assert found.kind == "folder"
    assert found.report.classifier == tuple(f"classifier.1.{part}" for part in ("weight", "bias"))
    everything = models.build(name, 1000, form="full")
    shutil.copy(found.location, tmp_path / f"{name}.safetensors")
    assert models.pretrained(everything, name, folder=tmp_path).report == models.LoadReport()
    with torch.no_grad():
        features, _ = models.penultimate(everything, torch.randn(2, 3, 64, 64))
    assert torch.isfinite(features).all()
    assert features.std() > 0.01


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0", "mobilenet_v2"])
def test_a_backbone_takes_the_weights_of_the_whole_network_and_names_what_it_left_out(name):
    whole, backbone = build(name, seed=0), models.as_backbone(build(name, seed=1))
    report = models.load_into(backbone, whole.state_dict())
    last = models.classifier_name(whole)
    assert set(report.left_out) == {f"{last}.weight", f"{last}.bias"}
    assert_same(backbone.state_dict(), {key: value for key, value in whole.state_dict().items() if last not in key})


def test_the_official_dino_backbone_is_found_under_its_own_file_name(tmp_path):
    torch.manual_seed(0)
    network = models.build("resnet50", 1)
    state = {key: value.half() for key, value in network.state_dict().items() if not key.startswith("fc.")}
    torch.save(state, tmp_path / "dino_resnet50_pretrain.pth")
    backbone = models.as_backbone(models.build("resnet50", 1))
    source = models.pretrained(backbone, "resnet50", folder=tmp_path, kind="dino")
    assert source.kind == "folder" and source.location.endswith("dino_resnet50_pretrain.pth")
    torch.testing.assert_close(backbone.conv1.weight, network.conv1.weight, rtol=1e-3, atol=1e-4)
    with pytest.raises(models.NoWeightsError, match="download was not allowed"):
        models.pretrained(backbone, "resnet50", folder=tmp_path, allow_download=False)


def test_a_method_of_which_nothing_is_published_says_so():
    with pytest.raises(models.NoWeightsError, match="nobody publishes weights that fit our resnet18"):
        models.pretrained(models.build("resnet18", 1), "resnet18", kind="dino")
