"""`dlcv export`: the ONNX file gives torch's logits of images in [0, 1], and nothing is written that does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from handin_worlds import trained
from training_worlds import small_recipe, small_segmentation, write_classification, write_satellite

from dlcvlib import augment, cli, handin
from dlcvlib.handin import onnx_export
from dlcvlib.runs import Run

EXTRA = "the extra dlcvlib[onnx] is not installed"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCV_RUNS", str(folder / "runs"))
        tiles, photos = write_satellite(folder / "tiles", pairs=8), write_classification(folder / "photos")
        return {
            "segmenter": trained(small_segmentation(epochs=2, train_images=8, snapshots=2, kept_weights=2), tiles),
            "classifier": trained(small_recipe(epochs=1), photos),
        }


@pytest.mark.parametrize("kind", ["segmenter", "classifier"])
def test_onnxruntime_gives_the_logits_of_prediction(records: dict[str, Run], tmp_path: Path, kind: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason=EXTRA)
    made = onnx_export.export_onnx(records[kind], tmp_path / "model.onnx")
    network = handin.network_of(records[kind], "cpu")
    images = torch.randint(0, 256, (5, 3, made.size, made.size), dtype=torch.uint8)
    with torch.no_grad():
        expected = network.model.float()(augment.prepare(images, made.size, {}, **network.normalisation))
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    (logits,) = session.run(None, {"images": (images / 255).numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=1e-3, atol=1e-4)
    labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    assert labels == list(network.labels)


def test_each_kept_epoch_is_a_file_of_its_own(records: dict[str, Run], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason=EXTRA)
    first, last = (
        onnx_export.export_onnx(records["segmenter"], tmp_path / f"{epoch}.onnx", epoch=epoch, size=48)
        for epoch in records["segmenter"].weight_epochs
    )
    assert first.size == last.size == 48
    assert first.path.read_bytes() != last.path.read_bytes()


def test_logits_that_differ_are_not_written(
    records: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason=EXTRA)
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="differs from torch"):
        onnx_export.export_onnx(records["classifier"], tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_user_stays(records: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason=EXTRA)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"mine")
    assert cli.main(["export", str(records["classifier"].path), str(file)]) == 2
    assert file.read_bytes() == b"mine" and "model.onnx" in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(
    records: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert cli.main(["export", str(records["classifier"].path), str(tmp_path / "model.onnx")]) == 2
    assert "pip install 'dlcvlib[onnx]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
