"""Distil VGG-19 into the compact loss network that ships with the package."""
