# Answers to the exercises of chapter 6, right and wrong ones. Never handed out.

# %%
import math

import numpy as np
import torch
from scipy import stats
from torch.nn import functional

from dlcvlib.training.linear_probe import fit_linear

# %% right: probe_step, features without gradients


def probe_step(backbone, classifier, optimizer, images, labels):
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: probe_step, features detached


def probe_step(backbone, classifier, optimizer, images, labels):
    features = backbone.train(False)(images).detach()
    log_probs = classifier(features).log_softmax(1)
    loss = -log_probs[torch.arange(len(labels)), labels].mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


# %% wrong: probe_step, statistics_move


def probe_step(backbone, classifier, optimizer, images, labels):
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: probe_step, backbone_trained


def probe_step(backbone, classifier, optimizer, images, labels):
    backbone.eval()
    loss = functional.cross_entropy(classifier(backbone(images)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: probe_step, gradients_add_up


def probe_step(backbone, classifier, optimizer, images, labels):
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: probe_step, not_stepped


def probe_step(backbone, classifier, optimizer, images, labels):
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


# %% wrong: probe_step, keeps_the_graph


def probe_step(backbone, classifier, optimizer, images, labels):
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


# %% right: difference_of_means, by the formulas


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.975, freedom) * error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% right: difference_of_means, with scipy


def difference_of_means(first, second):
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return [interval.low, interval.high]


# %% wrong: difference_of_means, ddof_0


def difference_of_means(first, second):
    parts = [np.var(side, ddof=0) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.975, freedom) * error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% wrong: difference_of_means, not_divided_by_n


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.975, freedom) * error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% wrong: difference_of_means, one_standard_error


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    half = error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% wrong: difference_of_means, pooled


def difference_of_means(first, second):
    interval = stats.ttest_ind(first, second, equal_var=True).confidence_interval(0.95)
    return interval.low, interval.high


# %% wrong: difference_of_means, normal_quantile


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    half = 1.96 * error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% wrong: difference_of_means, errors_added


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.975, freedom) * sum(math.sqrt(part) for part in parts)
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% wrong: difference_of_means, exchanged


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.975, freedom) * error
    difference = np.mean(second) - np.mean(first)
    return difference - half, difference + half


# %% wrong: difference_of_means, one_sided


def difference_of_means(first, second):
    parts = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    freedom = error**4 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second)))
    half = stats.t.ppf(0.95, freedom) * error
    difference = np.mean(first) - np.mean(second)
    return difference - half, difference + half


# %% right: standardised, by broadcasting


def standardised(train, val):
    mean, std = train.mean(0), train.std(0)
    std = torch.where(std > 0, std, torch.ones(()))
    return (train - mean) / std, (val - mean) / std


# %% right: standardised, with a small number below


def standardised(train, val):
    mean = train.sum(0, keepdim=True) / len(train)
    deviation = train - mean
    std = (deviation.square().sum(0, keepdim=True) / (len(train) - 1)).sqrt() + 1e-8
    return [deviation / std, (val - mean) / std]


# %% wrong: standardised, validation_by_its_own


def standardised(train, val):
    def scaled(features):
        return (features - features.mean(0)) / features.std(0).clamp_min(1e-6)

    return scaled(train), scaled(val)


# %% wrong: standardised, fitted_on_both


def standardised(train, val):
    both = torch.cat([train, val])
    mean, std = both.mean(0), both.std(0).clamp_min(1e-6)
    return (train - mean) / std, (val - mean) / std


# %% wrong: standardised, per_row


def standardised(train, val):
    def scaled(features):
        std = features.std(1, keepdim=True).clamp_min(1e-6)
        return (features - features.mean(1, keepdim=True)) / std

    return scaled(train), scaled(val)


# %% wrong: standardised, nan_at_zero_std


def standardised(train, val):
    mean, std = train.mean(0), train.std(0)
    return (train - mean) / std, (val - mean) / std


# %% wrong: standardised, ddof_0


def standardised(train, val):
    mean, std = train.mean(0), train.std(0, correction=0).clamp_min(1e-6)
    return (train - mean) / std, (val - mean) / std


# %% wrong: standardised, variance


def standardised(train, val):
    mean, variance = train.mean(0), train.var(0).clamp_min(1e-6)
    return (train - mean) / variance, (val - mean) / variance


# %% wrong: standardised, not_centred


def standardised(train, val):
    std = train.std(0).clamp_min(1e-6)
    return train / std, val / std


# %% wrong: standardised, one_for_all


def standardised(train, val):
    mean, std = train.mean(), train.std().clamp_min(1e-6)
    return (train - mean) / std, (val - mean) / std


# %% right: choose_decay, by slices


def choose_decay(features, labels, val_features, val_labels, decays):
    def loss(fit, features, labels):
        with torch.no_grad():
            return functional.cross_entropy(fit.classifier(features), labels).item()

    held_out = torch.arange(len(labels)) % 5 == 0
    losses = []
    for decay in decays:
        fit = fit_linear(features[~held_out], labels[~held_out], 2, decay)
        losses.append(loss(fit, features[held_out], labels[held_out]))
    best = decays[losses.index(min(losses))]
    fit = fit_linear(features, labels, 2, best)
    return best, loss(fit, val_features, val_labels)


# %% right: choose_decay, by a dictionary


def choose_decay(features, labels, val_features, val_labels, decays):
    few, many = slice(None, None, 5), [i for i in range(len(labels)) if i % 5]
    lowest = {}
    for decay in decays:
        classifier = fit_linear(features[many], labels[many], 2, decay).classifier
        scores = classifier(features[few])
        lowest[functional.cross_entropy(scores, labels[few]).item()] = decay
    chosen = lowest[min(lowest)]
    scores = fit_linear(features, labels, 2, chosen).classifier(val_features)
    return chosen, functional.cross_entropy(scores, val_labels).item()


# %% wrong: choose_decay, looks_at_validation


def choose_decay(features, labels, val_features, val_labels, decays):
    def loss(fit, features, labels):
        with torch.no_grad():
            return functional.cross_entropy(fit.classifier(features), labels).item()

    held_out = torch.arange(len(labels)) % 5 == 0
    losses = []
    for decay in decays:
        fit = fit_linear(features[~held_out], labels[~held_out], 2, decay)
        losses.append(loss(fit, val_features, val_labels))
    best = decays[losses.index(min(losses))]
    fit = fit_linear(features, labels, 2, best)
    return best, loss(fit, val_features, val_labels)


# %% wrong: choose_decay, lowest_training_loss


def choose_decay(features, labels, val_features, val_labels, decays):
    def loss(fit, features, labels):
        with torch.no_grad():
            return functional.cross_entropy(fit.classifier(features), labels).item()

    held_out = torch.arange(len(labels)) % 5 == 0
    losses = []
    for decay in decays:
        fit = fit_linear(features[~held_out], labels[~held_out], 2, decay)
        losses.append(loss(fit, features[~held_out], labels[~held_out]))
    best = decays[losses.index(min(losses))]
    fit = fit_linear(features, labels, 2, best)
    return best, loss(fit, val_features, val_labels)


# %% wrong: choose_decay, no_refit


def choose_decay(features, labels, val_features, val_labels, decays):
    def loss(fit, features, labels):
        with torch.no_grad():
            return functional.cross_entropy(fit.classifier(features), labels).item()

    held_out = torch.arange(len(labels)) % 5 == 0
    losses = []
    for decay in decays:
        fit = fit_linear(features[~held_out], labels[~held_out], 2, decay)
        losses.append(loss(fit, features[held_out], labels[held_out]))
    best = decays[losses.index(min(losses))]
    fit = fit_linear(features[~held_out], labels[~held_out], 2, best)
    return best, loss(fit, val_features, val_labels)


# %% wrong: choose_decay, highest_loss


def choose_decay(features, labels, val_features, val_labels, decays):
    def loss(fit, features, labels):
        with torch.no_grad():
            return functional.cross_entropy(fit.classifier(features), labels).item()

    held_out = torch.arange(len(labels)) % 5 == 0
    losses = []
    for decay in decays:
        fit = fit_linear(features[~held_out], labels[~held_out], 2, decay)
        losses.append(loss(fit, features[held_out], labels[held_out]))
    best = decays[losses.index(max(losses))]
    fit = fit_linear(features, labels, 2, best)
    return best, loss(fit, val_features, val_labels)
