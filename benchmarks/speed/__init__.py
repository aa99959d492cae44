"""What the zoo costs beside its peers, on the same work and the same machine."""
