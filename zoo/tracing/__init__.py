"""Programs as graphs of tensor operations: recorded once, simplified, compiled, run many times."""
