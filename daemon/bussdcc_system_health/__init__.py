"""Collector and web UI together on this host, for a first look and for one machine alone."""
