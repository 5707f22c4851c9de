#!/usr/bin/env python3
"""Side-by-side bench of SIP call-load balancers on one machine, on loopback.

See README.md.  Each run prints one JSON line; a Markdown table ends the output.
Standard library only.
"""
import argparse
import json
import os
import signal
import sys

from loadbench.child import Child, Failure
from loadbench.runs import Bench
from loadbench.summary import summary
from loadbench.targets import HERE, make_target


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--target", action="append", default=[], help="kamailio, kamailio-dialog, "
                   "opensips, tandem (-wN, -peersN, -liveN, -fedN), relay, relay-bN, direct, ext:NAME,IP:PORT,PID or cmd:NAME=COMMAND "
                   "({listen} and {uas} are filled in); repeat for an interleaved run")
    p.add_argument("--mode", choices=["rate", "max", "mem", "idle", "overload", "soak"], default="rate")
    p.add_argument("--rate", type=int, action="append", help="calls a second; repeat (default 500)")
    p.add_argument("--calls", type=int, default=20000, help="calls a run (mem: calls held)")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--gen", choices=["sipp", "storm"], default="sipp")
    p.add_argument("--hold-ms", type=int, default=1000)
    p.add_argument("--warm-seconds", type=float, help="calls at the same rate before "
                   "those that count (default: as long as the target's ended transactions live)")
    p.add_argument("--settle", type=float, help="seconds after the calls that still "
                   "count, for delayed clean-up in the proxy (default: by target)")
    p.add_argument("--resolution", type=float, default=0.04, help="mode max: how closely the "
                   "passing and the failing rate must meet")
    p.add_argument("--probe-seconds", type=float, default=6.0, help="mode max: length of a probe")
    p.add_argument("--start", action="append", default=[], metavar="TARGET=CPS", help="mode max: "
                   "where the search for this target begins, in place of --rate")
    p.add_argument("--seconds", type=int, default=60, help="length of idle, overload and soak")
    p.add_argument("--offered", type=int, help="mode overload: calls a second; --rate is the normal one")
    p.add_argument("--leave", action="store_true", help="mode mem: the calls are not ended")
    p.add_argument("--listen", default="127.77.0.1:15060", help="where the proxy listens")
    p.add_argument("--uac", default="127.77.0.2:15070")
    p.add_argument("--uas", default=",".join(f"127.77.0.1{i}:15080" for i in range(1, 5)))
    p.add_argument("--http", default="127.77.0.1:15081", help="where tandem serves its API and metrics")
    p.add_argument("--proxy-cpus", default="0", help="CPU list, or none")
    p.add_argument("--load-cpus", default="1", help="CPU list, or none")
    p.add_argument("--nice", type=int, default=-10 if os.geteuid() == 0 else 0,
                   help="priority of proxy and load (default -10 as root, else 0)")
    p.add_argument("--wait-quiet", type=float, default=0, metavar="SECONDS",
                   help="before each run, wait up to this long for the machine to be idle")
    p.add_argument("--workdir", default=os.environ.get("BENCH_WORKDIR", os.path.join(HERE, "work")))
    p.add_argument("--out", help="append the JSON lines to this file too")
    p.add_argument("--sipp", default=os.environ.get("SIPP", "sipp"))
    p.add_argument("--kamailio", default=os.environ.get("KAMAILIO", "kamailio"))
    p.add_argument("--kamailio-modules", default=os.environ.get("KAMAILIO_MODULES", ""))
    p.add_argument("--tandem", default=os.environ.get("TANDEM", os.path.join(
        os.path.dirname(HERE), "target", "release", "tandem")))
    p.add_argument("--kamailio-workers", type=int, default=2)
    p.add_argument("--kamailio-malloc", default="tlsf",
                   help="fm, tlsf or qm (the packaged default, a debugging one, twice the CPU)")
    p.add_argument("--opensips", default=os.environ.get("OPENSIPS", "opensips"))
    p.add_argument("--opensips-modules", default=os.environ.get("OPENSIPS_MODULES", ""))
    p.add_argument("--opensips-workers", type=int, default=2)
    p.add_argument("--opensips-malloc", default="")
    p.add_argument("--shm-mib", type=int, default=2048, help="shared memory of the peers")
    p.add_argument("--summarize", nargs="+", metavar="FILE", help="only print the table of JSON-line files")
    args = p.parse_args()

    if args.summarize:
        rows = []
        for name in args.summarize:
            with open(name) as f:
                rows += [json.loads(line) for line in f if line.startswith("{")]
        print(summary(rows))
        return 0
    if not args.target:
        p.error("give at least one --target")

    # ended from outside: leave through the finally clauses, which stop our children
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(args)
    Child.nice = args.nice
    if bench.load_cpus:
        os.sched_setaffinity(0, bench.load_cpus)
    targets = [make_target(bench, t) for t in args.target]
    rows, out, bad = [], open(args.out, "a") if args.out else None, 0

    def emit(row):
        line = json.dumps(row)
        print(line, flush=True)
        if out:
            out.write(line + "\n")
            out.flush()
        rows.append(row)

    starts = {name: int(cps) for name, _, cps in (s.partition("=") for s in args.start)}
    found = {}

    def measure(target, rate):
        """One run in the mode that was asked for."""
        if args.mode == "rate":
            return dict(bench.one(target, rate, args.calls), mode="rate")
        if args.mode == "mem":
            return bench.held(target, args.calls, rate)
        if args.mode == "idle":
            return bench.idle(target, args.seconds)
        if args.mode == "overload":
            return bench.overload(target, rate, args.offered or 3 * rate, args.seconds)
        if args.mode == "soak":
            return bench.soak(target, rate, args.seconds)
        # A later round looks near what the round before it found.
        row = bench.maximum(target, found.get(target.name) or starts.get(target.name, rate),
                            args.probe_seconds, emit, 1.15 if found.get(target.name) else 1.4)
        found[target.name] = row["max_cps"]
        return row

    for rnd in range(1, args.rounds + 1):
        for rate in args.rate or [500]:
            for target in targets:
                try:
                    row = measure(target, rate)
                    row["round"] = rnd
                    emit(row)
                except (Failure, OSError) as e:
                    bad += 1
                    print(f"bench: {target.name} at {rate}: {e}", file=sys.stderr, flush=True)
    print(summary(rows))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
