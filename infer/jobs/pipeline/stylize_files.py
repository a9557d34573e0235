"""Jobs whose pictures and results are files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from allaprima.images.large_picture_files import PictureFacts, picture_facts
from allaprima.images.picture_files import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_QUALITY,
    Picture,
    encode_picture,
    encoder_for,
    read_picture,
    write_picture,
)
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import already_there, local_copy, prepare_target, written_whole
from allaprima.models.network_settings import MINIMUM_SIZE

from .outcome import Outcome, outcome_of
from .run_pipeline import Work, run_pipeline
from .stylize_stream import PictureStylizer


class LargePictures(Protocol):
    """What paints pictures that do not fit in memory."""

    def fits(self, height: int, width: int, /) -> bool:
        """Return whether a picture of a size does."""
        ...

    def paint_file(
        self, source: Path, target: Path, facts: PictureFacts, /, *, quality: int, max_pixels: int
    ) -> Iterator[float]:
        """Paint a file, and yield now and then which share of the work is done."""
        ...


def stylize_files(
    stylizer: PictureStylizer,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    quality: int = DEFAULT_QUALITY,
    max_pixels: int | None = None,
    large: LargePictures | None = None,
    on_share: Callable[[float], None] = lambda share: None,
) -> Iterator[Outcome]:
    """Carry out jobs and yield what became of each, as it happens.

    A job that fails, for whatever reason, does not stop the others. Reading, stylising and writing go on
    at the same time.

    Args:
        stylizer: Maps a picture to its stylised version.
        jobs: From `plan_jobs`.
        overwrite: Redo results that are there already, instead of skipping them.
        quality: As for `write_picture`.
        max_pixels: Refuse pictures with more; None refuses only what would have to be decoded whole and is
            above `DEFAULT_MAX_PIXELS`.
        large: Paints pictures that do not fit in memory; None refuses them.
        on_share: Told now and then which share of such a picture is done.
    """
    there = set() if overwrite else already_there([job.target for job in jobs])
    skipped = {job for job in jobs if job.target in there}
    yield from (Outcome(job, "skipped") for job in jobs if job in skipped)
    work = FileWork(quality, max_pixels, large, on_share)
    todo = (job for job in jobs if job not in skipped)
    for done in run_pipeline(todo, Work(work.read_and_prepare, work.write, work.paint_large), stylizer):
        yield outcome_of(done.item, done)


@dataclass(frozen=True)
class FileWork:
    """What is done with a job.

    Attributes:
        quality: As for `stylize_files`, and so are the others.
    """

    quality: int
    max_pixels: int | None
    large: LargePictures | None
    on_share: Callable[[float], None]

    def read(self, job: Job) -> Picture | PictureFacts:
        """Return a job's picture, or what its file says of it where it does not fit in memory.

        Raises:
            ValueError: If the result's format cannot hold the picture.
        """
        picture = self._opened(job)
        encoder_for(Path(job.target.name), picture.height, picture.width)  # before the work
        return picture

    def _opened(self, job: Job) -> Picture | PictureFacts:
        source = job.source if isinstance(job.source, Path) else job.source.read_bytes()
        if self.large is not None:
            facts = picture_facts(source)
            within_limit = self.max_pixels is None or facts.pixels <= self.max_pixels
            too_large = facts.pixels > DEFAULT_MAX_PIXELS or not self.large.fits(facts.height, facts.width)
            can_be_cut = min(facts.height, facts.width) >= MINIMUM_SIZE
            if within_limit and too_large and can_be_cut:
                return facts
        return read_picture(source, max_pixels=self.max_pixels or DEFAULT_MAX_PIXELS)

    def read_and_prepare(self, job: Job) -> Picture | PictureFacts:
        """Return the same, and make sure that the result can be written."""
        picture = self.read(job)
        prepare_target(job.target)  # before the work
        return picture

    def encode(self, job: Job, picture: Picture) -> bytes:
        """Return the result's file."""
        return encode_picture(picture, Path(job.target.name), quality=self.quality)

    def write(self, job: Job, picture: Picture) -> None:
        """Write the result where it belongs."""
        if isinstance(job.target, Path):
            write_picture(picture, job.target, quality=self.quality)
        else:
            job.target.put(self.encode(job, picture))

    def paint_large(self, job: Job, facts: PictureFacts) -> None:
        """Paint a file that does not fit in memory."""
        if isinstance(job.source, Path) and isinstance(job.target, Path):
            self.paint_file(job.source, job.target, facts)
            return
        with local_copy(job.source) as source, written_whole(job.target) as target:
            self.paint_file(source, target, facts)

    def paint_file(self, source: Path, target: Path, facts: PictureFacts) -> None:
        """Paint such a file of this machine into another one."""
        assert self.large is not None
        options = {"quality": self.quality, "max_pixels": self.max_pixels or DEFAULT_MAX_PIXELS}
        for share in self.large.paint_file(source, target, facts, **options):
            self.on_share(share)
