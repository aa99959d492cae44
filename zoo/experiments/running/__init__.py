"""A run of an experiment: fits within a budget, scores, findings, the result file."""
