"""What the command line does beside running: each command, or family of them, in a file."""
