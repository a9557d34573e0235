"""Export: a style file becomes a model for another runtime, checked against the network it came from."""
