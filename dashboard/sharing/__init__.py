"""Share links: one customer's usage, within limits, for people without an account."""
