"""What the machine can do, and the settings that follow from it."""

import os
from contextlib import AbstractContextManager

import torch

from allaprima.present_devices import present_devices
from allaprima.train.settings.config import OptimizerSettings, Precision, RunConfig


def device_type(accelerator: str) -> str:
    """Return `cpu`, `cuda` or `mps`, resolving `auto` to the best one there is."""
    return present_devices()[0] if accelerator == "auto" else accelerator


def device(accelerator: str) -> torch.device:
    """Return the device of this process; torchrun and Lightning number the processes of a machine.

    Raises:
        ValueError: If PyTorch finds none of that kind.
    """
    kind = device_type(accelerator)
    if kind not in (present := present_devices()):
        raise ValueError(f"accelerator '{kind}' is not available; this machine has: {', '.join(present)}")
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", 0))) if kind == "cuda" else torch.device(kind)


def precision(settings: OptimizerSettings, device: str) -> Precision:
    """Return Lightning's precision; `auto` is bf16-mixed where bfloat16 is computed in hardware.

    Elsewhere it is emulated: 100 times slower than float32 on a CPU with AVX2 alone.

    Raises:
        ValueError: If it is float16 on a CPU, for which Lightning would take bfloat16.
    """
    if settings.precision == "16-mixed" and device == "cpu":
        raise ValueError("precision 16-mixed is for GPUs; leave it out, or take bf16-mixed or 32-true")
    if settings.precision != "auto":
        return settings.precision
    return "bf16-mixed" if _has_bfloat16(device) else "32-true"


def channels_last(settings: OptimizerSettings, device: str) -> bool:
    """Return whether the networks use the channels-last memory layout."""
    return device == "cuda" if settings.channels_last is None else settings.channels_last


def compiles(settings: OptimizerSettings, device: str) -> bool:
    """Return whether the networks are compiled in place."""
    return device == "cuda" if settings.compile is None else settings.compile


def not_compiled() -> AbstractContextManager[None]:
    """Return a context for other shapes, in which what is compiled for training is not compiled anew."""
    context: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return context


def echo(settings: RunConfig, device: str) -> int:
    """Return how often each crop is learned from: those of a stream come once.

    Features of photographs are a sixth of a step on a CPU.
    """
    return 1 if settings.stream else settings.echo or (4 if device == "cpu" else 1)


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(
            capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
        )
    return False
