"""What observes: each service runs in a thread of its own and only emits events."""
