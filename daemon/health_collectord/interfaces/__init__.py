"""The ways out of the collector: the ZeroMQ publisher and the state endpoint."""
