# Answers to the exercises of chapter 4, right and wrong ones. Never handed out.

# %%
import math

import numpy as np
import torch
from torch.nn import functional

# %% right: byol_loss, by cosines


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (4 - 2 * forth - 2 * back).mean()


# %% right: byol_loss, by squared distances


def byol_loss(p1, p2, z1, z2):
    with torch.no_grad():
        z1, z2 = functional.normalize(z1), functional.normalize(z2)
    p1, p2 = functional.normalize(p1), functional.normalize(p2)
    return ((p1 - z2) ** 2).sum(dim=1).mean() + ((p2 - z1) ** 2).sum(dim=1).mean()


# %% right: byol_loss, by scalar products


def byol_loss(p1, p2, z1, z2):
    def distance(p, z):
        p = p / p.norm(dim=-1, keepdim=True)
        z = (z / z.norm(dim=-1, keepdim=True)).detach()
        return 2 - 2 * torch.einsum("nd,nd->n", p, z)

    return torch.stack([distance(p1, z2), distance(p2, z1)]).sum(0).mean()


# %% wrong: byol_loss, gradient_into_target


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2, dim=1)
    back = functional.cosine_similarity(p2, z1, dim=1)
    return (4 - 2 * forth - 2 * back).mean()


# %% wrong: byol_loss, same_view


def byol_loss(p1, p2, z1, z2):
    first = functional.cosine_similarity(p1, z1.detach(), dim=1)
    second = functional.cosine_similarity(p2, z2.detach(), dim=1)
    return (4 - 2 * first - 2 * second).mean()


# %% wrong: byol_loss, not_normalised


def byol_loss(p1, p2, z1, z2):
    z1, z2 = z1.detach(), z2.detach()
    return ((p1 - z2) ** 2).sum(1).mean() + ((p2 - z1) ** 2).sum(1).mean()


# %% wrong: byol_loss, one_direction


def byol_loss(p1, p2, z1, z2):
    return (2 - 2 * functional.cosine_similarity(p1, z2.detach(), dim=1)).mean()


# %% wrong: byol_loss, averaged_directions


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (2 - forth - back).mean()


# %% wrong: byol_loss, batch_summed


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (4 - 2 * forth - 2 * back).sum()


# %% wrong: byol_loss, wrong_axis


def byol_loss(p1, p2, z1, z2):
    z1, z2 = z1.detach(), z2.detach()
    p1, p2, z1, z2 = (functional.normalize(each, dim=0) for each in (p1, p2, z1, z2))
    return (4 - 2 * (p1 * z2).sum(1) - 2 * (p2 * z1).sum(1)).mean()


# %% wrong: byol_loss, sign


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (4 + 2 * forth + 2 * back).mean()


# %% wrong: byol_loss, mean_over_dimensions


def byol_loss(p1, p2, z1, z2):
    z1, z2 = z1.detach(), z2.detach()
    p1, p2, z1, z2 = (functional.normalize(each, dim=1) for each in (p1, p2, z1, z2))
    return functional.mse_loss(p1, z2) + functional.mse_loss(p2, z1)


# %% wrong: byol_loss, cosine_alone


def byol_loss(p1, p2, z1, z2):
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return -(forth + back).mean() / 2


# %% right: update_ema, parameter by parameter


def update_ema(target, online, momentum):
    with torch.no_grad():
        for ours, theirs in zip(target.parameters(), online.parameters()):
            ours.mul_(momentum).add_((1 - momentum) * theirs)


# %% right: update_ema, by their names, with lerp


@torch.no_grad()
def update_ema(target, online, momentum):
    current = dict(online.named_parameters())
    for name, average in target.named_parameters():
        average.lerp_(current[name], 1 - momentum)


# %% right: update_ema, through data


def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.data = momentum * average.data + (1 - momentum) * current.data


# %% wrong: update_ema, momentum_exchanged


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.copy_((1 - momentum) * average + momentum * current)


# %% wrong: update_ema, biases_forgotten


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        if average.ndim > 1:
            average.copy_(momentum * average + (1 - momentum) * current)


# %% wrong: update_ema, statistics_averaged


@torch.no_grad()
def update_ema(target, online, momentum):
    theirs = online.state_dict()
    for name, average in target.state_dict().items():
        average.copy_(momentum * average + (1 - momentum) * theirs[name])


# %% wrong: update_ema, statistics_copied


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.copy_(momentum * average + (1 - momentum) * current)
    for average, current in zip(target.buffers(), online.buffers()):
        average.copy_(current)


# %% wrong: update_ema, moves_online


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.mul_(momentum).add_(current.mul_(1 - momentum))


# %% wrong: update_ema, rebound


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average = momentum * average + (1 - momentum) * current


# %% wrong: update_ema, keeps_the_graph


def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.mul_(momentum).add_((1 - momentum) * current)


# %% wrong: update_ema, starts_again


@torch.no_grad()
def update_ema(target, online, momentum):
    for average, current in zip(target.parameters(), online.parameters()):
        average.copy_((1 - momentum) * current)


# %% right: cosine, with numpy


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    left = epochs * steps_per_epoch - len(warmup)
    angle = np.linspace(0, math.pi, left, endpoint=False)
    return np.concatenate([warmup, final + (base - final) * (1 + np.cos(angle)) / 2])


# %% right: cosine, step by step


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    values = []
    warmup, total = warmup_epochs * steps_per_epoch, epochs * steps_per_epoch
    for step in range(total):
        if step < warmup:
            values.append(start + (base - start) * step / (warmup - 1))
        else:
            share = (step - warmup) / (total - warmup)
            values.append(final + (base - final) * math.cos(math.pi / 2 * share) ** 2)
    return values


# %% wrong: cosine, linear


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    left = epochs * steps_per_epoch - len(warmup)
    return np.concatenate([warmup, np.linspace(base, final, left, endpoint=False)])


# %% wrong: cosine, per_epoch


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs)
    share = np.arange(epochs - warmup_epochs) / max(1, epochs - warmup_epochs)
    down = final + (base - final) * (1 + np.cos(math.pi * share)) / 2
    return np.concatenate([warmup, down]).repeat(steps_per_epoch)


# %% wrong: cosine, one_per_epoch


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs)
    share = np.arange(epochs - warmup_epochs) / max(1, epochs - warmup_epochs)
    return np.concatenate(
        [warmup, final + (base - final) * (1 + np.cos(math.pi * share)) / 2]
    )


# %% wrong: cosine, reaches_the_end


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    angle = np.linspace(0, math.pi, epochs * steps_per_epoch - len(warmup))
    return np.concatenate([warmup, final + (base - final) * (1 + np.cos(angle)) / 2])


# %% wrong: cosine, falls


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    left = epochs * steps_per_epoch - len(warmup)
    angle = np.linspace(0, math.pi, left, endpoint=False)
    return np.concatenate([warmup, base + (final - base) * (1 + np.cos(angle)) / 2])


# %% wrong: cosine, whole_cosine


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    left = epochs * steps_per_epoch - len(warmup)
    angle = np.linspace(0, 2 * math.pi, left, endpoint=False)
    return np.concatenate([warmup, final + (base - final) * (1 + np.cos(angle)) / 2])


# %% wrong: cosine, warmup_short


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch, endpoint=False)
    left = epochs * steps_per_epoch - len(warmup)
    angle = np.linspace(0, math.pi, left, endpoint=False)
    return np.concatenate([warmup, final + (base - final) * (1 + np.cos(angle)) / 2])


# %% wrong: cosine, warmup_added


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    angle = np.linspace(0, math.pi, epochs * steps_per_epoch, endpoint=False)
    return np.concatenate([warmup, final + (base - final) * (1 + np.cos(angle)) / 2])


# %% wrong: cosine, warmup_overlaps


def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    angle = np.linspace(0, math.pi, epochs * steps_per_epoch, endpoint=False)
    values = final + (base - final) * (1 + np.cos(angle)) / 2
    steps = warmup_epochs * steps_per_epoch
    values[:steps] = np.linspace(start, base, steps)
    return values


# %% right: output_std, with torch


def output_std(outputs):
    unit = functional.normalize(outputs, dim=1)
    return unit.std(dim=0).mean() * math.sqrt(outputs.shape[1])


# %% right: output_std, with numpy


def output_std(outputs):
    rows = np.asarray(outputs, dtype=float)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float(np.std(rows, axis=0, ddof=1).mean() * rows.shape[1] ** 0.5)


# %% wrong: output_std, not_normalised


def output_std(outputs):
    return outputs.std(0).mean() * outputs.shape[1] ** 0.5


# %% wrong: output_std, over_dimensions


def output_std(outputs):
    unit = functional.normalize(outputs, dim=1)
    return unit.std(1).mean() * unit.shape[1] ** 0.5


# %% wrong: output_std, root_forgotten


def output_std(outputs):
    return functional.normalize(outputs, dim=1).std(0).mean()


# %% wrong: output_std, of_all_entries


def output_std(outputs):
    unit = functional.normalize(outputs, dim=1)
    return unit.std() * unit.shape[1] ** 0.5


# %% wrong: output_std, variance


def output_std(outputs):
    unit = functional.normalize(outputs, dim=1)
    return unit.var(0).mean() * unit.shape[1]


# %% wrong: output_std, ddof_0


def output_std(outputs):
    unit = functional.normalize(outputs, dim=1)
    return unit.std(0, correction=0).mean() * unit.shape[1] ** 0.5
