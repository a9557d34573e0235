"""What a style is trained towards: losses, their weights, and published combinations of both."""
