# Answers to the exercises of chapter 2, right and wrong ones. Never handed out.

# %%
import torch
from torch.nn import functional

# %% right: random_crops, image by image


def random_crops(images, size, generator=None):
    number, _, height, width = images.shape
    tops = torch.randint(height - size + 1, (number,), generator=generator).tolist()
    lefts = torch.randint(width - size + 1, (number,), generator=generator).tolist()
    windows = [
        image[:, top : top + size, left : left + size]
        for image, top, left in zip(images, tops, lefts)
    ]
    return torch.stack(windows)


# %% right: random_crops, by unfolding all windows


def random_crops(images, size, generator=None):
    windows = images.unfold(2, size, 1).unfold(3, size, 1).flatten(2, 3)
    chosen = torch.randint(windows.shape[2], (len(images),), generator=generator)
    return windows[torch.arange(len(images)), :, chosen]


# %% right: random_crops, from fractions


def random_crops(images, size, generator=None):
    room = torch.tensor(images.shape[-2:]) - size
    corners = (torch.rand(len(images), 2, generator=generator) * (room + 1)).long()
    crops = images.new_empty(len(images), images.shape[1], size, size)
    for row, (top, left) in enumerate(corners.tolist()):
        crops[row] = images[row, :, top : top + size, left : left + size]
    return crops


# %% wrong: random_crops, one_draw_a_batch


def random_crops(images, size, generator=None):
    height, width = images.shape[-2:]
    top = torch.randint(height - size + 1, (1,), generator=generator).item()
    left = torch.randint(width - size + 1, (1,), generator=generator).item()
    return images[:, :, top : top + size, left : left + size]


# %% wrong: random_crops, last_position_missing


def random_crops(images, size, generator=None):
    number, _, height, width = images.shape
    tops = torch.randint(max(height - size, 1), (number,), generator=generator)
    lefts = torch.randint(max(width - size, 1), (number,), generator=generator)
    windows = [
        image[:, top : top + size, left : left + size]
        for image, top, left in zip(images, tops, lefts)
    ]
    return torch.stack(windows)


# %% wrong: random_crops, always_the_same


def random_crops(images, size, generator=None):
    generator = torch.Generator().manual_seed(0)
    number, _, height, width = images.shape
    tops = torch.randint(height - size + 1, (number,), generator=generator)
    lefts = torch.randint(width - size + 1, (number,), generator=generator)
    windows = [
        image[:, top : top + size, left : left + size]
        for image, top, left in zip(images, tops, lefts)
    ]
    return torch.stack(windows)


# %% wrong: random_crops, rows_and_columns_tied


def random_crops(images, size, generator=None):
    room = min(images.shape[-2:]) - size
    corners = torch.randint(room + 1, (len(images),), generator=generator)
    windows = [
        image[:, corner : corner + size, corner : corner + size]
        for image, corner in zip(images, corners)
    ]
    return torch.stack(windows)


# %% wrong: random_crops, seed_ignored


def random_crops(images, size, generator=None):
    number, _, height, width = images.shape
    tops = torch.randint(height - size + 1, (number,))
    lefts = torch.randint(width - size + 1, (number,))
    windows = [
        image[:, top : top + size, left : left + size]
        for image, top, left in zip(images, tops, lefts)
    ]
    return torch.stack(windows)


# %% wrong: random_crops, neighbours_image


def random_crops(images, size, generator=None):
    number, _, height, width = images.shape
    tops = torch.randint(height - size + 1, (number,), generator=generator)
    lefts = torch.randint(width - size + 1, (number,), generator=generator)
    windows = [
        image[:, top : top + size, left : left + size]
        for image, top, left in zip(images.roll(1, 0), tops, lefts)
    ]
    return torch.stack(windows)


# %% right: smoothed_cross_entropy, from the target


def smoothed_cross_entropy(logits, labels, epsilon):
    classes = logits.shape[1]
    target = (1 - epsilon) * functional.one_hot(labels, classes) + epsilon / classes
    return -(target * logits.log_softmax(1)).sum(1).mean()


# %% right: smoothed_cross_entropy, as a mixture of two losses


def smoothed_cross_entropy(logits, labels, epsilon):
    log_probs = functional.log_softmax(logits, dim=1)
    of_label = log_probs.gather(1, labels[:, None]).squeeze(1)
    return -((1 - epsilon) * of_label + epsilon * log_probs.mean(dim=1)).mean()


# %% wrong: smoothed_cross_entropy, over_the_others


def smoothed_cross_entropy(logits, labels, epsilon):
    classes = logits.shape[1]
    hot = functional.one_hot(labels, classes)
    target = (1 - epsilon) * hot + epsilon / (classes - 1) * (1 - hot)
    return -(target * logits.log_softmax(1)).sum(1).mean()


# %% wrong: smoothed_cross_entropy, one_minus_forgotten


def smoothed_cross_entropy(logits, labels, epsilon):
    classes = logits.shape[1]
    target = functional.one_hot(labels, classes) + epsilon / classes
    return -(target * logits.log_softmax(1)).sum(1).mean()


# %% wrong: smoothed_cross_entropy, softmax_twice


def smoothed_cross_entropy(logits, labels, epsilon):
    probs = logits.softmax(1)
    return functional.cross_entropy(probs, labels, label_smoothing=epsilon)


# %% wrong: smoothed_cross_entropy, summed


def smoothed_cross_entropy(logits, labels, epsilon):
    classes = logits.shape[1]
    target = (1 - epsilon) * functional.one_hot(labels, classes) + epsilon / classes
    return -(target * logits.log_softmax(1)).sum()


# %% wrong: smoothed_cross_entropy, wrong_axis


def smoothed_cross_entropy(logits, labels, epsilon):
    classes = logits.shape[1]
    target = (1 - epsilon) * functional.one_hot(labels, classes) + epsilon / classes
    return -(target * logits.log_softmax(0)).sum(1).mean()


# %%
def corners(images, weight, centre):
    height, width = images.shape[-2:]
    tall, wide = (int(side * (1 - weight) ** 0.5 / 2) for side in (height, width))
    rows = slice(max(centre[0] - tall, 0), min(centre[0] + tall, height))
    columns = slice(max(centre[1] - wide, 0), min(centre[1] + wide, width))
    return rows, columns


# %% right: cutmix, with slices


def cutmix(images, targets, weight, centre, generator=None):
    height, width = images.shape[2], images.shape[3]
    side = (1 - weight) ** 0.5
    tall, wide = int(height * side / 2), int(width * side / 2)
    top, bottom = max(centre[0] - tall, 0), min(centre[0] + tall, height)
    left, right = max(centre[1] - wide, 0), min(centre[1] + wide, width)
    order = torch.randperm(len(images), generator=generator)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[order][:, :, top:bottom, left:right]
    stays = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, stays * targets + (1 - stays) * targets[order]


# %% right: cutmix, with a mask


def cutmix(images, targets, weight, centre, generator=None):
    height, width = images.shape[-2:]
    half = [int(side * (1 - weight) ** 0.5 / 2) for side in (height, width)]
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= centre[0] - half[0]) & (rows < centre[0] + half[0])
    in_columns = (columns >= centre[1] - half[1]) & (columns < centre[1] + half[1])
    box = in_rows[:, None] & in_columns[None, :]
    order = torch.randperm(images.shape[0], generator=generator)
    share = box.float().mean()
    pixels = torch.where(box, images[order], images)
    return pixels, torch.lerp(targets, targets[order], share)


# %% wrong: cutmix, clipped_box_old_weight


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    order = torch.randperm(len(images), generator=generator)
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[order][:, :, rows, columns]
    return mixed, weight * targets + (1 - weight) * targets[order]


# %% wrong: cutmix, labels_unmixed


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    order = torch.randperm(len(images), generator=generator)
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[order][:, :, rows, columns]
    return mixed, targets


# %% wrong: cutmix, weight_exchanged


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    order = torch.randperm(len(images), generator=generator)
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[order][:, :, rows, columns]
    pasted = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    return mixed, pasted * targets + (1 - pasted) * targets[order]


# %% wrong: cutmix, two_permutations


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    other = images[torch.randperm(len(images), generator=generator)]
    mixed = images.clone()
    mixed[:, :, rows, columns] = other[:, :, rows, columns]
    pasted = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    order = torch.randperm(len(images), generator=generator)
    return mixed, (1 - pasted) * targets + pasted * targets[order]


# %% wrong: cutmix, sides_of_the_area


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, 1 - (1 - weight) ** 2, centre)
    order = torch.randperm(len(images), generator=generator)
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[order][:, :, rows, columns]
    pasted = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    return mixed, (1 - pasted) * targets + pasted * targets[order]


# %% wrong: cutmix, seed_ignored


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    order = torch.randperm(len(images))
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[order][:, :, rows, columns]
    pasted = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    return mixed, (1 - pasted) * targets + pasted * targets[order]


# %% wrong: cutmix, written_in_place


def cutmix(images, targets, weight, centre, generator=None):
    rows, columns = corners(images, weight, centre)
    order = torch.randperm(len(images), generator=generator)
    images[:, :, rows, columns] = images[order][:, :, rows, columns]
    pasted = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    return images, (1 - pasted) * targets + pasted * targets[order]


# %% right: confusion_matrix, image by image


def confusion_matrix(predicted, labels, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for guess, truth in zip(predicted, labels):
        matrix[truth, guess] += 1
    return matrix


# %% right: confusion_matrix, from one-hot vectors


def confusion_matrix(predicted, labels, num_classes):
    truth = functional.one_hot(labels, num_classes)
    guess = functional.one_hot(predicted, num_classes)
    return truth.T @ guess


# %% wrong: confusion_matrix, transposed


def confusion_matrix(predicted, labels, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for guess, truth in zip(predicted, labels):
        matrix[guess, truth] += 1
    return matrix


# %% wrong: confusion_matrix, normalised


def confusion_matrix(predicted, labels, num_classes):
    matrix = torch.zeros(num_classes, num_classes)
    for guess, truth in zip(predicted, labels):
        matrix[truth, guess] += 1
    return matrix / matrix.sum(1, keepdim=True).clamp(min=1)


# %% wrong: confusion_matrix, absent_classes_dropped


def confusion_matrix(predicted, labels, num_classes):
    present = torch.cat([predicted, labels]).unique().tolist()
    return torch.tensor(
        [
            [int(((labels == truth) & (predicted == guess)).sum()) for guess in present]
            for truth in present
        ]
    )


# %% wrong: confusion_matrix, repeats_counted_once


def confusion_matrix(predicted, labels, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    matrix[labels, predicted] += 1
    return matrix
