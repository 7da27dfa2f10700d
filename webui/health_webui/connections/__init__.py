"""The connections of browsers: their limits, and what is written to them."""
