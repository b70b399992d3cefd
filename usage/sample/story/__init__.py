"""The story: 250,000 events of fifty customers, and what the catalog says of them."""
