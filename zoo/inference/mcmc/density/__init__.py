"""What a sampler draws from: a Pyro program's log joint density in unconstrained space."""
