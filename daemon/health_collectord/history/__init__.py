"""What has been: kept in memory, as a projection of the events like any other."""
