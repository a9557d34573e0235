"""Where OpenVINO is so much faster than eager PyTorch that a style file is converted for it unasked."""

from importlib.util import find_spec
from pathlib import Path

from allaprima.infer.precision import PrecisionChoice

# How many times as fast as eager float32, medians of ratios within a run, at 256x256, 512x512 and 1280x720
# (docs/speed.md). The winner is the same at every size, so the network and the arithmetic decide.
GAINS: dict[tuple[str, str], tuple[float, ...]] = {
    ("full resolution", "bfloat16"): (2.7, 2.1),  # --network paper
    ("full resolution", "float32"): (1.4, 1.1),
    ("half resolution", "bfloat16"): (5.2, 3.4, 1.9),  # tiny, the lower row; fast 8.8, 3.4, 2.2
    ("half resolution", "float32"): (1.1, 3.0, 1.7),  # the lower of fast and tiny at each size
}
WORTH_CONVERTING = 1.5
"""The geometric mean that a conversion, which takes 10 to 30 seconds once, must bring."""


def openvino_pays(style_file: Path, precision: PrecisionChoice) -> bool:
    """Return whether `auto` takes OpenVINO for a style file on this CPU; nothing is timed.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no style file.
    """
    if precision not in ("auto", "bfloat16", "float32") or not is_installed():
        return False
    from allaprima.models.style_file import read_header

    from .openvino import computes_bfloat16

    able = computes_bfloat16()
    if precision == "bfloat16" and not able:
        return False
    arithmetic = "float32" if precision == "float32" or not able else "bfloat16"
    resolution = "half" if read_header(style_file).network.end_stride == 2 else "full"
    return _mean(GAINS[f"{resolution} resolution", arithmetic]) >= WORTH_CONVERTING


def is_installed() -> bool:
    """Return whether OpenVINO and what converts a style for it are there."""
    return all(find_spec(name) for name in ("openvino", "onnx", "onnxscript", "onnxruntime"))


def _mean(gains: tuple[float, ...]) -> float:
    product = 1.0
    for gain in gains:
        product *= gain
    return float(product ** (1 / len(gains)))
