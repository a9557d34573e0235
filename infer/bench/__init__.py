"""How fast a style runs on this machine."""
