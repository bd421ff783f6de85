# Answers to the exercises of chapter 0, right and wrong ones. Never handed out.

# %%
import json
import os
import tempfile
from pathlib import Path

# %% right: whole_file, with try and except


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


# %% right: whole_file, with a temporary file beside it


def whole_file(path, write):
    handle = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)
    try:
        with handle:
            write(handle)
        Path(handle.name).replace(path)
    finally:
        Path(handle.name).unlink(missing_ok=True)


# %% right: whole_file, in a temporary folder beside it


def whole_file(path, write):
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        with part.open("wb") as file:
            write(file)
        part.rename(path)


# %% wrong: whole_file, written_in_place


def whole_file(path, write):
    with open(path, "wb") as file:
        write(file)


# %% wrong: whole_file, on_another_disk


def whole_file(path, write):
    handle = tempfile.NamedTemporaryFile(delete=False)
    try:
        with handle:
            write(handle)
        os.replace(handle.name, path)
    except BaseException:
        os.remove(handle.name)
        raise


# %% wrong: whole_file, left_behind


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        write(file)
    os.replace(part, path)


# %% wrong: whole_file, old_file_deleted_first


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
        path.unlink(missing_ok=True)
        os.rename(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


# %% wrong: whole_file, renamed_before_closed


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
            os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


# %% wrong: whole_file, half_renamed


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
    finally:
        os.replace(part, path)


# %% wrong: whole_file, error_swallowed


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)


# %% wrong: whole_file, interrupt_forgotten


def whole_file(path, write):
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
        os.replace(part, path)
    except Exception:
        part.unlink(missing_ok=True)
        raise


# %% right: load_or_train, look first


def load_or_train(folder, seed, train):
    file = folder / f"{seed}.json"
    if file.exists():
        try:
            return json.loads(file.read_text())
        except json.JSONDecodeError:
            pass
    record = train(seed)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(record))
    part.replace(file)
    return record


# %% right: load_or_train, a folder a seed


def load_or_train(folder, seed, train):
    own = Path(folder) / f"seed_{seed}"
    own.mkdir(exist_ok=True)
    try:
        with open(own / "run.json") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        record = train(seed)
    with open(own / "run.json", "w") as file:
        json.dump(record, file)
    return record


# %% wrong: load_or_train, trains_again


def load_or_train(folder, seed, train):
    record = train(seed)
    (folder / f"seed{seed}.json").write_text(json.dumps(record))
    return record


# %% wrong: load_or_train, trusts_a_half_record


def load_or_train(folder, seed, train):
    file = folder / f"seed{seed}.json"
    if file.exists():
        return json.loads(file.read_text())
    record = train(seed)
    file.write_text(json.dumps(record))
    return record


# %% wrong: load_or_train, not_stored


def load_or_train(folder, seed, train):
    file = folder / f"seed{seed}.json"
    if file.exists():
        return json.loads(file.read_text())
    return train(seed)


# %% wrong: load_or_train, seed_ignored


def load_or_train(folder, seed, train):
    file = folder / "run.json"
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        record = train(seed)
    file.write_text(json.dumps(record))
    return record


# %% wrong: load_or_train, kept_in_memory

RECORDS = {}


def load_or_train(folder, seed, train):
    if (folder, seed) not in RECORDS:
        RECORDS[folder, seed] = train(seed)
    return RECORDS[folder, seed]


# %% wrong: load_or_train, failure_stored


def load_or_train(folder, seed, train):
    file = folder / f"seed{seed}.json"
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        pass
    record = None
    try:
        record = train(seed)
    finally:
        file.write_text(json.dumps(record))
    return record
