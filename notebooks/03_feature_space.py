# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Feature space: the input of the last layer
#
# **You will learn**
#
# - to map high-dimensional features to the plane by PCA, t-SNE and UMAP;
# - to write PCA, a chain of maps, and the numbers that judge a map;
# - to follow a map over the epochs of a training;
# - to measure if maps that are made separately for each epoch can be compared.
#
# **You need** the records of the previous chapter (they are made here if they are
# missing).
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# The last layer of a classifier is linear. It separates only classes that are linearly
# separable in its input, the *features* of the second-last layer. The course asks for
# maps of these features for model A on the validation set, at the first, a middle and
# the last epoch.

# %%
import numpy as np
from IPython.display import Markdown
from sklearn.manifold import TSNE

import dlcvlib
from dlcvlib import embedding, metrics, views
from dlcvlib.data import decode
from dlcvlib.exercises.feature_space import exercises

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None
recipe = "r1_small_cnn"

# %%
chapter = dlcvlib.open_chapter(globals())
names = chapter.data.classification.class_names
run = chapter.train(recipe)
epochs = run.first_middle_last()
snapshot = run.snapshot(epochs[-1])
features, labels = snapshot["features"].astype("float64"), snapshot["labels"]
number, width = features.shape
Markdown(
    f"{chapter.in_words} Model A is **{run.info['recipe']['title']}**, at the epochs "
    f"{epochs[0]}, {epochs[1]} and {epochs[2]}; each map shows {number} validation "
    f"images, each of {width} features."
)

# %% [markdown]
# ## PCA: the two directions of largest variance
#
# Principal component analysis projects the features onto the directions in which they
# vary most. It is linear and has no random start. But two directions show only a part of
# the variance of many dimensions {cite}`pearson1901lines`.
#
# ### Exercise: PCA
#
# Write `pca(features)`.
#
# - `features`: float array (N, D), a row for each point.
# - Return float (N, 2): the coordinates along the two directions of largest variance, the
#   largest first. Their mean is 0. The sign of each column is arbitrary.
# - Take the features as they are, without dividing them by their standard deviation.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Subtract the mean point. Then `np.linalg.svd(…, full_matrices=False)` returns the
# directions as rows of its last result, the largest variance first.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# A coordinate is the scalar product of a centred point and a direction.
#
# </details>


# %% tags=["exercise", "hide-input"]
def pca(features):
    """Coordinates of the points along the two directions of largest variance."""
    about_mean = features - features.mean(axis=0)
    left, spread, _ = np.linalg.svd(about_mean, full_matrices=False)
    return left[:, :2] * spread[:2]


# %%
pca = exercises.check(pca)

# %% tags=["teacher", "hide-input"]
exercises.lines("pca")

# %%
plane = pca(features)
kept = plane.var(axis=0).sum() / features.var(axis=0).sum()
Markdown(f"The plane of epoch {epochs[-1]} holds {kept:.0%} of the variance.")

# %%
pca_maps = embedding.embed(run, "pca", epochs)
views.embedding_maps(pca_maps, names)

# %% [markdown]
# ## Neighbours: a number for features and for maps
#
# Are points of one class neighbours? Let the $k$ nearest others of each point vote for
# its class. The share of points that are voted right is the *kNN accuracy*. It needs no
# training, so it measures the features themselves.
#
# ### Exercise: kNN accuracy
#
# Write `knn_accuracy(points, labels, k)`.
#
# - `points`: float array (N, D). `labels`: integers (N,), not negative. `k`: number of
#   neighbours.
# - *Near* means a large cosine. A point is no neighbour of itself.
# - Each neighbour has one vote. In a tie, it is the class of the nearest among the tied.
# - Return the share of points that are voted into their own class, from 0 to 1.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Divide every row by its length. Then `units @ units.T` holds all cosines.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# Set the diagonal to $-\infty$ before you sort.
#
# </details>

# %% [markdown]
# <details><summary>Hint 3</summary>
#
# For a tie: go through the neighbours, nearest first, and stop at one whose class no
# other class outvotes.
#
# </details>


# %% tags=["exercise", "hide-input"]
def knn_accuracy(points, labels, k):
    """Share of points whose k nearest others vote for their class, by cosine."""
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    cosine = units @ units.T
    np.fill_diagonal(cosine, -np.inf)
    votes = labels[np.argsort(-cosine, axis=1)[:, :k]]
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    winners = votes[np.arange(len(votes)), counts.argmax(axis=1)]
    return np.mean(winners == labels)


# %%
knn_accuracy = exercises.check(knn_accuracy)

# %%
in_features = knn_accuracy(features, labels, 10)
Markdown(f"kNN accuracy of the features of epoch {epochs[-1]}: **{in_features:.1%}**.")

# %% [markdown]
# Pre-trained features are measured with a *bank*: labelled points vote for others, and a
# vote counts by its cosine. This is the library's function for it.

# %%
views.source(metrics.weighted_knn_accuracy)

# %% [markdown]
# The numbers of the PCA maps:

# %% tags=["hide-input"]
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(pca_maps.quality.rename(columns=NAMES), caption="PCA in numbers.")

# %% [markdown]
# How to read the numbers:
#
# - **kNN of features**: the share of images whose nearest neighbours in *feature space*
#   vote for their class. It measures the features.
# - **kNN of map**: the same in the plane. If it is lower, the map hides neighbours.
# - **silhouette**: from -1 to 1; how much nearer a dot is to its own class than to the
#   next one.
# - **trustworthiness**: from 0 to 1; 1 if all neighbours in the map are neighbours in
#   feature space too.
# - **displacement**: how far a dot moved since the previous map, as a share of the
#   map's radius.
# - **change**: the share of neighbours in feature space that are new since the previous
#   map. In comparable maps, displacement should be large where change is large.
#
# ## t-SNE: neighbours stay neighbours
#
# t-SNE {cite}`vandermaaten2008visualizing` preserves neighbourhoods and gives up
# distances. Its maps depend on the initial positions of the points. Here the first epoch
# starts from PCA, and each later epoch from the map of the epoch before; this is called a
# *chain* below. It is meant to move a point only as far as its features changed; the end
# of the chapter measures how far a point moves if they did not change at all.
#
# t-SNE begins with *early exaggeration*: for some steps the attraction of neighbours is
# multiplied, so that clusters form. A start from PCA, in place of a random one, keeps
# the arrangement of the clusters {cite}`kobak2019art`.
#
# ### Exercise: a chain of maps
#
# Write `tsne_chain(features, tsne)`.
#
# - `features`: list of float arrays (N, D), one for each epoch, of the same points.
# - `tsne`: a function. `tsne(values)` maps (N, D) to (N, 2), starting from PCA, with
#   early exaggeration. `tsne(values, init=start, early_exaggeration=1)` starts from the
#   map `start`, an array (N, 2), without it.
# - Return the list of maps, one for each epoch, in the order of the epochs.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Keep the map before: `maps[-1]`. The first epoch has none.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# What would exaggeration do to a map whose clusters are formed?
#
# </details>


# %% tags=["exercise", "hide-input"]
def tsne_chain(features, tsne):
    """Map of each epoch, the first from PCA, each later one from the map before."""
    maps = [tsne(features[0])]
    for of_epoch in features[1:]:
        maps.append(tsne(of_epoch, init=maps[-1], early_exaggeration=1))
    return maps


# %%
tsne_chain = exercises.check(tsne_chain)

# %% tags=["teacher", "hide-input"]
exercises.lines("tsne_chain")

# %% tags=["teacher"]
views.source(embedding.chained)

# %%
tsne = embedding.embed(run, "tsne")
views.embedding_maps(tsne, names, epochs=epochs)

# %% [markdown]
# The course asks for three epochs. The next figure shows all of them, so you see which
# image leaves a cluster, and when. Point at a dot to see its image. Click on some dots,
# or drag a loop around them with Shift held down, to keep them marked over the epochs.

# %%
images = decode(chapter.data.classification, "val").images
scrubber = views.EmbeddingScrubber(run, "tsne", images, names)
scrubber

# %% [markdown]
# In JupyterLab the same picture is a widget: `scrubber.epoch = 3` moves it,
# `scrubber.selection` holds the rows of the dots that are selected, and
# `scrubber.indices[scrubber.selection]` the images.

# %% tags=["hide-input"]
views.table_picture(
    tsne.quality.rename(columns=NAMES),
    caption="t-SNE in numbers, epoch by epoch.",
)

# %% tags=["hide-input"]
before, after = (
    tsne.quality.set_index("epoch").loc[epoch] for epoch in (epochs[0], epochs[-1])
)
Markdown(
    f"From epoch {epochs[0]} to epoch {epochs[-1]} the kNN accuracy of the features "
    f"went from {before['knn_features']:.1%} to {after['knn_features']:.1%}, that of "
    f"the map from {before['knn_map']:.1%} to {after['knn_map']:.1%}. At the last epoch "
    f"the map's trustworthiness is {after['trustworthiness']:.0%}."
)

# %% [markdown]
# Which classes separate first? Does one stay among others to the end?

# %% tags=["hide-input"]
exercises.ask("large_cluster")

# %% tags=["hide-input"]
exercises.ask("one_basis")

# %% [markdown]
# Sizes of clusters and distances between them mean little {cite}`wattenberg2016how`:
# t-SNE does not preserve them.
#
# ## UMAP
#
# UMAP {cite}`mcinnes2018umap` preserves neighbourhoods too, with another cost function.
# Each epoch starts from the map before, as above. Are its clusters tighter than those of
# t-SNE?

# %%
umap = embedding.embed(run, "umap")
views.embedding_maps(umap, names, epochs=epochs)

# %% tags=["hide-input"]
views.table_picture(
    umap.quality.rename(columns=NAMES),
    caption="UMAP in numbers, epoch by epoch.",
)

# %% [markdown]
# ## Can separate maps be compared?
#
# Here each epoch has its own t-SNE with its own random start.

# %%
separate = embedding.separate_runs(run)
views.embedding_maps(separate, names, epochs=epochs)

# %% tags=["hide-input"]
Markdown(
    "From map to map, how far the points move and how much their neighbourhoods change "
    f"have a rank correlation of **{tsne.motion_follows_change:.2f}** in the chain, and "
    f"of **{separate.motion_follows_change:.2f}** in separate runs."
)

# %% [markdown]
# How much of this movement is due to learning? Map the same epoch twice. Nothing was
# learnt in between, so all movement comes from the mapping.
#
# ### Exercise: displacement
#
# Position, size, rotation and mirroring of a map mean nothing, so two maps are first
# aligned. Write `displacement(previous, current)`.
#
# - `previous`, `current`: float arrays (N, 2), the same points in the same order.
# - Give each map mean 0 and radius 1; the radius is the root of the mean of
#   $x^2 + y^2$.
# - Turn, or mirror and turn, one map so that the sum of squared distances between the two
#   positions of each point is smallest.
# - Return the mean distance between the two positions of a point.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Orthogonal Procrustes: with `left, _, right = np.linalg.svd(a.T @ b)`, the map `a` is
# turned onto `b` by `left @ right`.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# The distance of two positions is a length, `np.linalg.norm(…, axis=1)`; the result is
# the mean of N lengths.
#
# </details>


# %% tags=["exercise", "hide-input"]
def displacement(previous, current):
    """Mean movement of a point between two aligned maps, as a share of the radius."""
    first, second = (points - points.mean(axis=0) for points in (previous, current))
    first, second = (
        points / np.sqrt(np.square(points).sum() / len(points))
        for points in (first, second)
    )
    left, _, right = np.linalg.svd(first.T @ second)
    return np.linalg.norm(first @ left @ right - second, axis=1).mean()


# %%
displacement = exercises.check(displacement)


# %%
def tsne_of(values, init="pca", **settings):
    """Map of one epoch by scikit-learn's t-SNE."""
    perplexity = min(30, (len(values) - 1) / 3)
    search = TSNE(init=init, perplexity=perplexity, random_state=seed, **settings)
    return search.fit_transform(values)


# %%
twice = tsne_chain([features, features], tsne_of)
chained = displacement(*twice)
apart = displacement(*embedding.separate_tsne([features, features], seed))

# %% tags=["hide-input"]
exercises.ask(
    "same_features_twice",
    right="hardly" if apart < 0.1 else "far" if apart <= 1 else "unrelated",
    result=f"The same features of epoch {epochs[-1]}, mapped twice: from random starts a "
    f"point moves by **{apart:.2f}** of the map's radius, in the chain by "
    f"**{chained:.2f}**.",
)

# %% [markdown]
# **Try next**: set `recipe` to another system of the previous chapter, or map every epoch
# with `embedding.embed(run)`.
#
# ## Summary
#
# - PCA shows the plane of largest variance, the same every time.
# - t-SNE and UMAP preserve neighbours, not distances, sizes or densities.
# - Maps of several epochs can be compared if each starts from the one before.
# - A chain runs forward: backward it shows the last classes in the first map.
# - kNN accuracy judges features, trustworthiness a map, displacement a pair of maps.
#
# **To read on**: t-SNE {cite}`vandermaaten2008visualizing`; how to read its maps, and how
# not to {cite}`wattenberg2016how`; starts and settings for maps of many points
# {cite}`kobak2019art`.
