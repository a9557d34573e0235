"""How steady a style is from frame to frame."""
