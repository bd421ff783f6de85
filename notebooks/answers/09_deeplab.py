# Answers to the exercises of chapter 9, right and wrong ones. Never handed out.

# %%
import torch
from torch.nn import functional

# %% right: focal_loss, from log_softmax


def focal_loss(logits, target, gamma):
    log_p = functional.log_softmax(logits, dim=1).gather(1, target[:, None]).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


# %% right: focal_loss, from the cross-entropy


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target, reduction="none")
    factor = (1 - torch.exp(-loss)) ** gamma
    return (factor * loss).mean()


# %% right: focal_loss, from one-hot classes


def focal_loss(logits, target, gamma):
    log_p = logits - logits.logsumexp(1, keepdim=True)
    true = functional.one_hot(target, logits.shape[1]).movedim(-1, 1)
    loss = -((1 - log_p.exp()) ** gamma) * log_p * true
    return loss.sum() / target.numel()


# %% wrong: focal_loss, factor_after_mean


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target)
    return (1 - torch.exp(-loss)) ** gamma * loss


# %% wrong: focal_loss, p_for_one_minus_p


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target, reduction="none")
    return (torch.exp(-loss) ** gamma * loss).mean()


# %% wrong: focal_loss, sigmoid


def focal_loss(logits, target, gamma):
    true = functional.one_hot(target, logits.shape[1]).movedim(-1, 1).float()
    loss = functional.binary_cross_entropy_with_logits(logits, true, reduction="none")
    return ((1 - torch.exp(-loss)) ** gamma * loss).mean()


# %% wrong: focal_loss, wrong_axis


def focal_loss(logits, target, gamma):
    log_p = functional.log_softmax(logits, dim=-1).gather(1, target[:, None]).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


# %% wrong: focal_loss, normalised


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target, reduction="none")
    factor = (1 - torch.exp(-loss)) ** gamma
    return (factor * loss).sum() / factor.sum()


# %% wrong: focal_loss, summed


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-loss)) ** gamma * loss).sum()


# %% wrong: focal_loss, factor_detached


def focal_loss(logits, target, gamma):
    loss = functional.cross_entropy(logits, target, reduction="none")
    factor = (1 - torch.exp(-loss)).detach() ** gamma
    return (factor * loss).mean()


# %% wrong: focal_loss, sign


def focal_loss(logits, target, gamma):
    log_p = functional.log_softmax(logits, dim=1).gather(1, target[:, None]).squeeze(1)
    return ((1 - log_p.exp()) ** gamma * log_p).mean()


# %% wrong: focal_loss, log_of_softmax


def focal_loss(logits, target, gamma):
    p = functional.softmax(logits, dim=1).gather(1, target[:, None]).squeeze(1)
    return -((1 - p) ** gamma * p.log()).mean()


# %% right: atrous, nine shifted images


def atrous(image, kernel, rate):
    height, width = image.shape[-2:]
    padded = functional.pad(image, [rate] * 4)
    total = 0
    for row in range(3):
        for column in range(3):
            tap = padded[:, :, row * rate : row * rate + height, column * rate :]
            weight = kernel[:, :, row, column]
            total = total + torch.einsum("oc,nchw->nohw", weight, tap[..., :width])
    return total


# %% right: atrous, by conv2d


def atrous(image, kernel, rate):
    return functional.conv2d(image, kernel, padding=rate, dilation=rate)


# %% right: atrous, a kernel with zeros in its gaps


def atrous(image, kernel, rate):
    side = 2 * rate + 1
    wide = torch.zeros(*kernel.shape[:2], side, side)
    wide[:, :, ::rate, ::rate] = kernel
    return functional.conv2d(image, wide, padding=rate)


# %% wrong: atrous, padding_one


def atrous(image, kernel, rate):
    return functional.conv2d(image, kernel, padding=1, dilation=rate)


# %% wrong: atrous, larger_kernel


def atrous(image, kernel, rate):
    wide = functional.interpolate(kernel, 2 * rate + 1, mode="bilinear")
    return functional.conv2d(image, wide, padding=rate)


# %% wrong: atrous, stride_for_rate


def atrous(image, kernel, rate):
    return functional.conv2d(image, kernel, padding=1, stride=rate)


# %% wrong: atrous, wraps_around


def atrous(image, kernel, rate):
    total = 0
    for row in range(3):
        for column in range(3):
            shift = ((1 - row) * rate, (1 - column) * rate)
            tap = torch.roll(image, shift, dims=(2, 3))
            total = total + torch.einsum("oc,nchw->nohw", kernel[:, :, row, column], tap)
    return total


# %% wrong: atrous, flipped


def atrous(image, kernel, rate):
    return functional.conv2d(image, kernel.flip(2, 3), padding=rate, dilation=rate)


# %% right: class_weights, by quantile


def class_weights(shares):
    land = shares[:6]
    present = land > 0
    weights = torch.zeros(7)
    weights[:6][present] = (land[present].quantile(0.5) / land[present]).float()
    return weights


# %% right: class_weights, by sorting


def class_weights(shares):
    land = sorted(share for share in shares[:6].tolist() if share > 0)
    median = (land[(len(land) - 1) // 2] + land[len(land) // 2]) / 2
    weights = [median / share if share > 0 else 0.0 for share in shares[:6].tolist()]
    return torch.tensor([*weights, 0.0])


# %% wrong: class_weights, median_forgotten


def class_weights(shares):
    weights = torch.where(shares > 0, 1 / shares, 0.0)
    weights[6] = 0
    return weights


# %% wrong: class_weights, unknown_included


def class_weights(shares):
    present = shares > 0
    return torch.where(present, shares[present].quantile(0.5) / shares, 0.0)


# %% wrong: class_weights, absent_infinite


def class_weights(shares):
    land = shares[:6]
    weights = land[land > 0].quantile(0.5) / shares
    weights[6] = 0
    return weights


# %% wrong: class_weights, mean_for_median


def class_weights(shares):
    land = shares[:6]
    weights = torch.where(shares > 0, land[land > 0].mean() / shares, 0.0)
    weights[6] = 0
    return weights


# %% wrong: class_weights, lower_median


def class_weights(shares):
    land = shares[:6]
    weights = torch.where(shares > 0, land[land > 0].median() / shares, 0.0)
    weights[6] = 0
    return weights


# %% wrong: class_weights, absent_in_median


def class_weights(shares):
    weights = torch.where(shares > 0, shares[:6].quantile(0.5) / shares, 0.0)
    weights[6] = 0
    return weights


# %% right: image_pooling, by mean


def image_pooling(features):
    return features.mean((2, 3), keepdim=True).expand_as(features)


# %% right: image_pooling, by pooling and adding


def image_pooling(features):
    pooled = functional.adaptive_avg_pool2d(features, 1)
    return pooled + torch.zeros_like(features)


# %% wrong: image_pooling, over_the_batch


def image_pooling(features):
    return features.mean((0, 2, 3), keepdim=True).expand_as(features)


# %% wrong: image_pooling, not_broadcast


def image_pooling(features):
    return features.mean((2, 3), keepdim=True)


# %% wrong: image_pooling, maximum


def image_pooling(features):
    return features.amax((2, 3), keepdim=True).expand_as(features)


# %% wrong: image_pooling, over_channels


def image_pooling(features):
    return features.mean(1, keepdim=True).expand_as(features)
