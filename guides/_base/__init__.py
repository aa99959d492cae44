"""What guide families share: the guide, its sites and its parameters."""
