#!/usr/bin/env python3
"""All that docs/BENCHMARKS.md tells, part by part. Run by scripts/bench.

Each part is a few runs of run.py, whose rows go to results/PART.jsonl; the page is written anew from all rows
that are there, so parts may be run on different days. With --quick everything is short, of one round, and goes to
work/quick/ in place of the repository's own figures.
"""
import argparse
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import time

from loadbench import page
from loadbench.targets import HERE

ROOT = os.path.dirname(HERE)
PEERS = ["relay", "kamailio-dialog", "kamailio", "tandem"]
BIG = 2 if (os.cpu_count() or 1) > 2 else 1     # the last processor of the load side


def targets(*names):
    return [word for name in names for word in ("--target", name)]


def rate(a):
    size = ["--calls", "2000", "--warm-seconds", "2", "--settle", "1"] if a.quick else ["--calls", "16000"]
    return [["--gen", "storm", "--rate", "1000", "--rate", "2000"] + size + targets(*PEERS)]


def sipp(a):
    size = ["--calls", "2000", "--warm-seconds", "2", "--settle", "1"] if a.quick else ["--calls", "15000"]
    return [["--gen", "sipp", "--rate", "1000"] + size + targets("relay", "kamailio-dialog", "tandem")]


def maximum(a, names=("relay", "kamailio-dialog", "tandem")):
    size = (["--probe-seconds", "2", "--resolution", "0.4", "--warm-seconds", "1"] if a.quick
            else ["--probe-seconds", "4", "--resolution", "0.05"])
    starts = ["--start", "relay=20000", "--start", "kamailio-dialog=6000", "--start", "tandem=10000"]
    return [["--mode", "max", "--gen", "storm"] + size + starts + targets(*names)]


def mem(a):
    small, large, slow = (2000, 6000, 3000) if a.quick else (20000, 100000, 60000)
    settle = ["--settle", "2"] if a.quick else []
    both = targets("tandem", "kamailio-dialog")
    runs = [["--mode", "mem", "--rate", "4000", "--calls", str(n)] + settle + both for n in (small, large)]
    # As many calls, brought up so slowly that the first ones' transactions have gone: what a transaction takes.
    return runs + [["--mode", "mem", "--rate", "1000", "--calls", str(slow), "--leave"] + settle + targets("tandem")]


def growth(a):
    if a.quick:
        return [["--gen", "storm", "--rate", "1000", "--calls", "2000", "--warm-seconds", "2", "--settle", "1"]
                + targets("tandem", "tandem-peers10", "tandem-peers1000", "tandem-peers10000",
                          "tandem-live10000", "tandem-fed1000")]
    return [["--gen", "storm", "--rate", "1000", "--calls", "12000", "--warm-seconds", "8"]
            + targets("tandem", "tandem-peers10", "tandem-peers1000", "tandem-peers10000",
                      "tandem-live200000", "tandem-fed1000")]


def shards(a):
    size = ["--calls", "2000", "--warm-seconds", "2", "--settle", "1"] if a.quick else ["--calls", "20000"]
    cpus = ["--proxy-cpus", "0-1", "--load-cpus", "2" if BIG == 2 else "0-1"]
    return [["--gen", "storm", "--rate", "2000"] + size + cpus + targets("tandem", "tandem-w2")]


def overload(a):
    size = ["--seconds", "9"] if a.quick else ["--seconds", "60"]
    # The maximum comes from the part `max`; without it, it is found first.
    found = [r["max_cps"] for r in rows(a, "max") if r.get("mode") == "max" and r["target"] == "tandem"]
    if not found:
        print("overload: no maximum is known yet, looking for it", file=sys.stderr)
        execute(a, "max", maximum(a, ("tandem",)), 1)
        found = [r["max_cps"] for r in rows(a, "max") if r.get("mode") == "max"] or [3000]
    offered = max(int(3 * statistics.median(found)), 3000)
    return [["--mode", "overload", "--rate", "1000", "--offered", str(offered)] + size + targets("tandem")]


def idle(a):
    size = ["--seconds", "5"] if a.quick else ["--seconds", "60"]
    return [["--mode", "idle"] + size + targets("tandem", "kamailio-dialog")]


def soak(a):
    return [["--mode", "soak", "--rate", "300", "--seconds", "20" if a.quick else "3600"] + targets("tandem")]


PARTS = {"rate": rate, "sipp": sipp, "max": maximum, "mem": mem, "growth": growth, "shards": shards,
         "overload": overload, "idle": idle, "soak": soak}


def rows(a, part):
    path = os.path.join(a.results, part + ".jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def first_line(*argv):
    try:
        text = subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout
    except OSError:
        return "not there"
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[0] if lines else ""


def machine(a):
    """What the figures depend on, without the machine's name."""
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1))
    buffers = [open(f"/proc/sys/net/core/{k}").read().strip() for k in ("rmem_max", "wmem_max")]
    dirty = first_line("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.toml", "Cargo.lock")
    return {"cpu": model.group(1) if model else platform.machine(), "cpus": os.cpu_count(),
            "memory_mib": memory // 1024, "kernel": platform.release().split("-")[0],
            "virtual": "hypervisor" in open("/proc/cpuinfo").read(),
            "rmem_max": buffers[0], "wmem_max": buffers[1],
            "tandem": first_line(a.tandem, "--version"),
            "commit": first_line("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD") + (" with changes" if dirty else ""),
            "kamailio": first_line("kamailio", "-v"), "sipp": first_line("sipp", "-v"),
            "rustc": first_line("rustc", "--version"), "cc": first_line(os.environ.get("CC", "cc"), "--version")}


def execute(a, part, runs, rounds):
    """Runs a part; its rows replace those that were there. How many commands failed."""
    out = os.path.join(a.results, part + ".jsonl")
    open(out, "w").close()
    began, bad, commands = time.time(), 0, []
    for extra in runs:
        if not any(word == "--rounds" for word in extra):
            extra = ["--rounds", str(rounds)] + extra
        commands.append("bench/run.py " + shlex.join(extra))
        print(f"\n== {part}: {commands[-1]}", file=sys.stderr, flush=True)
        argv = [sys.executable, os.path.join(HERE, "run.py"), "--tandem", a.tandem, "--out", out] + extra
        if a.wait_quiet:
            argv += ["--wait-quiet", str(a.wait_quiet)]
        bad += subprocess.run(argv, stdout=subprocess.DEVNULL).returncode != 0
    about = os.path.join(a.results, "about.json")
    known = json.load(open(about)) if os.path.exists(about) else {}
    known[part] = {"date": time.strftime("%Y-%m-%d", time.gmtime(began)), "seconds": round(time.time() - began),
                   "rounds": rounds, "commands": commands, "machine": machine(a)}
    with open(about, "w") as f:
        json.dump(known, f, indent=1)
        f.write("\n")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS) + " (default: all but soak); "
                   "page: only write the page again")
    p.add_argument("--quick", action="store_true", help="short runs, one round, nothing in the repository changes")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--wait-quiet", type=float, default=0, metavar="SECONDS",
                   help="before each run, wait up to this long for the machine to be idle")
    p.add_argument("--tandem", default=os.environ.get("TANDEM") or os.path.join(
        os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "tandem"))
    a = p.parse_args()
    a.tandem = os.path.abspath(a.tandem)
    a.results = os.path.join(HERE, "work", "quick") if a.quick else os.path.join(HERE, "results")
    os.makedirs(a.results, exist_ok=True)
    chosen = a.parts or [n for n in PARTS if n != "soak"]
    unknown = [n for n in chosen if n not in PARTS and n != "page"]
    if unknown:
        p.error(f"no such part: {', '.join(unknown)}")
    bad = 0
    for part in chosen:
        if part != "page":
            bad += execute(a, part, PARTS[part](a), 1 if a.quick else a.rounds)
    docs = a.results if a.quick else os.path.join(ROOT, "docs")
    written = page.write(a.results, docs, list(PARTS), os.path.join(HERE, "notes.md"))
    print(f"\n== written: {written}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
