"""The problems: one file for each, with the model, the data and the samplers."""
