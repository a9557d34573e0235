"""Content pictures to training batches: batch k is a function of the seed and of k alone."""

import itertools
import logging
import os
import zlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from allaprima.images.picture_files import PictureError

from .crops import MIN_SCALE, largest_crop, random_crop
from .decoder import Decoder
from .sources import PictureSource, PictureStream
from .undecoded_picture import NoPicture, Payload, bytes_of

_log = logging.getLogger(__name__)
_SHUFFLE_BUFFER = 512
_SHUFFLE_BYTES = 512 << 20
_GIVE_UP_AFTER = 1000
_NAMED = 10

# What a number is drawn for; each purpose has a random sequence of its own.
_CROP, _ORDER, _STREAM_ORDER, HELD_OUT = range(4)


class Samples(Protocol):
    """An endless sequence of pictures, in the order of training."""

    def following(self, sample: int) -> Iterator[tuple[str, Payload]]:
        """Yield names and pictures of this sample number, the next, and so on."""
        ...


class ShuffledSamples:
    """The pictures of a source, each once per epoch, in an order drawn anew for each epoch."""

    def __init__(
        self,
        source: PictureSource,
        indices: Sequence[int],
        *,
        seed: int,
        broken: Collection[int] = (),
    ) -> None:
        """Take the pictures of `source` that `indices` names.

        Those in `broken` keep their place in the order, which is that of a source which does not
        know them, and give way to the next.
        """
        if not set(indices) - set(broken):
            raise ValueError("none of the content pictures to train on can be read")
        self._source = source
        self._broken = frozenset(broken)
        self._indices = np.asarray(indices)
        self._seed = seed
        self._epoch = -1
        self._order = self._indices

    def following(self, sample: int) -> Iterator[tuple[str, Payload]]:
        """Yield names and pictures of this sample number, the next, and so on."""
        for number in itertools.count(sample):
            epoch, position = divmod(number, len(self._indices))
            if epoch != self._epoch:
                order = random_generator(self._seed, epoch, _ORDER).permutation(self._indices)
                self._epoch, self._order = epoch, order
            index = int(self._order[position])
            if index in self._broken:
                continue
            yield self._source.name(index), self._source[index]


class StreamedSamples:
    """The pictures of a stream, over and over, each pass through a shuffle buffer of its own."""

    def __init__(self, stream: PictureStream, *, seed: int, skip: int = 0) -> None:
        """Take all pictures of `stream` but the first `skip`."""
        self._stream = stream
        self._seed = seed
        self._skip = skip
        self._pending: Iterator[tuple[str, Payload]] | None = None
        self._window: deque[tuple[str, Payload]] = deque()
        self._first = 0

    def following(self, sample: int) -> Iterator[tuple[str, Payload]]:
        """Yield names and pictures of this sample number, the next, and so on.

        What lies between is read and passed over undecoded; going back means to start over.
        """
        if self._pending is None or sample < self._first:
            self._pending, self._first = self._shuffled(), 0
            self._window.clear()
        while self._first < sample:
            if self._window:
                self._window.popleft()
            else:
                next(self._pending)
            self._first += 1
        for position in itertools.count():
            while len(self._window) <= position:
                self._window.append(next(self._pending))
            yield self._window[position]
            name, _ = self._window[position]
            # Broken, or nobody would ask for the next; only its place is kept.
            self._window[position] = name, NoPicture("it could not be read")

    def _shuffled(self) -> Iterator[tuple[str, Payload]]:
        for epoch in itertools.count():
            generator = random_generator(self._seed, epoch, _STREAM_ORDER)
            buffer: list[tuple[str, Payload]] = []
            held = 0
            for item in itertools.islice(self._stream, self._skip, None):
                held += bytes_of(item[1])
                while buffer and (len(buffer) >= _SHUFFLE_BUFFER or held > _SHUFFLE_BYTES):
                    slot = int(generator.integers(len(buffer)))
                    buffer[slot], buffer[-1] = buffer[-1], buffer[slot]
                    held -= bytes_of(buffer[-1][1])
                    yield buffer.pop()
                buffer.append(item)
            if not buffer:
                raise ValueError("the stream of content pictures is empty")
            yield from (buffer[slot] for slot in generator.permutation(len(buffer)))


class StepBatches(IterableDataset[Tensor]):
    """Endless training batches, `(batch_size, 3, crop_size, crop_size)`, uint8, RGB.

    Batch k depends on nothing but the seed and k: not on the step at which iteration starts, the
    number of DataLoader workers, or what was read before. Rank r of a distributed run gets the
    r-th slice of the batch that a single process would get with `batch_size * world_size`.
    Give it to a DataLoader with `batch_size=None`.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        batch_size: int,
        crop_size: int,
        seed: int,
        min_scale: float = MIN_SCALE,
        echo: int = 1,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
        named: Tensor | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        """Set up the batches; nothing is read yet.

        Args:
            samples: The pictures in their order.
            batch_size: Pictures per batch on this rank.
            crop_size: Side of the crops, in pixels.
            seed: Decides crops and flips, 0 or more.
            min_scale: Side of the smallest crop that is taken, as a part of the picture's shorter side.
            echo: How often each crop comes (data echoing, Choi et al. 2019); pictures of a stream come once.
            start_step: The first batch to yield.
            rank: This process among `world_size`.
            world_size: Number of processes that share each batch.
            named: From `unnamed`; in shared memory each broken picture is named by one process alone.
            decoder: What decodes them; on white by default.
        """
        super().__init__()
        self._samples = samples
        self._batch_size = batch_size
        self._crop_size = crop_size
        self._seed = seed
        self._min_scale = min_scale
        self._echo = echo
        self._start_step = start_step
        self._rank = rank
        self._world_size = world_size
        self._named = unnamed() if named is None else named
        self._decode = decoder or Decoder()

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the batches of this rank, or of this DataLoader worker every W-th of them."""
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in itertools.count(self._start_step + first, stride):
            yield self.batch(step)

    def batch(self, step: int) -> Tensor:
        """Return one batch of this rank.

        Raises:
            ValueError: If a thousand pictures in a row cannot be read.
        """
        first = (step * self._world_size + self._rank) * self._batch_size
        numbers = (crop_number(first + slot, self._echo) for slot in range(self._batch_size))
        return torch.stack([self._crop(number) for number in numbers])

    def _crop(self, sample: int) -> Tensor:
        rgb = self._readable(sample)
        generator = random_generator(self._seed, sample, _CROP)
        return random_crop(rgb, self._crop_size, self._min_scale, generator)

    def _readable(self, sample: int) -> NDArray[np.uint8]:
        """Return the picture of a sample, or if that is broken of the next that is not."""
        name = ""
        for name, payload in itertools.islice(self._samples.following(sample), _GIVE_UP_AFTER):
            try:
                return self._decode(payload, largest_crop(self._crop_size, self._min_scale))
            except PictureError as error:
                self._report(name, error)
        raise ValueError(f"{_GIVE_UP_AFTER} content pictures in a row cannot be read, the last is {name}")

    def _report(self, name: str, error: PictureError) -> None:
        slot = zlib.crc32(os.fsencode(name)) % len(self._named)
        if self._named[slot]:
            return
        self._named[slot] = True
        count = int(self._named.sum())
        if count <= _NAMED or count.bit_count() == 1:
            _log.warning("skipping broken content picture %s (%d so far): %s", name, count, error)


def crop_number(sample: int, echo: int) -> int:
    """Return which crop a sample is, if every crop comes `echo` times: new ones and old ones by turns.

    Two crops are in one batch of `echo` once only, whatever the times between them.
    """
    new, echoes = divmod(sample, echo)
    return abs(new - echo_delay(echoes))


def echo_delay(echoes: int) -> int:
    """Return how many new crops there are between a crop and its echo of this number, from 0."""
    return echoes * (12 + echoes)


def between_echoes(echo: int) -> int:
    """Return how many other crops come between two times that a crop does, at most."""
    return echo * (echo_delay(echo) - echo_delay(echo - 1))


def unnamed() -> Tensor:
    """Return a table of which broken pictures were named already, by a hash of their names: none."""
    return torch.zeros(1 << 12, dtype=torch.bool)


def random_generator(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Return the random sequence of one sample or epoch, the same in every process."""
    key = np.array([seed, number], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=purpose << 192))
