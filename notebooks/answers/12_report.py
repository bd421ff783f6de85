# Answers to the exercises of chapter 12, right and wrong ones. Never handed out.

# %%
import csv
import io
import statistics

import numpy as np
import pandas as pd
from PIL import Image

COLOURS = np.array(
    [
        (0, 255, 255),
        (255, 255, 0),
        (255, 0, 255),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
    ],
    dtype=np.uint8,
)


# %%
def lines_of(files, labels):
    return [f"{file.name},{label}\n" for file, label in zip(files, labels.tolist())]


def tests_at(runs, by="val"):
    return [run["test"][run[by].idxmax()] for run in runs]


def row(values, reported, is_toy):
    std = statistics.stdev(values) if len(values) > 1 else None
    mean = statistics.mean(values)
    return {"here": mean, "std": std, "reported": None if is_toy else reported}


# %% right: course_csv, line by line


def course_csv(files, labels):
    text = "filename,label\n"
    for file, label in zip(files, labels):
        text += f"{file.name},{label.item()}\n"
    return text


# %% right: course_csv, by pandas


def course_csv(files, labels):
    names = [file.name for file in files]
    table = pd.DataFrame({"filename": names, "label": labels.numpy()})
    return table.to_csv(index=False, lineterminator="\n")


# %% right: course_csv, by the csv module


def course_csv(files, labels):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", "label"])
    for file, label in zip(files, labels):
        writer.writerow([file.name, int(label)])
    return text.getvalue()


# %% wrong: course_csv, whole_path


def course_csv(files, labels):
    table = pd.DataFrame({"filename": map(str, files), "label": labels.numpy()})
    return table.to_csv(index=False, lineterminator="\n")


# %% wrong: course_csv, blank_after_comma


def course_csv(files, labels):
    return ("filename,label\n" + "".join(lines_of(files, labels))).replace(",", ", ")


# %% wrong: course_csv, no_header


def course_csv(files, labels):
    return "".join(lines_of(files, labels))


# %% wrong: course_csv, crlf


def course_csv(files, labels):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["filename", "label"])
    writer.writerows((file.name, int(label)) for file, label in zip(files, labels))
    return text.getvalue()


# %% wrong: course_csv, labels_as_floats


def course_csv(files, labels):
    return "filename,label\n" + "".join(lines_of(files, labels.float()))


# %% wrong: course_csv, labels_as_tensors


def course_csv(files, labels):
    lines = [f"{file.name},{label!r}\n" for file, label in zip(files, labels)]
    return "filename,label\n" + "".join(lines)


# %% wrong: course_csv, index_column


def course_csv(files, labels):
    names = [file.name for file in files]
    table = pd.DataFrame({"filename": names, "label": labels.numpy()})
    return table.to_csv(lineterminator="\n")


# %% wrong: course_csv, sorted_by_name


def course_csv(files, labels):
    return "filename,label\n" + "".join(sorted(lines_of(files, labels)))


# %% wrong: course_csv, labels_sorted


def course_csv(files, labels):
    return "filename,label\n" + "".join(lines_of(files, labels.sort().values))


# %% wrong: course_csv, no_last_line_end


def course_csv(files, labels):
    return "filename,label\n" + "".join(lines_of(files, labels)).removesuffix("\n")


# %% wrong: course_csv, columns_exchanged


def course_csv(files, labels):
    lines = [f"{label},{file.name}\n" for file, label in zip(files, labels.tolist())]
    return "label,filename\n" + "".join(lines)


# %% right: rgb_mask, by a table of colours


def rgb_mask(ids, file):
    Image.fromarray(COLOURS[ids]).save(file)


# %% right: rgb_mask, class by class


def rgb_mask(ids, file):
    pixels = np.zeros((*ids.shape, 3), dtype=np.uint8)
    for number, colour in enumerate(COLOURS):
        pixels[ids == number] = colour
    Image.fromarray(pixels, mode="RGB").save(file, "PNG")


# %% right: rgb_mask, through a palette


def rgb_mask(ids, file):
    image = Image.fromarray(ids, mode="P")
    image.putpalette(COLOURS.flatten().tolist())
    image.convert("RGB").save(file)


# %% wrong: rgb_mask, palette_file


def rgb_mask(ids, file):
    image = Image.fromarray(ids, mode="P")
    image.putpalette(COLOURS.flatten().tolist())
    image.save(file)


# %% wrong: rgb_mask, ids_as_grey


def rgb_mask(ids, file):
    Image.fromarray(ids).save(file)


# %% wrong: rgb_mask, bgr


def rgb_mask(ids, file):
    Image.fromarray(np.ascontiguousarray(COLOURS[ids][..., ::-1])).save(file)


# %% wrong: rgb_mask, one_for_255


def rgb_mask(ids, file):
    colours = COLOURS / 255
    Image.fromarray(colours[ids].astype(np.uint8)).save(file)


# %% wrong: rgb_mask, jpeg


def rgb_mask(ids, file):
    Image.fromarray(COLOURS[ids]).save(file, "JPEG")


# %% wrong: rgb_mask, alpha_added


def rgb_mask(ids, file):
    Image.fromarray(COLOURS[ids]).convert("RGBA").save(file)


# %% wrong: rgb_mask, grey_of_the_colours


def rgb_mask(ids, file):
    Image.fromarray(COLOURS[ids]).convert("L").save(file)


# %% wrong: rgb_mask, transposed


def rgb_mask(ids, file):
    Image.fromarray(COLOURS[ids.T]).save(file)


# %% right: row_of_report, by the statistics module


def row_of_report(runs, reported, is_toy):
    values = [run["test"][run["val"].idxmax()] for run in runs]
    return {
        "here": statistics.mean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "reported": None if is_toy else reported,
    }


# %% right: row_of_report, by NumPy


def row_of_report(runs, reported, is_toy):
    values = []
    for run in runs:
        best = run["val"].to_numpy().argmax()
        values.append(run["test"].to_numpy()[best])
    std = None
    if len(values) > 1:
        std = np.std(values, ddof=1)
    if is_toy:
        reported = None
    return {"here": np.mean(values), "std": std, "reported": reported}


# %% wrong: row_of_report, toy_beside_reported


def row_of_report(runs, reported, is_toy):
    return row(tests_at(runs), reported, is_toy=False)


# %% wrong: row_of_report, ddof_0


def row_of_report(runs, reported, is_toy):
    values = tests_at(runs)
    std = statistics.pstdev(values) if len(values) > 1 else None
    return row(values, reported, is_toy) | {"std": std}


# %% wrong: row_of_report, std_of_one_seed_0


def row_of_report(runs, reported, is_toy):
    values = tests_at(runs)
    std = statistics.stdev(values) if len(values) > 1 else 0
    return row(values, reported, is_toy) | {"std": std}


# %% wrong: row_of_report, std_of_one_seed_nan


def row_of_report(runs, reported, is_toy):
    values = tests_at(runs)
    return row(values, reported, is_toy) | {"std": pd.Series(values).std()}


# %% wrong: row_of_report, best_epoch_on_test


def row_of_report(runs, reported, is_toy):
    return row(tests_at(runs, by="test"), reported, is_toy)


# %% wrong: row_of_report, last_epoch


def row_of_report(runs, reported, is_toy):
    return row([run["test"].iloc[-1] for run in runs], reported, is_toy)


# %% wrong: row_of_report, validation_score


def row_of_report(runs, reported, is_toy):
    return row([run["val"].max() for run in runs], reported, is_toy)


# %% wrong: row_of_report, best_seed


def row_of_report(runs, reported, is_toy):
    values = tests_at(runs)
    return row(values, reported, is_toy) | {"here": max(values)}


# %% wrong: row_of_report, standard_error


def row_of_report(runs, reported, is_toy):
    values = tests_at(runs)
    found = row(values, reported, is_toy)
    if found["std"] is not None:
        found["std"] /= len(values) ** 0.5
    return found


# %% wrong: row_of_report, one_epoch_for_all


def row_of_report(runs, reported, is_toy):
    best = sum(run["val"] for run in runs).idxmax()
    return row([run["test"][best] for run in runs], reported, is_toy)
