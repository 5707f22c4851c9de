"""The load generators: SIPp, and sipstorm."""
import json
import os
import subprocess
import time

from .child import Child, Failure
from .machine import cpu_ns, udp_bound
from .targets import HERE, SOCKBUF


def last_row(path):
    """Last complete row of a SIPp statistics file, by column name."""
    with open(path) as f:
        lines = f.read().split("\n")
    head = lines[0].split(";")
    for line in reversed(lines[1:]):
        row = line.split(";")
        if len(row) >= len(head) - 1 and row[0]:
            return dict(zip(head, row))
    return {}


class SippLoad:
    def __init__(self, bench):
        self.bench, self.servers = bench, []

    def common(self, scenario, addr, tag):
        ip, port = addr.split(":")
        stat = self.bench.path(f"{tag}.csv")
        if os.path.exists(stat):
            os.unlink(stat)
        return [self.bench.args.sipp, "-sf", os.path.join(HERE, "sipp", scenario),
                "-i", ip, "-p", port, "-bind_local", "-nostdin",
                "-buff_size", str(SOCKBUF), "-timer_resol", "1",
                "-max_recv_loops", "1000", "-max_sched_loops", "1000",
                "-deadcall_wait", "0", "-trace_stat", "-fd", "1", "-stf", stat,
                "-watchdog_minor_maxtriggers", "100000",
                "-watchdog_major_maxtriggers", "100000"], stat

    def start(self):
        for i, addr in enumerate(self.bench.uas):
            argv, stat = self.common("uas.xml", addr, f"uas{i}")
            self.servers.append((Child(argv, self.bench.load_cpus, cwd=self.bench.dir), stat))
        for addr in self.bench.uas:
            limit = time.time() + 10
            while not udp_bound(addr):
                if time.time() > limit:
                    raise Failure(f"SIPp UAS at {addr} did not start")
                time.sleep(0.05)

    def stop(self):
        for child, _ in self.servers:
            child.stop(patience=0.5)
        self.servers = []

    def server_counts(self):
        time.sleep(1.3)         # SIPp writes its statistics each second
        rows = [last_row(stat) for _, stat in self.servers]
        return ([int(r.get("IncomingCall(C)", 0)) for r in rows],
                sum(int(r.get("Retransmissions(C)", 0)) for r in rows))

    def pids(self):
        return [c.pid for c, _ in self.servers]

    def prepare(self, target, rate, calls, hold_ms):
        if target.background:
            raise Failure("calls in the background need --gen storm")

    def call(self, target, rate, calls, hold_ms, child=None):
        argv, stat = self.common("uac.xml", self.bench.args.uac, "uac")
        argv += ["-r", str(rate), "-m", str(calls), "-d", str(hold_ms),
                 "-l", "10000000", target.listen]
        per_before, re_before = self.server_counts()
        t0 = time.monotonic()
        child = Child(argv, self.bench.load_cpus, cwd=self.bench.dir)
        limit = t0 + calls / rate * 2 + hold_ms / 1000 + 60
        cpu = 0
        try:
            while child.p.poll() is None and time.monotonic() < limit:
                cpu = cpu_ns([child.pid])[0] or cpu
                time.sleep(0.05)
            wall = time.monotonic() - t0
        finally:
            child.stop()
        row = last_row(stat)
        per, re_after = self.server_counts()
        elapsed = max(wall - hold_ms / 1000, 1e-9)
        return {"ok": int(row.get("SuccessfulCall(C)", 0)),
                "failed": calls - int(row.get("SuccessfulCall(C)", 0)),
                "unexpected": int(row.get("FailedUnexpectedMessage(C)", 0)),
                "retrans_uac": int(row.get("Retransmissions(C)", 0)),
                "retrans_uas": re_after - re_before,
                "per_uas": [b - a for a, b in zip(per_before, per)],
                "rate_launched": round(calls / elapsed, 1),
                "uac_cpu_s": round(cpu / 1e9, 3), "wall_s": round(wall, 2)}


class StormLoad:
    def __init__(self, bench):
        self.bench = bench

    def start(self):
        pass

    def stop(self):
        pass

    def pids(self):
        return []

    def argv(self, target, rate, calls, hold_ms):
        return [self.bench.tool("sipstorm"), "-t", target.listen,
                "-c", self.bench.args.uac, "-s", ",".join(target.uas),
                "-r", str(rate), "-n", str(calls), "-h", str(hold_ms),
                "-x", "4000" if self.bench.args.mode == "max" else "10000"]

    @staticmethod
    def digest(text):
        if not text.startswith("{"):
            raise Failure("sipstorm ended without figures")
        d = json.loads(text)
        d["retrans_uac"] = d.pop("re_invite") + d.pop("re_bye")
        d["retrans_uas"] = d.pop("re_200")
        d["uac_cpu_s"] = d.pop("cpu_s")
        return d

    def begin(self, argv):
        return Child(argv, self.bench.load_cpus, stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, text=True)

    def prepare(self, target, rate, calls, hold_ms):
        """Brings up the target's background calls; sipstorm then waits to be told to go on."""
        if not target.background:
            return None
        child = self.begin(self.argv(target, rate, calls, hold_ms) + ["-b", str(target.background)])
        word = child.p.stdout.readline().split()
        if not word or word[0] != "ready" or int(word[1]) < target.background * 0.999:
            child.stop()
            raise Failure(f"background calls did not come up: {word}")
        time.sleep(target.linger_s)
        return child

    def call(self, target, rate, calls, hold_ms, child=None):
        go = "\n" if child else None
        child = child or self.begin(self.argv(target, rate, calls, hold_ms))
        try:
            out, _ = child.p.communicate(go, timeout=calls / rate * 2 + hold_ms / 1000 + 60)
        except subprocess.TimeoutExpired:
            raise Failure("sipstorm ran past its time")
        finally:
            child.stop()
        return self.digest(out)

    def phases(self, target, text, hold_ms):
        """Offered rates one after the other; the figures hold those of each second."""
        argv = [self.bench.tool("sipstorm"), "-t", target.listen, "-c", self.bench.args.uac,
                "-s", ",".join(target.uas), "-p", text, "-h", str(hold_ms), "-x", "10000"]
        child = self.begin(argv)
        try:
            out, _ = child.p.communicate(timeout=sum(
                float(p.split(":")[1]) for p in text.split(",")) * 2 + 60)
        except subprocess.TimeoutExpired:
            raise Failure("sipstorm ran past its time")
        finally:
            child.stop()
        return self.digest(out)
