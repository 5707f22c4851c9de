"""SIP and process: messages, transactions, what is repeated, dropped and delayed; processor, memory, queues."""

from panels import (AMBER, BLUE, GREEN, INSTANCE, RED, dashboard, heat, query, series, stat, steps)

RATE = "[$__rate_interval]"


def each(expr, legend):
    return [query(expr, legend)]


def by_kind(direction):
    return each(f'sum by (transport, kind) (rate(tandem_messages_total{{{INSTANCE},direction="{direction}"}}{RATE})) > 0',
                "{{transport}} {{kind}}")


def delay(quantile, word):
    return each(f"histogram_quantile({quantile}, sum by (instance, le) (rate(tandem_added_delay_seconds_bucket{{{INSTANCE}}}{RATE})))",
                word + " {{instance}}")


SIP = [
    (12, 8, series("Messages in", "By method, or by class of status.", by_kind("in"), "reqps", stack=True)),
    (12, 8, series("Messages out", "By method, or by class of status.", by_kind("out"), "reqps", stack=True)),
    (8, 8, series("Transactions", "Live SIP transactions. They outlast their last message by up to 32 s.",
                  each(f"tandem_transactions{{{INSTANCE}}}", "{{instance}}"), "short")),
    (8, 8, series("Repeated messages", "in: what others sent again and we absorbed; out: what our timers sent again. A rise tells "
                  "of loss or of somebody who is slow.",
                  each(f"sum by (instance, direction) (rate(tandem_retransmissions_total{{{INSTANCE}}}{RATE}))",
                       "{{instance}} {{direction}}"), "reqps")),
    (8, 8, series("Dropped messages", "By reason. stray_* is harmless; mailbox_full, shed, kernel_queue_full, send_queue_full and "
                  "table_full say that there is too much to do.",
                  each(f"sum by (reason) (rate(tandem_messages_dropped_total{{{INSTANCE}}}{RATE}))", "{{reason}}"), "reqps")),
    (8, 8, series("Added delay", "From a message in to what followed from it out: this process alone.",
                   delay(0.5, "p50") + delay(0.99, "p99") + delay(0.999, "p99.9"), "s",
                   thresholds=steps(GREEN, (0.005, AMBER), (0.05, RED)))),
    (8, 8, heat("Added delay, all of it", "How many messages a second took how long.",
                f"sum by (le) (rate(tandem_added_delay_seconds_bucket{{{INSTANCE}}}{RATE}))", "s")),
    (8, 8, series("Calls asked after", "Requests a second that asked within a call whether its peer still knows it, by answer: alive, "
                  "forgotten, silent or unreachable.",
                  each(f"sum by (outcome) (rate(tandem_checks_total{{{INSTANCE}}}{RATE}))", "{{outcome}}"), "reqps")),
]

PROCESS = [
    (8, 8, series("Processor", "Cores in use: 1 is one whole core.",
                  each(f'rate(process_cpu_seconds_total{{job="tandem",{INSTANCE}}}{RATE})', "{{instance}}"), "short")),
    (8, 8, series("Memory", "In RAM.", each(f'process_resident_memory_bytes{{job="tandem",{INSTANCE}}}', "{{instance}}"), "bytes")),
    (8, 8, series("File descriptors", "Open, of those that may be.",
                  each(f'process_open_fds{{job="tandem",{INSTANCE}}} / process_max_fds{{job="tandem",{INSTANCE}}}', "{{instance}}"),
                  "percentunit", thresholds=steps(GREEN, (0.7, AMBER), (0.9, RED)))),
    (6, 4, stat("Up since", "Time since the process started.",
                each(f'time() - process_start_time_seconds{{job="tandem",{INSTANCE}}}', "{{instance}}"),
                "s", steps(AMBER, (600, GREEN)))),
    (6, 4, stat("Version", "What runs where.",
                each(f"sum by (version, commit) (tandem_build_info{{{INSTANCE}}})", "{{version}} {{commit}}"),
                "short", steps(BLUE), names=True)),
    (6, 4, stat("Books found wrong", "By which truth, within the shown time. Any is a bug.",
                each(f"sum by (name) (increase(tandem_invariant_violations_total{{{INSTANCE}}}[$__range]))", "{{name}}"),
                "short", steps(GREEN, (0.000001, RED)))),
    (6, 4, stat("Reloads", "Of the configuration, within the shown time.",
                each(f"sum by (outcome) (increase(tandem_reloads_total{{{INSTANCE}}}[$__range]))", "{{outcome}}"),
                "short", steps(BLUE), names=True)),
]

QUEUES = [
    (8, 8, series("Between shards", "Messages that wait to change shards.",
                  each(f"tandem_mailbox_depth{{{INSTANCE}}}", "{{instance}}"), "short")),
    (8, 8, series("Rows to save", "What waits for the database. A restart would not find it.",
                  each(f"tandem_store_queue_depth{{{INSTANCE}}}", "{{instance}}"), "short",
                  thresholds=steps(GREEN, (1000, AMBER), (5000, RED)))),
    (8, 8, series("Database", "Transactions a second, by outcome.",
                  each(f"sum by (instance, outcome) (rate(tandem_store_writes_total{{{INSTANCE}}}{RATE}))", "{{instance}} {{outcome}}"),
                  "ops")),
    (8, 8, series("Last saved", "Time since the database last took something; without calls it takes nothing.",
                  each(f"time() - (tandem_store_last_write_timestamp_seconds{{{INSTANCE}}} > 0)", "{{instance}}"), "s")),
    (8, 8, series("HTTP requests", "By route and answer.",
                  each(f"sum by (method, route, status) (rate(tandem_http_requests_total{{{INSTANCE}}}{RATE}))",
                       "{{method}} {{route}} {{status}}"), "reqps")),
    (8, 8, series("Notices", "Posted to the receiver of [notify], by what became of them, and how many wait.",
                  each(f"sum by (instance, result) (increase(tandem_notifications_total{{{INSTANCE}}}{RATE}))", "{{instance}} {{result}}")
                  + each(f"tandem_notifications_queue_depth{{{INSTANCE}}}", "{{instance}} waiting"), "short")),
]

DASHBOARD = dashboard(
    "tandem-process", "Tandem: SIP and process", "Messages, transactions, delay; processor, memory, queues.",
    ["instance"], [("SIP", SIP), ("Process", PROCESS), ("Queues", QUEUES)])
