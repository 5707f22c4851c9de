"""docs/BENCHMARKS.md, written from the rows of all parts."""
import json
import os
from statistics import median

from . import graph
from .summary import med, summary
from .verdicts import all_lines, memory_parts, mode, of

HEAD = """# Benchmarks

One call is INVITE, 100, 180, 200, ACK, one second's hold, BYE, 200, over UDP on loopback, from one caller to four answering
servers; the proxy is alone on one core, and the load generator on another. All proxies run in turn within each round, each started
afresh and warmed up. CPU is the run time of all threads of the proxy's process tree, by the scheduler's own clock. Tandem runs
with dialogs, Record-Route, counting, metrics and its default store, SQLite in a file. The relay moves the same datagrams
and parses nothing: it is what the kernel asks. [bench/README.md](../bench/README.md) says what each figure is and what traps there are.

`scripts/bench` writes this page from `bench/results/`; every figure is median (min..max) over the rounds.
"""

ABOUT_MEMORY = """
*settled* is after the transactions of the INVITEs have ended; an allocator may keep what they had, so what a held call
takes comes from loads of unlike sizes on fresh processes, before anything was freed: {text}. A held call is the call, its dialog with both
tags, route set and targets, its slot in the ledger and its entry for the store; a lingering transaction of an INVITE is the
server's and the client's side, with the last response kept for retransmissions. Tandem's live the 32 s of RFC 3261, the others' 5 s.
"""

ABOUT_GROWTH = """
`-peersN` has N peers with the same capacity, each an address of its own at which the load side answers: all of them are
candidates for every call and get calls. `-liveN` has N calls that stay up while 1000 others a second come and go. `-fedN` gets N
feedback reports a second over kept-alive connections, and one scrape. The memory column counts everything that lives.
"""


def load(results, names):
    parts = {}
    for name in names:
        path = os.path.join(results, name + ".jsonl")
        if os.path.exists(path):
            with open(path) as f:
                rows = [json.loads(line) for line in f]
            if rows:
                parts[name] = rows
    return parts


def machine_table(about):
    """What the newest part was measured on, and which parts differ from it."""
    newest = max(about.values(), key=lambda p: p["date"])["machine"]
    out = ["| | |", "|---|---|",
           f"| processor | {newest['cpu']}, {newest['cpus']} processors{' of a virtual machine' if newest['virtual'] else ''} |",
           f"| memory | {newest['memory_mib']} MiB |", f"| kernel | Linux {newest['kernel']}, rmem_max {newest['rmem_max']}, wmem_max {newest['wmem_max']} |",
           f"| Tandem | {newest['tandem']}, commit {newest['commit']}, {newest['rustc']} |",
           f"| others | {newest['kamailio']}; {newest['sipp']}; {newest['cc']} |"]
    for name, part in about.items():
        unlike = [k for k in newest if part["machine"].get(k) != newest[k]]
        if unlike:
            out.append(f"| part `{name}` | " + "; ".join(f"{k}: {part['machine'].get(k)}" for k in unlike) + " |")
    return out


def verdict_table(parts):
    out = []
    for heading, lines in all_lines(parts):
        out += [f"\n**{heading}**\n", "| target | measured | |", "|---|---|---|"]
        out += ["| " + " | ".join(one) + " |" for one in lines]
    return out


def overload_section(rows, best):
    over = mode(rows, "overload")
    middle = sorted(over, key=lambda r: r["goodput_cps"])[len(over) // 2]
    out = ["| round | offered | launched | goodput | worst second | refused | timed out | last refusal | datagrams dropped by the "
           "kernel | PSS MiB | normal again after |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for r in over:
        back = "not within 20 s" if r["back_to_normal_s"] is None else f"{r['back_to_normal_s']} s"
        out.append(f"| {r['round']} | {r['offered_cps']} | {r['launched_cps']} | {r['goodput_cps']} | {r['goodput_worst_cps']} | "
                   f"{r['rejected_cps']} | {r['timeouts']} | {r['last_reject']} | {r['proxy_drops']} | {r['pss_kib'] / 1024:.0f} | {back} |")
    out.append(f"\nCalls a second, {middle['seconds_over']} s of it; the first five seconds are the way in and are not in the means. *launched* is what the "
               "generator brought out: it is one core, too. Goodput is calls with a 200 to their BYE. Latency is normal when the p99 "
               f"of a second is at most twice what it was before, or 1 ms above it (here {middle['enough_p99_us'] / 1000:.1f} ms), and nothing is refused.")
    return out, graph.overload(middle, best)


def idle_section(rows):
    out = ["| target | rounds | CPU of a core, % | PSS MiB |", "|---|---|---|---|"]
    for name in dict.fromkeys(r["target"] for r in rows):
        here = of(rows, name)
        out.append(f"| {name} | {len(here)} | {med([r['core_percent'] for r in here], 4)} | {med([r['pss_kib'] / 1024 for r in here], 1)} |")
    return out


def memory_text(rows):
    out = []
    for name in ("tandem", "kamailio-dialog"):
        parts = memory_parts(rows, name)
        if not parts:
            continue
        pick = lambda key: med([p[key] for p in parts if key in p], 0)
        if any("held" in p for p in parts):
            out.append(f"{name} {pick('held')} bytes a held call and {pick('lingering')} a lingering INVITE")
        else:
            out.append(f"{name} {pick('both')} bytes a held call")
    return "; ".join(out) or "not measured"


def repeat(about):
    out = ["\n## How to repeat\n", "`scripts/bench` installs what is missing (SIPp, Kamailio, a C compiler, Rust), builds, and runs all parts; "
           "`scripts/bench rate max` runs these alone, `--rounds N` sets the rounds, and `--quick` tries everything in a few "
           "minutes without touching this page. Leave the machine alone meanwhile. The parts ran these:\n",
           "| part | date | rounds | minutes | commands |", "|---|---|---|---|---|"]
    for name, part in about.items():
        commands = "<br>".join(f"`{c}`" for c in part["commands"])
        out.append(f"| `{name}` | {part['date']} | {part['rounds']} | {part['seconds'] / 60:.0f} | {commands} |")
    out.append(f"\nAll in all {sum(p['seconds'] for p in about.values()) / 60:.0f} minutes.")
    return out


TITLES = {"rate": "1000 and 2000 calls a second", "sipp": "A second opinion: SIPp", "max": "The highest clean rate",
          "mem": "Memory", "growth": "Growth", "shards": "Two shards on two cores"}


def write(results, docs, names, notes):
    """Writes the page and the graph; the page's path."""
    parts = load(results, names)
    about = {}
    if os.path.exists(os.path.join(results, "about.json")):
        with open(os.path.join(results, "about.json")) as f:
            about = json.load(f)
    if not parts or not about:
        raise SystemExit(f"no results in {results} yet")
    best = [r["max_cps"] for r in of(mode(parts.get("max", []), "max"), "tandem")]
    out = [HEAD, "\n## The targets\n"] + verdict_table(parts)
    out += ["\n## The machine\n"] + machine_table({n: p for n, p in about.items() if n in parts})
    for name, title in TITLES.items():
        if name not in parts:
            continue
        out.append(f"\n## {title}")
        out.append(summary([r for r in parts[name] if r.get("mode") != "probe"]))
        out.append({"mem": ABOUT_MEMORY.format(text=memory_text(parts[name])), "growth": ABOUT_GROWTH}.get(name, ""))
        if name == "shards":
            out.append("\nProxy and load share both processors here, for there are no others; the same holds for one shard.")
    if mode(parts.get("overload", []), "overload"):
        table, picture = overload_section(parts["overload"], round(median(best)) if best else None)
        os.makedirs(os.path.join(docs, "img"), exist_ok=True)
        with open(os.path.join(docs, "img", "overload.svg"), "w") as f:
            f.write(picture)
        out += ["\n## Overload\n", "![Offered calls, goodput, refusals and latency, second by second](img/overload.svg)\n"] + table
    if "idle" in parts:
        out += ["\n## Idle\n"] + idle_section(parts["idle"])
    if os.path.exists(notes):
        with open(notes) as f:
            out.append("\n" + f.read().strip())
    out += repeat({n: p for n, p in about.items() if n in parts})
    path = os.path.join(docs, "BENCHMARKS.md")
    with open(path, "w") as f:
        f.write("\n".join(out).replace("\n\n\n", "\n\n").strip() + "\n")
    return path
