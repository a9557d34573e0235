"""A page with the pictures of the moment, and what can be changed: MJPEG over HTTP."""
