"""Content pictures for a training run: what is held out, what is cached, who loads what."""

import hashlib
import logging
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from allaprima.cache_dir import default_cache_dir
from allaprima.images.picture_files import PictureError
from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.train.settings.config import DataSettings

from .batches import (
    HELD_OUT,
    Samples,
    ShuffledSamples,
    StepBatches,
    StreamedSamples,
    random_generator,
    unnamed,
)
from .crops import MIN_SCALE, centre_crop, largest_crop, middle_part, shorter_side_within
from .decoded_cache import DecodedCache, Progress, build_cache, open_cache, warn_broken
from .decoder import Decoder
from .shared_memory import SHARED_MEMORY, free_shared_memory
from .sources import PictureSource, PictureStream, check_content, open_source, open_stream
from .undecoded_picture import Payload
from .worker_process import begin_worker

_log = logging.getLogger(__name__)
_LEAST_TO_HOLD_OUT_FROM = 10
_LONGEST = 2.5
"""Times its shorter side that a photograph is wide or high when it is scored: more than panoramas of 21:9."""

_AHEAD = 4
"""Batches that each process loads before they are needed."""

_STUCK_SECONDS = 1800.0
"""Without a batch for so long, loading is given up."""


class ContentDataModule(LightningDataModule):
    """Content pictures as uint8 batches `(B, 3, crop_size, crop_size)`, RGB.

    Training batches start at the trainer's global step and never end: a resumed run goes on with
    the batch it would have seen. Give the trainer `use_distributed_sampler=False`.
    """

    def __init__(
        self,
        content: str,
        settings: DataSettings,
        *,
        min_scale: float = MIN_SCALE,
        echo: int = 1,
        cache_limit_gb: float = 8.0,
        progress: Progress | None = None,
    ) -> None:
        """Set up the data; that there is some is looked at, and nothing is read yet.

        Args:
            content: A folder, tar or parquet files, or a data set on the hub; see `open_source`.
            settings: How to read it.
            min_scale: Side of the smallest crop, as a part of the picture's shorter side.
            echo: How often each crop comes; see `StepBatches`.
            cache_limit_gb: Room for the decoded pictures; without a cache if they need more.
            progress: Called while the cache is built, with the pictures done and all pictures.

        Raises:
            FileNotFoundError: If `content` does not exist, here or on the hub.
            ValueError: If there are no pictures in it.
        """
        super().__init__()
        check_content(content)
        self._content = content
        self._min_scale = min_scale
        self._echo = echo
        self._cache_limit_gb = cache_limit_gb
        self._settings = settings
        self._progress = progress
        self._pictures: PictureSource | None = None
        self._stream: PictureStream | None = None
        self._broken: frozenset[int] = frozenset()
        self._train_indices: list[int] = []
        self._skipped = 0
        self._held_out: list[Payload] = []
        self._validation = torch.empty(0)
        self._named = unnamed()
        self._decode = Decoder(settings.background)

    def prepare_data(self) -> None:
        """Build the cache if that pays; of several processes that call this, one does the work."""
        if self._settings.stream or self._settings.cache == "off":
            return
        build_cache(
            self._source,
            self._cache_dir,
            side=self._side,
            limit_bytes=self._cache_limit_gb * 1e9,
            progress=self._progress,
            decoder=self._decode,
        )

    def setup(self, stage: str | None = None) -> None:
        """Open the pictures and choose what is held out.

        Args:
            stage: What the trainer is about to do; it makes no difference.

        Raises:
            FileNotFoundError: If `content` does not exist.
            ValueError: If there is no picture in it that can be read.
        """
        if self._pictures is not None or self._stream is not None:
            return
        if self._settings.stream:
            self._setup_stream()
        else:
            self._setup_pictures()

    def batches(self) -> StepBatches:
        """Return the endless batches of this process, from the trainer's step on, loaded when taken."""
        settings, trainer = self._settings, self.trainer
        return StepBatches(
            self._samples(),
            batch_size=settings.batch_size,
            crop_size=settings.crop_size,
            seed=settings.seed,
            min_scale=self._min_scale,
            echo=self._echo,
            start_step=trainer.global_step if trainer else 0,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
            named=self._named,
            decoder=self._decode,
        )

    def train_dataloader(self) -> Iterable[Tensor]:
        """Return the same batches as `batches`, loaded ahead by other processes where that pays."""
        on_cuda = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        workers = self._within_shared_memory(self._workers(on_cuda=on_cuda))
        if workers == 0:
            return self.batches()
        processes = _worker_context()
        self._named.share_memory_()  # type: ignore[no-untyped-call]
        self._decode.share_with(processes)
        return DataLoader(
            self.batches(),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=_AHEAD,
            timeout=_STUCK_SECONDS,
            persistent_workers=True,
            pin_memory=on_cuda,
            multiprocessing_context=processes,
            worker_init_fn=begin_worker,
        )

    def val_dataloader(self) -> Iterable[Tensor]:
        """Return the held-out pictures of this process as centre crops.

        In a distributed run all processes get equally many; some pictures come twice if need be.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        total = len(self._validation)
        share = [index % total for index in range(rank, total + -total % world_size, world_size)]
        return _FixedBatches(self._validation[share], self._settings.batch_size)

    def preview_pictures(self, count: int) -> Tensor:
        """Return the first held-out crops, `(count, 3, crop_size, crop_size)`, uint8, or all if fewer."""
        return self._validation[:count]

    def photographs(self, count: int) -> list[NDArray[np.uint8]]:
        """Return the same pictures uncut, `(H, W, 3)` uint8 each, at a size at which they can be painted.

        They are reduced to the size that is cached, and enlarged to the least that the network takes. Of
        those that are very long, such as screenshots, it is the middle: memory is bounded as in training.
        """
        return [self._paintable(payload) for payload in self._held_out[:count]]

    @cached_property
    def identity(self) -> str:
        """A hash that changes with the pictures, their order and what is held out; not with the cache.

        Raises:
            RuntimeError: If `setup` was not called.
        """
        if self._pictures is None and self._stream is None:
            raise RuntimeError("setup() has to be called before identity is known")
        content = self._stream or self._source
        digest = hashlib.sha256(content.fingerprint().encode())
        digest.update(np.array([self._skipped, *self._train_indices], dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def _source(self) -> PictureSource:
        return open_source(
            self._content,
            image_column=self._settings.image_column,
            follow_references=self._settings.follow_references,
        )

    @property
    def _cache_dir(self) -> Path:
        return self._settings.cache_dir or default_cache_dir()

    @property
    def _side(self) -> int:
        return largest_crop(self._settings.crop_size, self._min_scale)

    def _setup_pictures(self) -> None:
        """Order all pictures, whether they can be read or not, so that a cache makes no difference."""
        cached = self._settings.cache == "auto"
        options: dict[str, Any] = {"side": self._side, "background": self._settings.background}
        cache = open_cache(self._source, self._cache_dir, **options) if cached else None
        pictures = self._pictures = cache or self._source
        self._broken = cache.broken if cache else frozenset()
        total, count = len(pictures), self._settings.val_pictures
        order = random_generator(self._settings.seed, 0, HELD_OUT).permutation(total).tolist()
        if total >= _LEAST_TO_HOLD_OUT_FROM:
            count = min(count, total // _LEAST_TO_HOLD_OUT_FROM)
        broken = self._broken
        items = (
            (position, pictures.name(index), pictures[index])
            for position, index in enumerate(order)
            if index not in broken
        )
        train_indices = order[self._validate_on(items, count) :]
        if total >= _LEAST_TO_HOLD_OUT_FROM and self._any_readable(
            pictures[index] for index in train_indices if index not in broken
        ):
            self._train_indices = train_indices
        else:
            self._train_indices = order
            self._warn_shared(total if total < _LEAST_TO_HOLD_OUT_FROM else len(self._validation))

    def _setup_stream(self) -> None:
        settings = self._settings
        self._stream = open_stream(
            self._content,
            image_column=settings.image_column,
            follow_references=settings.follow_references,
        )
        items = ((number, *item) for number, item in enumerate(self._stream))
        tried = self._validate_on(items, settings.val_pictures)
        if self._any_readable(payload for _, _, payload in items):
            self._skipped = tried
        elif tried:
            self._warn_shared(len(self._validation))
        else:
            raise ValueError(f"no pictures in '{self._content}'; it has no rows")

    def _validate_on(self, items: Iterable[tuple[int, str, Payload]], count: int) -> int:
        """Keep the centre crops of the first `count` pictures that can be read.

        Args:
            items: Position, name and picture.
            count: How many to keep.

        Returns:
            The position after the last that was tried.
        """
        crop_size = self._settings.crop_size
        crops: list[Tensor] = []
        broken: list[str] = []
        next_position = 0
        for position, name, payload in items:
            next_position = position + 1
            try:
                crops.append(centre_crop(self._decode(payload, crop_size), crop_size))
                self._held_out.append(payload if isinstance(payload, Path) else self._paintable(payload))
            except PictureError:
                broken.append(name)
            if len(crops) == count:
                break
        warn_broken(broken, next_position)
        if broken and not crops:
            raise ValueError(f"none of {next_position} pictures in '{self._content}' can be read")
        self._validation = torch.stack(crops) if crops else self._validation
        return next_position

    def _paintable(self, payload: Payload) -> NDArray[np.uint8]:
        pixels = self._decode(payload, self._side)
        return shorter_side_within(middle_part(pixels, _LONGEST), MINIMUM_SIZE, self._side)

    def _any_readable(self, pictures: Iterable[Payload]) -> bool:
        """Return whether there is a picture that can be read; as a rule the first."""
        for payload in pictures:
            try:
                self._decode(payload, 1)
            except PictureError:
                continue
            return True
        return False

    def _warn_shared(self, count: int) -> None:
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        _log.warning("content has only %s: validating on the ones that are trained on", pictures)

    def _samples(self) -> Samples:
        if self._stream is not None:
            return StreamedSamples(self._stream, seed=self._settings.seed, skip=self._skipped)
        if self._pictures is None:
            raise RuntimeError("setup() has to be called before train_dataloader()")
        return ShuffledSamples(
            self._pictures, self._train_indices, seed=self._settings.seed, broken=self._broken
        )

    def _within_shared_memory(self, workers: int) -> int:
        """Return how many processes can hand over their batches: containers have 64 MB for that by default.

        Where it is full, a process that writes to it is killed.
        """
        free = free_shared_memory()
        each = (_AHEAD + 2) * self._settings.batch_size * 3 * self._settings.crop_size**2
        if free is None or workers * each <= free:
            return workers
        fewer = free // each
        _log.warning(
            "%d processes load pictures instead of %d: %.0f MB are free in %s, and each may take %.0f MB; "
            "docker run --shm-size gives more",
            *(fewer, workers, free / 1e6, SHARED_MEMORY, each / 1e6),
        )
        return fewer

    def _workers(self, *, on_cuda: bool) -> int:
        """Return how many processes load pictures, if nobody said so."""
        if self._settings.workers is not None:
            return self._settings.workers
        if not on_cuda:
            return 0 if isinstance(self._pictures, DecodedCache) else min(2, _cores())
        if self._settings.stream:  # each worker reads all of the stream
            return 2
        devices = self.trainer.num_devices if self.trainer else 1
        return max(1, min(8, (os.cpu_count() or 1) // devices - 1))


class _FixedBatches:
    """Pictures in memory, a few at a time.

    Not a DataLoader: there is nothing to load, and Lightning would advise more workers.
    """

    def __init__(self, pictures: Tensor, batch_size: int) -> None:
        self._batches = torch.split(pictures, batch_size) if len(pictures) else ()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _worker_context() -> BaseContext | None:
    """Return how to start workers: forking a process with threads (as here) may deadlock."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return None
    context = multiprocessing.get_context("forkserver")
    # Four workers are ready after 3 s with this and after 9 s without, since torch is loaded once.
    context.set_forkserver_preload([StepBatches.__module__])
    return context
