#!/usr/bin/env python3
"""`usage-dashboard` in a checkout."""

from dashboard.management.command_line import main

if __name__ == "__main__":
    main()
