# Answers to the exercises of chapter 14, right and wrong ones. Never handed out.

# %%
import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

# %% right: fold, by a scale and a shift


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    shift = beta - mean * scale
    return weight * scale[:, None, None, None], bias * scale + shift


# %% right: fold, channel by channel


def fold(weight, bias, mean, var, gamma, beta, eps):
    folded, offsets = torch.empty_like(weight), torch.empty_like(bias)
    for channel in range(len(weight)):
        factor = gamma[channel] / (var[channel] + eps) ** 0.5
        folded[channel] = factor * weight[channel]
        offsets[channel] = factor * (bias[channel] - mean[channel]) + beta[channel]
    return folded, offsets


# %% right: fold, as a product of matrices


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = torch.diag(gamma * (var + eps).rsqrt())
    rows = scale @ weight.flatten(1)
    return rows.view_as(weight), scale @ (bias - mean) + beta


# %% wrong: fold, epsilon_forgotten


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta


# %% wrong: fold, epsilon_outside


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / (torch.sqrt(var) + eps)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta


# %% wrong: fold, root_forgotten


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / (var + eps)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta


# %% wrong: fold, bias_not_scaled


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], bias - mean * scale + beta


# %% wrong: fold, bias_forgotten


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], beta - mean * scale


# %% wrong: fold, mean_forgotten


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], bias * scale + beta


# %% wrong: fold, mean_not_scaled


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], bias * scale - mean + beta


# %% wrong: fold, mean_added


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], (bias + mean) * scale + beta


# %% wrong: fold, weight_not_scaled


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight.clone(), (bias - mean) * scale + beta


# %% wrong: fold, gamma_forgotten


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = 1 / torch.sqrt(var + eps)
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta


# %% wrong: fold, input_channels


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale[:, None, None], (bias - mean) * scale + beta


# %% wrong: fold, columns


def fold(weight, bias, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return weight * scale, (bias - mean) * scale + beta


# %% right: windows, by sliding windows


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% right: windows, window by window


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    columns = []
    for top in range(0, padded.shape[1] - kernel + 1, stride):
        for left in range(0, padded.shape[2] - kernel + 1, stride):
            window = padded[:, top : top + kernel, left : left + kernel]
            columns.append(window.flatten())
    return np.stack(columns, axis=1)


# %% right: windows, tap by tap


def windows(image, kernel, stride, padding):
    channels, height, width = image.shape
    high, wide = height + 2 * padding, width + 2 * padding
    padded = np.zeros((channels, high, wide), image.dtype)
    padded[:, padding : padding + height, padding : padding + width] = image
    rows, ends = [], (high - kernel + 1, wide - kernel + 1)
    for channel in padded:
        for down in range(kernel):
            for right in range(kernel):
                tap = channel[
                    down : down + ends[0] : stride, right : right + ends[1] : stride
                ]
                rows.append(tap.ravel())
    return np.stack(rows)


# %% wrong: windows, transposed


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1).T


# %% wrong: windows, turned


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 4, 3, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, taps_first


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(3, 4, 0, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, flipped


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride, ::-1, ::-1]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, padding_forgotten


def windows(image, kernel, stride, padding):
    padded = image
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, padded_after


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (0, 2 * padding), (0, 2 * padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, stride_forgotten


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, last_missing


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, :-1:stride, :-1:stride]
    return chosen.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


# %% wrong: windows, positions_turned


def windows(image, kernel, stride, padding):
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    chosen = every[:, ::stride, ::stride]
    return chosen.transpose(0, 3, 4, 2, 1).reshape(len(image) * kernel**2, -1)
