"""The collector: observes this host, projects state, judges health, publishes every event."""
