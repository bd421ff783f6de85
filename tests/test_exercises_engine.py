"""Engine of the exercises: how an answer is observed, judged and shown, whatever a reader writes."""

from __future__ import annotations

import functools
import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from dlcvlib.exercises import Case, Exercise, ExerciseSet, progress
from dlcvlib.exercises import check as checking
from dlcvlib.exercises import fingerprints as prints
from dlcvlib.exercises.answers import Written, read
from dlcvlib.exercises.audit import audit, measured_fingerprints
from dlcvlib.exercises.faults import Endless, faults_of, time_limit
from dlcvlib.exercises.judge import alike, judge, run, verdict
from dlcvlib.exercises.observation import Observation, observe


def mean_of(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; stands for the library's function."""
    return (values * weights).sum() / weights.sum()


def tensors(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, generator=generator), torch.rand(count, generator=generator)


MEAN = Exercise(
    name="weighted_mean",
    reference=mean_of,
    cases=(
        Case("three values", lambda answer: answer(*tensors(3)), "What do the weights sum to?"),
        Case("five values", lambda answer: answer(*tensors(5))),
    ),
    misconceptions={"unweighted": "You forget the weights."},
)
SET = ExerciseSet("99_engine", exercises=(MEAN,))


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints of the misconception, and a progress of its own."""
    monkeypatch.setattr(prints, "FOLDER", tmp_path / "fingerprints")
    monkeypatch.setenv("DLCV_PROGRESS", str(tmp_path / "progress.json"))
    known = [observation.fingerprint() for observation in run(MEAN, lambda values, weights: values.mean())]
    prints.store(SET.chapter, {"weighted_mean": {"unweighted": known}})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(checking, "display", found.append)
    return found


def judged(answer: Any) -> Any:
    return judge(SET.chapter, MEAN, answer)


def test_an_answer_is_right_however_its_result_is_wrapped() -> None:
    results = (lambda x: x, float, lambda x: x.numpy(), lambda x: x.double(), lambda x: x.clone().requires_grad_())
    for wrap in results:
        assert judged(lambda values, weights, wrap=wrap: wrap(mean_of(values, weights))).outcome == "right"


def test_a_known_mistake_is_named_and_its_message_given() -> None:
    found = judged(lambda values, weights: values.sum() / len(values))
    assert (found.outcome, found.misconception) == ("misconception", "unweighted")
    assert found.message == "You forget the weights." and found.case == "three values"


def test_an_unknown_mistake_gets_no_name_but_the_case_both_values_and_an_idea() -> None:
    found = judged(lambda values, weights: mean_of(values, weights) + len(values))
    assert (found.outcome, found.misconception, found.case) == ("wrong", "", "three values")
    assert found.message == "What do the weights sum to?" and float(found.got) == pytest.approx(
        float(found.expected) + 3, abs=1e-3
    )


def test_a_mistake_that_shows_in_a_later_case_only_is_found() -> None:
    found = judged(lambda values, weights: mean_of(values, weights) + (len(values) > 3))
    assert found.outcome == "wrong" and found.case == "five values"


def test_an_answer_that_changes_its_arguments_in_place_is_told_which() -> None:
    def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
        values *= weights
        return values.sum() / weights.sum()

    found = judged(weighted_mean)
    assert found.outcome == "wrong" and "`values`" in found.message and "in place" in found.message


def test_an_exercise_whose_function_works_in_place_accepts_answers_that_do() -> None:
    def scale(values: list[float]) -> None:
        values[:] = [2 * value for value in values]

    def case(answer: Any) -> Any:
        values = [1.0, 2.0]
        answer(values)
        return values

    exercise = Exercise("scale", scale, (Case("two values", case),), {})
    assert judge(SET.chapter, exercise, lambda entries: scale(entries)).outcome == "right"


@pytest.mark.parametrize("wrong", [lambda values: values, lambda: 0.0, lambda values, weights, more: values])
def test_a_wrong_signature_is_told_with_the_call_of_the_chapter(wrong: Any) -> None:
    found = judged(wrong)
    assert found.outcome == "wrong" and "`weighted_mean(values, weights)`" in found.message
    assert found.got.startswith("TypeError")


def test_a_type_error_within_the_answer_is_no_wrong_signature() -> None:
    assert judged(lambda values, weights: values + None).message == "What do the weights sum to?"


def test_the_stub_is_told_kindly_and_an_error_of_torch_with_the_same_class_is_not_one() -> None:
    def stub(values: Tensor, weights: Tensor) -> Tensor:
        raise NotImplementedError

    assert judged(stub).outcome == "unwritten" and "replace the line" in judged(stub).message

    def unable(values: Tensor, weights: Tensor) -> Tensor:
        raise NotImplementedError("\"softmax\" not implemented for 'Long'")

    assert judged(unable).outcome == "wrong" and "softmax" in judged(unable).got


def test_an_answer_without_return_is_told_so() -> None:
    assert judged(lambda values, weights: None).outcome == "constant"
    assert "`return`" in judged(lambda values, weights: None).message
    assert "depend on its arguments" in judged(lambda values, weights: 0.5).message


def test_an_answer_that_ends_the_program_ends_nothing() -> None:
    def leaving(values: Tensor, weights: Tensor) -> Tensor:
        raise SystemExit(0)

    assert judged(leaving).outcome == "wrong" and "SystemExit" in judged(leaving).got


def test_what_an_answer_sets_for_all_is_set_back() -> None:
    def untidy(values: Tensor, weights: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(7), random.seed(7), np.random.seed(7)
        return torch.rand(1)

    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    observe(MEAN.cases[0].run, untidy)
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]


def test_every_case_starts_from_the_same_random_state() -> None:
    def drawing(answer: Any) -> list[float]:
        return [torch.rand(1).item(), random.random(), np.random.rand()]

    torch.manual_seed(1)
    first = observe(drawing, mean_of)
    torch.manual_seed(2)
    assert first.equals(observe(drawing, mean_of))


EQUAL = [
    (torch.ones(2), [1, 1.0]),
    (torch.tensor(3), 3.0),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([torch.tensor(1.0, requires_grad=True), 2], [1, 2]),
    (torch.tensor([1.5]).bfloat16(), [1.5]),
    (torch.eye(2).to_sparse(), torch.eye(2)),
    (float("nan"), torch.tensor(float("nan"))),
    ({1, 2}, {2, 1}),
    (pd.DataFrame({"a": [1], "b": ["x"]}), pd.DataFrame({"b": ["x"], "a": [1]})),
    (Path("a/b"), "a/b"),
]
DIFFERENT = [
    (torch.ones(2), torch.ones(1, 2)),
    ({"a": 1}, {"b": 1}),
    ("10", "10.0"),
    (pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["y"]})),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    (np.array(["x", None], object), np.array(["y", None], object)),
    (torch.float32, torch.float16),
    (1 + 2j, 1 + 3j),
    (float("inf"), float("-inf")),
    (None, 0),
    ([], None),
    (torch.zeros(3), torch.full((3,), 1e-3)),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_results_that_mean_the_same_are_equal(one: Any, other: Any) -> None:
    assert observed(one).equals(observed(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_results_that_differ_are_told_apart_and_have_different_fingerprints(one: Any, other: Any) -> None:
    assert not observed(one).equals(observed(other))
    assert not alike(observed(one).fingerprint(), observed(other).fingerprint())


def observed(result: Any) -> Observation:
    return observe(lambda answer: result, mean_of)


@pytest.mark.parametrize("result", [one for pair in EQUAL + DIFFERENT for one in pair])
def test_an_observation_is_the_same_after_a_journey_as_json(result: Any) -> None:
    there = observed(result)
    back = Observation.from_data(json.loads(json.dumps(there.to_data())))
    assert back.equals(there) and alike(back.fingerprint(), there.fingerprint())


def test_an_error_is_the_same_after_a_journey_as_json() -> None:
    def failing(values: Tensor, weights: Tensor) -> Tensor:
        return values[:, 0]

    there = run(MEAN, failing)
    back = tuple(Observation.from_data(json.loads(json.dumps(each.to_data()))) for each in there)
    assert all(map(Observation.equals, there, back)) and "IndexError" in back[0].in_words()
    assert verdict(SET.chapter, MEAN, back) == verdict(SET.chapter, MEAN, there)


def test_a_long_result_is_stored_as_few_sums_that_tell_permutations_apart() -> None:
    values = torch.arange(100.0)
    one, other = observed(values).fingerprint(), observed(values.flip(0)).fingerprint()
    assert len(json.dumps(one)) < 200 and not alike(one, other)


def test_check_returns_the_function_once_it_is_right_and_keeps_that(shown: list[Any]) -> None:
    def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
        return values @ weights / weights.sum()

    assert SET.check(weighted_mean) is weighted_mean
    assert list(progress.read()[SET.chapter]) == ["weighted_mean"] and "is right" in repr(shown[0])


def test_check_falls_back_to_the_library_and_keeps_nothing(shown: list[Any]) -> None:
    def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
        return values.mean()

    assert SET.check(weighted_mean) is mean_of
    assert progress.read() == {} and "unweighted" in repr(shown[0])
    bundle = shown[0]._repr_mimebundle_()
    assert "You forget the weights" in bundle["text/html"] and 'role="status"' in bundle["text/html"]


def test_the_library_function_that_stands_in_is_not_judged_as_the_readers(shown: list[Any]) -> None:
    assert SET.check(mean_of) is mean_of
    assert progress.read() == {} and "stands in for yours" in repr(shown[0])


@pytest.mark.parametrize("own", [lambda values, weights: mean_of(values, weights), functools.partial(mean_of)])
def test_a_function_of_another_name_is_found_by_the_name_it_is_bound_to(own: Any, shown: list[Any]) -> None:
    assert checking.check(SET, own, {"weighted_mean": own}) is own and "is right" in repr(shown[0])


def test_a_function_that_belongs_to_no_exercise_is_told_which_there_are() -> None:
    def average(values: Tensor) -> Tensor:
        return values

    with pytest.raises(KeyError, match=r"no exercise 'average'; it has weighted_mean"):
        SET.check(average)
    with pytest.raises(TypeError, match="takes the function itself"):
        SET.check(torch.ones(1).numpy())


def test_damaged_progress_is_told_and_costs_no_verdict(shown: list[Any]) -> None:
    file = progress.file()
    assert file is not None
    for damaged in ("{", "[]", '{"07_fcn": 3}', "\x00"):
        file.write_text(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            progress.read()
        progress.solved("07_fcn", "mean_iou")
        assert file.read_text() == damaged


def test_the_time_of_the_first_right_answer_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    progress.solved("07_fcn", "mean_iou")
    first = progress.read()
    progress.solved("07_fcn", "mean_iou")
    progress.solved("07_fcn", "fuse")
    assert progress.read()["07_fcn"]["mean_iou"] == first["07_fcn"]["mean_iou"] and len(progress.read()["07_fcn"]) == 2
    monkeypatch.setenv("DLCV_PROGRESS", "off")
    assert progress.file() is None and progress.read() == {}


RIGHT = "def weighted_mean(values, weights):\n    return (values * weights).sum() / weights.sum()\n"
UNWEIGHTED = "def weighted_mean(values, weights):\n    return values.mean()\n"


def answers(**changes: str) -> tuple[Written, ...]:
    given = {"right": RIGHT, "wrong": UNWEIGHTED} | changes
    return (
        Written("weighted_mean", True, "as a sum", given["right"], "import torch"),
        Written("weighted_mean", False, "unweighted", given["wrong"], "import torch"),
    )


def test_an_audit_without_problems_counts_answers_and_faults() -> None:
    found = audit(SET, answers(), inject=True)
    assert found.problems == [] and (found.right, found.wrong) == (1, 1)
    assert found.injected == len(list(faults_of(answers()[0]))) == found.found + len(found.survivors) > 3


def test_an_audit_finds_a_right_answer_that_is_rejected_and_a_wrong_one_without_its_name() -> None:
    assert (
        "the right answer as a sum is judged misconception unweighted"
        in audit(SET, answers(right=UNWEIGHTED)).problems[0]
    )
    other = "def weighted_mean(values, weights):\n    return values.sum()\n"
    assert any(
        "the wrong answer unweighted is judged wrong" in each for each in audit(SET, answers(wrong=other)).problems
    )


def test_an_audit_finds_twins_and_misconceptions_without_answer() -> None:
    one, other = answers()
    both = (one, other, replace(other, label="halved"))
    assert any("unweighted and halved cannot be told apart" in each for each in audit(SET, both).problems)
    assert any("halved has no message" in each for each in audit(SET, both).problems)
    assert any("unweighted has no wrong answer" in each for each in audit(SET, (one,)).problems)
    assert any("no right answer" in each for each in audit(SET, (other,)).problems)


def test_an_answer_that_never_returns_ends_the_audit_in_time() -> None:
    loop = "    while True:\n        try:\n            len('')\n        except Exception:\n            pass\n"
    endless = f"def weighted_mean(values, weights):\n{loop}"
    began = time.process_time()
    with pytest.raises(ValueError, match="never returns"):
        measured_fingerprints(SET, answers(wrong=endless))
    assert time.process_time() - began < 20
    assert any("as a sum never returns" in each for each in audit(SET, answers(right=endless)).problems)


def test_the_time_limit_counts_work_and_not_waiting() -> None:
    with time_limit(0.2):
        time.sleep(0.5)
    with pytest.raises(Endless), time_limit(0.2):
        while True:
            pass


def test_each_fault_is_one_change_that_gives_another_program() -> None:
    sources = [fault.source for fault in faults_of(answers()[0])]
    assert len(sources) == len(set(sources)) and RIGHT.strip() not in sources
    assert any(".mean()" in source for source in sources)


def test_a_title_of_neither_form_is_told(tmp_path: Path) -> None:
    file = tmp_path / "99_engine.py"
    file.write_text("# %% rigth: weighted_mean, as a sum\nx = 1\n")
    with pytest.raises(ValueError, match="rigth: weighted_mean"):
        read(file)
