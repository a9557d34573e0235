"""What the graph of an exported file will compute, known before its runtime computes anything."""
