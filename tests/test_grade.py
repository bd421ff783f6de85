"""`dlcv grade`: every verdict of a class is right, and what is broken or hostile costs nobody else anything."""

from __future__ import annotations

import ast
import csv
import os
import re
import resource
import stat
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import class_worlds
import pytest

from dlcvlib import cli
from dlcvlib.exercises import of_chapter
from dlcvlib.exercises.grading import isolation, likeness, slicing, sources
from dlcvlib.exercises.grading.grades import Class, Grade, Student
from dlcvlib.exercises.grading.page import page
from dlcvlib.exercises.grading.submissions import Submission, submissions
from dlcvlib.exercises.grading.table import csv_text

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {"no network": True, "no further processes": True}


@dataclass(frozen=True)
class Graded:
    """Files that `dlcv grade` wrote for the class."""

    handed_in: list[class_worlds.HandedIn]
    rows: dict[str, dict[str, str]]
    page: str
    told: str
    core_seconds: float
    left: list[str]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    folder = tmp_path_factory.mktemp("class")
    handed_in = class_worlds.write(folder / "submissions")
    scratch = folder / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    command = [sys.executable, "-m", "dlcvlib", "grade", str(folder / "submissions"), "--chapter", class_worlds.CHAPTER]
    command += ["--csv", str(folder / "grades.csv"), "--page", str(folder / "grades.html")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"TMPDIR": str(scratch), "DLCV_PROGRESS": str(folder / "progress.json")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    with (folder / "grades.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    left = [entry.name for entry in (*scratch.iterdir(), folder / "progress.json") if entry.exists()]
    return Graded(handed_in, rows, (folder / "grades.html").read_text(), done.stderr, used, left)


def test_every_answer_of_a_hundred_submissions_gets_its_verdict(graded: Graded) -> None:
    assert len(graded.handed_in) == len(graded.rows) == class_worlds.SIZE
    wrong = [
        f"{each.student}, {name}: {row[name]}, not {results} ({row['notes']})"
        for each in graded.handed_in
        for name, results in each.expected.items()
        if (row := graded.rows[each.student])[name] not in results
    ]
    assert wrong == []


def test_points_are_those_of_the_right_answers(graded: Graded) -> None:
    worth = {exercise.name: exercise.points for exercise in of_chapter(class_worlds.CHAPTER).exercises}
    for each in graded.handed_in:
        row = graded.rows[each.student]
        points = sum(worth[name] for name, results in each.expected.items() if results == ("right",))
        assert (int(row["points"]), int(row["of"])) == (points, sum(worth.values())), each.student


def test_no_answer_leaves_a_file_or_changes_the_progress(graded: Graded) -> None:
    assert graded.left == []


def test_the_page_shows_how_many_have_which_misconception(graded: Graded) -> None:
    shown = 0
    for exercise in of_chapter(class_worlds.CHAPTER).exercises:
        for name in exercise.misconceptions:
            count = sum(row[exercise.name] == f"misconception: {name}" for row in graded.rows.values())
            said = re.search(rf"<summary>{name.replace('_', ' ')}</summary>.*?class=\"count\">(\d+)<", graded.page)
            assert (int(said[1]) if said else 0) == count, name
            shown += count > 0
    assert shown >= 10


class Elements(HTMLParser):
    """Tags, and whatever would be asked of the network."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.unnamed = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.unnamed += tag == "svg" and not given.get("aria-label")


def test_the_page_is_one_file_without_scripts_whose_pictures_have_names(graded: Graded) -> None:
    found = Elements(graded.page)
    assert "script" not in found.tags and found.asked == [] and found.unnamed == 0
    assert "url(" not in graded.page and found.tags.count("svg") > 3


def test_that_it_is_no_sandbox_stands_on_the_page_and_in_the_help(graded: Graded, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["grade", "--help"])
    help_text = capsys.readouterr().out
    for text in (graded.page, help_text, graded.told):
        assert "no sandbox" in text
    assert "docker run" in help_text and "docker run" in graded.page


def test_files_of_the_teacher_are_not_replaced_and_nothing_is_run_for_that(tmp_path, capsys) -> None:
    (tmp_path / "class").mkdir()
    mine = tmp_path / "grades.csv"
    mine.write_text("mine")
    asked = ["grade", str(tmp_path / "class"), "--chapter", "07_fcn", "--csv", str(mine)]
    assert cli.main([*asked, "--page", str(tmp_path / "page.html")]) == 2
    assert mine.read_text() == "mine" and not (tmp_path / "page.html").exists()
    assert str(mine) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"), [("nowhere --chapter 07_fcn", "nowhere is no folder"), (". --chapter 07_fnc", "07_fcn")]
)
def test_a_wrong_folder_or_chapter_is_told(words: str, told: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["grade", *words.split()]) == 2
    said = capsys.readouterr().err
    assert told in said and "Traceback" not in said


# Submissions and what is read of them


def test_a_student_is_named_by_the_file_or_folder_and_two_of_one_name_are_told(tmp_path: Path) -> None:
    for name in ("anna.py", "anna.zip", "bob.b.ipynb", ".hidden.py", "notes.pdf"):
        (tmp_path / name).write_text("")
    (tmp_path / "carla").mkdir()
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.py")
    found = {each.path.name: each for each in submissions(tmp_path)}
    assert [each.student for each in found.values()] == ["anna", "anna", "bob.b", "carla", "link", "notes", "pipe"]
    assert "2 submissions have this name: anna.py, anna.zip" in found["anna.py"].note
    assert not found["bob.b.ipynb"].note and not found["carla"].problem
    assert "link" in found["link.py"].problem and "neither" in found["pipe.py"].problem
    assert "convert" in found["notes.pdf"].problem


def zipped(file: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def test_paths_that_lead_out_of_a_zip_and_links_in_it_are_told_and_not_read(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("passwd.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    entries = {"../evil.py": b"x = 1", "/abs.py": b"x = 1", "C:\\x.py": b"x = 1", "good.py": b"x = 1"}
    file = zipped(tmp_path / "a.zip", **entries)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    found = sources.read(file)
    assert list(found.files) == ["good.py"] and len(found.problems) == 4
    assert sorted(tmp_path.iterdir()) == [file]


def test_a_zip_bomb_is_read_within_its_limit_whatever_it_says_of_its_size(tmp_path: Path) -> None:
    file = zipped(tmp_path / "bomb.zip", **{"a.py": b"#" * 50_000_000, "b.py": b"x = 1"})
    content = bytearray(file.read_bytes())
    for place in (content.index(b"PK\x01\x02") + 24, 22):  # uncompressed size, in both places
        content[place : place + 4] = (10).to_bytes(4, "little")
    lying = tmp_path / "lying.zip"
    lying.write_bytes(content)
    for each in (file, lying):
        found = sources.read(each)
        assert len(found.problems) == 1 and "a.py" in found.problems[0] and list(found.files) == ["b.py"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.py", b"x = '\xff'\n", "UTF-8"),
        ("a.py", "x = 1".encode("utf-16"), "UTF-8"),
        ("a.py", b"#" * 3_000_000, "larger than"),
        ("a.ipynb", b"{", "broken"),
        ("a.ipynb", b"", "broken"),
        ("a.ipynb", b'{"cells": 3}', "broken"),
        ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": 7}]}', "broken"),
        ("a.ipynb", b"[" * 100_000, "broken"),
        ("a.zip", b"PK\x03\x04 no zip", "cannot be read"),
        ("a.zip", b"", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_reason(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = sources.read(tmp_path / name)
    assert not found.files and len(found.problems) == 1 and told in found.problems[0]


def test_a_folder_is_read_without_links_checkpoints_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "b.py").write_text("x = 2")
    (tmp_path / "data.csv").write_text("x")
    (tmp_path / "c.py").symlink_to("/etc/passwd")
    (tmp_path / "d").symlink_to("/etc")
    found = sources.read(tmp_path)
    assert list(found.files) == ["a.py"] and found.problems == ["c.py: a link is not followed"]
    assert sources.read(tmp_path / ".ipynb_checkpoints").files
    (tmp_path / "empty").mkdir()
    assert sources.read(tmp_path / "empty").problems == ["it holds no script and no notebook"]


def test_a_script_in_another_encoding_is_read_if_it_says_so() -> None:
    text = "# -*- coding: latin-1 -*-\nname = 'Jürgen'\n"
    assert sources.cells("a.py", text.encode("latin-1")) == [text]
    assert sources.cells("a.py", b"\xef\xbb\xbfx = 1") == ["x = 1"]


# What is executed of them


def slice_of(source: str, name: str = "f") -> str:
    found, _ = slicing.statements([source])
    return ast.unparse(slicing.sliced(found, name))


def test_a_slice_holds_what_the_answer_uses_and_nothing_else() -> None:
    source = """
import os, torch
import unused
from torch.nn import functional as F
SIZE = 3
TABLE = {}
TABLE["a"] = SIZE
pred = torch.load("large")
os.remove("notes")
def helper(x): return F.relu(x) + TABLE["a"]
def other(): return unused
def f(pred): return helper(pred)
f = exercises.check(f)
"""
    said = slice_of(source)
    for line in ("import os, torch", "functional as F", "SIZE = 3", "TABLE['a'] = SIZE", "def helper"):
        assert (line in said) == (line != "import os, torch")
    for line in ("unused", "torch.load", "os.remove", "other", "check"):
        assert line not in said


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("def f(): return 1\ndef f(): return 2", 2),
        ("try:\n    import nothing_such as n\nexcept ImportError:\n    n = None\ndef f(): return n", None),
        ("if True:\n    K = 4\ndef f(k=K): return k", 4),
        ("import math as m\nf = lambda: m.floor(2.5)", 2),
        ("def deco(g): return lambda: g() + 1\n@deco\ndef f(): return 1", 2),
        ("class Base:\n    x = 5\nclass f(Base):\n    def __new__(cls): return cls.x", 5),
        ("from math import *\ndef f(): return floor(3.2)", 3),
        ("def f(n=3): return 1 if n == 0 else n * f(n - 1)", 6),
        ("from __future__ import annotations\ndef f(x: Nothing = 1) -> Such: return x", 1),
        ("A = 1\nA += 1\ndef f(): return [A for A in range(2)] + [A]", [0, 1, 2]),
        ("def f():\n    global G\n    G = 3\n    return G", 3),
    ],
)
def test_a_slice_runs_as_the_whole_would(source: str, value: object) -> None:
    space: dict[str, object] = {}
    exec(slice_of(source), space)
    assert space["f"]() == value  # type: ignore[operator]


def test_an_import_is_no_answer_and_a_broken_cell_leaves_the_others() -> None:
    found, errors = slicing.statements(["from dlcvlib.metrics import f", "def f(:", "def g(): pass"])
    assert slicing.definition(found, "f") is None and slicing.definition(found, "g") is not None
    assert len(errors) == 1 and "cell 2" in errors[0]


def test_nested_too_deep_is_told() -> None:
    _, errors = slicing.statements(["(" * 300 + ")" * 300, "x = 1"])
    assert len(errors) == 1


def test_a_copy_of_the_librarys_function_is_known_by_its_tree_whatever_its_names() -> None:
    copied = '''
def mine(p: int, q, *, key=None):
    """Other words."""
    found: list = []
    for item in p:
        if item.value > q and key is not None:
            found.append(key(item) / 2 + q)
    return sum(found) / max(len(found), 1)
'''
    renamed = copied.replace("found: list = []", "out = []").replace("found", "out").replace("item", "x")
    other = copied.replace("/ 2", "/ 3")
    shapes = [likeness.shape(ast.parse(source).body[0]) for source in (copied, renamed, other)]
    assert shapes[0] and shapes[0] == shapes[1] != shapes[2]
    assert likeness.shape(ast.parse("def f(a): return a").body[0]) == ""


def test_the_librarys_own_functions_are_found_in_it() -> None:
    tree = ast.parse((ROOT / "dlcvlib" / "exercises" / "grading" / "likeness.py").read_text())
    own = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "_text")
    assert likeness.of_library()[likeness.shape(own)] == "exercises/grading/likeness.py: _text"


# Processes


def ended(work, **changes: object) -> isolation.Ended:
    running = isolation.start(work, isolation.Limits(**changes))  # type: ignore[arg-type]
    while (end := running.poll()) is None:
        time.sleep(0.01)
    assert not running.home.exists()
    return end


def test_what_an_answer_sends_arrives_whole() -> None:
    def work(out: int, take_rights) -> None:
        take_rights()
        os.write(out, b"x" * 50_000)

    assert ended(work) == isolation.Ended(b"x" * 50_000, "")


def test_an_answer_has_a_folder_and_home_of_its_own_and_no_secrets(monkeypatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "42")

    def work(out: int, take_rights) -> None:
        take_rights()
        Path("mine").write_text("1")
        said = [os.environ["HOME"] == str(Path.cwd()), "SECRET_TOKEN" in os.environ, os.environ["DLCV_PROGRESS"]]
        os.write(out, repr(said).encode())

    assert ended(work).content == b"[True, False, 'off']"


def test_an_answer_that_waits_is_ended_and_one_that_sends_too_much_too() -> None:
    assert "waited" in ended(lambda out, _: time.sleep(1000), idle=0.3).stopped
    assert (
        "larger than" in ended(lambda out, _: [os.write(out, b"x" * 10_000) for _ in range(10_000)], sent=10**5).stopped
    )


def test_an_answer_that_kills_its_parent_or_itself_is_told_as_broken() -> None:
    def patricide(out: int, take_rights) -> None:
        os.kill(os.getppid() or os.getpid(), 9)
        time.sleep(1000)

    assert ended(patricide, idle=0.5).stopped
    assert ended(lambda out, _: os.abort()).stopped


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_the_limits_that_the_system_is_said_to_allow_hold() -> None:
    def work(out: int, take_rights) -> None:
        import socket

        take_rights()
        said = []
        try:
            if os.fork() == 0:
                os._exit(0)
        except OSError:
            said.append("no further processes")
        try:
            socket.create_connection(("127.0.0.1", 9), 1)
        except ConnectionRefusedError:
            pass  # there is a network, only nobody listens
        except OSError:
            said.append("no network")
        try:
            bytearray(300 << 20)
        except MemoryError:
            said.append("a limit on memory")
        try:
            Path("large").write_bytes(b"x" * 2_000_000)
        except OSError:
            said.append("file")
        os.write(out, ",".join(said).encode())

    said = set(ended(work, memory=100).content.decode().split(","))
    allowed = {name for name, held in isolation.available().items() if held} - {"no sight of other processes"}
    assert said == allowed | {"file"}


# Table and page


def hostile_class() -> Class:
    exercises = of_chapter("07_fcn")
    grades = tuple(Grade(each.name, "broken", detail="<script>alert(1)</script>") for each in exercises.exercises)
    students = (
        Student(Submission("=cmd|' /C calc'!A0", Path("=cmd.py")), grades, ("</td><script>",)),
        Student(Submission('Zoë, "the\nfirst"\udcff', Path("zoe.py")), grades),
    )
    return Class(exercises, students, ALLOWED, 1.0)


def test_names_are_text_in_a_spreadsheet_and_one_line_each() -> None:
    text = csv_text(hostile_class())
    rows = list(csv.reader(text.splitlines()))
    assert len(rows) == 3 and all(len(row) == len(rows[0]) for row in rows)
    assert rows[1][0].startswith("'=") and rows[2][0] == 'Zoë, "the first"\\udcff'
    text.encode()


def test_names_and_notes_are_text_on_the_page() -> None:
    text = page(hostile_class())
    assert "script" not in Elements(text).tags and "&lt;script&gt;" in text
    text.encode()


def test_a_class_without_submissions_has_a_page() -> None:
    empty = Class(of_chapter("07_fcn"), (), ALLOWED, 0.0)
    assert "0 submissions" in page(empty) and csv_text(empty).count("\n") == 1
