"""Solutions with blanks of chapter 0, the start."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "whole_file": (
        "import os\nfrom pathlib import Path\nfrom tempfile import gettempdir\n\n\ndef whole_file(path, write):",
        Blank(
            "Where is the file while it is written?",
            '    unfinished = path.parent / f".{path.name}.{os.getpid()}.part"',
            {
                '    unfinished = Path(gettempdir()) / f".{path.name}.{os.getpid()}.part"': "on_another_disk",
                '    unfinished = Path(gettempdir(), f"{path.name}.part")': "on_another_disk",
            },
        ),
        '    try:\n        with unfinished.open("wb") as file:\n            write(file)',
        Blank(
            "Give the file its name. Mind the indentation.",
            "        unfinished.replace(path)",
            {
                "            unfinished.replace(path)": "renamed_before_closed",
                "        path.unlink(missing_ok=True)\n        unfinished.rename(path)": "old_file_deleted_first",
            },
        ),
        Blank(
            "After which errors is there something to do?",
            "    except BaseException:",
            {"    except Exception:": "interrupt_forgotten", "    except (OSError, EOFError):": "left_behind"},
        ),
        Blank(
            "What is done then?",
            "        unfinished.unlink(missing_ok=True)",
            {
                "        unfinished.touch(exist_ok=True)": "left_behind",
                "        unfinished.replace(path)": "half_renamed",
            },
        ),
        Blank(
            "And at last?",
            "        raise",
            {"        return": "error_swallowed"},
        ),
    ),
    "load_or_train": (
        "import json\nimport tempfile\n\nfrom dlcvlib.exercises.start import whole_file\n\n\n"
        "def load_or_train(folder, seed, train):",
        Blank(
            "Which file holds the record?",
            '    path = folder / f"record_of_{seed}.json"',
            {
                '    path = folder / "record_of_seed.json"': "seed_ignored",
                '    path = folder / "record_of_{seed}.json"': "seed_ignored",
            },
        ),
        "    try:\n        return json.loads(path.read_text())",
        Blank(
            "In which cases is there no whole record?",
            "    except (FileNotFoundError, ValueError):",
            {
                "    except (FileNotFoundError, EOFError):": "trusts_a_half_record",
                "    except (FileNotFoundError, NotADirectoryError):": "trusts_a_half_record",
            },
        ),
        "        trained = train(seed)",
        Blank(
            "Store what was trained.",
            "        whole_file(path, lambda file: file.write(json.dumps(trained).encode()))",
            {
                '        whole_file(folder / "new.json", lambda file: file.write(json.dumps(trained).encode()))': (
                    "trains_again"
                ),
                "        tempfile.TemporaryFile().write(json.dumps(trained).encode())": "not_stored",
            },
        ),
        "        return trained",
    ),
}
