# Answers to the exercises of chapter 1, right and wrong ones. Never handed out.

# %%
import numpy as np

COLOURS = [
    (0, 255, 255),
    (255, 255, 0),
    (255, 0, 255),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
]

# %% right: class_ids, by a table of codes


def class_ids(rgb):
    code = (rgb >= 128) @ np.array([4, 2, 1])
    table = np.full(8, 6, dtype=np.uint8)
    table[[3, 6, 5, 2, 1, 7]] = range(6)
    return table[code]


# %% right: class_ids, colour by colour


def class_ids(rgb):
    clean = np.where(rgb > 127, 255, 0)
    ids = np.full(rgb.shape[:-1], 6, dtype=np.uint8)
    for number, colour in enumerate(COLOURS):
        ids[(clean == colour).all(axis=-1)] = number
    return ids


# %% wrong: class_ids, from_129_on


def class_ids(rgb):
    code = (rgb > 128) @ np.array([4, 2, 1])
    table = np.full(8, 6, dtype=np.uint8)
    table[[3, 6, 5, 2, 1, 7]] = range(6)
    return table[code]


# %% wrong: class_ids, exact_colours_only


def class_ids(rgb):
    ids = np.full(rgb.shape[:-1], 6, dtype=np.uint8)
    for number, colour in enumerate(COLOURS):
        ids[(rgb == colour).all(axis=-1)] = number
    return ids


# %% wrong: class_ids, bgr


def class_ids(rgb):
    code = (rgb >= 128) @ np.array([1, 2, 4])
    table = np.full(8, 6, dtype=np.uint8)
    table[[3, 6, 5, 2, 1, 7]] = range(6)
    return table[code]


# %% wrong: class_ids, red_is_class_0


def class_ids(rgb):
    code = (rgb >= 128) @ np.array([4, 2, 1])
    table = np.zeros(8, dtype=np.uint8)
    table[[3, 6, 5, 2, 1, 7, 0]] = range(7)
    return table[code]


# %% wrong: class_ids, nearest_colour


def class_ids(rgb):
    off = rgb[..., None, :].astype(int) - np.array(COLOURS)
    return (off**2).sum(axis=-1).argmin(axis=-1)


# %% right: standard_error, by the formula


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return (p * (1 - p) / len(labels)) ** 0.5


# %% right: standard_error, from the standard deviation


def standard_error(predicted, labels):
    correct = predicted == labels
    return correct.std() / np.sqrt(correct.size)


# %% wrong: standard_error, root_forgotten


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return p * (1 - p) / len(labels)


# %% wrong: standard_error, one_minus_forgotten


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return np.sqrt(p / len(labels))


# %% wrong: standard_error, divided_by_classes


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return np.sqrt(p * (1 - p) / len(np.unique(labels)))


# %% wrong: standard_error, in_points


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return 100 * np.sqrt(p * (1 - p) / len(labels))


# %% wrong: standard_error, of_one_image


def standard_error(predicted, labels):
    p = (predicted == labels).mean()
    return np.sqrt(p * (1 - p))


# %% wrong: standard_error, sample_deviation


def standard_error(predicted, labels):
    return np.std(predicted == labels, ddof=1) / np.sqrt(len(labels))


# %% right: label_ids, with a dictionary


def label_ids(files, train_files):
    classes = {file.rsplit("_", 1)[0] for file in train_files}
    if all(name.isdigit() for name in classes):
        return [int(file.rsplit("_", 1)[0]) for file in files]
    id_of = {name: number for number, name in enumerate(sorted(classes))}
    return [id_of[file.rsplit("_", 1)[0]] for file in files]


# %% right: label_ids, with an array


def label_ids(files, train_files):
    def class_of(file):
        return file[: file.rindex("_")]

    known = np.unique([class_of(file) for file in train_files])
    own = np.array([class_of(file) for file in files])
    if np.char.isdigit(known).all():
        return own.astype(int)
    return np.searchsorted(known, own)


# %% wrong: label_ids, sorted_as_text


def label_ids(files, train_files):
    classes = sorted({file.rsplit("_", 1)[0] for file in train_files})
    return [classes.index(file.rsplit("_", 1)[0]) for file in files]


# %% wrong: label_ids, number_of_the_image


def label_ids(files, train_files):
    return [int(file.rsplit("_", 1)[1].split(".")[0]) for file in files]


# %% wrong: label_ids, order_of_appearance


def label_ids(files, train_files):
    classes = list(dict.fromkeys(file.rsplit("_", 1)[0] for file in train_files))
    return [classes.index(file.rsplit("_", 1)[0]) for file in files]


# %% wrong: label_ids, numbered_from_validation


def label_ids(files, train_files):
    classes = {file.rsplit("_", 1)[0] for file in files}
    numbers = all(name.isdigit() for name in classes)
    names = sorted(classes, key=int) if numbers else sorted(classes)
    return [names.index(file.rsplit("_", 1)[0]) for file in files]


# %% wrong: label_ids, gap_closed


def label_ids(files, train_files):
    classes = {file.rsplit("_", 1)[0] for file in train_files}
    numbers = all(name.isdigit() for name in classes)
    names = sorted(classes, key=int) if numbers else sorted(classes)
    return [names.index(file.rsplit("_", 1)[0]) for file in files]
