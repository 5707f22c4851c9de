"""Peers: what each PBX holds, how it is, what is chosen and what fails."""

from panels import (AMBER, GREEN, GROUP_PEER, PEER, PEER_RESOURCE, RED, dashboard, query, series, states, steps)

RATE = "[$__rate_interval]"


def each(expr, legend):
    return [query(expr, legend)]


def quantiles(metric, labels, by):
    name = "{{" + by + "}}"
    return [query(f"histogram_quantile({q}, sum by ({by}, le) (rate({metric}_bucket{{{labels}}}{RATE})))", f"{word} {name}")
            for q, word in ((0.95, "p95"), (0.5, "p50"))]


LOAD = [
    (12, 8, series("Own", "Units that our live calls hold on each peer: counted, never estimated.",
                   each(f"sum by (peer, resource) (tandem_peer_own{{{PEER_RESOURCE}}})", "{{peer}} {{resource}}"),
                   "short", stack=True)),
    (12, 8, series("Foreign", "Units that the peer reports beyond ours: calls that never passed us. 0 while no report is fresh.",
                   each(f"sum by (peer, resource) (tandem_peer_foreign{{{PEER_RESOURCE}}})", "{{peer}} {{resource}}"),
                   "short", stack=True)),
    (8, 8, series("Utilisation", "1 less free by capacity; processor time that the peer lacks counts as taken.",
                  each(f"1 - tandem_peer_free{{{PEER_RESOURCE}}} / (tandem_peer_capacity{{{PEER_RESOURCE}}} > 0)",
                       "{{peer}} {{resource}}"),
                  "percentunit", thresholds=steps(GREEN, (0.7, AMBER), (0.9, RED)), high=1)),
    (8, 8, series("Free", "Units that new calls may take now.",
                  each(f"sum by (peer, resource) (tandem_peer_free{{{PEER_RESOURCE}}})", "{{peer}} {{resource}}"), "short")),
    (8, 8, series("Capacity", "As configured, or as the peer's reports say.",
                  each(f"sum by (peer, resource) (tandem_peer_capacity{{{PEER_RESOURCE}}})", "{{peer}} {{resource}}"),
                  "short", step=True)),
]

CONDITION = [
    (12, 7, states("Up", "Alive by probes and by the calls given to it.",
                   each(f"max by (peer) (tandem_peer_up{{{PEER}}})", "{{peer}}"), [(0, "down", RED), (1, "up", GREEN)])),
    (12, 7, states("Takes new calls", "Up, enabled, accepting by its own word, under no penalty. Room is another matter.",
                   each(f"max by (peer) (tandem_peer_eligible{{{PEER}}})", "{{peer}}"), [(0, "no", AMBER), (1, "yes", GREEN)])),
    (12, 7, states("The operator's word", "Enabled, draining or disabled.",
                   each(f'max by (peer) (tandem_peer_admin{{{PEER},state="draining"}} '
                        f'+ on (instance, peer) 2 * tandem_peer_admin{{{PEER},state="disabled"}})', "{{peer}}"),
                   [(0, "enabled", GREEN), (1, "draining", AMBER), (2, "disabled", RED)])),
    (12, 7, series("Recovery", "The share of the calls meant for the peer that it gets; below 1 while it is tried again.",
                   each(f"min by (peer) (tandem_peer_ramp{{{PEER}}})", "{{peer}}"), "percentunit", high=1, step=True)),
]

CHOICE = [
    (12, 8, series("Selections by step", "Choices a second by the step of the ladder: balance; failover, the next best; dispatch, "
                   "blindly once nobody has room; overflow, beyond capacity by a route's leave.",
                   each(f"sum by (peer, step) (rate(tandem_selections_total{{{GROUP_PEER}}}{RATE}))", "{{peer}} {{step}}"),
                   "cps", stack=True)),
    (12, 8, series("Failovers by reason", "Calls a second that went on from the peer: it said nothing in time, could not be "
                   "reached, or answered with that status.",
                   each(f"sum by (peer, reason) (rate(tandem_failovers_total{{{GROUP_PEER}}}{RATE}))", "{{peer}} {{reason}}"), "cps")),
    (12, 8, series("Slots given back, by cause", "How calls ended on the peer. expired, reconciled and peer_restarted are calls "
                   "whose end was never told; dropped is a bug.",
                   each(f"sum by (peer, cause) (rate(tandem_slots_released_total{{{PEER}}}{RATE})) > 0", "{{peer}} {{cause}}"), "cps")),
    (12, 8, series("Without room", "Calls that the peer holds beyond what it had room for, or that nobody asked it for: overflow, "
                   "dispatch, taken up after a restart.",
                   each(f"sum by (peer) (tandem_peer_marked_calls{{{PEER}}})", "{{peer}}"), "short")),
]

REPORTS = [
    (8, 8, series("Feedback age", "Time since the peer's last report; past its time to live it counts no more.",
                  each(f"max by (peer) (tandem_feedback_age_seconds{{{PEER}}})", "{{peer}}"), "s",
                  thresholds=steps(GREEN, (10, AMBER), (60, RED)))),
    (8, 8, states("Feedback counts", "Whether the last report still counts.",
                  each(f"min by (peer) (tandem_feedback_fresh{{{PEER}}})", "{{peer}}"), [(0, "stale", RED), (1, "fresh", GREEN)])),
    (8, 8, series("Reports by outcome", "Load reports a second: accepted, or refused and why.",
                  each(f"sum by (peer, outcome) (rate(tandem_feedback_reports_total{{{PEER}}}{RATE})) > 0", "{{peer}} {{outcome}}"),
                  "reqps")),
    (8, 8, series("Drift", "Our count of calls less that of the peer's last complete list. Calls in flight make it flicker by a few; "
                  "what stays is wrong on one side.",
                  each(f"max by (peer) (tandem_ledger_drift{{{PEER}}})", "{{peer}}"), "short", low=None,
                  thresholds=steps(AMBER, (-3, GREEN), (3, AMBER)))),
    (8, 8, series("Probe round trip", "From OPTIONS to its answer.",
                  quantiles("tandem_probe_rtt_seconds", PEER, "peer"), "s", thresholds=steps(GREEN, (0.2, AMBER), (1, RED)))),
    (8, 8, series("Probes by outcome", "Probes a second and what became of them.",
                  each(f"sum by (peer, outcome) (rate(tandem_probes_total{{{PEER}}}{RATE})) > 0", "{{peer}} {{outcome}}"), "reqps")),
]

DASHBOARD = dashboard(
    "tandem-peers", "Tandem: peers", "What each PBX holds, how it is, why calls go where they go.",
    ["instance", "group", "peer", "resource"],
    [("Load", LOAD), ("Condition", CONDITION), ("Choice", CHOICE), ("What peers say", REPORTS)])
