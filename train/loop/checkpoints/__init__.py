"""Checkpoints: written, kept, found again, read and gone on from."""
