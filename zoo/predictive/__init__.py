"""What a model and a posterior say about new inputs: networks evaluated over draws, and their predictions."""
