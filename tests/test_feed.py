"""Batches come out the same from a device's memory and loaded ahead from the disk."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from dlcvlib.training import feed

CPU = torch.device("cpu")
IMAGES = torch.arange(50).view(50, 1).repeat(1, 3)
LABELS = torch.arange(50)


def epoch(ahead: bool) -> list[tuple[Tensor, ...]]:
    torch.manual_seed(7)
    if ahead:
        order = list(feed.shuffled(50, 8, CPU))
        return list(feed._prefetched((IMAGES, LABELS), order, CPU))
    return list(feed.batches((IMAGES, LABELS), 8, CPU))


def loading() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch batches"]


def test_batches_loaded_ahead_are_those_of_the_device() -> None:
    direct, ahead = (epoch(way) for way in (False, True))
    assert len(direct) == len(ahead) == 6
    for one, other in zip(direct, ahead, strict=True):
        assert all(torch.equal(part, same) for part, same in zip(one, other, strict=True))
    seen = torch.cat([labels for _, labels in direct])
    assert len(seen.unique()) == 48 and torch.equal(torch.cat([images for images, _ in direct])[:, 0], seen)


def test_an_epoch_that_is_left_early_leaves_no_thread_behind() -> None:
    batches = feed._prefetched((IMAGES,), list(feed.shuffled(50, 2, CPU)), CPU)
    next(batches)
    (thread,) = loading()
    batches.close()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_what_goes_wrong_while_loading_is_told_where_the_batch_is_asked_for() -> None:
    order = [torch.tensor([0, 1]), torch.tensor([0, 99])]
    batches = feed._prefetched((IMAGES,), order, CPU)
    next(batches)
    with pytest.raises(IndexError, match="99"):
        next(batches)


def test_images_stay_on_the_disk_where_they_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * IMAGES.nbytes, 10**9))
    gpu = torch.device("cuda")
    assert feed.fits((IMAGES,), gpu) and not feed.fits((IMAGES, LABELS), gpu)
    assert not feed.fits((IMAGES,), CPU)
    assert feed.resident((IMAGES, LABELS), gpu)[0] is IMAGES


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_fed_from_the_disk_as_from_its_own_memory() -> None:
    gpu = torch.device("cuda")
    ways = []
    for tensors in ((IMAGES, LABELS), (IMAGES.to(gpu), LABELS.to(gpu))):
        torch.manual_seed(7)
        ways.append(list(feed.batches(tensors, 8, gpu)))
    for streamed, direct in zip(*ways, strict=True):
        for part, same in zip(streamed, direct, strict=True):
            assert part.is_cuda and torch.equal(part, same)
