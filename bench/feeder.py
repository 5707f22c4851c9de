#!/usr/bin/env python3
"""Pushes feedback reports at a steady rate and scrapes the metrics each second.

One kept-alive connection a peer, sixteen at most, as PBXes' agents have them. Runs until SIGTERM, then prints
what it did as one JSON object.
"""
import argparse
import json
import signal
import socket
import sys
import time


class Connection:
    def __init__(self, http, source):
        host, port = http.rsplit(":", 1)
        # A PBX has an address of its own; Tandem bounds the requests of each.
        self.socket = socket.create_connection((host, int(port)), timeout=5, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, head, body=b""):
        """Sends one request; the status, and how long the body of the answer was."""
        self.socket.sendall(head + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = [int(l.split(":")[1]) for l in lines if l.startswith("content-length:")]
        if length:
            got = len(rest)
            while got < length[0]:
                got += len(self.more())
        else:   # chunked: its end is an empty chunk
            got = len(rest)
            while not rest.endswith(b"0\r\n\r\n"):
                more = self.more()
                rest, got = rest[-8:] + more, got + len(more)
        return int(lines[0].split()[1]), got

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit("feeder: the connection was closed")
        return data


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--http", required=True)
    p.add_argument("--token", required=True)
    p.add_argument("--rate", type=int, required=True)
    p.add_argument("--peers", required=True)
    a = p.parse_args()
    peers = a.peers.split(",")
    links = [Connection(a.http, f"127.77.1.{i + 1}") for i in range(min(len(peers), 16))]
    scraper = Connection(a.http, "127.77.2.1")
    done = {"reports": 0, "refused": 0, "scrapes": 0, "scrape_bytes": 0}
    begin = time.monotonic()

    def finish(*_):
        done["seconds"] = round(time.monotonic() - begin, 2)
        print(json.dumps(done), flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, finish)

    sent = scraped = 0
    while True:
        elapsed = time.monotonic() - begin
        while sent < elapsed * a.rate:
            k = sent % len(peers)
            body = json.dumps({"seq": sent + 1, "state": "accepting", "cpu_idle": 0.9, "ttl_seconds": 10,
                               "resources": {"calls": {"used": 100}}}).encode()
            head = (f"POST /v1/peers/{peers[k]}/feedback HTTP/1.1\r\nHost: bench\r\n"
                    f"Authorization: Bearer {a.token}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            status, _ = links[k % len(links)].ask(head, body)
            done["reports" if status == 200 else "refused"] += 1
            if status != 200:
                done["last_refusal"] = status
            sent += 1
        if scraped < elapsed:
            status, size = scraper.ask(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n")
            done["scrapes"] += status == 200
            done["scrape_bytes"] = size
            scraped += 1
        time.sleep(0.001)


if __name__ == "__main__":
    main()
