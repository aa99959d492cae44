"""What several experiments share: data, networks and measurements."""
