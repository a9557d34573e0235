"""A network as a torch.export program: any size, in one precision, for floats or bytes."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as symbolic_shapes

from allaprima.infer.network.byte_network import ByteNetwork
from allaprima.infer.network.folding import fold
from allaprima.infer.network.normalization import in_best_layout
from allaprima.infer.network.single_colour import FlatPictures, as_levels, flat_colour
from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.models.transformer import TransformerNetwork

from .formats import Request, format_named

LARGEST_BATCH = 1024
LARGEST_SIDE = 32768


class _Floats(nn.Module):
    """Float pictures in and out, computed in another type."""

    def __init__(
        self, network: TransformerNetwork, dtype: torch.dtype, memory_format: torch.memory_format
    ) -> None:
        super().__init__()
        self.network = network.to(dtype).to(memory_format=memory_format)
        self.dtype, self.memory_format = dtype, memory_format

    def forward(self, content_image: Tensor) -> Tensor:
        """Map `(B, 3, H, W)` float32 to the same."""
        stylized: Tensor = self.network(content_image.to(self.dtype, memory_format=self.memory_format))
        return stylized.float()


def make_program(network: TransformerNetwork, request: Request) -> ExportedProgram:
    """Return the network traced for what is requested; int8 is float32 here.

    Args:
        network: In evaluation mode, float32.
        request: Decides types, sizes and the device.
    """
    dtype = torch.float32 if request.precision == "int8" else getattr(torch, request.precision)
    network, layout = fold(network), torch.contiguous_format
    if format_named(
        request.format
    ).machine_code:  # the others run on devices, or runtimes, with layouts of their own
        network, layout = in_best_layout(network, request.device, dtype)
    exact = dtype == torch.float32 and request.format in ("pt2", "aoti")  # the others may compute in less
    module = wrapped(network, dtype, layout, uint8=request.uint8, exact=exact).to(request.device)
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
    dtype: torch.dtype,
    layout: torch.memory_format = torch.contiguous_format,
    *,
    uint8: bool,
    exact: bool,
) -> nn.Module:
    """Return the module that is traced: a folded network for floats or bytes.

    Args:
        folded: In evaluation mode, float32.
        dtype: In which it computes.
        layout: Of its maps.
        uint8: Bytes in and out.
        exact: It is carried out in float32, which paints a picture of one colour in one colour by itself.
    """
    colour = flat_colour(folded)
    wrapper = ByteNetwork if uint8 else _Floats
    module: nn.Module = wrapper(folded, dtype, layout).eval().requires_grad_(False)
    if exact:
        return module
    return FlatPictures(module, as_levels(colour), 3) if uint8 else FlatPictures(module, colour, 1)


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
