"""Fitted posteriors to take home: their files, their cards, and how to share one's own."""
