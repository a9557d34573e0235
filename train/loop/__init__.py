"""What Lightning runs: modules, the optimizer and its schedule, checkpoints, limits and progress."""
