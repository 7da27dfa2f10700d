"""What projects events into state. A process is a function of the events and of nothing else."""
