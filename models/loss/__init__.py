"""The frozen networks whose features the losses compare, and their weights."""
