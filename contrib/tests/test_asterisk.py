"""The agent for Asterisk against a scripted Manager Interface."""

import pathlib
import tempfile
import threading
import unittest

import stage

CHANNEL = (
    "Event: CoreShowChannel\r\nActionID: {id}\r\nChannel: {name}\r\nChannelState: 6\r\nChannelStateDesc: Up\r\n"
    "CallerIDNum: 1001\r\nCallerIDName: <unknown>\r\nConnectedLineNum: 1002\r\nConnectedLineName: <unknown>\r\n"
    "Language: en\r\nAccountCode: \r\nContext: from-tandem\r\nExten: 1002\r\nPriority: 3\r\nUniqueid: {uid}\r\n"
    "Linkedid: {linked}\r\nApplication: Dial\r\nApplicationData: PJSIP/1002,30\r\nDuration: 00:01:12\r\nBridgeId: \r\n\r\n"
)


class ScriptedAsterisk(stage.Server):
    """Answers like Asterisk 20 does, from tables that a test fills."""

    def __init__(self):
        self.secret, self.max_calls, self.started = "ami-secret", 200, ("2026-02-14", "21:22:24")
        self.channels = []  # (name, uniqueid, linkedid, Call-ID; None: gone before it is asked)
        self.denied = False
        self.asked = []
        self.lock = threading.Lock()
        super().__init__()

    def serve(self, connection, lines):
        connection.sendall(b"Asterisk Call Manager/9.0.0\r\n")
        while True:
            action = {}
            while (line := lines.readline()) not in (b"\r\n", b""):
                key, _, value = line.decode().partition(":")
                action[key] = value.strip()
            if not action:
                return
            with self.lock:
                self.asked.append(action)
                answer = getattr(self, "do_" + action["Action"])(action)
            connection.sendall(answer.encode())

    def do_Login(self, action):
        if (action["Username"], action["Secret"]) != ("tandem", self.secret):
            return self.error(action, "Authentication failed")
        return (f"Response: Success\r\nActionID: {action['ActionID']}\r\nMessage: Authentication accepted\r\n\r\n"
                "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 133587\r\nLastReload: 133587\r\nStatus: Fully Booted\r\n\r\n")

    def do_CoreStatus(self, action):
        date, time = self.started
        return (f"Response: Success\r\nActionID: {action['ActionID']}\r\nCoreStartupDate: {date}\r\nCoreStartupTime: {time}\r\n"
                f"CoreReloadDate: {date}\r\nCoreReloadTime: {time}\r\nCoreCurrentCalls: {len(self.channels)}\r\n"
                "CoreProcessedCalls: 7\r\n\r\n")

    def do_CoreSettings(self, action):
        return (f"Response: Success\r\nActionID: {action['ActionID']}\r\nAMIversion: 9.0.0\r\nAsteriskVersion: 20.5.0\r\n"
                f"SystemName: \r\nCoreMaxCalls: {self.max_calls}\r\nCoreMaxLoadAvg: 0.000000\r\nCoreRunUser: asterisk\r\n\r\n")

    def do_CoreShowChannels(self, action):
        head = f"Response: Success\r\nActionID: {action['ActionID']}\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
        rows = [CHANNEL.format(id=action["ActionID"], name=name, uid=uid, linked=linked) for name, uid, linked, _ in self.channels]
        return (head + "".join(rows) + f"Event: CoreShowChannelsComplete\r\nActionID: {action['ActionID']}\r\n"
                f"EventList: Complete\r\nListItems: {len(rows)}\r\n\r\n")

    def do_Getvar(self, action):
        if self.denied:
            return self.error(action, "Permission denied")
        found = {name: call_id for name, _, _, call_id in self.channels}.get(action["Channel"])
        if found is None:
            return self.error(action, "No such channel")
        return (f"Response: Success\r\nActionID: {action['ActionID']}\r\nVariable: {action['Variable']}\r\n"
                f"Value: {found}\r\n\r\n")

    @staticmethod
    def error(action, words):
        return f"Response: Error\r\nActionID: {action['ActionID']}\r\nMessage: {words}\r\n\r\n"

    def shut_down(self):
        """As `core stop now` does: the event, then the end of the connection."""
        self.live.sendall(b"Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n")
        self.hang_up()

    def getvars(self):
        with self.lock:
            return [action for action in self.asked if action["Action"] == "Getvar"]


TWO_CALLS = [
    ("PJSIP/tandem-00000001", "1700000000.1", "1700000000.1", "a-leg-1@carrier"),
    ("PJSIP/1002-00000002", "1700000000.2", "1700000000.1", "b-leg-1"),
    ("SIP/old-trunk-00000003", "1700000000.3", "1700000000.3", "a-leg-2"),
    ("Local/600@conf-00000004;1", "1700000000.4", "1700000000.3", "never asked"),
    ("PJSIP/1003-00000005<ZOMBIE>", "1700000000.5", "1700000000.3", "never asked"),
]


class TheAgent(unittest.TestCase):
    def setUp(self):
        self.asterisk, self.sink = ScriptedAsterisk(), stage.Sink()
        self.addCleanup(self.asterisk.close)
        self.addCleanup(self.sink.close)

    def start(self, *more):
        arguments = ["--tandem", self.sink.url, "--peer", "pbx-a", "--ami", self.asterisk.address, *more]
        agent = stage.Agent(stage.ASTERISK, arguments, {"TANDEM_TOKEN": "peer-token", "AMI_SECRET": "ami-secret"})
        self.addCleanup(agent.close)
        return agent

    def test_a_report_says_calls_maximum_start_and_call_ids(self):
        self.asterisk.channels = TWO_CALLS
        self.start()
        report = self.sink.next()
        self.assertEqual(report["path"], "/v1/peers/pbx-a/feedback")
        self.assertEqual(report["headers"]["Authorization"], "Bearer peer-token")
        self.assertEqual(report["headers"]["Content-Type"], "application/json")
        self.assertEqual(report["resources"], {"calls": {"used": 2, "max": 200}})
        self.assertEqual(report["boot_id"], "2026-02-14T21:22:24")
        self.assertEqual(report["state"], "accepting")
        self.assertEqual(report["calls"], ["a-leg-1@carrier", "a-leg-2", "b-leg-1"])
        self.assertEqual(report["ttl_seconds"], 5.0)
        later = self.sink.next(lambda each: "cpu_idle" in each)
        self.assertGreater(later["seq"], report["seq"])
        self.assertTrue(0 <= later["cpu_idle"] <= 1)

    def test_a_channel_is_asked_for_its_call_id_once_with_what_its_driver_knows(self):
        self.asterisk.channels = TWO_CALLS
        self.start()
        for _ in range(4):
            self.sink.next()
        asked = {action["Channel"]: action["Variable"] for action in self.asterisk.getvars()}
        self.assertEqual(len(self.asterisk.getvars()), 3)
        self.assertEqual(asked["PJSIP/tandem-00000001"], "CHANNEL(pjsip,call-id)")
        self.assertEqual(asked["SIP/old-trunk-00000003"], "SIPCALLID")

    def test_channels_are_counted_where_legs_are_wanted_and_no_maximum_is_invented(self):
        self.asterisk.channels, self.asterisk.max_calls = TWO_CALLS, 0
        self.start("--count", "channels", "--resource", "lines")
        self.assertEqual(self.sink.next()["resources"], {"lines": {"used": 4}})

    def test_a_channel_that_has_gone_before_it_is_asked_leaves_no_hole(self):
        self.asterisk.channels = TWO_CALLS[:2] + [("PJSIP/x-00000009", "1700000009.1", "1700000009.1", None)]
        self.start()
        self.assertEqual(self.sink.next()["calls"], ["a-leg-1@carrier", "b-leg-1"])

    def test_a_list_that_cannot_be_complete_is_not_sent(self):
        self.asterisk.channels, self.asterisk.denied = TWO_CALLS, True
        agent = self.start()
        report = self.sink.next()
        self.assertNotIn("calls", report)
        self.assertEqual(report["resources"]["calls"]["used"], 2)
        agent.says("Permission denied")

    def test_three_hundred_channels_are_asked_in_portions(self):
        self.asterisk.channels = [(f"PJSIP/t-{n:08x}", f"17.{n}", f"17.{n}", f"call-{n}") for n in range(300)]
        self.start()
        self.assertEqual(len(self.sink.next()["calls"]), 300)

    def test_a_shutdown_is_told_as_paused_and_a_new_start_has_a_new_boot_id(self):
        self.start()
        self.sink.next()
        self.asterisk.shut_down()
        self.sink.next(lambda each: each["state"] == "paused")
        self.asterisk.started = ("2026-02-15", "08:00:00")
        report = self.sink.next(lambda each: each["state"] == "accepting")
        self.assertEqual(report["boot_id"], "2026-02-15T08:00:00")

    def test_a_connection_that_breaks_is_made_again_and_pauses_nothing(self):
        agent = self.start()
        self.sink.next()
        self.asterisk.hang_up()
        agent.says("again in about 1 s")
        stage.until(lambda: self.asterisk.connections >= 2, "a second connection")
        self.assertEqual(self.sink.next()["state"], "accepting")
        self.assertEqual(self.sink.next()["state"], "accepting")

    def test_a_refused_login_is_tried_again(self):
        self.asterisk.secret = "another"
        agent = self.start()
        agent.says("login refused: Authentication failed")
        self.asterisk.secret = "ami-secret"
        self.assertEqual(self.sink.next()["state"], "accepting")

    def test_its_own_end_is_told_as_draining(self):
        agent = self.start()
        self.sink.next()
        self.assertEqual(agent.stop(), 0)
        self.sink.next(lambda each: each["state"] == "draining")

    def test_a_seq_that_is_behind_catches_up_at_once(self):
        ahead = 9_000_000_000_000
        self.sink.answers = [(409, f'{{"title":"Conflict","detail":"seq 5 is not newer than {ahead}"}}')]
        self.start()
        self.assertEqual(self.sink.next()["status"], 409)
        report = self.sink.next()
        self.assertEqual(report["status"], 200)
        self.assertGreater(report["seq"], ahead)
        self.assertGreater(self.sink.next()["seq"], report["seq"])

    def test_refusals_are_said_once_and_reports_go_on(self):
        self.sink.answers = [(401, "no"), (401, "no"), (503, "no")]
        agent = self.start()
        for status in (401, 401, 503, 200):
            self.assertEqual(self.sink.next()["status"], status)
        agent.says("reports are taken again")
        self.assertEqual(sum("401" in line for line in agent.words), 1)

    def test_secrets_come_from_files(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "token"
            file.write_text("from-a-file\n", encoding="utf-8")
            self.start("--token-file", str(file))
            self.assertEqual(self.sink.next()["headers"]["Authorization"], "Bearer from-a-file")


class TheProcessor(unittest.TestCase):
    def test_idle_is_the_share_of_idle_and_waiting_ticks_since_the_last_look(self):
        agent = stage.module(stage.ASTERISK)
        with tempfile.TemporaryDirectory() as folder:
            stat = pathlib.Path(folder) / "stat"
            processor = agent.Processor(str(stat))
            stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\n", encoding="ascii")
            self.assertIsNone(processor.idle())
            stat.write_text("cpu  110 0 100 805 0 0 0 0 0 0\n", encoding="ascii")
            self.assertIsNone(processor.idle(), "fifteen ticks say nothing")
            stat.write_text("cpu  150 0 100 940 10 0 0 0 0 0\n", encoding="ascii")
            self.assertEqual(processor.idle(), 0.75)

    def test_a_body_too_long_loses_its_list_whole(self):
        agent = stage.module(stage.ASTERISK)
        report = {"state": "accepting", "calls": ["x" * 50] * 30_000, "cpu_idle": None}
        self.assertEqual(agent.fit(report), {"state": "accepting"})


if __name__ == "__main__":
    unittest.main()
