"""Where halved colour lies between the pixels: on the left one of two, as MPEG has it."""

from fractions import Fraction

from av import VideoFrame
from av.filter import Graph

# Decoders whose frames do not say where halved colour lies; these codecs have it on the left.
_LEFT_UNSAID = {"vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d"}


def is_left_sited(decoder: str) -> bool:
    """Return whether a decoder's frames have halved colour on the left and do not say so."""
    return decoder in _LEFT_UNSAID


class LeftSiting:
    """Says of frames that their colour lies on the left pixel.

    FFmpeg's scaler takes frames that do not say it for centred ones, as JPEG has it, and colours would move
    by half a pixel; PyAV has no attribute for it.
    """

    def __init__(self) -> None:
        self._kind: tuple[int, int, str] | None = None
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame, its pixels where they were."""
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._kind:
            self._kind, self._graph = kind, _graph_for(frame)
        self._graph.push(frame)
        sited = self._graph.pull()
        assert isinstance(sited, VideoFrame)
        return sited


def _graph_for(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    graph.link_nodes(source, graph.add("setparams", "chroma_location=left"), graph.add("buffersink"))
    graph.configure()
    return graph
