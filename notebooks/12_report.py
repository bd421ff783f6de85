# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The report that writes itself
#
# **You will learn**
#
# - what every system of the five reports came to here, beside what was reported and
#   the best that is known;
# - which runs are missing, and the command that makes each;
# - how the whole becomes one file, in the order of your edition's questions.
#
# **You need** nothing: what has no record yet is shown as missing.
#
# **It takes** seconds. This chapter trains nothing.

# %%
from IPython.display import Markdown, display

import dlcvlib
from dlcvlib import report

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
# *Ours* is the mean over the seeds, with their standard deviation where there are
# several; *made on* names the images and the profile. A value marked **(toy)** is of
# drawn images, and one marked **(other images)** of images that are not the course's
# own: neither may be held against *reported*, what the students' report states, or
# against *best known*, the highest that anyone published. Where the book keeps a
# result that was made elsewhere, it stands in a row of its own as *recorded*.


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
# What this book trains to do better: the same questions, our own settings.

# %%
show(report.overview(sources, "ours"))

# %% [markdown]
# ## What is missing

# %%
show([report.missing(sources)])

# %% [markdown]
# ## What the best known values are of

# %%
report.marks_table()

# %% [markdown]
# ## As one file
#
# In a terminal, `dlcv report report.html` writes all of this with its pictures:
# networks drawn, learning curves, maps, monitors, and predicted masks. The file needs
# no network and no server. `--edition 2023` puts it in the order of that edition's
# questions, with the validation images that it names, and `--maps` makes the PCA and
# t-SNE maps that no record keeps yet. The parts of the edition of 2023:

# %%
parts = [question.text for question, _ in report.of_edition(2023)]
Markdown("\n".join(f"{number}. {part}" for number, part in enumerate(parts, 1)))

# %% [markdown]
# **Notice** the column *seeds*: with a single one, nobody knows what luck was worth.
#
# **Try next**: run the first command of the missing list, then this chapter again.
