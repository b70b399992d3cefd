"""Why usage changed: the service's explanation made ready for its page, and the requests that follow it."""
