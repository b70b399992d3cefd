"""The story: 250,000 events of fifty customers, and their catalog."""
