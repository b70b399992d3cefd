#!/usr/bin/env python3
"""Django's command line, which says in a sentence which setting it cannot use."""

import os
import sys

from django.core.management import execute_from_command_line

from dashboard.web.env import Unusable


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        execute_from_command_line(sys.argv)
    except Unusable as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
