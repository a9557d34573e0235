"""A network as a torch.export program: any size, in one precision, for floats or bytes."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as symbolic_shapes

from allaprima.infer.network.byte_network import ByteNetwork
from allaprima.infer.network.contrast import tones_of
from allaprima.infer.network.float_network import FloatNetwork
from allaprima.infer.network.folding import fold
from allaprima.infer.network.normalization import in_best_layout
from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.models.transformer import TransformerNetwork

from .formats import Request, format_named

LARGEST_BATCH = 1024
LARGEST_SIDE = 32768


def make_program(network: TransformerNetwork, request: Request) -> ExportedProgram:
    """Return the network traced for what is requested; int8 is float32 here.

    Args:
        network: In evaluation mode, float32.
        request: Decides types, sizes and the device.
    """
    dtype = torch.float32 if request.precision == "int8" else getattr(torch, request.precision)
    network, layout = fold(network), torch.contiguous_format
    tones = tones_of(network)
    if format_named(
        request.format
    ).machine_code:  # the others run on devices, or runtimes, with layouts of their own
        network, layout = in_best_layout(network, request.device, dtype)
    module = wrapped(network, tones, dtype, layout, uint8=request.uint8).to(request.device)
    example = _example(request)
    height, width = (1, 2) if request.uint8 else (2, 3)
    side = Dim.DYNAMIC(min=MINIMUM_SIZE, max=LARGEST_SIDE)
    dynamic = {0: Dim.DYNAMIC(min=1, max=LARGEST_BATCH)}
    if request.static is None:
        dynamic |= {height: side, width: side}
    # Without this, a batch of one is taken for another program than a batch of two.
    with quiet_exporters(), symbolic_shapes.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return torch.export.export(module, (example,), dynamic_shapes={"content_image": dynamic})


def wrapped(
    folded: TransformerNetwork,
    tones: Tensor,
    dtype: torch.dtype,
    layout: torch.memory_format = torch.contiguous_format,
    *,
    uint8: bool,
) -> nn.Module:
    """Return the module that is traced: a folded network for floats or bytes.

    Args:
        folded: In evaluation mode, float32.
        tones: From `tones_of`.
        dtype: In which it computes.
        layout: Of its maps.
        uint8: Bytes in and out.
    """
    wrapper = ByteNetwork if uint8 else FloatNetwork
    return wrapper(folded, tones, dtype, layout).eval().requires_grad_(False)


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Silence what torch's exporters warn of their own code."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=r"(torch|onnx|onnxscript|copyreg)\b")
        yield


def _example(request: Request) -> Tensor:
    height, width = request.static or (37, 46)
    if request.uint8:
        return torch.zeros(2, height, width, 3, dtype=torch.uint8, device=request.device)
    return torch.zeros(2, 3, height, width, device=request.device)
