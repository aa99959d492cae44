"""What warm-up learns: step sizes, mass matrices, trajectory lengths."""
