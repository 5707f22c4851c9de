"""Overview: is it well, can we lose the biggest PBX now, and what do callers get?"""

from panels import (AMBER, BLUE, GREEN, GROUP, GROUP_PEER, INSTANCE, PEER, RED, bars, dashboard, query,
                    series, stat, steps, table)

RATE = "[$__rate_interval]"


def one(expr):
    return [query(expr, instant=True)]


def over_time(expr, legend=""):
    return [query(expr, legend)]


WELL = [
    (3, 4, stat("Instances up", "Tandems that answer Prometheus. Any that does not is critical.",
                over_time(f'sum(up{{job="tandem",{INSTANCE}}})'), "short", steps(RED, (1, GREEN)))),
    (3, 4, stat("Alerts firing", "Tandem's alerts that fire now; what to do about each stands in dashboards/README.md.",
                over_time('count(ALERTS{alertname=~"Tandem.+",alertstate="firing"}) or vector(0)'),
                "short", steps(GREEN, (1, RED)))),
    (3, 4, stat("Peers down", "Peers that are dead by probes or by the calls that failed at them.",
                over_time(f"count(tandem_peer_up{{{PEER}}} == 0) or vector(0)"), "short", steps(GREEN, (1, RED)))),
    (3, 4, stat("Peers not taking calls", "Down, disabled, draining, paused by themselves, or under a penalty.",
                over_time(f"count(tandem_peer_eligible{{{PEER}}} == 0) or vector(0)"), "short", steps(GREEN, (1, AMBER)))),
    (3, 4, stat("Live calls", "Calls that are set up, up, or being ended now.",
                over_time(f"sum(tandem_calls_active{{{GROUP}}})"), "short", steps(BLUE))),
    (3, 4, stat("New calls", "Set-ups that ended, a second.",
                over_time(f"sum(rate(tandem_calls_total{{{GROUP}}}{RATE}))"), "cps", steps(BLUE))),
    (3, 4, stat("Refused for want of room", "Calls a second that found no peer: 503 to the caller. Above 0 is critical.",
                over_time(f'sum(rate(tandem_calls_total{{{GROUP},outcome="exhausted"}}{RATE}))'),
                "cps", steps(GREEN, (0.000001, RED)))),
    (3, 4, stat("Books found wrong", "Invariants that were broken within the shown time. Any is a bug.",
                over_time(f"sum(increase(tandem_invariant_violations_total{{{INSTANCE}}}[$__range]))"),
                "short", steps(GREEN, (0.000001, RED)))),
]

ROOM = [
    (8, 6, stat("If the biggest PBX died now", "Units that would still be free once the calls of the peer whose loss hurts "
                "most have found a place on the others. Below 0, that many calls find none.",
                over_time(f"group:tandem_spare_after_loss:min{{{GROUP}}}", "{{group}} {{resource}}"),
                "short", steps(RED, (0, AMBER), (1, GREEN)), "without limit", names=True)),
    (8, 6, stat("Time to full at this rate", "When nothing is free any more if the last ten minutes go on; none while the "
                "group does not fill.",
                over_time(f"group:tandem_time_to_full:seconds{{{GROUP}}}", "{{group}} {{resource}}"),
                "s", steps(RED, (900, AMBER), (3600, GREEN)), "not filling", names=True)),
    (8, 6, bars("Utilisation", "The share of what the eligible peers can hold that is taken, by us or by others.",
                over_time(f"group:tandem_utilisation:ratio{{{GROUP}}}", "{{group}} {{resource}}"),
                "percentunit", steps(GREEN, (0.7, AMBER), (0.9, RED)), 1)),
    (12, 8, series("Own, foreign and free", "What a group's eligible peers can hold, and who holds it: our calls, calls that "
                   "never passed us, and room.",
                   over_time(f"group:tandem_own:sum{{{GROUP}}}", "own {{group}} {{resource}}")
                   + over_time(f"group:tandem_foreign:sum{{{GROUP}}}", "foreign {{group}} {{resource}}")
                   + over_time(f"group:tandem_free:sum{{{GROUP}}}", "free {{group}} {{resource}}"),
                   "short", stack=True)),
    (12, 8, table("Peers at a glance", "Every peer as it stands: 1 is yes.", [
        ("Up", f"tandem_peer_up{{{PEER}}} * on (instance, peer) group_right () "
               f"max by (instance, peer, resource) (tandem_peer_info{{{GROUP_PEER}}})", "short", steps(RED, (1, GREEN))),
        ("Takes calls", f"tandem_peer_eligible{{{PEER}}} * on (instance, peer) group_right () "
                        f"max by (instance, peer, resource) (tandem_peer_info{{{GROUP_PEER}}})", "short", steps(AMBER, (1, GREEN))),
        ("Own", f"max by (instance, peer, resource) (tandem_peer_own{{{PEER}}})", "short", None),
        ("Foreign", f"max by (instance, peer, resource) (tandem_peer_foreign{{{PEER}}})", "short", None),
        ("Capacity", f"max by (instance, peer, resource) (tandem_peer_capacity{{{PEER}}})", "short", None),
        ("Free", f"max by (instance, peer, resource) (tandem_peer_free{{{PEER}}})", "short", steps(RED, (1, GREEN))),
        ("Utilisation", f"1 - max by (instance, peer, resource) (tandem_peer_free{{{PEER}}} / (tandem_peer_capacity > 0))",
         "percentunit", steps(GREEN, (0.7, AMBER), (0.9, RED))),
    ], ["instance", "peer", "resource"])),
]

CALLS = [
    (12, 8, series("Calls by outcome", "How set-ups ended: answered, rejected by the user, cancelled by the caller, failed at "
                   "the peers, or exhausted: no room anywhere.",
                   over_time(f"sum by (outcome) (rate(tandem_calls_total{{{GROUP}}}{RATE}))", "{{outcome}}"),
                   "cps", stack=True)),
    (12, 8, series("Live calls", "By group and by where they stand.",
                   over_time(f"sum by (group, state) (tandem_calls_active{{{GROUP}}})", "{{group}} {{state}}"),
                   "short", stack=True)),
    (8, 8, series("Answer ratio", "Of the set-ups that ended in five minutes, the share that was answered, and the share that we "
                  "or the peers failed.",
                  over_time(f"group:tandem_answered:ratio_rate5m{{{GROUP}}}", "answered {{group}}")
                  + over_time(f"group:tandem_failed:ratio_rate5m{{{GROUP}}}", "failed {{group}}"),
                  "percentunit", high=1)),
    (8, 8, series("Post-dial delay", "From INVITE to the first 18x or 2xx: the silence a caller hears. 95 of 100 callers wait no "
                  "longer than the upper line, half no longer than the lower.",
                  over_time(f"group:tandem_setup_seconds:p95_5m{{{GROUP}}}", "p95 {{group}}")
                  + over_time(f"histogram_quantile(0.5, sum by (group, le) (rate(tandem_setup_seconds_bucket{{{GROUP}}}{RATE})))",
                              "p50 {{group}}"),
                  "s", thresholds=steps(GREEN, (3, AMBER), (8, RED)))),
    (8, 8, series("Time to answer", "From INVITE to 2xx: ringing included.",
                  over_time(f"histogram_quantile(0.95, sum by (group, le) (rate(tandem_answer_seconds_bucket{{{GROUP}}}{RATE})))",
                            "p95 {{group}}")
                  + over_time(f"histogram_quantile(0.5, sum by (group, le) (rate(tandem_answer_seconds_bucket{{{GROUP}}}{RATE})))",
                              "p50 {{group}}"),
                  "s")),
    (12, 7, series("Failovers", "Calls a second that went on from a failed peer to another.",
                   over_time(f"sum by (group, peer) (rate(tandem_failovers_total{{{GROUP_PEER}}}{RATE}))", "{{group}} from {{peer}}"),
                   "cps")),
    (12, 7, series("Share of the calls", "Where new calls go: set-ups a second, by peer.",
                   over_time(f"sum by (peer) (rate(tandem_slots_granted_total{{{PEER}}}{RATE}))", "{{peer}}"),
                   "cps", stack=True)),
]

DASHBOARD = dashboard(
    "tandem-overview", "Tandem: overview", "Is it well, can we lose the biggest PBX now, and what do callers get?",
    ["instance", "group", "peer"],
    [("Is it well?", WELL), ("Can we lose the biggest PBX now?", ROOM), ("What callers get", CALLS)])
