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
# **It takes** as long as your machine needs; the page of a built book says how long. This
# chapter trains nothing.

# %%
import math
import statistics
from pathlib import Path

import pandas as pd
import torch
from IPython.display import Markdown, display
from PIL import Image

import dlcvlib
from dlcvlib import claims, report
from dlcvlib.course import REPORTED
from dlcvlib.data import decode, palette
from dlcvlib.exercises.report_chapter import exercises
from dlcvlib.metrics import Difference
from dlcvlib.runs import readable_runs

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
sources = report.find_sources(profile, data_root)
Markdown(f"{chapter.in_words} Of the records there: {report.tally(sources)}.")

# %% [markdown]
# ## How to read the tables
#
# A number is reported beside another one to compare them. When may that be done?

# %% tags=["hide-input"]
exercises.ask("beside")

# %% [markdown]
# One table a task, over all reports. *Here* is the mean of the runs of this book over
# their seeds, with the standard deviation if there are several. *Recorded* are results
# of the book that were made elsewhere. *Reported* is the value in the students' report,
# and *best known* the highest published one. Values marked **(toy)** are from drawn
# images, and values marked **(other images)** from images that are not the course's
# own. Neither can be compared with *reported* or *best known*. Systems whose settings
# this profile makes equal are one run and share a row.
#
# ### Exercise: a row of the table
#
# Write `row_of_report(runs, reported, is_toy)`. `runs` holds a table for each seed, a
# DataFrame with a row an epoch and the columns `val` and `test`, scores in [0, 1].
# For each seed the score counts that the test images have at the epoch which is best on
# the validation images. Return a dict: "here" is the mean over the seeds, "std" the
# sample standard deviation or None for a single seed, and "reported" the value given, or
# None if the images are drawn ones (`is_toy`).
#
# <details><summary>Hint 1</summary>
#
# `run["val"].idxmax()` is the label of the best row; `run["test"]` has it, too.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The sample standard deviation divides by n - 1: `statistics.stdev` does, and `np.std`
# with `ddof=1`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def row_of_report(runs, reported, is_toy):
    """Mean and standard deviation over seeds, and the reported value if comparable."""
    values = [float(run["test"][run["val"].idxmax()]) for run in runs]
    return {
        "here": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "reported": None if is_toy else reported,
    }


# %%
row_of_report = exercises.check(row_of_report)

# %% tags=["teacher", "hide-input"]
exercises.lines("row_of_report")

# %% [markdown]
# This book has no labelled test images, as the students had none: epochs are chosen and
# scored by the same validation images, and both columns are one. Here is our U-Net, with
# the value that report r3 states for its own.

# %%
unets = [
    run
    for run in readable_runs(sources.runs)[0]
    if run.finished and (run.path.parts[-3], run.path.parts[-2]) == (profile, "our_unet")
]
tables = [
    pd.DataFrame({"val": run.history["mean_iou"], "test": run.history["mean_iou"]})
    for run in unets
]
row = row_of_report(tables, REPORTED["r3_unet"], chapter.data.is_toy) if tables else {}

# %% tags=["hide-input"]
told = f"{len(tables)} finished seeds of our U-Net"
if row:
    std = "no standard deviation" if row["std"] is None else f"± {row['std']:.3f}"
    beside = (
        "none, for these images are drawn" if row["reported"] is None else row["reported"]
    )
    told += f": {row['here']:.3f}, {std}; reported value beside it: {beside}"
Markdown(f"{told}. Compare it with the table of segmentation below.")

# %% [markdown]
# How much do seeds say?

# %% tags=["hide-input"]
three, other = (0.66, 0.70, 0.68), 0.71
std = statistics.stdev(three)
gap = Difference(other - statistics.fmean(three), std * math.sqrt(1 + 1 / 3), freedom=2)
exercises.ask(
    "clear",
    result=f"The mean of the three is {statistics.fmean(three):.3f}, their standard "
    f"deviation {std:.3f}. The other one differs by {gap.value:.3f}. If its seeds vary "
    f"as much, the 95 % interval of the difference goes from {gap.interval[0]:+.3f} to "
    f"{gap.interval[1]:+.3f}.",
)


# %% tags=["hide-input"]
def show(blocks):
    """Tables, one below the other."""
    for block in blocks:
        display(Markdown(block) if isinstance(block, str) else block)


# %% [markdown]
# ## Classification

# %% tags=["hide-input"]
show(report.overview(sources, "classification"))

# %% [markdown]
# ## Self-supervised pre-training

# %% tags=["hide-input"]
show(report.overview(sources, "pre-training"))

# %% [markdown]
# ## Fine-tuning settings A to E
#
# A row for each series of settings, a column for each setting. What the letters mean is
# explained in the chapter on fine-tuning settings.

# %% tags=["hide-input"]
show(report.overview(sources, "settings"))

# %% [markdown]
# ## Segmentation

# %% tags=["hide-input"]
show(report.overview(sources, "segmentation"))

# %% [markdown]
# ## Answered by a chapter

# %% tags=["hide-input"]
Markdown(report.answered_by_chapters())

# %% [markdown]
# ## Does the toy world bear the book out?
#
# Each claim compares two measures of the records. It *holds* if the whole interval of
# their difference is above zero or above the margin in `notebooks/bands.yaml`; it is *not
# clear* if only the mean is; otherwise it *FAILED*. On other data the claims are not
# judged.

# %% tags=["hide-input"]
on_toy = chapter.data.is_toy and profile in ("quick", "gpu")
judged = claims.judge(claims.read("bands.yaml"), sources.runs, profile) if on_toy else []
show(report.judged(judged)) if on_toy else Markdown("These data are not judged.")

# %% [markdown]
# ## What is missing

# %% tags=["hide-input"]
report.Folded("The missing systems and their commands", (report.missing(sources),))

# %% [markdown]
# ## Sources of the best known values

# %% tags=["hide-input"]
report.Folded("The best known values", (report.marks_table(),))

# %% [markdown]
# ## What is handed in
#
# For classification the course asks for a csv, for segmentation for a mask of each image.
# `dlcv predict` writes both. Its graders pair rows with labels by position.

# %% tags=["hide-input"]
truth = decode(chapter.data.classification, "val").labels.tolist()
handed_in = truth[:1] + truth[2:]
wrong = 1 + sum(label != row for label, row in zip(truth, handed_in, strict=False))
most = 2 * len(set(truth))
exercises.ask(
    "left_out",
    right="one" if wrong == 1 else "borders" if wrong <= most else "most",
    result=f"With the validation images of this page, in their order: {wrong} of "
    f"{len(truth)} are wrong. `dlcv predict` writes a row for an unreadable image, too, "
    "with the commonest class.",
)

# %% [markdown]
# ### Exercise: the csv
#
# Write `course_csv(files, labels)`: a list of paths, and their predicted classes, an
# integer tensor (N,). Return the text of the csv: a header `filename,label`, then a row
# for each file in the order given, such as `0_450.png,17`. Each line ends in `\n`.
#
# <details><summary>Hint 1</summary>
#
# `file.name` of a path is the name without its folders.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `labels.tolist()` are numbers of Python, which an f-string writes as they are.
#
# </details>


# %% tags=["exercise", "hide-input"]
def course_csv(files, labels):
    """Text of the csv that the course asks for."""
    rows = zip(files, labels.tolist(), strict=True)
    lines = ["filename,label", *(f"{file.name},{label}" for file, label in rows)]
    return "\n".join(lines) + "\n"


# %%
course_csv = exercises.check(course_csv)

# %% tags=["teacher", "hide-input"]
exercises.lines("course_csv")

# %%
print(
    course_csv(
        [Path("val", "7_451.png"), Path("val", "12_450.png")], torch.tensor([7, 12])
    )
)

# %% [markdown]
# ### Exercise: the mask
#
# Write `rgb_mask(ids, file)`: class ids, uint8 (H, W), and a path that ends in `.png`.
# Write the mask there as an RGB image in the course's colours, as its own masks are.
# `palette.COLOURS` holds the colours of ids 0 to 6, uint8 (7, 3). Return nothing.
#
# <details><summary>Hint 1</summary>
#
# An array of colours, indexed by an array of ids (H, W), is an array (H, W, 3).
#
# </details>
# <details><summary>Hint 2</summary>
#
# `Image.fromarray` takes uint8 (H, W, 3), and `save` the path.
#
# </details>


# %% tags=["exercise", "hide-input"]
def rgb_mask(ids, file):
    """Write class ids, uint8 (H, W), as an RGB PNG in the course's colours."""
    Image.fromarray(palette.COLOURS[ids]).save(file)


# %%
rgb_mask = exercises.check(rgb_mask)

# %% [markdown]
# ## As one file
#
# In a terminal, `dlcv report report.html` writes these tables, question by question,
# with all figures: drawn networks, learning curves, maps, monitors and predicted masks.
# The file needs no internet and no server. `--edition 2023` takes the order of that
# edition's questions and the validation images that it names. `--maps` computes the PCA
# and t-SNE maps that are not cached yet. The parts of the edition of 2023:

# %% tags=["hide-input"]
parts = [question.text for question, _ in report.of_edition(2023)]
Markdown("\n".join(f"{number}. {part}" for number, part in enumerate(parts, 1)))

# %% [markdown]
# **Notice** which values have a standard deviation: with a single seed the effect of
# chance is unknown.
#
# ## Summary
#
# - Beside a reported value stands one of the same images and the same definition.
# - A value has its standard deviation over seeds; a single seed has none.
# - The images that choose an epoch do not judge it, where there are others.
# - Predictions are paired by position: every image has its row, in the order asked for.
# - Read a file that you hand in as the grader will: its header, its names, its colours.
#
# **Read on**: {cite:t}`bouthillier2021accounting`, for how much of a difference is
# chance;
# {cite:t}`pineau2021improving`, for a checklist of what to report;
# {cite:t}`recht2019imagenet`, for what new test images do to known results.
#
# **Try next**: run the first command of the missing list, then this chapter again.
