import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, psutil, torch
from allaprima.freed_memory import give_back_freed_memory, keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(16_000_000).sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

ordinary = faults()
keep_freed_memory()
faults()
print(ordinary, faults())
held = psutil.Process().memory_info().rss
give_back_freed_memory()
print(held - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library gives memory back")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    ordinary, kept, given_back = map(int, ran.stdout.split())
    assert ordinary > 1000  # pages that the system had to clear
    assert kept < ordinary / 10
    assert given_back > 60_000_000
