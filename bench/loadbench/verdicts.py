"""The targets, held against the rows: each a (target, measured, verdict) of plain words."""
from statistics import median

from .summary import med


def mode(rows, name):
    return [r for r in rows if r.get("mode") == name]


def of(rows, target):
    return [r for r in rows if r["target"] == target]


def clean(rows):
    return [r for r in rows if r.get("clean", True)] or rows


def ratios(rows, target, base, value):
    """The quotient in each round that has both."""
    out = []
    for r in clean(of(rows, target)):
        same = [b for b in clean(of(rows, base)) if b["round"] == r["round"] and b.get("rate") == r.get("rate")]
        if same and value(same[0]):
            out.append(value(r) / value(same[0]))
    return out


def verdict(values, good):
    """Of the median, and whether the worst round says so too."""
    if not values:
        return "not measured"
    met = good(median(values))
    return ("met" if met else "**not met**") + ("" if all(good(v) == met for v in values) else " (not in every round)")


def line(target, values, good, digits=2, unit=""):
    return (target, med(values, digits) + unit if values else "-", verdict(values, good))


CPU = "cpu_s_per_10k"


def cpu_lines(rows, sipp):
    out = []
    for gen, where in (("storm", rows), ("sipp", sipp)):
        for rate in sorted({r["rate"] for r in mode(where, "rate")}):
            here = [r for r in mode(where, "rate") if r["rate"] == rate]
            for base, limit in (("relay", 1.4), ("kamailio-dialog", 0.5)):
                out.append(line(f"CPU a call at {rate} cps ({gen}) ÷ {base}: at most {limit}",
                                ratios(here, "tandem", base, lambda r: r[CPU]), lambda v, k=limit: v <= k))
    return out


def latency_lines(rows):
    here = [r for r in mode(rows, "rate") if r["rate"] == 1000]
    paired = {"p99": [], "p50": []}
    for r in clean(of(here, "tandem")):
        for q, base in (("p99", "relay"), ("p50", "kamailio-dialog")):
            same = [b for b in clean(of(here, base)) if b["round"] == r["round"]]
            if same:
                paired[q].append(r["ring_us"][q] - same[0]["ring_us"][q])
    return [line("INVITE→180 p99 at 1000 cps, above the relay's: at most 300 µs", paired["p99"], lambda v: v <= 300, 0, " µs"),
            line("INVITE→180 p50 at 1000 cps, above Kamailio + dialog's: below 0", paired["p50"], lambda v: v < 0, 0, " µs")]


def maximum_lines(rows):
    here = mode(rows, "max")
    return [line("highest clean rate on one core ÷ Kamailio + dialog's: at least 2.5",
                 ratios(here, "tandem", "kamailio-dialog", lambda r: r["max_cps"]), lambda v: v >= 2.5),
            line("CPU a call there: at most some 60 µs", [r["cpu_us_per_call"] for r in of(here, "tandem") if "cpu_us_per_call" in r],
                 lambda v: v <= 60, 1, " µs")]


def memory_parts(rows, target):
    """Bytes a held call takes, and its INVITE's transactions, by round: from three loads on fresh processes.

    With the process's own b, small and large come up within the life of a transaction: b + n(held + lingering).
    slow comes up at 1000 a second: b + n held + 32,000 lingering. Nothing depends on memory being given back.
    Where transactions end after 5 s, small and large have as many of them: the slope is a held call's alone.
    """
    out = []
    here = of(mode(rows, "mem"), target)
    for rnd in sorted({r["round"] for r in here}):
        quick = sorted((r for r in here if r["round"] == rnd and r["rate"] != 1000), key=lambda r: r["held"])
        slow = [r for r in here if r["round"] == rnd and r["rate"] == 1000]
        if len(quick) < 2:
            continue
        peak = lambda r: r["at_peak"]["pss_kib"] * 1024
        both = (peak(quick[-1]) - peak(quick[0])) / (quick[-1]["held"] - quick[0]["held"])
        settled = (quick[-1]["settled"]["pss_kib"] - quick[0]["settled"]["pss_kib"]) * 1024 / (quick[-1]["held"] - quick[0]["held"])
        part = {"both": both, "settled": settled, "held_calls": quick[-1]["held"]}
        if slow and slow[0]["held"] > 33000:
            base = peak(quick[0]) - both * quick[0]["held"]
            gone = slow[0]["held"] - 32000
            part["lingering"] = (base + both * slow[0]["held"] - peak(slow[0])) / gone
            part["held"] = both - part["lingering"]
        out.append(part)
    return out


def memory_lines(rows, rate_rows, soak):
    parts = memory_parts(rows, "tandem")
    each = lambda key: [p[key] for p in parts if key in p]
    at_1000 = [r["pss_end_kib"] / 1024 for r in of(mode(rate_rows, "rate"), "tandem") if r["rate"] == 1000]
    out = [line("a held call: at most 1536 bytes", each("held"), lambda v: v <= 1536, 0, " B"),
           line("the lingering transactions of a call's INVITE, server's and client's together: at most 1536 bytes",
                each("lingering"), lambda v: v <= 1536, 0, " B"),
           line("PSS at 1000 cps with 32 s of transactions lingering: at most 100 MiB", at_1000, lambda v: v <= 100, 0, " MiB"),
           line("100,000 held calls, measured", each("held_calls"), lambda v: v >= 99900, 0, " held")]
    flat = []
    for r in mode(soak, "soak"):
        trace = [kib for _, kib in r["pss_kib_at_s"]]
        tenth = max(len(trace) // 10, 1)
        # from when the first transactions have gone
        begin = len(trace) // 5
        flat.append(median(trace[-tenth:]) / median(trace[begin:begin + tenth]))
    return out + [line("memory over an hour's run, last tenth ÷ the tenth after its first fifth: at most 1.05", flat, lambda v: v <= 1.05)]


def growth_lines(rows):
    here = mode(rows, "rate")
    out = []
    for n, limit in (("1000", 1.10), ("10000", 1.30)):
        out.append(line(f"CPU a call with {int(n):,} peers ÷ with 10: at most {limit:.2f}",
                        ratios(here, f"tandem-peers{n}", "tandem-peers10", lambda r: r[CPU]), lambda v, k=limit: v <= k))
    for name in dict.fromkeys(r["target"] for r in here if "-live" in r["target"]):
        live = int(name.split("-live")[1]) + 1000
        out.append(line(f"CPU a call with {live:,} live calls ÷ with 1,000: at most 1.15",
                        ratios(here, name, "tandem", lambda r: r[CPU]), lambda v: v <= 1.15))
    fed = [r for r in here if "-fed" in r["target"]]
    for name in dict.fromkeys(r["target"] for r in fed):
        out.append(line("CPU at 1000 cps with 1,000 reports and a scrape a second ÷ without: at most 1.05",
                        ratios(here, name, "tandem", lambda r: r[CPU]), lambda v: v <= 1.05))
        share = []
        for r in of(fed, name):
            same = [b for b in of(here, "tandem") if b["round"] == r["round"]]
            if same:
                share.append((r["proxy_cpu_share"] - same[0]["proxy_cpu_share"]) * 100)
        out.append(("the same, as a share of the core", med(share, 1) + " %" if share else "-", "for information"))
    return out


def rest_lines(shard_rows, overload_rows, idle_rows, max_rows):
    out = [line("two shards on two cores ÷ one, CPU a call: at most 1.15",
                ratios(mode(shard_rows, "rate"), "tandem-w2", "tandem", lambda r: r[CPU]), lambda v: v <= 1.15)]
    over = mode(overload_rows, "overload")
    best = [r["max_cps"] for r in of(mode(max_rows, "max"), "tandem")]
    if over and best:
        out.append(line(f"goodput while {over[0]['offered_cps']} cps are offered (launched: "
                        f"{med([r['launched_cps'] for r in over], 0)}) ÷ the maximum: at least 0.90",
                        [r["goodput_cps"] / median(best) for r in over], lambda v: v >= 0.9))
    back = [r["back_to_normal_s"] if r["back_to_normal_s"] is not None else 99 for r in over]
    out.append(line("seconds from the overload's end to normal latency (99: never within 20): at most 5", back,
                    lambda v: v <= 5, 0, " s"))
    out.append(line("CPU with no calls: below 0.2 % of a core", [r["core_percent"] for r in of(mode(idle_rows, "idle"), "tandem")],
                    lambda v: v < 0.2, 3, " %"))
    return out


def all_lines(parts):
    """parts: name -> rows. Pairs of a heading and its lines."""
    get = lambda name: parts.get(name, [])
    return [("CPU a call", cpu_lines(get("rate"), get("sipp"))),
            ("Rate and latency", maximum_lines(get("max")) + latency_lines(get("rate"))),
            ("Memory", memory_lines(get("mem"), get("rate"), get("soak"))),
            ("Growth", growth_lines(get("growth"))),
            ("Shards, overload, idle", rest_lines(get("shards"), get("overload"), get("idle"), get("max")))]
