"""Live video: the newest frame of a camera, file or stream, painted and shown as soon as it is there."""
