# Answers to the exercises of chapter 11, right and wrong ones. Never handed out.

# %%
import torch
from torch.nn.functional import binary_cross_entropy, logsigmoid, softplus

# %% right: slope, as a product


def slope(w, z, t):
    return -(t - torch.sigmoid(z @ w)) @ z


# %% right: slope, input by input


def slope(w, z, t):
    total = torch.zeros_like(w)
    for one, label in zip(z, t):
        prediction = 1 / (1 + torch.exp(-(w * one).sum()))
        total = total + (prediction - label) * one
    return total


# %% right: slope, link by link


def slope(w, z, t):
    x = torch.sigmoid(z @ w)
    to_predictions = (x - t) / (x * (1 - x))
    through_sigmoid = x * (1 - x)
    return ((to_predictions * through_sigmoid)[:, None] * z).sum(0)


# %% wrong: slope, sign


def slope(w, z, t):
    return (t - torch.sigmoid(z @ w)) @ z


# %% wrong: slope, mean_for_sum


def slope(w, z, t):
    return ((torch.sigmoid(z @ w) - t)[:, None] * z).mean(0)


# %% wrong: slope, z_forgotten


def slope(w, z, t):
    return torch.sigmoid(z @ w) - t


# %% wrong: slope, z_forgotten_and_summed


def slope(w, z, t):
    return (torch.sigmoid(z @ w) - t).sum()


# %% wrong: slope, squared_error


def slope(w, z, t):
    x = torch.sigmoid(z @ w)
    return (2 * (x - t) * x * (1 - x)) @ z


# %% wrong: slope, half_squared_error


def slope(w, z, t):
    x = torch.sigmoid(z @ w)
    return ((x - t) * x * (1 - x)) @ z


# %% wrong: slope, sigmoid_forgotten


def slope(w, z, t):
    return (z @ w - t) @ z


# %% wrong: slope, label_0_left_out


def slope(w, z, t):
    return -(t * (1 - torch.sigmoid(z @ w))) @ z


# %% right: by_differences, a row of the unit matrix at a time


def by_differences(function, point, step=1e-5):
    moves = step * torch.eye(point.numel(), dtype=point.dtype)
    return torch.stack(
        [
            (function(point + move) - function(point - move)).sum() / (2 * step)
            for move in moves
        ]
    )


# %% right: by_differences, entry by entry


def by_differences(function, point, step=1e-5):
    gradient = torch.zeros_like(point)
    for index in range(len(point)):
        above, below = point.clone(), point.clone()
        above[index] += step
        below[index] -= step
        gradient[index] = (function(above).sum() - function(below).sum()) / step / 2
    return gradient


# %% wrong: by_differences, one_sided


def by_differences(function, point, step=1e-5):
    here = function(point).sum()
    moves = step * torch.eye(len(point), dtype=point.dtype)
    return torch.stack([(function(point + move).sum() - here) / step for move in moves])


# %% wrong: by_differences, one_sided_downward


def by_differences(function, point, step=1e-5):
    here = function(point).sum()
    moves = step * torch.eye(len(point), dtype=point.dtype)
    return torch.stack([(here - function(point - move).sum()) / step for move in moves])


# %% wrong: by_differences, divided_by_h


def by_differences(function, point, step=1e-5):
    moves = step * torch.eye(len(point), dtype=point.dtype)
    return torch.stack(
        [(function(point + move) - function(point - move)).sum() / step for move in moves]
    )


# %% wrong: by_differences, all_at_once


def by_differences(function, point, step=1e-5):
    return (function(point + step) - function(point - step)).sum() / (2 * step)


# %% wrong: by_differences, all_at_once_unsummed


def by_differences(function, point, step=1e-5):
    return (function(point + step) - function(point - step)) / (2 * step)


# %% wrong: by_differences, float32


def by_differences(function, point, step=1e-5):
    point = point.float()
    moves = step * torch.eye(len(point))
    return torch.stack(
        [
            (function(point + move) - function(point - move)).sum() / (2 * step)
            for move in moves
        ]
    )


# %% wrong: by_differences, not_moved_back


def by_differences(function, point, step=1e-5):
    gradient = torch.zeros_like(point)
    for index in range(len(point)):
        point[index] += step
        above = function(point).sum()
        point[index] -= 2 * step
        gradient[index] = (above - function(point).sum()) / (2 * step)
    return gradient


# %% wrong: by_differences, autograd


def by_differences(function, point, step=1e-5):
    point = point.clone().requires_grad_()
    return torch.autograd.grad(function(point).sum(), point, allow_unused=True)[0]


# %% wrong: by_differences, first_value_only


def by_differences(function, point, step=1e-5):
    moves = step * torch.eye(len(point), dtype=point.dtype)
    return torch.stack(
        [
            (function(point + move) - function(point - move)).flatten()[0] / (2 * step)
            for move in moves
        ]
    )


# %% right: loss_of_logits, by softplus


def loss_of_logits(a, t):
    return (softplus(a) - t * a).sum()


# %% right: loss_of_logits, with an exponential that stays small


def loss_of_logits(a, t):
    return (a.clamp(min=0) - t * a + torch.log(1 + torch.exp(-a.abs()))).sum()


# %% right: loss_of_logits, by the logarithm of both sigmoids


def loss_of_logits(a, t):
    return -(t * logsigmoid(a) + (1 - t) * logsigmoid(-a)).sum()


# %% wrong: loss_of_logits, log_of_sigmoid


def loss_of_logits(a, t):
    x = torch.sigmoid(a)
    return -(t * x.log() + (1 - t) * (1 - x).log()).sum()


# %% wrong: loss_of_logits, exp_overflows


def loss_of_logits(a, t):
    return (torch.log(1 + torch.exp(a)) - t * a).sum()


# %% wrong: loss_of_logits, exp_overflows_on_both_sides


def loss_of_logits(a, t):
    towards = torch.where(t == 1, a, -a)
    return torch.log(1 + torch.exp(-towards)).sum()


# %% wrong: loss_of_logits, label_exchanged


def loss_of_logits(a, t):
    return (softplus(a) - (1 - t) * a).sum()


# %% wrong: loss_of_logits, mean_for_sum


def loss_of_logits(a, t):
    return (softplus(a) - t * a).mean()


# %% wrong: loss_of_logits, label_0_left_out


def loss_of_logits(a, t):
    return -(t * logsigmoid(a)).sum()


# %% wrong: loss_of_logits, clamped_at_1e_7


def loss_of_logits(a, t):
    x = torch.sigmoid(a).clamp(1e-7, 1 - 1e-7)
    return -(t * x.log() + (1 - t) * (1 - x).log()).sum()


# %% wrong: loss_of_logits, clamped_at_1e_12


def loss_of_logits(a, t):
    x = torch.sigmoid(a).clamp(1e-12, 1 - 1e-12)
    return -(t * x.log() + (1 - t) * (1 - x).log()).sum()


# %% wrong: loss_of_logits, clamped_by_pytorch


def loss_of_logits(a, t):
    return binary_cross_entropy(torch.sigmoid(a), t, reduction="sum")
