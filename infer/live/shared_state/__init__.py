"""What the threads of live video share."""
