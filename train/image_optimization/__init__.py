"""Image optimisation: the pixels of one picture against a perceptual loss."""
