"""One module per metric, with everything about it: message, reader, units, rules, card, charts.

To add a metric, add a module here that ends in one ``METRIC = Metric(...)``; nothing else changes.
"""
