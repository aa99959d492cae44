"""What programs run on: threads, memory formats, modes, scopes, progress bars."""
