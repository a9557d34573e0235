"""A process that encodes pictures and brings them to an RTMP server.

It is a process of its own because FFmpeg waits for servers while it holds Python's lock, which would stop
the painting.
"""

import signal
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import av
from av import Packet
from av.container import OutputContainer
from av.error import FFmpegError

from allaprima.infer.video.writing import CODECS, Encoding
from allaprima.infer.video.writing.encoders import FilmEncoder, Format


def send_pictures(url: str, format: Format, pipe: Connection) -> None:
    """Send what comes through a pipe, pictures and their times, until None comes.

    Answers with an empty text when the server is reached and after each picture, or with what went wrong.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    av.logging.set_level(None)
    try:
        with suppress(EOFError, BrokenPipeError):
            _send(url, format, pipe)
    except FFmpegError as error:
        with suppress(BrokenPipeError):
            pipe.send((error.strerror or str(error)).lower())


def _send(url: str, format: Format, pipe: Connection) -> None:
    container = av.open(url, "w", format="flv")
    encoder = undelayed_encoder(container, format)
    container.start_encoding()  # connects
    pipe.send("")
    while (received := pipe.recv()) is not None:
        picture, pts = received
        _mux(container, encoder.encode(picture, pts, round(1000 / format.rate)))
        pipe.send("")
    _mux(container, encoder.flush())
    container.close()


def undelayed_encoder(container: OutputContainer, format: Format) -> FilmEncoder:
    """Return an encoder of H.264 that gives each picture's packet at once."""
    codec = replace(CODECS["h264"], options={"tune": "zerolatency"}, refined={})
    return FilmEncoder(container, codec, Encoding(), format)


def _mux(container: OutputContainer, packets: "list[Packet[Any]]") -> None:
    for packet in packets:
        container.mux(packet)
