"""One run of one target, in each mode."""
import json
import os
import subprocess
import sys
import threading
import time

from .child import Child, Failure
from .load import SippLoad, StormLoad
from .machine import TICK, cpu_list, cpu_ns, machine_ns, memory_kib, udp_bound, udp_drops, wait_quiet
from .targets import HERE


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = os.path.abspath(args.workdir)
        os.makedirs(self.dir, exist_ok=True)
        self.uas = args.uas.split(",")
        self.proxy_cpus = cpu_list(args.proxy_cpus)
        self.load_cpus = cpu_list(args.load_cpus)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def tool(self, name):
        """Path of a C tool of ours, compiled when its source is newer."""
        src, out = os.path.join(HERE, "src", name + ".c"), self.path(name)
        if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(src):
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra",
                            "-o", out, src], check=True)
        return out

    def check_free(self, target):
        """Another program on our addresses would answer in the proxy's place."""
        for addr in target.uas + [self.args.uac]:
            if udp_bound(addr):
                raise Failure(f"{addr} is already in use")

    def load(self):
        return SippLoad(self) if self.args.gen == "sipp" else StormLoad(self)

    def one(self, target, rate, calls, settle=None, running=False):
        """Run calls through target; a flat dict of figures.

        Unless the target is running already, it is started, warmed up at the
        same rate until its memory has seen as many transactions as it will
        hold, measured and stopped.
        """
        a = self.args
        settle = target.settle_s() if settle is None else settle
        load = self.load()
        quiet = wait_quiet(a.wait_quiet) if a.wait_quiet else None
        self.check_free(target)
        idle, prepared, feeder, fed = 0.0, None, None, None
        try:
            if not running:
                target.start()
            load.start()
            if not running:
                prepared = load.prepare(target, rate, calls, a.hold_ms)
                if target.warm_s() and not prepared:
                    load.call(target, rate, max(int(rate * target.warm_s()), 100), a.hold_ms)
                    time.sleep(settle)
                if target.reports:
                    feeder = self.feeder(target)
                pids = target.pids()
                idle0, t0 = cpu_ns(pids)[0], time.monotonic()
                time.sleep(1.5)
                idle = (cpu_ns(pids)[0] - idle0) / 1e9 / (time.monotonic() - t0)
            pids = target.pids()
            drops0 = udp_drops(target.listen)
            m0, load0 = machine_ns(), cpu_ns(load.pids())[0]
            c0, u0, s0 = cpu_ns(pids)
            got = load.call(target, rate, calls, a.hold_ms, prepared)
            at_end = memory_kib(target.pids())
            load_cpu = cpu_ns(load.pids())[0] - load0 + got["uac_cpu_s"] * 1e9
            m1 = machine_ns()
            c_mid = cpu_ns(pids)[0]
            time.sleep(settle)
            c1, u1, s1 = cpu_ns(pids)
            wall = got["wall_s"]
            new = [p for p in target.pids() if p not in pids]
            mem = memory_kib(target.pids())
            drops = udp_drops(target.listen) - drops0
        finally:
            if feeder:
                feeder.p.terminate()
                fed = feeder.p.communicate()[0]
                feeder.stop()
            if prepared:
                prepared.stop()
            load.stop()
            if not running:
                target.stop()
        cpu = (c1 - c0) / 1e9
        busy = (m1["cpu"][0] - m0["cpu"][0]) / 1e9
        mine = (c_mid - c0 + load_cpu) / 1e9
        r = {"target": target.name, "gen": a.gen, "rate": rate, "calls": calls,
             "hold_ms": a.hold_ms, "cpu_s": round(cpu, 3),
             "user_s": round((u1 - u0) / TICK, 2), "sys_s": round((s1 - s0) / TICK, 2),
             "cpu_s_per_10k": round(cpu / calls * 1e4, 4),
             "cpu_us_per_call": round(cpu / calls * 1e6, 1),
             "idle_cpu_ms_per_s": round(idle * 1e3, 2),
             "proxy_cpu_share": round((c_mid - c0) / 1e9 / wall, 3),
             "load_cpu_share": round(load_cpu / 1e9 / wall, 3),
             "other_cpu_s": round(busy - mine, 2), "busy_before": quiet,
             "steal_s": round((m1["cpu"][1] - m0["cpu"][1]) / 1e9, 2),
             "proxy_drops": drops, "new_pids": len(new), "processes": len(pids)}
        r.update(mem)
        r["pss_end_kib"] = at_end["pss_kib"]
        if fed:
            r["fed"] = json.loads(fed)
        got.pop("calls", None)
        r.update(got)
        r["retrans"] = r["retrans_uac"] + r["retrans_uas"]
        r["clean"] = self.passes(r)
        return r

    def held(self, target, calls, rate):
        """Hold calls at once; memory before, while held, and after."""
        a = self.args
        linger = target.linger_s if a.settle is None else a.settle
        load = StormLoad(self)
        argv = load.argv(target, rate, calls, 1000) + ["-H"]
        self.check_free(target)
        try:
            target.start()
            load.call(target, 200, 300, 100)
            time.sleep(min(linger, 6))
            before = memory_kib(target.pids())
            child = load.begin(argv)
            try:
                first = child.p.stdout.readline().split()
                if not first or first[0] != "held":
                    raise Failure("calls did not come up")
                fresh = memory_kib(target.pids())
                time.sleep(linger)    # let transactions of the INVITEs go
                during = memory_kib(target.pids())
                if a.leave:
                    child.stop()
                    return self.held_row(target, calls, rate, int(first[1]), before, fresh, during)
                child.p.stdin.write("\n")
                child.p.stdin.flush()
                got = load.digest(child.p.stdout.readline())
            finally:
                child.stop()
            time.sleep(linger if calls <= 20000 else min(linger, 6))
            after = memory_kib(target.pids())
        finally:
            target.stop()
        row = self.held_row(target, calls, rate, int(first[1]), before, fresh, during)
        row.update({"after": after, "failed": got["failed"],
                    "retrans": got["retrans_uac"] + got["retrans_uas"]})
        return row

    @staticmethod
    def held_row(target, calls, rate, up, before, fresh, during):
        return {"target": target.name, "mode": "mem", "calls": calls, "rate": rate, "held": up,
                "before": before, "at_peak": fresh, "settled": during,
                "pss_per_call_b": round((during["pss_kib"] - before["pss_kib"]) * 1024 / max(up, 1)),
                "pss_per_call_peak_b": round((fresh["pss_kib"] - before["pss_kib"]) * 1024 / max(up, 1))}

    def feeder(self, target):
        """Feedback reports and scrapes from the load side's processors."""
        argv = [sys.executable, os.path.join(HERE, "feeder.py"), "--http", target.http, "--token", "bench",
                "--rate", str(target.reports), "--peers", ",".join(f"u{i}" for i in range(len(target.peers)))]
        return Child(argv, self.load_cpus, stdout=subprocess.PIPE, text=True)

    def idle(self, target, seconds):
        """CPU with no calls, after a few were there and are gone."""
        self.check_free(target)
        try:
            target.start()
            StormLoad(self).call(target, 500, 1000, 100)
            time.sleep(target.linger_s)
            pids = target.pids()
            c0, t0 = cpu_ns(pids)[0], time.monotonic()
            time.sleep(seconds)
            used, wall = (cpu_ns(pids)[0] - c0) / 1e9, time.monotonic() - t0
            mem = memory_kib(pids)
        finally:
            target.stop()
        return {"target": target.name, "mode": "idle", "seconds": round(wall, 1),
                "cpu_ms": round(used * 1e3, 2), "core_percent": round(used / wall * 100, 4),
                "pss_kib": mem["pss_kib"]}

    def overload(self, target, normal, offered, seconds):
        """A normal rate, far too much of it for a while, and the normal rate again."""
        before, after = 10, 20
        self.check_free(target)
        try:
            target.start()
            load = StormLoad(self)
            load.call(target, normal, normal * 5, self.args.hold_ms)
            drops0, pids = udp_drops(target.listen), target.pids()
            c0 = cpu_ns(pids)[0]
            got = load.phases(target, f"{normal}:{before},{offered}:{seconds},{normal}:{after}",
                              self.args.hold_ms)
            used = cpu_ns(pids)[0] - c0
            mem = memory_kib(pids)
            drops = udp_drops(target.listen) - drops0
        finally:
            target.stop()
        each = got["seconds"]
        # the first five seconds of it are the way into it
        loaded = each[before + min(5, int(seconds) // 3):before + int(seconds)]
        usual = sorted(s["p99"] for s in each[2:before])[(before - 2) // 2]
        enough = max(2 * usual, usual + 1000)
        end, back = before + int(seconds), None
        for k in range(end, min(end + after, len(each)) - 1):
            if each[k]["p99"] <= enough and each[k + 1]["p99"] <= enough and each[k]["rejected"] == 0:
                back = k - end
                break
        return {"target": target.name, "mode": "overload", "normal_cps": normal, "offered_cps": offered,
                "seconds_over": seconds, "before_s": before,
                "launched_cps": round(sum(s["launched"] for s in loaded) / len(loaded)),
                "goodput_cps": round(sum(s["ok"] for s in loaded) / len(loaded)),
                "goodput_worst_cps": min(s["ok"] for s in loaded),
                "rejected_cps": round(sum(s["rejected"] for s in loaded) / len(loaded)),
                "timeouts": got["timeouts"], "retrans": got["retrans_uac"] + got["retrans_uas"],
                "last_reject": got["last_reject"], "usual_p99_us": usual, "enough_p99_us": enough,
                "back_to_normal_s": back, "proxy_cpu_s": round(used / 1e9, 2),
                "proxy_drops": drops, "pss_kib": mem["pss_kib"], "each_second": each}

    def soak(self, target, rate, seconds):
        """One rate for long; the memory every tenth of a minute."""
        self.check_free(target)
        trace, done = [], threading.Event()

        def sample():
            begin = time.monotonic()
            while not done.wait(6):
                trace.append([round(time.monotonic() - begin), memory_kib(target.pids())["pss_kib"]])
        try:
            target.start()
            watcher = threading.Thread(target=sample)
            watcher.start()
            c0 = cpu_ns(target.pids())[0]
            got = StormLoad(self).call(target, rate, int(rate * seconds), self.args.hold_ms)
            used = cpu_ns(target.pids())[0] - c0
        finally:
            done.set()
            target.stop()
        watcher.join()
        return {"target": target.name, "mode": "soak", "rate": rate, "calls": got["calls"],
                "failed": got["failed"], "retrans": got["retrans_uac"] + got["retrans_uas"],
                "cpu_s_per_10k": round(used / 1e9 / got["calls"] * 1e4, 4),
                "ring_us": got["ring_us"], "pss_kib_at_s": trace}

    def passes(self, r):
        return (r["failed"] < r["calls"] * 0.001 and r["retrans"] < r["calls"] * 0.01
                and r["rate_launched"] >= 0.98 * r["rate"])

    @staticmethod
    def next_rate(good, bad, stride):
        if bad is None:
            return int(good["rate"] * stride)
        if good is None:
            return int(bad["rate"] / stride)
        return int((good["rate"] * bad["rate"]) ** 0.5)

    def maximum(self, target, start, seconds, emit, stride=1.6):
        """Highest rate that passes; a rate fails if it fails twice, not
        counting tries during which the generator itself stalled."""
        good, bad, rate = None, None, start
        try:
            target.start()
            warm = min(target.warm_s(), 7)
            self.load().call(target, start, int(start * warm), self.args.hold_ms)
            step = 1 + self.args.resolution
            while bad is None or bad["rate"] > (good["rate"] if good else 0) * step + 1:
                fails = 0
                for _ in range(4):
                    r = self.one(target, rate, max(int(rate * seconds), 5000),
                                 settle=0.5, running=True)
                    r["mode"] = "probe"
                    emit(r)
                    if r["clean"]:
                        break
                    time.sleep(6)       # let what is left of it go
                    fails += r.get("worst_lag_ms", 0) < 100
                    if fails == 2:
                        break
                if r["clean"]:
                    good = r
                else:
                    bad = r
                rate = self.next_rate(good, bad, stride)
                if rate < 50:
                    break
        finally:
            target.stop()
        r = {"target": target.name, "mode": "max", "gen": self.args.gen,
             "max_cps": good["rate"] if good else 0,
             "fails_at": bad["rate"] if bad else None, "limit": "?"}
        if good:
            for k in ("cpu_us_per_call", "proxy_cpu_share", "load_cpu_share", "ring_us"):
                r[k] = good.get(k)
            # of the launching time alone, without the tail of the run
            r["core_needed"] = round(good["rate"] * good["cpu_us_per_call"] / 1e6, 2)
            r["load_core_needed"] = round(good["uac_cpu_s"] * good["rate"] / good["calls"], 2)
            r["limit"] = ("proxy core" if r["core_needed"] > 0.9 else
                          "load generator" if r["load_core_needed"] > 0.9 else "queueing")
        return r
