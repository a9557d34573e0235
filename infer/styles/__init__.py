"""The bundled styles, listed and shown on a sheet."""
