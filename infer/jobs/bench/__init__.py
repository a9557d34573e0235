"""How fast a folder of pictures is painted."""
