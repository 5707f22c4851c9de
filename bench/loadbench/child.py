"""Processes that the bench starts, and ends."""
import os
import signal
import subprocess

from .machine import tree


class Child:
    """A process of ours in its own session; stop() ends it and its tree."""

    nice = 0

    def __init__(self, argv, cpus=None, log=None, **kw):
        def before():
            if cpus:
                os.sched_setaffinity(0, cpus)
            if Child.nice:
                os.setpriority(os.PRIO_PROCESS, 0, Child.nice)
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", self.log)
        kw.setdefault("stderr", self.log)
        self.p = subprocess.Popen(argv, preexec_fn=before,
                                  start_new_session=True, **kw)
        self.pid = self.p.pid

    def stop(self, sig=signal.SIGTERM, patience=5):
        pids = tree(self.pid)
        if self.p.poll() is None:
            self.p.send_signal(sig)
            try:
                self.p.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        for p in pids:
            try:
                if os.getsid(p) == self.pid:
                    os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        self.p.wait()
        if self.log is not subprocess.DEVNULL:
            self.log.close()


class Failure(Exception):
    pass
