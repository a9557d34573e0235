"""What a job is to do: which pictures are read, and where their results go."""
