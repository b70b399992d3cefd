"""Serve the sample: ``python -m usage.sample --port 8900 [--host HOST] [--db PATH] [--age AGE]``.

The key is ``am_sk_sample``; ``am_sk_sample_analytics`` reads events only, and to ``am_sk_sample_old`` the
server is one without names of customers and features. Without ``--db`` the
story is created in memory at each start; ``--events`` serves the events of a file instead.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from usage.sample import AGES, SampleApp, open_sample


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with one worker of 16 threads: it keeps connections alive, and logs errors only."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"{self.options.host}:{self.options.port}",
            "worker_class": "gthread",
            "threads": 16,
            "keepalive": 30,
            "timeout": 120,
            "loglevel": "error",
            "control_socket_disable": True,
        }
        # Older gunicorns have no control socket, and no such setting.
        for name in settings.keys() & self.cfg.settings.keys():
            self.cfg.set(name, settings[name])

    def load(self) -> SampleApp:
        """Called in the worker, so that no connection to the database crosses a fork."""
        options = self.options
        return open_sample(options.db, age=options.age, events=options.events, seed=options.seed)


def main() -> None:
    parser = ArgumentParser(prog="python -m usage.sample", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--db", default=":memory:", metavar="PATH")
    parser.add_argument("--age", choices=[*AGES], default="current", help="of the server that answers")
    parser.add_argument(
        "--events", type=Path, metavar="FILE", help="JSON Lines of events instead of the story"
    )
    parser.add_argument("--seed", type=int, default=0, help="makes another story of the same customers")
    Server(parser.parse_args()).run()


if __name__ == "__main__":
    main()
