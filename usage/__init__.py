"""The numbers of a company that bills through Autumn, and where they come from.

Knows nothing of Django or of the web. `usage.service.Usage` is what a page, an export or a command calls;
everything below it is a layer that imports only downward (see ARCHITECTURE.md).
"""
