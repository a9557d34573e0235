"""What a picture is: pixels, reading and writing, colour, folders of them, and sheets made of several."""
