"""Graphs as programs of torch's compiler, kept for the next process, or captured on a GPU."""
