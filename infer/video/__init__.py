"""Video: from a clip and a style to a stylised clip, file to file."""
