# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Five ways to fine-tune
#
# **You will learn**
#
# - to measure what a pre-trained backbone is worth, with the settings A to E;
# - why the BatchNorm statistics of a frozen backbone must be frozen too;
# - when a difference between two accuracies is larger than chance;
# - to train and tune a classifier on a frozen backbone.
#
# **You need** the two previous chapters; what they trained is used here.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# The second half of problem 2: a backbone is fine-tuned on Office-Home, classes of
# objects with few images each. It starts from random weights, from a backbone that the
# course supplies, or from our own self-supervised pre-training. Either the whole network
# is trained, or the backbone is frozen and only a classifier on top is trained.

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown, display
from scipy import stats
from torch import nn
from torch.nn import functional

import dlcvlib
from dlcvlib import augment, embedding, metrics, recipes, views
from dlcvlib.course import REPORTED_SETTINGS
from dlcvlib.data import decode
from dlcvlib.exercises.finetuning import exercises
from dlcvlib.training import linear_probe
from dlcvlib.training.linear_probe import fit_linear

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None
series = "our_byol"

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
office = chapter.data.office
Markdown(
    f"{chapter.in_words} Office has {len(office.class_names)} classes, "
    f"{len(office.train.files):,} training and {len(office.val.files):,} validation "
    "images."
)

# %% tags=["hide-input"]
about_ours = chapter.findings("06")
Markdown(
    about_ours if series == "our_byol" else "This chapter's findings are of our_byol."
)

# %% [markdown]
# ## The settings

# %% tags=["hide-input"]
rows = [
    {
        "setting": row,
        "starts from": each.init,
        "trains": each.trains,
        "in words": each.in_words,
    }
    for row, each in (recipes.SETTINGS | recipes.EXTRA).items()
]
views.table_picture(
    pd.DataFrame(rows),
    caption="The course's five settings, and two rows that we add: a frozen random "
    "backbone, to compare D and E with, and fine-tuning that starts from a trained "
    "classifier.",
)

# %%
views.diagram.settings()

# %% [markdown]
# The *supplied* backbone depends on the edition: until 2024 a ResNet50 trained with
# labels on Mini-ImageNet, in 2025 the official DINO ResNet50.

# %% tags=["hide-input"]
readings = [
    {"edition": year, "pixels": each.image_size, "supplied": each.supplied_in_words}
    for year, each in recipes.READINGS.items()
]
views.table_picture(pd.DataFrame(readings), caption="Two readings of one table.")

# %% [markdown]
# ## Training
#
# All rows share network, images and head, one linear layer on the backbone's features.
# They differ in the initial weights and in what is trained. Where the whole network is
# trained, augmentation and optimizer are the same too. For a frozen backbone the features
# of each image and of its mirror image are computed once, and the classifier is fitted
# by L-BFGS until its gradient vanishes or a limit of steps is reached. Only its weight
# decay is tuned, on training images that are left out of the fit.

# %%
names = [recipe.name for recipe in recipes.SERIES[series].recipes()]
runs = {
    recipes.get(name).setting: chapter.train(name, recipes.seeds(name, profile))
    for name in names
}

# %% tags=["hide-input"]
as_run = views.runs_overview(runs_of_one[0] for runs_of_one in runs.values())
ALIKE = ["network", "pixels", "epochs", "batch", "optimizer", "images", "machine"]
views.table_picture(
    as_run[["recipe", "starts from", "trains"]],
    caption=f"What the profile {profile} ran here, by its run records. All alike: "
    + "; ".join(f"{name} {as_run[name].iloc[0]}" for name in ALIKE)
    + ".",
)

# %%
accuracy = {
    row: [run.info["best"]["val_accuracy"] for run in runs_of_one]
    for row, runs_of_one in runs.items()
}
ranges = {row: max(values) - min(values) for row, values in accuracy.items()}
means = np.sort([np.mean(values) for values in accuracy.values()])

# %% tags=["hide-input"]
widest = max(ranges, key=ranges.get)
closest = np.diff(means).min()
exercises.ask(
    "seeds_or_settings",
    right="seeds" if ranges[widest] > closest else "settings",
    result=f"Two seeds of setting {widest} differ by {100 * ranges[widest]:.1f} points, "
    f"the two settings whose means are closest by {100 * closest:.1f}.",
)

# %% tags=["hide-input"]
ends = {
    row: np.mean([run.history["val_accuracy"].iloc[[0, -1]] for run in runs[row]], axis=0)
    for row in ("A", "C")
    if row in runs
}
keys = {(True, True): "always", (True, False): "early", (False, True): "late"}
question = None
if len(ends) == 2:
    ahead = tuple(bool(c > a) for a, c in zip(ends["A"], ends["C"], strict=True))
    question = exercises.ask(
        "early_or_late",
        right=keys.get(ahead, "never"),
        result="Mean validation accuracy over seeds: "
        + "; ".join(
            f"{row} {first:.1%} after the first epoch, {last:.1%} after the last"
            for row, (first, last) in ends.items()
        )
        + ".",
    )
question

# %% [markdown]
# ## The table

# %%
views.settings_table(list(runs.values()), REPORTED_SETTINGS)

# %% [markdown]
# ## What it says
#
# The sentences below are computed from the records. A difference is called *clear* if its
# 95 % interval excludes 0. The interval is Student's $t$ over the seeds: of the
# differences of each seed where both settings have the same seeds, which share the random
# draws, else Welch's. Few seeds make it wide. It holds the luck of the seeds, not that of
# the validation images.

# %% tags=["hide-input"]
Markdown(views.settings_in_words(list(runs.values()), REPORTED_SETTINGS))

# %% [markdown]
# A table with one run for each row, as in the reports, cannot show how much seeds differ:

# %% tags=["hide-input"]
Markdown(views.seed_range_in_words(list(runs.values())))

# %% [markdown]
# ### Exercise: the interval of a difference
#
# Two settings were trained with several seeds each, and the seeds are independent. Let
# $s_1^2$ and $s_2^2$ be the sample variances of their $n_1$ and $n_2$ accuracies. The
# difference of the means has the *standard error* $SE$, and Student's $t$ has $\nu$
# degrees of freedom (Welch):
#
# $$ SE^2 = \frac{s_1^2}{n_1} + \frac{s_2^2}{n_2}, \qquad
#    \nu = \frac{SE^4}{\frac{(s_1^2/n_1)^2}{n_1 - 1} + \frac{(s_2^2/n_2)^2}{n_2 - 1}}. $$
#
# Write `difference_of_means(first, second)` for two lists of numbers. Return both ends,
# `(low, high)`, of the 95 % interval of the mean of `first` minus the mean of `second`.
# `stats.t.ppf(q, nu)` gives the value below which a share q of Student's t lies.
#
# <details><summary>Hint 1</summary>
#
# `np.var(values, ddof=1)` is a sample variance.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# 95 % lie in the middle. How much is left at each end, and which q is the upper end?
#
# </details>


# %% tags=["exercise", "hide-input"]
def difference_of_means(first, second):
    """Return the ends of the 95 % interval of mean(first) - mean(second), after Welch."""
    sides = [np.asarray(first), np.asarray(second)]
    variances = [side.var(ddof=1) / len(side) for side in sides]  # of the means
    spread_of_both = sum(
        variance**2 / (len(side) - 1)
        for variance, side in zip(variances, sides, strict=True)
    )
    freedom = sum(variances) ** 2 / spread_of_both
    half_width = stats.t.ppf(0.975, freedom) * sum(variances) ** 0.5
    middle = sides[0].mean() - sides[1].mean()
    return middle - half_width, middle + half_width


# %%
difference_of_means = exercises.check(difference_of_means)

# %% tags=["hide-input"]
first, second = accuracy.get("C", []), accuracy["A"]
in_words = "An interval needs at least two seeds of settings A and C each."
if min(len(first), len(second)) > 1:
    low, high = difference_of_means(first, second)
    in_words = (
        f"C minus A: {100 * low:.1f} to {100 * high:.1f} points, if all seeds were "
        "independent. Here they share random draws, so the list above takes the "
        "difference of each seed."
    )
Markdown(in_words)

# %% tags=["teacher"]
views.source(metrics.difference_of_means)

# %% [markdown]
# ## Does a frozen backbone change?
#
# In settings D and E only the classifier may change. Batch normalisation (*BatchNorm*)
# holds two kinds of numbers: weights, and a running mean and variance of what it has
# seen. In training mode a batch is normalised by its own mean and variance; in evaluation
# mode by the running ones.
#
# ### Exercise: a step of a probe
#
# A *probe* is a classifier that is trained on a frozen backbone. Write
# `probe_step(backbone, classifier, optimizer, images, labels)`, one training step:
# compute features and logits, the mean cross-entropy, its gradients, and let the
# optimizer step. Return the loss as a number. The backbone keeps its weights and its
# running statistics, and no gradient is computed for it, even if the optimizer holds its
# weights. It may come in training mode; leave it in evaluation mode.
#
# <details><summary>Hint 1</summary>
#
# `backbone.eval()` sets evaluation mode. Freezing weights does not.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `backward()` adds to the gradients that are there. When are they cleared?
#
# </details>


# %% tags=["exercise", "hide-input"]
def probe_step(backbone, classifier, optimizer, images, labels):
    """Train the classifier by one step on a frozen backbone; return the loss, a float."""
    optimizer.zero_grad()
    fixed_features = backbone.eval()(images).detach()
    loss = functional.cross_entropy(classifier(fixed_features), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


# %%
probe_step = exercises.check(probe_step)

# %% tags=["teacher", "hide-input"]
exercises.lines("probe_step")

# %%
small = decode(office, "train", 32)
pictures = augment.prepare(small.images[:512], 32, {})  # (N, 3, 32, 32) float
labels = small.labels[:512]


# %%
def largest_change(in_training_mode):
    """Return the largest change of a feature while a classifier is trained on it."""
    torch.manual_seed(seed)
    convolution = [nn.Conv2d(3, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU()]
    backbone = nn.Sequential(*convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = nn.Linear(16, len(office.class_names))
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1)
    before = backbone.eval()(pictures)
    for batch in range(0, len(pictures), 32):
        of_batch = slice(batch, batch + 32)
        if in_training_mode:
            backbone.train()(pictures[of_batch])  # what a forgotten eval() does
        probe_step(backbone, classifier, optimizer, pictures[of_batch], labels[of_batch])
    return (backbone.eval()(pictures) - before).abs().max().item()


# %% tags=["hide-input"]
exercises.ask(
    "moving_features",
    result="The largest change of any feature of a tiny backbone, while a classifier is "
    f"trained on it: **{largest_change(True):.3f}** in training mode, "
    f"**{largest_change(False):g}** in evaluation mode.",
)

# %% [markdown]
# So a frozen backbone has to be in evaluation mode too. The records hold its features
# before and after the classifier was trained:

# %%
frozen = runs.get("E") or runs["D"]
first, last = (frozen[0].snapshot(epoch)["features"] for epoch in (0, 1))
info = frozen[0].info

# %% tags=["hide-input"]
Markdown(
    "The largest change of any feature of any validation image is "
    f"**{abs(first - last).max():g}**. "
    f"Of {info['parameters']:,} parameters {info['trained_parameters']:,} were trained."
)

# %% tags=["teacher"]
views.source(linear_probe.probe_step)

# %% [markdown]
# ## Tuning a probe
#
# If the features are fixed, all training images can be fitted at once. Two things are
# left to do right.
#
# ### Exercise: standardise
#
# The dimensions of features differ in mean and spread. A penalty on the weights treats
# them alike only if they are *standardised* first, to mean 0 and standard deviation 1.
#
# Write `standardised(train, val)` for features (N, D) of the training images and (M, D)
# of the validation images. Return both, standardised by the mean and the standard
# deviation (with N - 1) of each dimension over the *training* images. A dimension with
# the same value for all images becomes 0.
#
# <details><summary>Hint 1</summary>
#
# What would happen to a single validation image if its own mean were subtracted?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `std.clamp_min(1e-6)` is never 0.
#
# </details>


# %% tags=["exercise", "hide-input"]
def standardised(train, val):
    """Standardise (N, D) and (M, D) by mean and std of the training features."""
    centre, scale = train.mean(0), train.std(0).clamp_min(1e-6)
    return tuple((features - centre) / scale for features in (train, val))


# %%
standardised = exercises.check(standardised)

# %% tags=["teacher", "hide-input"]
exercises.lines("standardised")

# %% [markdown]
# ### Exercise: choose a weight decay
#
# The *weight decay* is the weight of that penalty. It is a setting, so it has to be
# chosen without the images that measure the accuracy: some training images are *held
# out*, they choose, and then all training images are fitted once more.
#
# Write `choose_decay(features, labels, val_features, val_labels, decays)`. Hold out every
# fifth training image (0, 5, 10, …). Return the decay of `decays` with the lowest
# cross-entropy on them, fitted on the others, and the cross-entropy on the *validation*
# images of a classifier with this decay that is fitted on *all* training images.
# `fit_linear(features, labels, classes, decay).classifier` is a fitted classifier; it
# standardises by itself.
#
# <details><summary>Hint 1</summary>
#
# `torch.arange(len(labels)) % 5 == 0` is True for the images that are held out.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Validation images stand in the last line only.
#
# </details>


# %% tags=["exercise", "hide-input"]
def choose_decay(features, labels, val_features, val_labels, decays):
    """Return the chosen weight decay and its loss on the validation images."""
    classes = int(labels.max()) + 1
    chooses = torch.arange(len(labels)) % 5 == 0

    def loss_of(decay, fitted, x, y):
        fit = fit_linear(features[fitted], labels[fitted], classes, decay)
        return float(functional.cross_entropy(fit.classifier(x), y))

    tried = {
        decay: loss_of(decay, ~chooses, features[chooses], labels[chooses])
        for decay in decays
    }
    chosen = min(tried, key=tried.get)
    return chosen, loss_of(chosen, slice(None), val_features, val_labels)


# %%
choose_decay = exercises.check(choose_decay)

# %% [markdown]
# A tiny check on the features of the record above, which are of validation images: two
# thirds of them stand in for training images.

# %%
of_frozen = frozen[0].snapshot(1)
features = torch.from_numpy(of_frozen["features"]).float()  # (N, D)
labels = torch.from_numpy(of_frozen["labels"])  # (N,)
fitted = torch.arange(len(labels)) % 3 > 0
train, val = standardised(features[fitted], features[~fitted])
decay, loss = choose_decay(
    train, labels[fitted], val, labels[~fitted], (1e-3, 1e-2, 1e-1, 1.0)
)

# %% tags=["hide-input"]
Markdown(
    f"The chosen weight decay is {decay:g}; the cross-entropy of the other third is "
    f"{loss:.3f}, that of a guess ln {len(office.class_names)} = "
    f"{np.log(len(office.class_names)):.3f}."
)

# %% tags=["teacher"]
views.source(linear_probe.choose_decay)

# %% [markdown]
# ## Curves: random weights against our own pre-training

# %%
pair = [runs[row][0] for row in ("A", "C") if row in runs]
views.curves(pair)

# %% [markdown]
# Compare the first epochs, then the last: does pre-training help early, late, or both?
# The list above says if the difference at the end is clear.
#
# ## Features of setting C
#
# The editions of 2024 and 2025 ask for t-SNE maps of setting C on the *training* set,
# at the first and the last epoch. Both maps belong to one chain (each epoch starts from
# the map before), so they can be compared.

# %%
followed = runs["C"][0] if "C" in runs else runs["A"][0]
maps = embedding.embed(followed, "tsne")
epochs = [epoch for epoch in maps.epochs if epoch > 0]
class_names = list(office.class_names)
views.embedding_maps(maps, epochs=(epochs[0], epochs[-1]), class_names=class_names)

# %% [markdown]
# All epochs in between, with the image of each dot. Click on a class to see it alone.

# %%
images = decode(
    office, "train", recipes.get("our_byol_c").for_profile(profile).image_size
)
views.EmbeddingScrubber(followed, "tsne", images.images, class_names)

# %% tags=["hide-input"]
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(maps.quality.rename(columns=NAMES), caption="The maps in numbers.")

# %% [markdown]
# The network is trained on these images. Clusters here do not mean that it classifies
# new images well; for those, see the table above.
#
# ## The reports' own systems
#
# R1 fine-tuned its BYOL backbone, R3 its DINO backbone. Here are their systems as
# this profile runs them. Where a profile makes their settings equal to ours, the row is
# the same run as above, and the caption says so.

# %%
for report in ("r1_setting", "r3_setting"):
    theirs = [
        chapter.train(recipe, recipes.seeds(recipe.name, profile))
        for row, recipe in zip("ABCDE", recipes.SERIES[report].recipes(), strict=False)
    ]
    display(views.settings_table(theirs))

# %% [markdown]
# **Try next**: set `series` to `our_dino`, or give your own weights to settings B and
# D with `dlcv train our_byol_d --weights FILE`.
#
# ## Summary
#
# - Settings A to E differ in the initial weights and in what is trained, nothing else.
# - A difference of two settings says something only beside that of two seeds.
# - A frozen backbone has to be in evaluation mode: BatchNorm's running statistics move
#   without any gradient.
# - Features are standardised by the training images, for training and validation alike.
# - Settings such as the weight decay are chosen on held-out training images; validation
#   images measure, and choose nothing.
#
# To read on: {cite}`kornblith2019better` for how pre-training transfers,
# {cite}`kumar2022finetuning` for fine-tuning a trained classifier's backbone, and
# {cite}`bouthillier2021accounting` for the variance between runs.
