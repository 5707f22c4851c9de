"""Markdown tables of saved rows."""
import statistics


def med(values, digits=3):
    v = [x for x in values if x is not None]
    if not v:
        return "-"
    m, lo, hi = statistics.median(v), min(v), max(v)
    f = f"{{:.{digits}f}}"
    return f.format(m) if len(v) == 1 else f"{f.format(m)} ({f.format(lo)}..{f.format(hi)})"


def summary(rows):
    out = []
    runs = [r for r in rows if r.get("mode") == "rate"]
    keys = sorted({(r["gen"], r["rate"]) for r in runs})
    for gen, rate in keys:
        here = [r for r in runs if (r["gen"], r["rate"]) == (gen, rate)]
        names = list(dict.fromkeys(r["target"] for r in here))
        out += [f"\n### {rate} cps, {here[0]['calls']} calls a run, {gen}; "
                "median (min..max)\n",
                "| target | clean runs | CPU s / 10k calls | user+sys share of a core | failed | "
                "retrans | INVITE-180 p50 us | p99 us | INVITE-200 p99 us | peak RSS MiB | PSS MiB | steal s | other s |",
                "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
        for n in names:
            every = [r for r in here if r["target"] == n]
            g = [r for r in every if r["clean"]] or every
            lat = [r for r in g if "ring_us" in r]
            out.append("| " + " | ".join([
                n, f"{sum(r['clean'] for r in every)}/{len(every)}",
                med([r["cpu_s_per_10k"] for r in g]),
                med([r["proxy_cpu_share"] for r in g], 2),
                str(sum(r["failed"] for r in every)), str(sum(r["retrans"] for r in every)),
                med([r["ring_us"]["p50"] for r in lat], 0),
                med([r["ring_us"]["p99"] for r in lat], 0),
                med([r["answer_us"]["p99"] for r in lat], 0),
                med([r["peak_rss_kib"] / 1024 for r in g], 0),
                med([r.get("pss_end_kib", r["pss_kib"]) / 1024 for r in g], 0),
                med([r["steal_s"] for r in g], 1),
                med([r["other_cpu_s"] for r in g], 1)]) + " |")
    runs = [r for r in rows if r.get("mode") == "max"]
    if runs:
        out += ["\n### Maximum rate (<0.1 % failed, <1 % retransmitted, launched >= 98 % of offered)\n",
                "| target | runs | max cps | CPU us/call there | proxy cores needed | "
                "generator cores needed | INVITE-180 p50 us | p99 us | limit |",
                "|---|---|---|---|---|---|---|---|---|"]
        for n in dict.fromkeys(r["target"] for r in runs):
            g = [r for r in runs if r["target"] == n]
            out.append("| " + " | ".join([
                n, str(len(g)), med([r["max_cps"] for r in g], 0),
                med([r.get("cpu_us_per_call") for r in g], 1),
                med([r.get("core_needed") for r in g], 2),
                med([r.get("load_core_needed") for r in g], 2),
                med([(r.get("ring_us") or {}).get("p50") for r in g], 0),
                med([(r.get("ring_us") or {}).get("p99") for r in g], 0),
                ", ".join(dict.fromkeys(r["limit"] for r in g))]) + " |")
    runs = [r for r in rows if r.get("mode") == "mem"]
    if runs:
        out += ["\n### Memory with calls held\n",
                "| target | runs | held | PSS before MiB | PSS as the last call comes up | "
                "PSS settled | PSS after | bytes/call settled | bytes/call at peak |",
                "|---|---|---|---|---|---|---|---|---|"]
        for n, calls, rate in dict.fromkeys((r["target"], r["calls"], r["rate"]) for r in runs):
            g = [r for r in runs if (r["target"], r["calls"], r["rate"]) == (n, calls, rate)]
            mib = lambda k: med([r[k]["pss_kib"] / 1024 for r in g if k in r], 1)
            out.append("| " + " | ".join([
                f"{n}, at {rate} cps", str(len(g)), med([r["held"] for r in g], 0), mib("before"),
                mib("at_peak"), mib("settled"), mib("after"),
                med([r["pss_per_call_b"] for r in g], 0),
                med([r["pss_per_call_peak_b"] for r in g], 0)]) + " |")
    return "\n".join(out)
