"""Where live pictures go, one file an output."""
