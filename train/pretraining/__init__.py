"""A network trained on many styles at once, for new styles to start from."""
