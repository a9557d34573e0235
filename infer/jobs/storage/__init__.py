"""Object stores and other storage that is named by a URL, through fsspec."""
