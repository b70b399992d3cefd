"""A sample of Autumn's API, version 2.1, over SQLite: events, and names and balances. The other side of the wire.

``SampleApp`` is a WSGI app for ``httpx.WSGITransport`` or, by ``python -m usage.sample``, for a port.
``open_sample`` makes it with its events. ``Store`` keeps them, and can fill itself with a story of 250,000 of them.
"""

from usage.sample.ages import AGES
from usage.sample.app import SAMPLE_KEY, SampleApp, open_sample
from usage.sample.store import Store

__all__ = ["AGES", "SAMPLE_KEY", "SampleApp", "Store", "open_sample"]
