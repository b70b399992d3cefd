#!/usr/bin/env python3
"""Django's command line, which says in a sentence which setting it cannot use."""

import os
import sqlite3
import sys

from django.core.management import execute_from_command_line
from django.db import Error

from dashboard import messages
from dashboard.web.data_dir import is_full_or_read_only
from dashboard.web.database import database_failure
from dashboard.web.env import Unusable


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        execute_from_command_line(sys.argv)
    except Unusable as error:
        refuse(str(error))
    except (Error, sqlite3.Error) as error:  # the second kind is the sample data's
        cause = str(database_failure(error) or error).splitlines()
        refuse(messages.DATABASE_NOT_USABLE.format(error=cause[0].rstrip(".") if cause else type(error)))
    except OSError as error:
        if not is_full_or_read_only(error):
            raise
        refuse(messages.FILE_NOT_WRITTEN.format(path=error.filename or "", error=error.strerror))


def refuse(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
