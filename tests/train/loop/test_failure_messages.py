"""What a person is told when a run fails in the middle."""

import torch
from torch._dynamo.exc import BackendCompilerFailed

from allaprima.train.loop.failure_messages import failure_advice


def test_what_cannot_be_compiled_says_how_to_go_on() -> None:
    def backend() -> None:
        """Stand for a compiler, whose name is in the message."""

    error = BackendCompilerFailed(backend, RuntimeError("Failed to find C compiler"), None)
    advice = failure_advice(error)
    assert advice is not None
    assert "Failed to find C compiler" in advice
    assert advice.endswith("go on with --no-compile")


def test_full_memory_and_other_errors() -> None:
    advice = failure_advice(torch.OutOfMemoryError("CUDA out of memory"))
    assert advice is not None
    assert "--batch-size" in advice
    on_a_cpu = RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    )
    assert "--batch-size" in (failure_advice(on_a_cpu) or "")
    assert failure_advice(RuntimeError("something else")) is None
