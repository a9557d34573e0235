"""A trained network made faster: the same function, with other layers."""
