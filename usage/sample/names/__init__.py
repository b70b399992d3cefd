"""The three calls for names, and what they read: ``customers.get``, ``customers.list``, ``features.list``."""
