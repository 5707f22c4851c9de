"""What is measured: the proxies, the relay, and how each is started."""
import os
import re
import time

from .child import Child, Failure
from .machine import pin, tree, udp_bound

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOCKBUF = 4 << 20


class Target:
    """A load balancer under measurement.

    Its ended transactions live on for linger_s. Where that is long, the run is warmed
    up for as long, so that as many end while it is measured as begin (`steady`);
    where it is short, all of them are waited for.
    """

    external = False
    linger_s = 6
    steady = False
    background = 0      # calls that stay up while it is measured
    reports = 0         # feedback reports a second, beside one scrape

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.listen = bench.args.listen
        self.uas = bench.uas
        self.child = None

    def warm_s(self):
        asked = self.bench.args.warm_seconds
        return asked if asked is not None else self.linger_s + 1

    def settle_s(self):
        if self.background:     # nothing ran at this rate before: all is waited for
            return self.linger_s
        asked = self.bench.args.settle
        return asked if asked is not None else 1 if self.steady else self.linger_s

    def fill(self, template, marks):
        with open(os.path.join(HERE, "configs", template)) as f:
            text = f.read()
        for k, v in marks.items():
            text = text.replace(f"@{k}@", str(v))
        path = self.bench.path(template)
        with open(path, "w") as f:
            f.write(text)
        return path

    def argv(self):
        raise NotImplementedError

    def start(self):
        if udp_bound(self.listen):
            raise Failure(f"{self.listen} is already in use")
        self.child = Child(self.argv(), self.bench.proxy_cpus,
                           self.bench.path(f"{self.name}.log"))
        limit = time.time() + 15
        while not self.ready():
            if self.child.p.poll() is not None or time.time() > limit:
                self.stop()
                raise Failure(f"{self.name} did not start, see {self.bench.path(self.name)}.log")
            time.sleep(0.05)
        time.sleep(1.0)

    def ready(self):
        return udp_bound(self.listen)

    def stop(self):
        if self.child:
            self.child.stop()
            self.child = None
            for _ in range(100):
                if not udp_bound(self.listen):
                    break
                time.sleep(0.05)

    def pids(self):
        return tree(self.child.pid)


class Kamailio(Target):
    def argv(self):
        a = self.bench.args
        with open(self.bench.path("dispatcher.list"), "w") as f:
            for i, uas in enumerate(self.bench.uas):
                f.write(f"1 sip:{uas} 0 0 duid=u{i};maxload=1000000\n")
        mpath = f'mpath="{a.kamailio_modules}"' if a.kamailio_modules else ""
        cfg = self.fill("kamailio.cfg", {
            "LISTEN": self.listen, "RUNDIR": self.bench.dir, "MPATH": mpath,
            "WORKERS": a.kamailio_workers})
        argv = [a.kamailio, "-DD", "-E", "-f", cfg, "-m", str(a.shm_mib),
                "-M", "16", "-b", str(SOCKBUF), "-Y", self.bench.dir]
        argv += ["-x", a.kamailio_malloc] if a.kamailio_malloc else []
        return argv + (["-A", "WITH_DIALOG"] if self.name.endswith("-dialog") else [])


class OpenSips(Target):
    def argv(self):
        a = self.bench.args
        if not a.opensips_modules:
            raise Failure("opensips needs --opensips-modules DIR")
        db = self.bench.path("db")
        os.makedirs(db, exist_ok=True)
        with open(os.path.join(db, "version"), "w") as f:
            f.write("table_name(string) table_version(int)\nload_balancer:3\n")
        with open(os.path.join(db, "load_balancer"), "w") as f:
            f.write("id(int,auto) group_id(int) dst_uri(string) resources(string) "
                    "probe_mode(int) attrs(string,null) description(string,null)\n")
            for i, uas in enumerate(self.bench.uas):
                uri = f"sip:{uas}".replace(":", "\\:")
                f.write(f"{i + 1}:1:{uri}:calls=1000000:0::\n")
        cfg = self.fill("opensips.cfg", {
            "LISTEN": self.listen, "RUNDIR": self.bench.dir,
            "MPATH": os.path.abspath(a.opensips_modules) + "/",
            "WORKERS": a.opensips_workers})
        argv = [a.opensips, "-F", "-f", cfg, "-m", str(a.shm_mib), "-M", "16",
                "-b", str(SOCKBUF), "-w", self.bench.dir]
        return argv + (["-a", a.opensips_malloc] if a.opensips_malloc else [])


class Relay(Target):
    linger_s = 1

    def argv(self):
        batch = self.name.partition("-b")[2] or "64"
        return [self.bench.tool("relay"), self.listen, self.bench.args.uac,
                self.bench.uas[0], batch]


class Command(Target):
    """cmd:NAME=COMMAND LINE: a proxy that the bench starts, pins and stops."""

    def __init__(self, bench, name, command):
        super().__init__(bench, name)
        self.command = command

    def argv(self):
        line = self.command.replace("{listen}", self.listen)
        line = line.replace("{uas}", ",".join(self.bench.uas))
        return ["/bin/sh", "-c", "exec " + line]


class External(Target):
    """ext:NAME,LISTEN,PID: a proxy that already runs."""

    external = True

    def __init__(self, bench, name, listen, pid):
        super().__init__(bench, name)
        self.listen, self.pid = listen, int(pid)

    def start(self):
        if not os.path.exists(f"/proc/{self.pid}"):
            raise Failure(f"no process {self.pid}")
        pin(tree(self.pid), self.bench.proxy_cpus, Child.nice)

    def stop(self):
        pass

    def pids(self):
        return tree(self.pid)


class Tandem(Target):
    """tandem, and after it what differs from the default run, in any order:

    -wN       N shards
    -peersN   N peers of 127.78/16 in place of the four, all of which answer (storm only)
    -liveN    N calls stay up while others are measured
    -fedN     N feedback reports a second, round the peers, and a scrape each second
    """

    linger_s = 33       # RFC 3261's 64 x T1, and a second
    steady = True

    def __init__(self, bench, name):
        super().__init__(bench, name)
        options = dict(re.findall(r"-(w|peers|live|fed)(\d+)", name))
        self.workers = int(options.get("w", 1))
        self.background = int(options.get("live", 0))
        self.reports = int(options.get("fed", 0))
        self.peers = list(bench.uas)
        if "peers" in options:
            port = bench.uas[0].rsplit(":", 1)[1]
            self.peers = [f"127.78.{i // 250}.{i % 250 + 1}:{port}" for i in range(int(options["peers"]))]
            self.uas = [f"0.0.0.0:{port}"]
        self.http = bench.args.http
        self.log = bench.path(f"{name}.log")

    def argv(self):
        # Each run has a store of its own, as each has a process of its own.
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.bench.path("tandem.db" + suffix)):
                os.unlink(self.bench.path("tandem.db" + suffix))
        open(self.log, "w").close()
        feedback = 'feedback = { token = "bench" }\n' if self.reports else ""
        peers = "".join(f'\n[[peer]]\nname = "u{i}"\nuri = "sip:{uas}"\n'
                        f'capacity = {{ calls = 200000 }}\n{feedback}'
                        for i, uas in enumerate(self.peers))
        config = self.fill("tandem.toml", {
            "LISTEN": self.listen, "HTTP": self.http, "WORKERS": self.workers,
            "STORE": self.bench.path("tandem.db"), "PEERS": peers})
        return [self.bench.args.tandem, "serve", "--config", config, "--log-level", "warn"]

    def ready(self):
        with open(self.log) as f:
            return "ready sip=" in f.read()


class Direct(Target):
    """No proxy: the load side talks to its first UAS."""

    linger_s = 1

    def __init__(self, bench, name):
        super().__init__(bench, name)
        self.listen = bench.uas[0]

    def start(self):
        pass

    def pids(self):
        return []


def make_target(bench, text):
    if text.startswith("ext:"):
        return External(bench, *text[4:].split(","))
    if text.startswith("cmd:"):
        return Command(bench, *text[4:].split("=", 1))
    kinds = {"kamailio": Kamailio, "kamailio-dialog": Kamailio,
             "opensips": OpenSips, "direct": Direct, "relay": Relay}
    if re.fullmatch(r"tandem(-(w|peers|live|fed)\d+)*", text):
        return Tandem(bench, text)
    kind = kinds.get(text) or (Relay if re.fullmatch(r"relay-b\d+", text) else None)
    if not kind:
        raise SystemExit(f"unknown target {text}")
    return kind(bench, text)
