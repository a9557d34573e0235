"""How good a trained network is: its objective, its rank among optimisers, its artefacts."""
