"""Graphs of tensor operations: recorded, simplified, and run as functions of Python."""
