"""Both agents with a running Tandem: what they say arrives. TANDEM_BIN names its program."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.request

import stage
import test_asterisk
import test_freeswitch

CONFIG = """
[http]
listen = "127.0.0.1:0"
[store]
url = "sqlite::memory:"
[probe]
mode = "off"
[[listen]]
uri = "sip:127.0.0.1:0;transport=udp"
[[group]]
name = "pbx"
[[peer]]
name = "asterisk"
uri = "sip:127.0.0.1:5061"
groups = ["pbx"]
capacity = { calls = 100 }
feedback = { token = "token-a", ttl = "10s" }
[[peer]]
name = "freeswitch"
uri = "sip:127.0.0.1:5062"
groups = ["pbx"]
capacity = { calls = 900 }
feedback = { token = "token-f", ttl = "10s" }
"""


@unittest.skipUnless(os.environ.get("TANDEM_BIN"), "TANDEM_BIN is not set")
class WithTandem(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "tandem.toml"
        config.write_text(CONFIG, encoding="utf-8")
        command = [os.environ["TANDEM_BIN"], "serve", "--config", str(config)]
        tandem = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(tandem.stdout.close)
        self.addCleanup(tandem.wait)
        self.addCleanup(tandem.terminate)
        ready = tandem.stdout.readline()
        self.url = "http://" + ready.split("http=")[1].strip().removeprefix("http://")
        self.asterisk, self.switch = test_asterisk.ScriptedAsterisk(), test_freeswitch.ScriptedFreeSwitch()
        self.addCleanup(self.asterisk.close)
        self.addCleanup(self.switch.close)

    def start(self, path, peer, token, arguments, secrets):
        agent = stage.Agent(path, ["--tandem", self.url, "--peer", peer, *arguments], {"TANDEM_TOKEN": token, **secrets})
        self.addCleanup(agent.close)
        return agent

    def peer(self, name):
        with urllib.request.urlopen(f"{self.url}/v1/peers/{name}", timeout=5) as answer:
            return json.load(answer)

    def test_foreign_calls_capacity_and_state_reach_tandem_and_follow_the_pbx(self):
        self.asterisk.channels, self.switch.channels = test_asterisk.TWO_CALLS, test_freeswitch.TWO_CALLS
        self.asterisk.max_calls = 80
        self.start(stage.ASTERISK, "asterisk", "token-a", ["--ami", self.asterisk.address, "--no-cpu"], {"AMI_SECRET": "ami-secret"})
        self.start(stage.FREESWITCH, "freeswitch", "token-f", ["--esl", self.switch.address], {"ESL_PASSWORD": "ClueCon"})

        def calls(name, wanted):
            room = self.peer(name)["resources"]["calls"]
            return all(room[key] == value for key, value in wanted.items())

        stage.until(lambda: calls("asterisk", {"foreign": 2, "capacity": 80, "free": 78}), "Asterisk's load")
        stage.until(lambda: calls("freeswitch", {"foreign": 2, "capacity": 500, "free": 321}), "FreeSWITCH's load")
        self.assertTrue(self.peer("asterisk")["feedback"]["fresh"])
        self.switch.paused = "true"
        stage.until(lambda: not self.peer("freeswitch")["accepting"], "FreeSWITCH is paused")
        self.asterisk.started = ("2026-02-15", "08:00:00")
        self.asterisk.channels = []
        self.asterisk.shut_down()
        stage.until(lambda: not self.peer("asterisk")["accepting"], "Asterisk is shutting down")
        stage.until(lambda: self.peer("asterisk")["accepting"] and calls("asterisk", {"foreign": 0}), "Asterisk is back, empty")

    def test_an_agent_that_is_started_again_goes_on_with_growing_numbers(self):
        def agent():
            return self.start(stage.ASTERISK, "asterisk", "token-a", ["--ami", self.asterisk.address], {"AMI_SECRET": "ami-secret"})

        first = agent()
        seq = stage.until(lambda: (self.peer("asterisk")["feedback"] or {}).get("seq"), "a report")
        self.assertEqual(first.stop(), 0)
        stage.until(lambda: not self.peer("asterisk")["accepting"], "draining")
        second = agent()
        stage.until(lambda: self.peer("asterisk")["accepting"], "accepting again")
        self.assertGreater(self.peer("asterisk")["feedback"]["seq"], seq)
        self.assertFalse(any("409" in line for line in second.words), second.words)

    def test_a_wrong_token_is_said(self):
        agent = self.start(stage.ASTERISK, "asterisk", "wrong", ["--ami", self.asterisk.address], {"AMI_SECRET": "ami-secret"})
        agent.says("403")


if __name__ == "__main__":
    unittest.main()
