# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Feature space: what the second-last layer knows
#
# **You will learn**
#
# - to map high-dimensional features to the plane by PCA, t-SNE and UMAP;
# - to follow a map over the epochs of a training, and to judge it by numbers
#   rather than by eye;
# - why maps made separately mislead.
#
# **You need** the records of the previous chapter (they are made here if they are
# missing).
#
# **It takes** about a minute on two cores in the `quick` profile.
#
# The last layer of a classifier is linear. All that it can tell apart must
# therefore be apart already in its input, the features of the second-last layer.
# The reports are asked to draw these for model A on the validation set, at the
# first, a middle and the last epoch.

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
# ## PCA: the two widest directions
#
# Principal component analysis looks along the directions in which the features
# vary most. It is linear, it is the same every time, and its distances are true;
# but two directions show little of what many dimensions hold.

# %%
pca = embedding.embed(run, "pca", epochs)
views.embedding_maps(pca)

# %%
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(pca.quality.rename(columns=NAMES), caption="PCA in numbers.")

# %% [markdown]
# How to read the numbers:
#
# - **kNN of features**: the share of images whose nearest neighbours in *feature
#   space* vote for their class. It is what the network knows.
# - **kNN of map**: the same in the plane. The gap is what the map could not show.
# - **silhouette**: from -1 to 1; how much nearer an image is to its own class
#   than to the next one.
# - **trustworthiness**: from 0 to 1; how many neighbours in the map are
#   neighbours in feature space too.
# - **displacement**: how far a point moved since the map before, as a share of
#   the map's radius.
# - **change**: the share of neighbours in feature space that are new since then.
#   Displacement should follow it.
#
# ## t-SNE: neighbours stay neighbours
#
# t-SNE {cite}`vandermaaten2008visualizing` gives up distances to keep
# neighbourhoods. Its maps depend on where they start. So here the first epoch
# starts from PCA, and each later one from the map before it: a point then moves
# only as far as its features ask for, and the maps may be compared.

# %%
tsne = embedding.embed(run, "tsne")
views.embedding_maps(tsne, epochs=epochs)

# %% [markdown]
# Three epochs are what the reports ask for. All of them, one after the other, show what
# three cannot: who leaves a cluster, and when. Point at a dot to see its image; click on
# some, or drag a loop around them with Shift held down, and follow them.

# %%
images = decode(chapter.data.classification, "val").images
scrubber = views.EmbeddingScrubber(run, "tsne", images)
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
# **Notice** which classes separate first, and which never do. The size of a
# cluster and the distance between two of them mean little: t-SNE evens them out.
#
# ## UMAP
#
# UMAP {cite}`mcinnes2018umap` keeps neighbourhoods too, with another cost, and
# tends to draw tighter clusters. The same chain is used.

# %%
umap = embedding.embed(run, "umap")
views.embedding_maps(umap, epochs=epochs)

# %%
views.table_picture(
    umap.quality.rename(columns=NAMES),
    caption="UMAP in numbers, epoch by epoch.",
)

# %% [markdown]
# ## Why separate maps mislead
#
# Here each epoch has a t-SNE of its own, from a random start of its own, as most reports
# make them.

# %%
separate = embedding.separate_runs(run)
views.embedding_maps(separate, epochs=epochs)

# %%
Markdown(
    "From map to map, how far the points move and how much their neighbourhoods change "
    f"have a rank correlation of **{tsne.motion_follows_change:.2f}** in the chain, and "
    f"of **{separate.motion_follows_change:.2f}** in separate runs."
)

# %% [markdown]
# How much of this movement is learning? Map one and the same epoch twice: nothing was
# learnt in between, so whatever moves then is chance.

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
# **Try next**: set `recipe` to another system of the previous chapter, or map
# every epoch with `embedding.embed(run)`.
