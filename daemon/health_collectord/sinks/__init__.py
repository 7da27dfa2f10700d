"""Where events are written. A sink that does I/O never keeps the dispatcher waiting for it."""
