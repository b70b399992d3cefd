"""Django's command line, which says in a sentence which setting it cannot use."""

from __future__ import annotations

import os
import sqlite3
import sys
from importlib.metadata import version
from typing import NoReturn

from django.core.management import execute_from_command_line
from django.db import Error

from dashboard import messages
from dashboard.web.data_dir import is_full_or_read_only
from dashboard.web.database import database_failure, lacks_tables
from dashboard.web.env import Unusable


def main() -> None:
    """`usage-dashboard`, and manage.py."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if sys.argv[1:] in (["--version"], ["version"]):  # Django would say its own
        print(version("autumn-usage-dashboard"))
        return
    try:
        execute_from_command_line(sys.argv)
    except Unusable as error:
        _refuse(str(error))
    except (Error, sqlite3.Error) as error:  # the second kind is the sample data's
        cause = str(database_failure(error) or error).splitlines()
        sentence = messages.TABLES_MISSING if lacks_tables(error) else messages.DATABASE_NOT_USABLE
        _refuse(sentence.format(error=cause[0].rstrip(".") if cause else type(error)))
    except OSError as error:
        if not is_full_or_read_only(error):
            raise
        _refuse(messages.FILE_NOT_WRITTEN.format(path=error.filename or "", error=error.strerror))


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)
