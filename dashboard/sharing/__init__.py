"""Share links: one customer, exactly as meant, for somebody without an account."""
