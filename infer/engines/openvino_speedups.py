"""Where OpenVINO is so much faster than eager PyTorch that a style file is converted for it unasked."""

from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean

from allaprima.infer.engine_table import FORMATS
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.network_presets import NETWORKS, NetworkName
from allaprima.models.network_settings import NetworkSettings

# How many times as fast as eager float32 at 256x256, 512x512 and 1280x720 (docs/speed.md). No size has
# another winner than its network has, so an engine is chosen before the first picture is known.
GAINS: dict[NetworkName, dict[PrecisionChoice, tuple[float, ...]]] = {
    "paper": {"bfloat16": (2.9, 2.3, 2.1), "float32": (1.6, 1.2, 1.1)},
    "fast": {"bfloat16": (1.3, 3.3, 1.8), "float32": (1.25, 1.7, 1.5)},
    "tiny": {"bfloat16": (1.3, 1.1, 1.7), "float32": (1.5, 1.1, 2.0)},
}
WORTH_CONVERTING = 1.4
"""What the geometric mean must be, since a conversion takes 5 to 30 seconds, once."""


def openvino_precision(style_file: Path, precision: PrecisionChoice) -> PrecisionChoice | None:
    """Return in which precision OpenVINO should run a style file on this CPU, or None for eager PyTorch.

    Nothing is timed: the style's network counts as the one among those with a name that is most like it.

    Args:
        style_file: A style file.
        precision: What was asked for; `auto` leaves the choice.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no style file.
    """
    if precision not in ("auto", "bfloat16", "float32") or not is_installed():
        return None
    from allaprima.models.style_file import read_header

    from .openvino import computes_bfloat16

    gains = GAINS[_most_like(read_header(style_file).network)]
    able: list[PrecisionChoice] = ["float32", "bfloat16"] if computes_bfloat16() else ["float32"]
    pays: list[tuple[float, PrecisionChoice]] = [
        (mean, name)
        for name in able
        if precision in ("auto", name) and (mean := geometric_mean(gains[name])) >= WORTH_CONVERTING
    ]
    return max(pays)[1] if pays else None


def is_installed() -> bool:
    """Return whether OpenVINO and what converts a style for it are there."""
    return all(find_spec(name) for name in FORMATS["openvino"].packages)


def _most_like(network: NetworkSettings) -> NetworkName:
    """Return the network of the same resolution that is closest in width."""
    alike: list[tuple[int, NetworkName]] = [
        (abs(known.width - network.width), name)
        for name, known in NETWORKS.items()
        if known.end_stride == network.end_stride
    ]
    return min(alike)[1]
