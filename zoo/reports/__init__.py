"""Tables and explanations."""
