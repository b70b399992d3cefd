"""The three calls for names: ``customers.get``, ``customers.list`` and ``features.list``, and what they read."""
