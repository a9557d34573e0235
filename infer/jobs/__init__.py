"""Jobs: any number of pictures, read, stylised and written by one bounded pipeline."""
