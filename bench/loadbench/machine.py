"""What /proc tells of processes, sockets and the machine."""
import os
import re
import socket
import time

TICK = os.sysconf("SC_CLK_TCK")


def proc_table():
    """pid -> parent pid, of all processes."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    rest = f.read().rsplit(")", 1)[1].split()
                table[int(name)] = int(rest[1])
            except (OSError, IndexError):
                pass
    return table


def tree(pid):
    """pid and all its descendants."""
    table = proc_table()
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        if p in table:
            found.append(p)
        todo += [c for c, parent in table.items() if parent == p]
    return found


def cpu_ns(pids):
    """Nanoseconds run by all threads of pids (schedstat), and user/sys ticks."""
    total = user = system = 0
    for p in pids:
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{t}/schedstat") as f:
                    total += int(f.read().split()[0])
            with open(f"/proc/{p}/stat") as f:
                rest = f.read().rsplit(")", 1)[1].split()
            user += int(rest[11])
            system += int(rest[12])
        except OSError:
            pass
    return total, user, system


def memory_kib(pids):
    """Sums over pids: RSS, proportional set size, peak RSS (KiB)."""
    rss = pss = peak = 0
    for p in pids:
        try:
            with open(f"/proc/{p}/status") as f:
                text = f.read()
            rss += int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
            peak += int(re.search(r"VmHWM:\s+(\d+)", text).group(1))
            with open(f"/proc/{p}/smaps_rollup") as f:
                pss += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return {"rss_kib": rss, "pss_kib": pss, "peak_rss_kib": peak}


def machine_ns():
    """Busy, and stolen, nanoseconds of the whole machine and of each CPU."""
    out = {}
    with open("/proc/stat") as f:
        for line in f:
            if not line.startswith("cpu"):
                break
            v = line.split()
            n = [int(x) for x in v[1:9]]
            out[v[0]] = ((n[0] + n[1] + n[2] + n[5] + n[6]) * (10**9 // TICK),
                         n[7] * (10**9 // TICK))
    return out


def udp_bound(addr):
    """Is a UDP socket bound to ip:port (or to any address at that port)?"""
    ip, port = addr.rsplit(":", 1)
    want = {socket.inet_aton(ip)[::-1].hex().upper(), "00000000"}
    with open("/proc/net/udp") as f:
        next(f)
        for line in f:
            local = line.split()[1].split(":")
            if local[0] in want and int(local[1], 16) == int(port):
                return True
    return False


def udp_drops(addr):
    """Datagrams the kernel dropped for the sockets bound at ip:port."""
    ip, port = addr.rsplit(":", 1)
    want = {socket.inet_aton(ip)[::-1].hex().upper(), "00000000"}
    drops = 0
    with open("/proc/net/udp") as f:
        next(f)
        for line in f:
            v = line.split()
            local = v[1].split(":")
            if local[0] in want and int(local[1], 16) == int(port):
                drops += int(v[-1])
    return drops


def cpu_list(text):
    if text in ("", "none"):
        return None
    cpus = set()
    for part in text.split(","):
        lo, _, hi = part.partition("-")
        cpus |= set(range(int(lo), int(hi or lo) + 1))
    return cpus


def pin(pids, cpus, nice):
    for p in pids:
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                if cpus:
                    os.sched_setaffinity(int(t), cpus)
                if nice:
                    os.setpriority(os.PRIO_PROCESS, int(t), nice)
        except OSError:
            pass


def wait_quiet(limit_s, share=0.15):
    """Wait, up to limit_s, for the machine to be idle; its busy share then."""
    end = time.monotonic() + limit_s
    while True:
        b0, t0 = machine_ns()["cpu"][0], time.monotonic()
        time.sleep(1)
        busy = (machine_ns()["cpu"][0] - b0) / 1e9 / (time.monotonic() - t0) / os.cpu_count()
        if busy < share or time.monotonic() >= end:
            return round(busy, 2)
