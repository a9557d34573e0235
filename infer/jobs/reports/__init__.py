"""What a job did: in a manifest beside its results, and on the terminal."""
