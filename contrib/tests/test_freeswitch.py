"""The agent for FreeSWITCH against a scripted event socket."""

import json
import threading
import unittest

import stage

CORE = "3f531e10-0b35-4f5a-abdc-0f6c058095a5"
HEARTBEAT = (
    "Event-Name: HEARTBEAT\nCore-UUID: {core}\nFreeSWITCH-Hostname: pbx\nFreeSWITCH-Switchname: pbx\n"
    "FreeSWITCH-IPv4: 127.0.0.1\nFreeSWITCH-IPv6: %3A%3A1\nEvent-Date-Local: 2026-02-14%2021%3A22%3A24\n"
    "Event-Date-Timestamp: 1771104144289541\nEvent-Calling-File: switch_core.c\nEvent-Calling-Function: send_heartbeat\n"
    "Event-Calling-Line-Number: 81\nEvent-Sequence: 57728\nEvent-Info: System%20Ready\n"
    "Up-Time: 0%20years,%200%20days,%202%20hours\nFreeSWITCH-Version: 1.10.11-release~64bit\nUptime-msec: 7200000\n"
    "Session-Count: {sessions}\nMax-Sessions: 1000\nSession-Per-Sec: 30\nSession-Per-Sec-Last: 7\n"
    "Session-Since-Startup: 1862\nSession-Peak-Max: 358\nSession-Peak-FiveMin: 73\nIdle-CPU: 64.500000\n\n"
)


class ScriptedFreeSwitch(stage.Server):
    """Answers like FreeSWITCH 1.10 does, from tables that a test fills."""

    def __init__(self):
        self.password, self.core, self.paused, self.ending = "ClueCon", CORE, "false", "false"
        self.rude = False
        self.channels = []  # (uuid, name, call_uuid, Call-ID; None: gone, "": not set yet)
        self.commands = []
        self.lock = threading.Lock()
        super().__init__()

    def serve(self, connection, lines):
        if self.rude:
            connection.sendall(b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
            return
        connection.sendall(b"Content-Type: auth/request\n\n")
        while True:
            words = []
            while (line := lines.readline()) not in (b"\n", b""):
                words.append(line.decode().strip())
            if not words:
                return
            with self.lock:
                self.commands.append(words[0])
                connection.sendall(self.answer(words[0]).encode())

    def answer(self, command):
        verb, _, rest = command.partition(" ")
        if verb == "auth":
            right = rest == self.password
            return self.reply("+OK accepted" if right else "-ERR invalid")
        if verb == "event":
            return self.reply("+OK event listener enabled plain") + self.event(
                HEARTBEAT.format(core=self.core, sessions=len(self.channels)))
        body = self.api(rest)
        return f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}"

    def api(self, command):
        if command == "show channels as json":
            rows = [{"uuid": uuid, "direction": "inbound", "created_epoch": "1771104100", "name": name, "state": "CS_EXECUTE",
                     "callstate": "ACTIVE", "call_uuid": call} for uuid, name, call, _ in self.channels]
            return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})}) + "\n"
        if command.startswith("uuid_getvar "):
            _, uuid, variable = command.split()
            assert variable == "sip_call_id"
            found = {each: call_id for each, _, _, call_id in self.channels}.get(uuid)
            return "-ERR No such channel!\n" if found is None else found or "_undef_"
        fixed = {"global_getvar core_uuid": self.core, "fsctl pause_check inbound": self.paused,
                 "fsctl shutdown_check": self.ending}
        return fixed.get(command, f"-ERR {command} Command not found!\n")

    @staticmethod
    def reply(words):
        return f"Content-Type: command/reply\nReply-Text: {words}\n\n"

    @staticmethod
    def event(body):
        return f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n{body}"

    def shut_down(self):
        """As `fsctl shutdown` does: the event, the notice, the end of the connection."""
        body = f"Event-Name: SHUTDOWN\nCore-UUID: {self.core}\nEvent-Info: System%20Shutting%20Down\n\n"
        notice = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
        text = self.event(body) + f"Content-Type: text/disconnect-notice\nContent-Length: {len(notice)}\n\n{notice}"
        with self.lock:
            self.live.sendall(text.encode())
        self.hang_up()

    def getvars(self):
        with self.lock:
            return [command for command in self.commands if "uuid_getvar" in command]


TWO_CALLS = [
    ("u-1", "sofia/external/1001@carrier", "u-1", "a-leg-1@carrier"),
    ("u-2", "sofia/internal/1002@10.0.0.9", "u-1", "b-leg-1"),
    ("u-3", "sofia/external/1003@carrier", "", "a-leg-2"),
    ("u-4", "loopback/600-a", "u-3", "never asked"),
]


class TheAgent(unittest.TestCase):
    def setUp(self):
        self.switch, self.sink = ScriptedFreeSwitch(), stage.Sink()
        self.addCleanup(self.switch.close)
        self.addCleanup(self.sink.close)

    def start(self, *more):
        arguments = ["--tandem", self.sink.url, "--peer", "pbx-b", "--esl", self.switch.address, *more]
        agent = stage.Agent(stage.FREESWITCH, arguments, {"TANDEM_TOKEN": "peer-token", "ESL_PASSWORD": "ClueCon"})
        self.addCleanup(agent.close)
        return agent

    def test_a_report_says_calls_maximum_idle_core_and_call_ids(self):
        self.switch.channels = TWO_CALLS
        self.start()
        report = self.sink.next()
        self.assertEqual(report["path"], "/v1/peers/pbx-b/feedback")
        self.assertEqual(report["headers"]["Authorization"], "Bearer peer-token")
        self.assertEqual(report["boot_id"], CORE)
        self.assertEqual(report["calls"], ["a-leg-1@carrier", "a-leg-2", "b-leg-1"])
        report = self.sink.next(lambda each: "cpu_idle" in each)
        self.assertEqual(report["resources"], {"calls": {"used": 2, "max": 500}})
        self.assertEqual(report["cpu_idle"], 0.645)
        self.assertEqual(report["state"], "accepting")

    def test_no_call_at_all_is_an_empty_list(self):
        self.start()
        report = self.sink.next()
        self.assertEqual(report["calls"], [])
        self.assertEqual(report["resources"]["calls"]["used"], 0)

    def test_sessions_are_counted_where_legs_are_wanted(self):
        self.switch.channels = TWO_CALLS
        self.start("--count", "sessions", "--legs", "1")
        report = self.sink.next(lambda each: "cpu_idle" in each)
        self.assertEqual(report["resources"], {"calls": {"used": 3, "max": 1000}})

    def test_a_channel_is_asked_for_its_call_id_once_and_other_drivers_never(self):
        self.switch.channels = TWO_CALLS
        self.start()
        for _ in range(4):
            self.sink.next()
        self.assertEqual(sorted(self.switch.getvars()), [f"api uuid_getvar u-{n} sip_call_id" for n in (1, 2, 3)])

    def test_a_channel_without_an_invite_yet_is_asked_again(self):
        self.switch.channels = TWO_CALLS[:1] + [("u-9", "sofia/external/x", "u-1", ""), ("u-8", "sofia/external/y", "u-8", None)]
        self.start()
        self.assertEqual(self.sink.next()["calls"], ["a-leg-1@carrier"])
        self.switch.channels = TWO_CALLS[:1] + [("u-9", "sofia/external/x", "u-1", "late@pbx")]
        self.sink.next(lambda each: each["calls"] == ["a-leg-1@carrier", "late@pbx"])

    def test_a_list_that_cannot_be_complete_is_not_sent(self):
        self.switch.channels = TWO_CALLS
        self.switch.api = lambda command, api=self.switch.api: (
            "-ERR uuid_getvar Command not found!\n" if command.startswith("uuid_getvar") else api(command))
        agent = self.start()
        report = self.sink.next()
        self.assertNotIn("calls", report)
        self.assertEqual(report["resources"]["calls"]["used"], 2)
        agent.says("no list of Call-IDs")

    def test_a_pause_and_an_elegant_shutdown_are_told(self):
        self.start()
        self.sink.next(lambda each: each["state"] == "accepting")
        self.switch.ending = "true"
        self.sink.next(lambda each: each["state"] == "draining")
        self.switch.paused = "true"
        self.sink.next(lambda each: each["state"] == "paused")
        self.switch.paused = self.switch.ending = "false"
        self.sink.next(lambda each: each["state"] == "accepting")

    def test_a_shutdown_is_told_as_paused_and_a_new_core_has_a_new_boot_id(self):
        self.start()
        self.assertEqual(self.sink.next()["boot_id"], CORE)
        self.switch.shut_down()
        self.sink.next(lambda each: each["state"] == "paused")
        self.switch.core = "b7c9f7a2-0000-4f5a-abdc-0f6c058095a5"
        report = self.sink.next(lambda each: each["state"] == "accepting")
        self.assertEqual(report["boot_id"], self.switch.core)

    def test_a_refused_password_and_a_refused_address_are_tried_again(self):
        self.switch.password = "another"
        agent = self.start()
        agent.says("auth: -ERR invalid")
        self.switch.rude = True
        agent.says("refused: Access Denied, go away.")
        self.switch.password, self.switch.rude = "ClueCon", False
        self.assertEqual(self.sink.next()["state"], "accepting")

    def test_its_own_end_is_told_as_draining(self):
        agent = self.start()
        self.sink.next()
        self.assertEqual(agent.stop(), 0)
        self.sink.next(lambda each: each["state"] == "draining")

    def test_a_seq_that_is_behind_catches_up_at_once(self):
        ahead = 9_000_000_000_000
        self.sink.answers = [(409, f'{{"detail":"seq 5 is not newer than {ahead}"}}')]
        self.start()
        self.assertEqual(self.sink.next()["status"], 409)
        self.assertGreater(self.sink.next()["seq"], ahead)


if __name__ == "__main__":
    unittest.main()
