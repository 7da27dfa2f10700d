"""Follows collectors: which they are, what each has said, what of it goes to browsers."""
