# Answers to the exercises of chapter 7, right and wrong ones. Never handed out.

# %%
import torch
from torch.nn import functional


def counts(pred, target):
    """Overlap, predicted and true pixels of each of the seven classes."""
    pairs = torch.bincount(target.flatten().long() * 7 + pred.flatten(), minlength=49)
    confusion = pairs.reshape(7, 7)
    return confusion.diagonal(), confusion.sum(0), confusion.sum(1)


# %% right: mean_iou, class by class


def mean_iou(pred, target):
    scores = []
    for number in range(6):
        both = ((pred == number) & (target == number)).sum()
        either = ((pred == number) | (target == number)).sum()
        scores.append(both / either)
    return sum(scores) / len(scores)


# %% right: mean_iou, from a confusion matrix


def mean_iou(pred, target):
    pairs = torch.bincount(target.flatten().long() * 7 + pred.flatten(), minlength=49)
    confusion = pairs.reshape(7, 7)
    overlap = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - overlap
    return (overlap[:6] / union[:6]).mean().item()


# %% right: mean_iou, from one-hot maps


def mean_iou(pred, target):
    p, t = (
        torch.nn.functional.one_hot(labels.flatten().long(), 7)
        for labels in (pred, target)
    )
    overlap, union = (p * t).sum(0), torch.maximum(p, t).sum(0)
    return (overlap / union)[:6].mean()


# %% wrong: mean_iou, averaged_images


def mean_iou(pred, target):
    means = []
    for one_pred, one_target in zip(pred, target):
        overlap, predicted, true = counts(one_pred, one_target)
        means.append((overlap / (predicted + true - overlap))[:6].mean())
    return sum(means) / len(means)


# %% wrong: mean_iou, unknown_counted


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (overlap / (predicted + true - overlap)).mean()


# %% wrong: mean_iou, unknown_masked


def mean_iou(pred, target):
    land = target != 6
    overlap, predicted, true = counts(pred[land], target[land])
    return (overlap / (predicted + true - overlap))[:6].mean()


# %% wrong: mean_iou, unknown_masked_in_both


def mean_iou(pred, target):
    land = (target != 6) & (pred != 6)
    overlap, predicted, true = counts(pred[land], target[land])
    return (overlap / (predicted + true - overlap))[:6].mean()


# %% wrong: mean_iou, accuracy


def mean_iou(pred, target):
    return (pred == target).float().mean()


# %% wrong: mean_iou, recall


def mean_iou(pred, target):
    overlap, _, true = counts(pred, target)
    return (overlap / true)[:6].mean()


# %% wrong: mean_iou, precision


def mean_iou(pred, target):
    overlap, predicted, _ = counts(pred, target)
    return (overlap / predicted)[:6].mean()


# %% wrong: mean_iou, dice


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (2 * overlap / (predicted + true))[:6].mean()


# %% wrong: mean_iou, overlap_twice


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (overlap / (predicted + true))[:6].mean()


# %% wrong: mean_iou, classes_pooled


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return overlap[:6].sum() / (predicted + true - overlap)[:6].sum()


# %% wrong: mean_iou, area_weighted


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    scores = (overlap / (predicted + true - overlap))[:6]
    return (scores * true[:6]).sum() / true[:6].sum()


# %% wrong: mean_iou, absent_as_one


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (overlap / (predicted + true - overlap))[:6].nan_to_num(1).mean()


# %% wrong: mean_iou, absent_as_zero


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (overlap / (predicted + true - overlap))[:6].nan_to_num(0).mean()


# %% wrong: mean_iou, absent_skipped


def mean_iou(pred, target):
    overlap, predicted, true = counts(pred, target)
    return (overlap / (predicted + true - overlap))[:6].nanmean()


# %% right: through_a_grid, with shares of classes


def through_a_grid(masks, stride):
    one_hot = functional.one_hot(masks.long(), 7).movedim(-1, 1)
    cells = functional.avg_pool2d(one_hot.float(), stride)
    size = masks.shape[-2:]
    return functional.interpolate(cells, size, mode="bilinear").argmax(1).byte()


# %% right: through_a_grid, with counts of pixels


def through_a_grid(masks, stride):
    count, height, width = masks.shape
    is_class = masks[:, None] == torch.arange(7)[:, None, None]
    blocks = is_class.reshape(count, 7, height // stride, stride, width // stride, stride)
    shares = blocks.sum((3, 5)) / stride**2
    enlarge = torch.nn.Upsample(scale_factor=stride, mode="bilinear")
    return enlarge(shares).max(1).indices.to(torch.uint8)


# %% wrong: through_a_grid, labels_averaged


def through_a_grid(masks, stride):
    cells = functional.avg_pool2d(masks[:, None].float(), stride)
    enlarged = functional.interpolate(cells, masks.shape[-2:], mode="bilinear")
    return enlarged[:, 0].round().byte()


# %% wrong: through_a_grid, argmax_first


def through_a_grid(masks, stride):
    one_hot = functional.one_hot(masks.long(), 7).movedim(-1, 1)
    cells = functional.avg_pool2d(one_hot.float(), stride).argmax(1)
    return cells.repeat_interleave(stride, 1).repeat_interleave(stride, 2).byte()


# %% wrong: through_a_grid, maximum


def through_a_grid(masks, stride):
    one_hot = functional.one_hot(masks.long(), 7).movedim(-1, 1)
    cells = functional.max_pool2d(one_hot.float(), stride)
    size = masks.shape[-2:]
    return functional.interpolate(cells, size, mode="bilinear").argmax(1).byte()


# %% wrong: through_a_grid, corners_aligned


def through_a_grid(masks, stride):
    one_hot = functional.one_hot(masks.long(), 7).movedim(-1, 1)
    cells = functional.avg_pool2d(one_hot.float(), stride)
    size = masks.shape[-2:]
    scores = functional.interpolate(cells, size, mode="bilinear", align_corners=True)
    return scores.argmax(1).byte()


# %% right: bilinear_kernel, from a triangle


def bilinear_kernel(channels, factor):
    triangle = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    kernel = torch.zeros(channels, channels, 2 * factor, 2 * factor)
    for channel in range(channels):
        kernel[channel, channel] = torch.outer(triangle, triangle)
    return kernel


# %% right: bilinear_kernel, as a blurred square


def bilinear_kernel(channels, factor):
    """A box of width `factor`, convolved with itself and sampled half a pixel off."""
    steps = [(2 * i + 1) / (2 * factor) for i in range(factor)]
    line = torch.tensor(steps + steps[::-1])
    return torch.einsum("ij,y,x->ijyx", torch.eye(channels), line, line)


# %% wrong: bilinear_kernel, classes_mixed


def bilinear_kernel(channels, factor):
    triangle = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    return torch.outer(triangle, triangle).expand(channels, channels, -1, -1)


# %% wrong: bilinear_kernel, sums_to_one


def bilinear_kernel(channels, factor):
    triangle = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    triangle = triangle / triangle.sum()
    return torch.eye(channels)[:, :, None, None] * torch.outer(triangle, triangle)


# %% wrong: bilinear_kernel, half_a_pixel_off


def bilinear_kernel(channels, factor):
    triangle = 1 - (torch.arange(2 * factor) - factor).abs() / factor
    return torch.eye(channels)[:, :, None, None] * torch.outer(triangle, triangle)


# %% wrong: bilinear_kernel, wrong_size


def bilinear_kernel(channels, factor):
    triangle = 1 - (torch.arange(factor) - (factor - 1) / 2).abs() / factor
    return torch.eye(channels)[:, :, None, None] * torch.outer(triangle, triangle)


# %% right: fuse, cropped by slices


def fuse(coarse, fine, upsample):
    height, width = fine.shape[-2:]
    return upsample(coarse)[:, :, :height, :width] + fine


# %% right: fuse, cropped by negative padding


def fuse(coarse, fine, upsample):
    enlarged = upsample(coarse)
    right = fine.shape[-1] - enlarged.shape[-1]
    bottom = fine.shape[-2] - enlarged.shape[-2]
    return torch.add(fine, functional.pad(enlarged, (0, right, 0, bottom)))


# %% wrong: fuse, concatenates


def fuse(coarse, fine, upsample):
    height, width = fine.shape[-2:]
    return torch.cat([upsample(coarse)[:, :, :height, :width], fine], dim=1)


# %% wrong: fuse, fine_shrunk


def fuse(coarse, fine, upsample):
    return coarse + functional.adaptive_avg_pool2d(fine, coarse.shape[-2:])


# %% wrong: fuse, cropped_left_and_top


def fuse(coarse, fine, upsample):
    height, width = fine.shape[-2:]
    return upsample(coarse)[:, :, -height:, -width:] + fine


# %% wrong: fuse, times_four


def fuse(coarse, fine, upsample):
    height, width = fine.shape[-2:]
    return upsample(upsample(coarse))[:, :, :height, :width] + fine


# %% wrong: fuse, averages


def fuse(coarse, fine, upsample):
    height, width = fine.shape[-2:]
    return (upsample(coarse)[:, :, :height, :width] + fine) / 2
