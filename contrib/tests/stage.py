"""What the agents' tests stand on: a PBX's line protocol by script, and a sink that takes reports as Tandem does."""

import http.server
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time

CONTRIB = pathlib.Path(__file__).resolve().parent.parent
ASTERISK = CONTRIB / "asterisk" / "tandem-feedback-asterisk"
FREESWITCH = CONTRIB / "freeswitch" / "tandem-feedback-freeswitch"
SOON = 15.0


def module(path):
    """An agent's file as a module."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(path.name.replace("-", "_"), str(path))
    made = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(made)
    return made


class Server:
    """A TCP server on a free port; `serve(connection)` handles one connection at a time, until it returns."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.connections = 0
        self.live = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.live = connection
            try:
                with connection, connection.makefile("rb") as lines:
                    self.serve(connection, lines)
            except OSError:
                pass

    def serve(self, connection, lines):
        raise NotImplementedError

    def hang_up(self):
        """Ends the connection as a process that dies does."""
        if self.live:
            try:
                self.live.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.hang_up()


class Sink:
    """Takes reports like POST /v1/peers/{peer}/feedback; `answers` are given first, then 200s."""

    def __init__(self):
        self.reports, self.answers = queue.Queue(), []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, words = sink.answers.pop(0) if sink.answers else (200, "{}")
                self.send_response(status)
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words.encode())
                sink.reports.put({"path": self.path, "headers": dict(self.headers), "status": status, **body})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def next(self, wanted=lambda report: True):
        """The next report that is as wanted."""
        end = time.monotonic() + SOON
        seen = []
        while time.monotonic() < end:
            try:
                report = self.reports.get(timeout=0.2)
            except queue.Empty:
                continue
            if wanted(report):
                return report
            seen.append(report)
        raise AssertionError(f"no such report among {seen}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Agent:
    """An agent as a process, with all its words."""

    def __init__(self, path, arguments, secrets):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TANDEM_", "AMI_", "ESL_"))}
        self.process = subprocess.Popen([sys.executable, str(path), "--interval", "0.2", *arguments], text=True,
                                        env={**environment, **secrets}, stderr=subprocess.PIPE)
        self.words = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            self.words.append(line)

    def says(self, words):
        end = time.monotonic() + SOON
        while time.monotonic() < end:
            if any(words in line for line in self.words):
                return
            time.sleep(0.01)
        raise AssertionError(f"{words!r} is not in {self.words}")

    def stop(self):
        """Asks it to end; gives its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=SOON)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def until(fact, what):
    """Waits until `fact()` gives something."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {SOON:.0f} s: {what}")
