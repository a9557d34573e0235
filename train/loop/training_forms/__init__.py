"""The network in the form that it is trained in, on the same parameters, by device."""
