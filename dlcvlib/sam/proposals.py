"""Region proposals without a prompt: by SAM's automatic mask generator, Felzenszwalb and Huttenlocher, or SLIC."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from segment_anything import SamAutomaticMaskGenerator
from torch import Tensor

from dlcvlib.sam.cache import cached
from dlcvlib.sam.predictor import CachedPredictor
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
    """Prompt SAM with every point of a grid and filter the masks; cached on disk.

    Source: Kirillov et al. 2023, section 4 and appendix B; the defaults are those of `segment_anything`.

    Args:
        sam: loaded model.
        image: uint8 (3, H, W).
        points_per_side: points per side of the grid.
        pred_iou_thresh: minimum predicted IoU; 0 for all masks.
        stability_score_thresh: minimum stability under a shift of the mask threshold; 0 for all masks.
        min_mask_region_area: holes and islands of fewer pixels are filled and removed.
        box_nms_thresh: IoU threshold of the non-maximum suppression of boxes.
        crop_n_layers: number of layers of image crops that are prompted too.

    Raises:
        ValueError: the image has a wrong dtype or shape, or a parameter is out of range.
    """
    pixels = pixels_of(image)
    if points_per_side < 1 or min_mask_region_area < 0 or crop_n_layers < 0:
        raise ValueError(
            f"points_per_side must be at least 1, min_mask_region_area and crop_n_layers at least 0; "
            f"got {points_per_side}, {min_mask_region_area} and {crop_n_layers}"
        )
    # Non-maximum suppression prefers the higher predicted IoU, so masks below a threshold never suppress masks above
    # it, and one cached set of masks serves every threshold. Between crops the order is another.
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
        generator.predictor = CachedPredictor(sam)
        found = generator.generate(pixels)
        masks = np.array([each["segmentation"] for each in found], dtype=bool).reshape(-1, *pixels.shape[:2])
        return Regions.of_masks(masks, np.array([each["predicted_iou"] for each in found])).packed()

    regions = Regions.unpacked(cached("masks", sam.sha256, pixels, settings, generate))
    if afterwards and pred_iou_thresh > 0:
        good = regions.scores > pred_iou_thresh
        regions = Regions(regions.masks[good], regions.scores[good])
    # The package would need OpenCV for this.
    return without_small_parts(regions, min_mask_region_area)


def felzenszwalb(image: Tensor | np.ndarray, *, scale: float = 200, sigma: float = 0.8, min_size: int = 50) -> Regions:
    """Graph-based segmentation by merging similar neighbours; covers the image.

    Source: Felzenszwalb and Huttenlocher 2004, by scikit-image.

    Args:
        image: uint8 (3, H, W).
        scale: larger for larger regions.
        sigma: standard deviation of the Gaussian blur beforehand, in pixels.
        min_size: minimum size of a region in pixels.
    """
    from skimage import segmentation  # only here: its import takes a second

    return Regions.of_labels(segmentation.felzenszwalb(pixels_of(image), scale=scale, sigma=sigma, min_size=min_size))


def slic(image: Tensor | np.ndarray, *, n_segments: int = 200, compactness: float = 10, sigma: float = 1) -> Regions:
    """Superpixels by k-means of colour and position; covers the image.

    Source: Achanta et al. 2012, by scikit-image.

    Args:
        image: uint8 (3, H, W).
        n_segments: approximate number of regions.
        compactness: larger for more compact regions.
        sigma: standard deviation of the Gaussian blur beforehand, in pixels.
    """
    from skimage import segmentation

    labels = segmentation.slic(
        pixels_of(image), n_segments=n_segments, compactness=compactness, sigma=sigma, start_label=0
    )
    return Regions.of_labels(labels)


def without_small_parts(regions: Regions, least: int) -> Regions:
    """Fill holes of fewer than `least` pixels in each mask, then remove islands of fewer; the largest part stays.

    As SAM's postprocessing, but without removing masks that became equal.
    """
    if least <= 1:
        return regions
    masks = np.array([_without_small_parts(mask, least) for mask in regions.masks]).reshape(regions.masks.shape)
    return Regions.of_masks(masks, regions.scores)


def _without_small_parts(mask: np.ndarray, least: int) -> np.ndarray:
    for filled in (True, False):  # holes first, else islands around one would be lost
        pieces, _ = ndimage.label(mask != filled, np.ones((3, 3)))
        sizes = np.bincount(pieces.ravel())
        small = sizes < least
        small[0] = False  # the background
        if not filled and small[1:].all():
            small[1 + int(sizes[1:].argmax())] = False
        mask = np.where(small[pieces], filled, mask)
    return mask
