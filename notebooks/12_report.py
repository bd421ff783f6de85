# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A report from the run records
#
# **You will learn**
#
# - the result of every system of the five reports here, beside the reported one and the
#   best known one;
# - which runs are missing, and the command for each;
# - to write the report as one file, in the order of your edition's questions.
#
# **You need** nothing: a system without a record is shown as missing.
#
# **It takes** seconds. This chapter trains nothing.

# %%
from IPython.display import Markdown, display

import dlcvlib
from dlcvlib import claims, report

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
sources = report.find_sources(profile, data_root)
Markdown(f"{chapter.in_words} Of the records there: {report.tally(sources)}.")

# %% [markdown]
# ## How to read the tables
#
# *Ours* is the mean over the seeds, with the standard deviation if there are several.
# *Made on* names the images and the profile. *Reported* is the value in the students'
# report, and *best known* the highest published one. Values marked **(toy)** are from
# drawn images, and values marked **(other images)** from images that are not the
# course's own. Neither can be compared with *reported* or *best known*. Results of the
# book that were made elsewhere have a row of their own, *recorded*.


# %%
def show(blocks):
    """Texts and tables, one below the other."""
    for block in blocks:
        display(Markdown(block) if isinstance(block, str) else block)


# %% [markdown]
# ## R1: BYOL, a small CNN and DeepLabV3

# %%
show(report.overview(sources, "R1"))

# %% [markdown]
# ## R2: DenseNet, ConvNeXt and a ResNet101-FCN

# %%
show(report.overview(sources, "R2"))

# %% [markdown]
# ## R3: DINO, and U-Net with a skip dropped

# %%
show(report.overview(sources, "R3"))

# %% [markdown]
# ## R4: VGG13, BEiT and the focal loss

# %%
show(report.overview(sources, "R4"))

# %% [markdown]
# ## R5: FCN32s and FCN8s, and a gradient by hand

# %%
show(report.overview(sources, "R5"))

# %% [markdown]
# ## Ours
#
# The same questions with our own settings.

# %%
show(report.overview(sources, "ours"))

# %% [markdown]
# ## Does the toy world bear the book out?
#
# Each claim compares two measures of the records. It *holds* if the whole interval of
# their difference is above zero or above the margin in `notebooks/bands.yaml`; it is *not
# clear* if only the mean is; otherwise it *FAILED*. On other data the claims are not
# judged.

# %%
on_toy = chapter.data.is_toy and profile in ("quick", "gpu")
judged = claims.judge(claims.read("bands.yaml"), sources.runs, profile) if on_toy else []
report.claims_table(judged) if on_toy else Markdown("These data are not judged.")

# %% [markdown]
# ## What is missing

# %%
show([report.missing(sources)])

# %% [markdown]
# ## Sources of the best known values

# %%
report.marks_table()

# %% [markdown]
# ## As one file
#
# In a terminal, `dlcv report report.html` writes these tables with all figures: drawn
# networks, learning curves, maps, monitors and predicted masks. The file needs no
# internet and no server. `--edition 2023` takes the order of that edition's questions
# and the validation images that it names. `--maps` computes the PCA and t-SNE maps that
# are not cached yet. The parts of the edition of 2023:

# %%
parts = [question.text for question, _ in report.of_edition(2023)]
Markdown("\n".join(f"{number}. {part}" for number, part in enumerate(parts, 1)))

# %% [markdown]
# **Notice** the column *seeds*: with a single seed the effect of chance is unknown.
#
# **Try next**: run the first command of the missing list, then this chapter again.
