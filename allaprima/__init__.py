"""allaprima: feed-forward neural style transfer, a picture painted in a single pass."""

__version__ = "0.1.0"
