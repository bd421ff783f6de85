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
# - to follow a map over the epochs of a training, and to judge it by numbers;
# - why maps that are made separately for each epoch cannot be compared.
#
# **You need** the records of the previous chapter (they are made here if they are
# missing).
#
# **It takes** about a minute on two cores in the `quick` profile.
#
# The last layer of a classifier is linear. It separates only classes that are linearly
# separable in its input, the *features* of the second-last layer. The course asks for
# maps of these features for model A on the validation set, at the first, a middle and
# the last epoch.

# %%
from IPython.display import Markdown

import dlcvlib
from dlcvlib import embedding, metrics, views
from dlcvlib.data import decode

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
number, width = snapshot["features"].shape
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
# the variance of many dimensions.

# %%
pca = embedding.embed(run, "pca", epochs)
views.embedding_maps(pca, names)

# %%
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(pca.quality.rename(columns=NAMES), caption="PCA in numbers.")

# %% [markdown]
# How to read the numbers:
#
# - **kNN of features**: the share of images whose nearest neighbours in *feature space*
#   vote for their class. It measures the features.
# - **kNN of map**: the same in the plane. The gap is what the map loses.
# - **silhouette**: from -1 to 1; how much nearer an image is to its own class than to the
#   next one.
# - **trustworthiness**: from 0 to 1; 1 if all neighbours in the map are neighbours in
#   feature space too.
# - **displacement**: how far a point moved since the previous map, as a share of the
#   map's radius.
# - **change**: the share of neighbours in feature space that are new since the previous
#   map. In comparable maps, displacement is large where change is large.
#
# ## t-SNE: neighbours stay neighbours
#
# t-SNE {cite}`vandermaaten2008visualizing` preserves neighbourhoods and gives up
# distances. Its maps depend on the initial positions of the points. Here the first epoch
# starts from PCA, and each later epoch from the map of the epoch before; this is called a
# *chain* below. So points move because their features changed, and the maps can be
# compared.

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

# %%
views.table_picture(
    tsne.quality.rename(columns=NAMES),
    caption="t-SNE in numbers, epoch by epoch.",
)

# %%
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
# **Notice** which classes separate first, and which never do. Sizes of clusters and
# distances between them mean little: t-SNE does not preserve them.
#
# ## UMAP
#
# UMAP {cite}`mcinnes2018umap` preserves neighbourhoods too, with another cost function,
# and tends to draw tighter clusters. Each epoch starts from the map before, as above.

# %%
umap = embedding.embed(run, "umap")
views.embedding_maps(umap, names, epochs=epochs)

# %%
views.table_picture(
    umap.quality.rename(columns=NAMES),
    caption="UMAP in numbers, epoch by epoch.",
)

# %% [markdown]
# ## Why separate maps mislead
#
# Here each epoch has its own t-SNE with its own random start, as most reports do it.

# %%
separate = embedding.separate_runs(run)
views.embedding_maps(separate, names, epochs=epochs)

# %%
Markdown(
    "From map to map, how far the points move and how much their neighbourhoods change "
    f"have a rank correlation of **{tsne.motion_follows_change:.2f}** in the chain, and "
    f"of **{separate.motion_follows_change:.2f}** in separate runs."
)

# %% [markdown]
# How much of this movement is due to learning? Map the same epoch twice. Nothing was
# learnt in between, so all movement comes from the random starts.

# %%
features = run.snapshot(epochs[-1])["features"].astype("float32")
twice = [features, features]
apart = metrics.displacement(*embedding.separate_tsne(twice, seed))
chained = metrics.displacement(*embedding.tsne_chain(twice, seed))
Markdown(
    f"The same features of epoch {epochs[-1]}, mapped twice: from random starts a point "
    f"moves by **{apart:.2f}** of the map's radius, in the chain by **{chained:.2f}**."
)

# %% [markdown]
# **Try next**: set `recipe` to another system of the previous chapter, or map every epoch
# with `embedding.embed(run)`.
