"""Programs as graphs: recorded, simplified, compiled, captured; knows nothing of models."""
