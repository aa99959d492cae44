"""What programs run on: scopes, effects, modes, memory formats, threads, progress bars."""
