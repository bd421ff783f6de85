"""SAM on a tiny one with random weights, through disk; and the laws of regions, whoever proposed them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from segment_anything import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry
from tiny_sam import write_tiny_sam

from dlcvlib import sam
from dlcvlib.metrics import course_iou
from dlcvlib.models.weights import NoWeightsError
from dlcvlib.sam import Regions, building, weights
from dlcvlib.sam.predictor import CachedPredictor
from dlcvlib.sam.proposals import without_small_parts

ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}  # random weights are sure of nothing
DRAW = np.random.default_rng(0)
IMAGE = DRAW.integers(256, size=(3, 40, 56), dtype=np.uint8)


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DLCV_WEIGHTS", raising=False)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture
def loaded(tmp_path: Path) -> sam.LoadedSam:
    write_tiny_sam(tmp_path / "tiny.pth")
    return sam.load(tmp_path / "tiny.pth", device="cpu")


def regions_of(*masks: np.ndarray) -> Regions:
    return Regions(np.array(masks, dtype=bool), np.ones(len(masks), dtype=np.float32))


def pieces_of(ids: np.ndarray) -> Regions:
    """The connected pieces of each class."""
    masks = []
    for each in np.unique(ids):
        pieces, count = ndimage.label(ids == each)
        masks += [pieces == number for number in range(1, count + 1)]
    return regions_of(*masks)


def blocks(seed: int, side: int = 24) -> np.ndarray:
    """Class ids in blocks of 4 pixels, uint8; all seven classes occur."""
    coarse = np.random.default_rng(seed).permutation(np.arange(36) % 7).reshape(6, 6)
    return np.kron(coarse, np.ones((side // 6, side // 6))).astype(np.uint8)


# Weights


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"num_heads": 2, "embed_dim": 32, "mlp_ratio": 4},
        {"window_size": 0, "global_attn_indexes": ()},
        {"window_size": 2, "global_attn_indexes": (0, 2), "depth": 4},
    ],
)
def test_a_sam_read_from_disk_answers_as_the_one_that_was_saved(form: dict, tmp_path: Path) -> None:
    original = write_tiny_sam(tmp_path / "tiny.pth", **form)
    loaded = sam.load(tmp_path / "tiny.pth", device="cpu")
    assert loaded.origin == "path" and loaded.model_type == "other"
    predictor = SamPredictor(original)
    predictor.set_image(IMAGE.transpose(1, 2, 0))
    masks, scores, _ = predictor.predict(np.array([[10.0, 20.0]]), np.array([1]))
    answer = sam.prompted(loaded, IMAGE, [(10, 20)], [1])
    best_first = [number for number in np.argsort(-scores) if masks[number].any()]
    np.testing.assert_array_equal(answer.masks, masks[best_first])
    np.testing.assert_array_equal(answer.scores, scores[best_first])


@pytest.mark.parametrize("model_type", ["vit_b", "vit_l", "vit_h"])
def test_the_published_types_are_known_by_their_weights(model_type: str) -> None:
    with torch.device("meta"):
        official = sam_model_registry[model_type]().state_dict()
    form = building.form_of(official)
    assert form.model_type == model_type
    with torch.device("meta"):
        ours = building.build(form)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in official.items()
    }
    assert ours.image_encoder.blocks[0].attn.num_heads == {"vit_b": 12}.get(model_type, 16)
    with torch.device("meta"):
        blocks_of = sam_model_registry[model_type]().image_encoder.blocks
    assert [block.window_size for block in ours.image_encoder.blocks] == [block.window_size for block in blocks_of]


def test_a_file_of_another_type_than_asked_for_is_named(tmp_path: Path) -> None:
    write_tiny_sam(tmp_path / "sam_vit_b.pth")
    with pytest.raises(ValueError, match=r"sam_vit_b\.pth holds a SAM of type other .*width 24.*vit_b was asked for"):
        sam.load(model_type="vit_b", folder=tmp_path)
    with pytest.raises(ValueError, match=r"'vit_x' is unknown.*vit_b, vit_l, vit_h"):
        sam.load(model_type="vit_x")


def test_weights_that_are_no_sam_or_not_whole_are_named(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth: .*weights of SAM: image_encoder\.patch_embed"):
        sam.load(tmp_path / "other.pth")
    state = write_tiny_sam(tmp_path / "tiny.pth").state_dict()
    del state["image_encoder.blocks.1.norm1.bias"]
    torch.save(state, tmp_path / "tiny.pth")
    with pytest.raises(ValueError, match=r"image_encoder\.blocks\.1\.norm1\.bias missing.*width 24 and depth 3"):
        sam.load(tmp_path / "tiny.pth")
    with pytest.raises(ValueError, match="5 heads do not divide the 8 channels"):
        sam.load(tmp_path / "tiny.pth", decoder_heads=5)


def test_weights_are_found_in_the_folder_and_vit_b_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_WEIGHTS", str(tmp_path))
    write_tiny_sam(tmp_path / "sam_mine.pth", seed=1)
    assert sam.load(device="cpu").file.name == "sam_mine.pth"
    write_tiny_sam(tmp_path / "sam_vit_b_01ec64.pth")
    found = sam.load(device="cpu")
    assert (found.file.name, found.origin) == ("sam_vit_b_01ec64.pth", "folder")


def test_without_weights_the_message_says_what_to_do() -> None:
    with pytest.raises(
        NoWeightsError, match=r"DLCV_WEIGHTS.*put https.*/sam_vit_b_01ec64\.pth into that folder, or give"
    ):
        sam.load(allow_download=False)
    with pytest.raises(NoWeightsError, match=r"none of vit_h .*/sam_vit_h_4b8939\.pth"):
        sam.load(model_type="vit_h", allow_download=False)


def test_a_download_counts_only_with_the_published_size_and_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hub" / "checkpoints" / "sam_vit_b_01ec64.pth"
    write_tiny_sam(file)
    with pytest.raises(
        ValueError, match=r"sam_vit_b_01ec64\.pth has [\d,]+ bytes, published are 375,042,383: remove it"
    ):
        sam.load()
    size, digest = file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(weights.PUBLISHED, "vit_b", weights.Published(file.name, size, "0" * 64))
    with pytest.raises(ValueError, match=f"SHA-256 {digest}, published is 0000"):
        sam.load()
    monkeypatch.setitem(weights.PUBLISHED, "vit_b", weights.Published(file.name, size, digest))
    assert sam.load(device="cpu").origin == "download"


def test_a_fetch_of_another_checksum_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_sam(tmp_path / "server" / "sam_vit_b_01ec64.pth")
    monkeypatch.setattr(weights, "ADDRESS", (tmp_path / "server").as_uri() + "/")
    with pytest.raises(NoWeightsError, match=r"invalid hash value.*ec2df627"):
        sam.load()
    assert list((tmp_path / "hub").rglob("*.pth")) == []


# Proposals and prompts


def test_the_automatic_generator_is_the_package_s_own(loaded: sam.LoadedSam) -> None:
    regions = sam.automatic(loaded, IMAGE, points_per_side=4, **ALL)
    own = SamAutomaticMaskGenerator(loaded.model, points_per_side=4, **ALL).generate(IMAGE.transpose(1, 2, 0))
    own = [each for each in own if each["area"]]
    assert len(regions) == len(own) > 0
    np.testing.assert_array_equal(regions.masks, [each["segmentation"] for each in own])
    np.testing.assert_array_equal(regions.areas, [each["area"] for each in own])
    np.testing.assert_allclose(regions.scores, [each["predicted_iou"] for each in own])


@pytest.mark.parametrize("layers", [0, 1])
def test_a_threshold_of_the_expected_iou_is_the_package_s_own(layers: int, loaded: sam.LoadedSam) -> None:
    settings = {"points_per_side": 6, "stability_score_thresh": 0.0, "crop_n_layers": layers, "box_nms_thresh": 0.6}
    scores = np.sort(sam.automatic(loaded, IMAGE, pred_iou_thresh=0, **settings).scores)
    threshold = float(scores[len(scores) // 2 - 1 : len(scores) // 2 + 1].mean())
    assert threshold > 0
    regions = sam.automatic(loaded, IMAGE, pred_iou_thresh=threshold, **settings)
    own = SamAutomaticMaskGenerator(loaded.model, pred_iou_thresh=threshold, **settings).generate(
        IMAGE.transpose(1, 2, 0)
    )
    own = [each for each in own if each["area"]]
    assert 0 < len(regions) < len(scores)
    np.testing.assert_array_equal(regions.masks, [each["segmentation"] for each in own])


def test_a_generator_that_is_sure_of_nothing_proposes_nothing(loaded: sam.LoadedSam) -> None:
    regions = sam.automatic(loaded, IMAGE, points_per_side=2, pred_iou_thresh=1e9)
    assert len(regions) == 0 and (sam.paint(regions) == -1).all()


def test_cached_results_are_not_computed_again_and_are_equal(
    loaded: sam.LoadedSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    loaded.model.image_encoder.register_forward_hook(lambda *_: encoded.append(1))
    decoded: list[int] = []
    loaded.model.mask_decoder.register_forward_hook(lambda *_: decoded.append(1))
    first = sam.automatic(loaded, IMAGE, points_per_side=4, **ALL)
    work = len(decoded)
    again = sam.automatic(loaded, IMAGE, points_per_side=4, **ALL)
    assert (len(encoded), len(decoded)) == (1, work)
    np.testing.assert_array_equal(first.masks, again.masks)
    np.testing.assert_array_equal(first.scores, again.scores)
    sam.automatic(loaded, IMAGE, points_per_side=3, **ALL)
    fresh = sam.prompted(loaded, IMAGE, [(5, 5)], [1])
    assert len(encoded) == 1 and len(decoded) > work, "other parameters and prompts share the embedding"
    sam.automatic(loaded, IMAGE[:, ::-1], points_per_side=4, **ALL)
    assert len(encoded) == 2, "another image"
    monkeypatch.setattr("dlcvlib.sam.predictor.cached", lambda *_: _[-1]())
    np.testing.assert_array_equal(sam.prompted(loaded, IMAGE, [(5, 5)], [1]).masks, fresh.masks)
    assert len(encoded) == 3


def test_other_weights_share_nothing_and_a_spoilt_file_is_made_anew(loaded: sam.LoadedSam, tmp_path: Path) -> None:
    first = sam.automatic(loaded, IMAGE, points_per_side=3, **ALL)
    write_tiny_sam(tmp_path / "second.pth", seed=5)
    sam.automatic(sam.load(tmp_path / "second.pth", device="cpu"), IMAGE, points_per_side=3, **ALL)
    files = sorted((tmp_path / "runs" / "cache" / "sam").iterdir())
    assert len(files) == 4, "an embedding and masks of each"
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(sam.automatic(loaded, IMAGE, points_per_side=3, **ALL).masks, first.masks)


def test_small_holes_are_filled_and_small_specks_removed() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:12, 2:12] = True
    whole = mask.copy()
    mask[5:7, 5:7] = False
    mask[16, 16] = True
    np.testing.assert_array_equal(without_small_parts(regions_of(mask), 5).masks[0], whole)
    np.testing.assert_array_equal(
        without_small_parts(regions_of(mask), 4).masks[0], mask & ~np.pad([[True]], ((16, 3), (16, 3)))
    )
    np.testing.assert_array_equal(without_small_parts(regions_of(mask), 0).masks[0], mask)
    alone = np.zeros_like(mask)
    alone[3, 3] = True
    assert len(without_small_parts(regions_of(alone), 50)) == 1, "the largest piece stays, however small"


@pytest.mark.parametrize("propose", [sam.felzenszwalb, sam.slic])
def test_classical_regions_cover_every_pixel_once(propose: object) -> None:
    smooth = np.kron(DRAW.integers(256, size=(3, 5, 7)), np.ones((8, 8))).astype(np.uint8)
    for image in (smooth, torch.from_numpy(smooth)):
        regions = propose(image)  # type: ignore[operator]
        assert len(regions) > 1 and (regions.masks.sum(axis=0) == 1).all()


def test_a_larger_scale_merges_regions() -> None:
    assert len(sam.felzenszwalb(IMAGE, scale=2000, min_size=5)) < len(sam.felzenszwalb(IMAGE, scale=10, min_size=5))


def test_prompts_that_ask_nothing_are_refused(loaded: sam.LoadedSam) -> None:
    regions = sam.felzenszwalb(IMAGE)
    for given, said in [
        ({}, "no prompt"),
        ({"points": [(56, 0)], "labels": [1]}, r"\(56, 0\) lies outside of the image of 56 x 40"),
        ({"points": [(1, 1)], "labels": [2]}, r"labels of 0 or 1, got \[2\]"),
        ({"points": [(1, 1)]}, "1 points need as many labels"),
        ({"box": (5, 5, 5, 9)}, r"box \(5, 5, 5, 9\) must be"),
    ]:
        for ask in (
            lambda **prompt: sam.prompted(loaded, IMAGE, **prompt),
            lambda **p: sam.regions_under(regions, **p),
        ):
            with pytest.raises(ValueError, match=said):
                ask(**given)


def test_one_point_has_up_to_three_answers_and_other_prompts_one(loaded: sam.LoadedSam) -> None:
    assert 1 <= len(sam.prompted(loaded, IMAGE, [(5, 5)], [1])) <= 3
    scores = sam.prompted(loaded, IMAGE, [(5, 5)], [1]).scores
    assert (np.diff(scores) <= 0).all()
    assert len(sam.prompted(loaded, IMAGE, [(5, 5), (30, 30)], [1, 0])) <= 1
    assert len(sam.prompted(loaded, IMAGE, box=(4, 4, 30, 30))) <= 1


def test_regions_under_a_prompt_are_those_pointed_at() -> None:
    quarters = np.kron([[0, 1], [2, 3]], np.ones((10, 10))).astype(int)
    regions = Regions.of_labels(quarters)

    def under(*args: object, **named: object) -> np.ndarray:
        found = sam.regions_under(regions, *args, **named)  # type: ignore[arg-type]
        return np.unique(quarters[found.masks.any(axis=0)]) if len(found) else np.array([])

    np.testing.assert_array_equal(under([(3, 3), (15, 3)], [1, 1]), [0, 1])
    np.testing.assert_array_equal(under([(3, 3)], [0], box=(0, 0, 20, 10)), [1])
    np.testing.assert_array_equal(under(box=(0, 0, 12, 20)), [0, 2])
    assert len(under([(3, 3)], [0])) == 0


# Scores


def test_the_small_lies_on_top_of_the_large_whatever_their_order() -> None:
    large, small = np.zeros((2, 8, 8), dtype=bool)
    large[:6], small[2:4, 2:4] = True, True
    for order, of_small in (((large, small), 1), ((small, large), 0)):
        painted = sam.paint(regions_of(*order))
        assert (painted[small] == of_small).all()
        assert (painted[large & ~small] == 1 - of_small).all()
        assert (painted[6:] == -1).all()


def test_of_regions_of_the_same_size_the_first_is_painted_last() -> None:
    masks = np.zeros((3, 2, 6), dtype=bool)
    for start, mask in enumerate(masks):
        mask[:, start : start + 4] = True
    assert sam.paint(regions_of(*masks)).tolist() == [[0, 0, 0, 0, 1, 2]] * 2


def test_painting_disjoint_regions_gives_their_labels_back() -> None:
    labels = np.unique(DRAW.integers(9, size=(12, 12)), return_inverse=True)[1].reshape(12, 12)
    np.testing.assert_array_equal(sam.paint(Regions.of_labels(labels)), labels)


def test_the_majority_is_the_commonest_class_of_each_region() -> None:
    painted = DRAW.integers(-1, 9, size=(30, 30))
    ids = DRAW.integers(7, size=(30, 30))
    expected = np.full((30, 30), 6)
    for region in range(9):
        inside = painted == region
        expected[inside] = max(range(7), key=lambda each: ((ids[inside] == each).sum(), -each))
    np.testing.assert_array_equal(sam.majority(painted, ids), expected)
    np.testing.assert_array_equal(sam.majority(painted, ids, elsewhere=ids)[painted == -1], ids[painted == -1])
    with pytest.raises(ValueError, match="outside of 0 to 6"):
        sam.majority(painted, ids + 1)
    with pytest.raises(ValueError, match="ids of shape"):
        sam.majority(painted, ids[:5])


def test_regions_of_the_truth_have_an_upper_bound_of_one_and_those_of_the_network_vote_as_it_does() -> None:
    truth, predicted = blocks(0), blocks(1)
    of_truth, of_network = (
        sam.score(pieces_of(truth), truth, predicted),
        sam.score(pieces_of(predicted), truth, predicted),
    )
    assert of_truth.upper.mean == 1 and of_truth.coverage == 1
    assert of_network.vote.mean == of_network.network.mean == course_iou(predicted, truth).mean


def test_no_class_for_each_region_has_more_pixels_right_than_the_upper_bound() -> None:
    def right(iou: object) -> int:
        return int(iou.confusion.diagonal().sum())  # type: ignore[attr-defined]

    for seed in range(20):
        draw = np.random.default_rng(seed)
        truth, predicted = blocks(seed), blocks(seed + 100)
        found = sam.score(Regions.of_labels(draw.integers(-1, 12, size=(24, 24))), truth, predicted)
        assert right(found.upper) >= right(found.vote)


def test_without_regions_nothing_is_covered_and_everything_counts_as_unknown() -> None:
    truth, predicted = blocks(0), blocks(1)
    none = Regions(np.zeros((0, 24, 24), dtype=bool), np.zeros(0, dtype=np.float32))
    found = sam.score(none, truth, predicted)
    assert (found.coverage, found.upper.mean, found.vote.mean) == (0, 0, 0)
    assert found.filled.mean == found.network.mean == course_iou(predicted, truth).mean


def test_scores_of_images_are_pooled_as_the_course_does() -> None:
    truths, predictions = np.stack([blocks(0), blocks(2)]), np.stack([blocks(1), blocks(3)])
    half = np.zeros((24, 24), dtype=bool)
    half[:12] = True
    one, two = regions_of(half), regions_of(half, ~half)
    pooled = sam.score(one, truths[0], predictions[0]) + sam.score(two, truths[1], predictions[1])
    assert pooled.coverage == 0.75
    assert pooled.network.mean == course_iou(predictions, truths).mean
    assert pooled.regions == 3 and pooled.row["images"] == 2


def test_regions_come_back_from_their_packing() -> None:
    for count in (0, 1, 5):
        masks = DRAW.random((count, 7, 9)) < 0.5
        regions = Regions.of_masks(masks, DRAW.random(count))
        again = Regions.unpacked(regions.packed())
        np.testing.assert_array_equal(again.masks, regions.masks)
        np.testing.assert_array_equal(again.scores, regions.scores)


def test_an_empty_region_and_an_image_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        regions_of(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"uint8 \(3, H, W\), got uint8 \(56, 40, 3\)"):
        sam.felzenszwalb(IMAGE.transpose(2, 1, 0))


def test_the_predictor_takes_images_of_every_size(loaded: sam.LoadedSam) -> None:
    for side in (30, 64, 200):
        predictor = CachedPredictor(loaded)
        predictor.set_image(np.zeros((side, side // 2, 3), dtype=np.uint8))
        masks, *_ = predictor.predict(np.array([[3.0, 3.0]]), np.array([1]))
        assert masks.shape[1:] == (side, side // 2)
