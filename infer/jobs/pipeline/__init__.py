"""Read, stylise, write: single pictures through a bounded pipeline, and what became of each."""
