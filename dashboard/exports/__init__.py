"""Exports on their way to whoever takes them: whose turn it is, the stream, and the pages around it."""
