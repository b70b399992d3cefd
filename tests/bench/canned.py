"""A server with two constant responses: `python -m tests.bench.canned`. It prints its port.

It runs in its own process, so that its time and memory are not measured.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DAY = 86_400_000
START = 1_757_548_800_000
FEATURES = [f"feature_{number}" for number in range(5)]
GROUPS = [f"model-{number}" for number in range(10)]


def events(count: int = 1000) -> bytes:
    """A page of events as Autumn sends it, some 350 KB."""
    rows = [
        {
            "id": f"evt_36xpk2TmuQX5zVPPQ8tCtn{number:05}",
            "timestamp": START + number * 1371,
            "feature_id": FEATURES[number % 5],
            "customer_id": "acme-robotics",
            "value": number % 37 + 0.5,
            "properties": {
                "model": GROUPS[number % 10],
                "endpoint": "/v1/chat/completions",
                "user": f"user{number % 50}@acme-robotics.example",
                "request_id": f"req_{number:012x}",
                "meta": {"tier": "gold", "client": {"version": "4.2.0"}},
            },
            "deductions": None,
        }
        for number in range(count)
    ]
    return json.dumps({"list": rows, "has_more": True, "offset": 0, "limit": count, "total": count}).encode()


def aggregate() -> bytes:
    """90 days × 5 features × 10 groups."""
    bins = []
    for day in range(90):
        grouped = {feature: {group: (day * 7 + len(group)) % 91 for group in GROUPS} for feature in FEATURES}
        sums = {feature: sum(cells.values()) for feature, cells in grouped.items()}
        bins.append({"period": START + day * DAY, "values": sums, "grouped_values": grouped})
    total = {feature: {"count": 900, "sum": 40_000.5} for feature in FEATURES}
    return json.dumps({"list": bins, "total": total}).encode()


ANSWERS = {"/v1/events.list": events(), "/v1/events.aggregate": aggregate()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = ANSWERS[self.path]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
