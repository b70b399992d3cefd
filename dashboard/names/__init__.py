"""What customers and features are called: names that were read, and the search for a customer."""
