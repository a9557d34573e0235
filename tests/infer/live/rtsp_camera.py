"""A camera that speaks RTSP (RFC 2326), its H.264 between the answers on the same connection."""

import socketserver
import struct
import threading
import time
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_CLOCK = 90_000
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/{_CLOCK}\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:pictures\r\n"
)


def encoded(pixels: NDArray[np.uint8]) -> list[bytes]:
    """Return the NAL units of a picture that can be decoded by itself."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
    context.options = {"tune": "zerolatency", "crf": "5", "x264-params": "annexb=1:repeat-headers=1"}
    frame = av.VideoFrame.from_ndarray(pixels)
    stream = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    return [unit for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]


class RtspCamera(socketserver.ThreadingTCPServer):
    """Shows one picture at 25 frames a second on `url`, until it is told to fail.

    Args:
        pixels: The picture, `(H, W, 3)`.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.units = encoded(pixels)
        self.failing = threading.Event()
        self.played = 0
        super().__init__(("127.0.0.1", 0), _Conversation)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://user:secret@127.0.0.1:{self.server_address[1]}/camera"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go when they like."""


class _Conversation(socketserver.StreamRequestHandler):
    sequence = 0

    @property
    def camera(self) -> RtspCamera:
        assert isinstance(self.server, RtspCamera)
        return self.server

    def handle(self) -> None:
        while not self.camera.failing.is_set() and (line := self.rfile.readline()):
            method = line.split(b" ")[0].decode()
            fields = dict(self._fields())
            self._answer(method, fields["cseq"])
            if method == "PLAY":
                self.camera.played += 1
                self._play()

    def _fields(self) -> Any:
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            yield name.lower(), value.strip()

    def _answer(self, method: str, number: str) -> None:
        head, body = {
            "DESCRIBE": ("Content-Type: application/sdp\r\n", _SDP),
            "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
        }.get(method, ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""))
        head += f"CSeq: {number}\r\nSession: 1\r\nContent-Length: {len(body)}\r\n"
        self.wfile.write(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())

    def _play(self) -> None:
        begun = time.monotonic()
        while not self.camera.failing.is_set():
            stamp = round(_CLOCK * (time.monotonic() - begun))
            for unit in self.camera.units:
                self._send(unit, stamp, last=unit is self.camera.units[-1])
            time.sleep(1 / 25)

    def _send(self, unit: bytes, stamp: int, *, last: bool) -> None:
        """Send a packet of RTP (RFC 3550) with one NAL unit (RFC 6184)."""
        self.sequence = (self.sequence + 1) % 65536
        packet = struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), self.sequence, stamp, 1) + unit
        self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
