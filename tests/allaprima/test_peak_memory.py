"""The peak is that of this process, not of the one that started it."""

import subprocess
import sys

import numpy as np


def test_a_peak_that_has_passed_counts() -> None:
    program = """
from allaprima.peak_memory import peak_memory
before = peak_memory()
bytearray(100_000_000)
print(before, peak_memory())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 90_000_000 < after - before < 130_000_000


def test_the_parent_does_not_count() -> None:
    block = np.ones(50_000_000)
    program = "from allaprima.peak_memory import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < 100_000_000 < block.nbytes
