"""The kinds of device that PyTorch finds on this machine."""

import torch


def present_devices() -> list[str]:
    """Return them, the fastest first; `cpu` is always there and last."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [kind for kind, is_there in present.items() if is_there]
