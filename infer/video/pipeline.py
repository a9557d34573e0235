"""Decoding, network and encoding at the same time, in bounded memory."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from allaprima.images.pixels import Pixels
from allaprima.images.video.protocol import Clip, ClipError, Frame, Item, Packets, Repeat, Wanted

from .bounded_queue import Abandoned, Channel
from .compositing import View, Viewer
from .writing.writer import FilmWriter

# Between two threads. A frame of 1920x1080 takes 6 MB.
_IN_BETWEEN = 6


class StreamingEngine(Protocol):
    """What is needed of an engine."""

    def stream(self, batches: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield each batch stylised, in order."""
        ...


@dataclass(frozen=True, eq=False)
class Painted:
    """A frame and its stylised picture."""

    frame: Frame
    stylized: Pixels


Result = Painted | Repeat | Packets


class FilmStoppedError(Exception):
    """Work on a clip ended early; `cause` says why, and `kept` what is there, or nothing."""

    def __init__(self, cause: BaseException, kept: str) -> None:
        super().__init__(str(cause))
        self.cause, self.kept = cause, kept


def stylize_film(
    engine: StreamingEngine,
    clip: Clip,
    writer: FilmWriter,
    wanted: Wanted,
    *,
    view: View,
    batch: int = 1,
    on_frame: Callable[[Frame], None] = lambda frame: None,
) -> None:
    """Stylise a clip: one thread decodes, this one runs the network, another encodes.

    Args:
        engine: The network.
        clip: What is read.
        writer: What writes; it is finished, or stopped when something goes wrong.
        wanted: What to read.
        view: What is shown of a stylised frame.
        batch: Frames at once.
        on_frame: Called for each frame that the network has painted.

    Raises:
        FilmStoppedError: If anything goes wrong, Ctrl-C included; what was written by then plays.
    """
    read: Channel[Item] = Channel(_IN_BETWEEN + batch)
    done: Channel[Result] = Channel(_IN_BETWEEN + batch)
    reading = _thread("decode", lambda: _read(clip, wanted, read))
    writing = _Writing(writer, Viewer(view), done)
    try:
        for result in painted(engine, read, batch):
            done.put(result)
            if isinstance(result, Painted):
                on_frame(result.frame)
        done.finish()
        writing.join()
        if not writer.count:
            raise ClipError(f"clip '{clip.info.path}' has no frames in the section that was asked for")
        writer.finish()
    except BaseException as error:
        done.finish()
        cause = writing.join_quietly() or error
        raise FilmStoppedError(cause, writer.stop()) from cause
    finally:
        read.abandon()
        reading.join()


def painted(engine: StreamingEngine, items: Channel[Item], batch: int) -> Iterator[Result]:
    """Yield what comes out of a clip, its frames stylised, in order."""
    flying: deque[list[Item]] = deque()
    for stylized in engine.stream(_batches(items, batch, flying)):
        pictures = iter(stylized)
        for item in flying.popleft():
            yield Painted(item, next(pictures)) if isinstance(item, Frame) else item
    for item in flying.popleft() if flying else ():
        assert not isinstance(item, Frame)
        yield item


def _batches(items: Channel[Item], batch: int, flying: deque[list[Item]]) -> Iterator[Pixels]:
    """Yield batches of pictures; what they are made of, and what came in between, goes into `flying`."""
    group: list[Item] = []
    frames: list[Pixels] = []
    for item in items:
        group.append(item)
        if isinstance(item, Frame):
            frames.append(item.picture)
        if len(frames) == batch:
            flying.append(group)
            yield frames[0][None] if batch == 1 else np.stack(frames)
            group, frames = [], []
    flying.append(group)
    if frames:
        yield np.stack(frames)


def _read(clip: Clip, wanted: Wanted, read: Channel[Item]) -> None:
    try:
        for item in clip.items(wanted):
            read.put(item)
    except Abandoned:
        pass
    except BaseException as error:
        read.finish(error)
    else:
        read.finish()


class _Writing:
    """The thread that encodes."""

    def __init__(self, writer: FilmWriter, viewer: Viewer, done: Channel[Result]) -> None:
        self._writer, self._viewer, self._done = writer, viewer, done
        self._error: BaseException | None = None
        self._thread = _thread("encode", self._run)

    def join(self) -> None:
        """Wait for the last frame; raise what went wrong."""
        if error := self.join_quietly():
            raise error

    def join_quietly(self) -> BaseException | None:
        """Wait for the last frame; return what went wrong."""
        self._thread.join()
        return self._error

    def _run(self) -> None:
        try:
            for result in self._done:
                if isinstance(result, Painted):
                    frame = result.frame
                    shown = self._viewer(frame, result.stylized)
                    self._writer.write(shown, frame.pts, frame.duration)
                else:
                    self._writer.write_beside(result)
        except BaseException as error:
            self._error = error
            self._done.abandon()


def _thread(name: str, run: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
