# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DINO: a student learns from its own average
#
# **You will learn**
#
# - how a network learns to predict its output for large views from small ones;
# - what centring and sharpening do, by removing each of them;
# - to tell the two kinds of collapse apart by numbers.
#
# **You need** the previous chapter.
#
# **It takes** one or two minutes on two cores in the `quick` profile, the first
# time.
#
# The edition of 2025 designates DINO {cite}`caron2021emerging`; report R3 trained it
# for 500 epochs. A *student* and a *teacher*, its moving average, assign each view of
# an image probabilities of many *prototypes*, which are learnt too and have no given
# meaning. The student is trained to predict, from every view, the teacher's
# probabilities for the large views.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import augment, recipes, views
from dlcvlib.data import decode
from dlcvlib.ssl import monitors

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
mini = decode(chapter.data.mini, "train")
Markdown(f"{chapter.in_words} It learns from {len(mini.names):,} images.")

# %% [markdown]
# ## What the recipes say

# %%
NAMES = ["r3_dino", "our_dino"]
SHOWN = [
    "network",
    "views",
    "head",
    "epochs",
    "batch",
    "optimizer",
    "schedule",
    "momentum",
]
as_reported = views.recipes_side_by_side(map(recipes.get, NAMES), SHOWN)
views.table_picture(
    as_reported,
    caption="The two recipes, for a GPU. Settings that R3 leaves open are the official "
    "defaults; ours are chosen for small sets.",
)

# %%
here = [recipes.get(name).for_profile(profile) for name in NAMES]
as_run = views.recipes_side_by_side(here, SHOWN)
views.table_picture(as_run, caption=f"What the profile {profile} ran here.")

# %% [markdown]
# ## Large and small views
#
# Two *global* views cover much of the image; several *local* ones cover little and
# have few pixels, so they cost little time. The teacher sees only the global views,
# the student all of them: it must predict the whole from a part.

# %%
recipe = recipes.get("our_dino").for_profile(profile)
chosen = mini.images[:: len(mini.names) // 4][:4]


def as_seen(view, images):
    """Return a view without normalisation, as uint8 images."""
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = augment.prepare(images, view.size, view.augmentation, **plain)
    return (seen * 255).round().clamp(0, 255).byte()


# %%
torch.manual_seed(seed)
every = [view for view in recipe.views for _ in range(view.count)]
large = torch.cat([as_seen(view, chosen) for view in every[:2]])
views.image_grid(
    large,
    ["first global view"] * 4 + ["second global view"] * 4,
    caption=f"Global views of four images, {every[0].size} pixels wide.",
    alt="Two rows of large crops of the same four images",
    columns=4,
)

# %%
small = torch.cat([as_seen(view, chosen) for view in every[2:4]])
views.image_grid(
    small,
    ["a local view"] * 8,
    caption=f"Two of the {len(every) - 2} local views of the same images, "
    f"{every[-1].size} pixels wide, enlarged.",
    alt="Two rows of small crops of the same four images",
    columns=4,
)

# %% [markdown]
# ## Centring and sharpening
#
# The teacher's scores $s$ become probabilities,
#
# $$ P = \mathrm{softmax}\left(\frac{s - c}{\tau}\right), $$
#
# with a centre $c$, the moving mean of the scores, and a temperature $\tau$. Each
# prevents another kind of collapse. The example has scores of 500 images for 8
# prototypes, the first of which has a higher score for all images.

# %%
torch.manual_seed(seed)
scores = 0.1 * torch.randn(500, 8)
scores[:, 0] += 0.4  # a higher score for all images
centre = scores.mean(0)


def teacher(shift, temperature):
    """Return the teacher's probabilities of all images."""
    return ((scores - shift) / temperature).softmax(1)


# %%
rows = []
for name, shift, temperature in [
    ("neither", torch.zeros(8), 1.0),
    ("sharpened only", torch.zeros(8), 0.02),
    ("centred only", centre, 1.0),
    ("both", centre, 0.02),
]:
    teacher_probs = teacher(shift, temperature)
    rows.append(
        {
            "teacher": name,
            "mean probability of the first": teacher_probs.mean(0)[0].item(),
            "entropy of one image": monitors.entropy(teacher_probs),
            "mutual information": monitors.mutual_information(teacher_probs),
        }
    )
views.table_picture(
    pd.DataFrame(rows),
    caption="With sharpening alone the first prototype dominates; with centring alone "
    "the probabilities are uniform. With both they depend on the image: the mutual "
    "information of image and prototype, in nats, is high.",
)

# %% [markdown]
# ## Training
#
# Only the monitors use labels, as with BYOL. DINO is evaluated by its teacher, which
# was better than the student throughout training in the paper.

# %%
ours, report = chapter.train("our_dino"), chapter.train("r3_dino")
views.monitors([ours, report])

# %% [markdown]
# ## Breaking it
#
# Now the same training without the centre, and with a teacher temperature as high as
# the student's.

# %%
uncentred = chapter.train("dino_without_centre")
soft = chapter.train("dino_without_sharpening")
views.monitors([ours, uncentred, soft], ["DINO", "no centring", "no sharpening"])


# %%
def in_words(name, run):
    """Return the figures of a run's last epoch as an item of a list."""
    last = run.info["last"]
    return (
        f"- **{name}**: entropy {last['teacher_entropy']:.2f}, mutual information "
        f"{last['teacher_information']:.3f} nats, kNN {last['knn']:.1%}. "
        f"{(run.info['collapse'] or 'no collapse').capitalize()}."
    )


Markdown(
    "\n".join(
        [
            in_words("DINO", ours),
            in_words("without centring", uncentred),
            in_words("without sharpening", soft),
        ]
    )
)

# %% [markdown]
# **Notice** the final loss without sharpening: $\ln K$ for $K$ prototypes is the loss
# where student and teacher both have uniform probabilities.
#
# ## Neighbours of an image

# %%
views.neighbours(ours, mini.images, queries=4)

# %%
before, after = ours.info["before"], ours.info["last"]
Markdown(
    f"Over all held-out images, kNN accuracy went from {before['knn']:.1%} before "
    f"training to {after['knn']:.1%}, the linear probe from {before['probe']:.1%} to "
    f"{after['probe']:.1%}; chance is {1 / ours.info['data']['classes']:.1%}."
)

# %% [markdown]
# **Try next**: halve the number of prototypes.
#
# ```python
# recipe = recipes.get("our_dino").for_profile(profile)
# fewer = recipes.changed(
#     recipe,
#     name="dino_half",
#     profile=profile,
#     method_options={"out_dim": recipe.method_options["out_dim"] // 2},
# )
# chapter.train(fewer)
# ```
#
# The next chapter fine-tunes such a backbone on images of another set.
