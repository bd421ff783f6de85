# Answers to the exercises of chapter 8, right and wrong ones. Never handed out.

# %%
import random

import torch
from torch.nn import functional

# %% right: up_step, cropped by slices


def up_step(features, skip, enlarge, convolve):
    height, width = skip.shape[-2:]
    enlarged = enlarge(features)[:, :, :height, :width]
    return convolve(torch.cat([skip, enlarged], dim=1))


# %% right: up_step, cropped by narrow


def up_step(features, skip, enlarge, convolve):
    enlarged = enlarge(features)
    for axis in (2, 3):
        enlarged = enlarged.narrow(axis, 0, skip.shape[axis])
    return convolve(torch.hstack((skip, enlarged)))


# %% wrong: up_step, adds


def up_step(features, skip, enlarge, convolve):
    height, width = skip.shape[-2:]
    both = skip + enlarge(features)[:, :, :height, :width]
    return convolve(torch.cat([both, both], dim=1))


# %% wrong: up_step, order_exchanged


def up_step(features, skip, enlarge, convolve):
    height, width = skip.shape[-2:]
    enlarged = enlarge(features)[:, :, :height, :width]
    return convolve(torch.cat([enlarged, skip], dim=1))


# %% wrong: up_step, not_cropped


def up_step(features, skip, enlarge, convolve):
    return convolve(torch.cat([skip, enlarge(features)], dim=1))


# %% wrong: up_step, after_pooling


def up_step(features, skip, enlarge, convolve):
    skip = functional.max_pool2d(skip, 2, ceil_mode=True)
    height, width = skip.shape[-2:]
    enlarged = enlarge(features)[:, :, :height, :width]
    return convolve(torch.cat([skip, enlarged], dim=1))


# %% right: with_one_dropped, by list


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        if not training:
            return skips
        dropped = random.randint(1, 4)
        skips = [skip * 4 / 3 for skip in skips]
    return [
        torch.zeros_like(skip) if level == dropped else skip
        for level, skip in enumerate(skips, start=1)
    ]


# %% right: with_one_dropped, by factors


def with_one_dropped(skips, dropped, training):
    factors = [1.0] * 4
    if dropped == "random" and training:
        factors = [4 / 3] * 4
        factors[torch.randperm(4)[0]] = 0.0
    elif dropped not in (None, "random"):
        factors[dropped - 1] = 0.0
    return [factor * skip for factor, skip in zip(factors, skips)]


# %% wrong: with_one_dropped, removed


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        if not training:
            return skips
        dropped = random.randint(1, 4)
        skips = [skip * 4 / 3 for skip in skips]
    return [skip for level, skip in enumerate(skips, start=1) if level != dropped]


# %% wrong: with_one_dropped, from_the_deep_end


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        if not training:
            return skips
        dropped = random.randint(1, 4)
        skips = [skip * 4 / 3 for skip in skips]
    return [
        torch.zeros_like(skip) if 4 - index == dropped else skip
        for index, skip in enumerate(skips)
    ]


# %% wrong: with_one_dropped, in_place


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        if not training:
            return skips
        dropped = random.randint(1, 4)
        skips = [skip * 4 / 3 for skip in skips]
    if dropped is not None:
        skips[dropped - 1].zero_()
    return skips


# %% wrong: with_one_dropped, also_in_evaluation


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        dropped = random.randint(1, 4)
        skips = [skip * 4 / 3 for skip in skips]
    return [
        torch.zeros_like(skip) if level == dropped else skip
        for level, skip in enumerate(skips, start=1)
    ]


# %% wrong: with_one_dropped, not_scaled


def with_one_dropped(skips, dropped, training):
    if dropped == "random":
        if not training:
            return skips
        dropped = random.randint(1, 4)
    return [
        torch.zeros_like(skip) if level == dropped else skip
        for level, skip in enumerate(skips, start=1)
    ]


# %% right: passes_gradient, by backward


def passes_gradient(network, images):
    network.zero_grad()
    network(images).square().mean().backward()
    found = []
    for level in network.up:
        gradient = level[0].weight.grad
        found.append(gradient[:, : gradient.shape[1] // 2].abs().sum().item() > 0)
    return found


# %% right: passes_gradient, by autograd.grad


def passes_gradient(network, images):
    readers = [level[0].weight for level in network.up]
    gradients = torch.autograd.grad(network(images).square().sum(), readers)
    return [gradient.chunk(2, dim=1)[0].any() for gradient in gradients]


# %% wrong: passes_gradient, looks_at_weights


def passes_gradient(network, images):
    network.zero_grad()
    network(images).square().mean().backward()
    weights = [level[0].weight for level in network.up]
    return [weight[:, : weight.shape[1] // 2].any() for weight in weights]


# %% wrong: passes_gradient, other_half


def passes_gradient(network, images):
    network.zero_grad()
    network(images).square().mean().backward()
    gradients = [level[0].weight.grad for level in network.up]
    return [gradient[:, gradient.shape[1] // 2 :].any() for gradient in gradients]


# %% wrong: passes_gradient, old_gradients


def passes_gradient(network, images):
    network(images).square().mean().backward()
    gradients = [level[0].weight.grad for level in network.up]
    return [gradient[:, : gradient.shape[1] // 2].any() for gradient in gradients]


# %% wrong: passes_gradient, from_the_deep_end


def passes_gradient(network, images):
    network.zero_grad()
    network(images).square().mean().backward()
    gradients = [level[0].weight.grad for level in reversed(network.up)]
    return [gradient[:, : gradient.shape[1] // 2].any() for gradient in gradients]
