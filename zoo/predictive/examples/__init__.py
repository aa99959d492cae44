"""Where the examples of a batch are in the inputs of layers, found out by trial runs."""
