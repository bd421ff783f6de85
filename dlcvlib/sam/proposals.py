"""Regions of a whole image, without a prompt: by SAM's automatic generator, or by what was there before it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from segment_anything import SamAutomaticMaskGenerator
from torch import Tensor

from dlcvlib.sam.cache import kept
from dlcvlib.sam.predictor import KeptPredictor
from dlcvlib.sam.regions import Regions, pixels_of
from dlcvlib.sam.weights import LoadedSam


def automatic(
    sam: LoadedSam,
    image: Tensor | np.ndarray,
    *,
    points_per_side: int = 32,
    pred_iou_thresh: float = 0.88,
    stability_score_thresh: float = 0.95,
    min_mask_region_area: int = 0,
    box_nms_thresh: float = 0.7,
    crop_n_layers: int = 0,
) -> Regions:
    """Ask SAM at every point of a grid, and keep the answers it is sure of; kept on disk.

    Source: Kirillov et al. 2023, section 4 and appendix B; the defaults are those of `segment_anything`.

    Args:
        sam: the model.
        image: uint8 (3, H, W).
        points_per_side: of the grid.
        pred_iou_thresh: masks that SAM expects a lower IoU of are dropped; 0 keeps all.
        stability_score_thresh: so are those that change more when their threshold is moved; 0 keeps all.
        min_mask_region_area: holes and specks of fewer pixels are filled and removed.
        box_nms_thresh: of two masks whose boxes overlap more than this (IoU) one stays.
        crop_n_layers: in how many finer layers crops of the image are asked too.

    Raises:
        ValueError: the image has another dtype or shape, or a parameter is out of range.
    """
    pixels = pixels_of(image)
    if points_per_side < 1 or min_mask_region_area < 0 or crop_n_layers < 0:
        raise ValueError(
            f"points_per_side must be at least 1, min_mask_region_area and crop_n_layers at least 0; "
            f"got {points_per_side}, {min_mask_region_area} and {crop_n_layers}"
        )
    # Of two that overlap the one of the higher expected IoU stays, so those below a threshold never decide over those
    # above it, and one set of kept masks serves every threshold. Between crops another order decides.
    afterwards = crop_n_layers == 0
    settings = {
        "points_per_side": points_per_side,
        "pred_iou_thresh": 0.0 if afterwards else pred_iou_thresh,
        "stability_score_thresh": stability_score_thresh,
        "box_nms_thresh": box_nms_thresh,
        "crop_n_layers": crop_n_layers,
    }

    def generate() -> dict[str, np.ndarray]:
        generator = SamAutomaticMaskGenerator(sam.model, **settings)
        generator.predictor = KeptPredictor(sam)
        found = generator.generate(pixels)
        masks = np.array([each["segmentation"] for each in found], dtype=bool).reshape(-1, *pixels.shape[:2])
        return Regions.of_masks(masks, np.array([each["predicted_iou"] for each in found])).packed()

    regions = Regions.unpacked(kept("masks", sam.sha256, pixels, settings, generate))
    if afterwards and pred_iou_thresh > 0:
        good = regions.scores > pred_iou_thresh
        regions = Regions(regions.masks[good], regions.scores[good])
    # Not left to the package: it would need OpenCV for this alone.
    return without_specks(regions, min_mask_region_area)


def felzenszwalb(image: Tensor | np.ndarray, *, scale: float = 200, sigma: float = 0.8, min_size: int = 50) -> Regions:
    """Merge neighbouring pixels while they differ no more than the regions differ within; it covers the image.

    Source: Felzenszwalb and Huttenlocher 2004, by scikit-image.

    Args:
        image: uint8 (3, H, W).
        scale: the larger, the larger the regions.
        sigma: of the blur beforehand, in pixels.
        min_size: smaller regions are merged, in pixels.
    """
    from skimage import segmentation  # here, as it takes a second

    return Regions.of_labels(segmentation.felzenszwalb(pixels_of(image), scale=scale, sigma=sigma, min_size=min_size))


def slic(image: Tensor | np.ndarray, *, n_segments: int = 200, compactness: float = 10, sigma: float = 1) -> Regions:
    """Superpixels: k-means of pixels by colour and place; it covers the image.

    Source: Achanta et al. 2012, by scikit-image.

    Args:
        image: uint8 (3, H, W).
        n_segments: about so many regions.
        compactness: the larger, the squarer the regions.
        sigma: of the blur beforehand, in pixels.
    """
    from skimage import segmentation

    labels = segmentation.slic(
        pixels_of(image), n_segments=n_segments, compactness=compactness, sigma=sigma, start_label=0
    )
    return Regions.of_labels(labels)


def without_specks(regions: Regions, least: int) -> Regions:
    """Fill the holes of fewer than `least` pixels in every mask, then remove its specks of fewer; one piece stays.

    As SAM's own clean-up, except that masks which only this makes alike all stay.
    """
    if least <= 1:
        return regions
    masks = np.array([_without_specks(mask, least) for mask in regions.masks]).reshape(regions.masks.shape)
    return Regions.of_masks(masks, regions.scores)


def _without_specks(mask: np.ndarray, least: int) -> np.ndarray:
    for filled in (True, False):  # the holes first, else specks around one would be lost
        pieces, _ = ndimage.label(mask != filled, np.ones((3, 3)))
        sizes = np.bincount(pieces.ravel())
        small = sizes < least
        small[0] = False  # what is no piece at all
        if not filled and small[1:].all():
            small[1 + int(sizes[1:].argmax())] = False
        mask = np.where(small[pieces], filled, mask)
    return mask
