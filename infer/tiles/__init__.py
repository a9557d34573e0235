"""Pictures of any size in bounded memory: the network, tile by tile, as if it had seen the whole."""
