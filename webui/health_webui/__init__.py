"""The web process: follows collectors and relays them to browsers.

It knows kinds of cards, charts, fields and units, never a metric: all that it shows is drawn from
the catalogue that a collector describes itself with (health_wire/PROTOCOL.md).
"""
