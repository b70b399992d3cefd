"""A sample of Autumn's API, version 2.1, over SQLite: events, names and balances.

``SampleApp`` is a WSGI app for ``httpx.WSGITransport`` or, by ``python -m usage.sample``, for a port.
``open_sample`` creates it with its events. ``Store`` stores them, and can generate a
story of 250,000 of them.
"""

from usage.sample.ages import AGES
from usage.sample.app import SAMPLE_KEY, SampleApp, open_sample
from usage.sample.store import Store

__all__ = ["AGES", "SAMPLE_KEY", "SampleApp", "Store", "open_sample"]
