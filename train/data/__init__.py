"""From a folder, tables or tars of photographs to training batches."""
