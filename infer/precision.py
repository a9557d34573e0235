"""In which numbers a network computes."""

from typing import Literal

Precision = Literal["float32", "float16", "bfloat16", "int8"]
"""Of weights and activations."""

PrecisionChoice = Literal["auto", Precision]
"""What may be asked of an engine, which finds `auto` out."""
