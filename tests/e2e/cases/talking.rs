//! A user agent that people use: baresip calls baresip through the binary, they talk, and one hangs up.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::agent::pbx::peer_config;
use crate::harness::child::{Running, wait_for_udp};
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

/// baresip under control of its ctrl_tcp module.
struct Baresip {
    process: Running,
    control: TcpStream,
    said: String,
    ip: IpAddr,
    _folder: tempfile::TempDir,
}

impl Baresip {
    #[track_caller]
    fn start(user: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let ip = fresh_ip();
        let wav = folder.path().join("tone.wav");
        std::fs::write(&wav, tone(20)).expect("tone written");
        let config = format!(
            "poll_method epoll\nsip_listen {ip}:5060\nnet_interface {ip}\ncall_max_calls 4\n\
             audio_source aufile,{}\naudio_player aubridge,none\naudio_alert aubridge,none\n\
             rtp_ports 20000-30000\nrtp_stats yes\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule_app account.so\n\
             module_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {ip}:4444\n",
            wav.display()
        );
        write(folder.path(), "config", &config);
        let account = format!("<sip:{user}@{ip}>;regint=0;answermode=auto\n");
        write(folder.path(), "accounts", &account);
        write(folder.path(), "contacts", "");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder.path());
        let process = Running::start(command, user, folder.path());
        wait_for_udp((ip, 5060).into(), Duration::from_secs(10));
        let control = wait::until("baresip takes commands", Duration::from_secs(10), || {
            TcpStream::connect((ip, 4444)).ok()
        });
        let step = Some(Duration::from_millis(20));
        control.set_read_timeout(step).expect("read timeout");
        Self {
            process,
            control,
            said: String::new(),
            ip,
            _folder: folder,
        }
    }

    /// A command, as a netstring of JSON.
    fn tell(&mut self, command: &str, params: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{params}\",\"token\":\"t\"}}");
        let netstring = format!("{}:{json},", json.len());
        let sent = self.control.write_all(netstring.as_bytes());
        sent.expect("command sent");
    }

    #[track_caller]
    fn event(&mut self, kind: &str) {
        let wanted = format!("\"type\":\"{kind}\"");
        let name = format!("{kind} at baresip {}", self.ip);
        let (control, said) = (&mut self.control, &mut self.said);
        wait::until(&name, Duration::from_secs(10), || {
            let mut buffer = [0_u8; 4096];
            if let Ok(length) = control.read(&mut buffer) {
                *said += &String::from_utf8_lossy(&buffer[..length]);
            }
            said.contains(&wanted).then_some(())
        });
    }

    /// Packets sent and received, as baresip sums up a call that has ended.
    fn packets(&self) -> Option<(u32, u32)> {
        let out = self.process.stdout() + &self.process.stderr();
        let line = out.lines().find_map(|line| line.strip_prefix("packets:"))?;
        let mut numbers = line.split_whitespace().map(|word| word.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("config written");
}

/// A sine tone as a WAV file: 8 kHz, mono, 16 bits.
fn tone(seconds: u32) -> Vec<u8> {
    let samples = 8000 * seconds;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples * 2).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((samples * 2).to_le_bytes());
    for n in 0..samples {
        let turn = f64::from(n) * 440.0 / 8000.0 * std::f64::consts::TAU;
        wav.extend(((turn.sin() * 8000.0) as i16).to_le_bytes());
    }
    wav
}

#[test]
fn baresip_calls_baresip_talks_and_hangs_up_from_either_side() {
    let _turn = lock::shared();
    let (mut alice, mut bob) = (Baresip::start("alice"), Baresip::start("1001"));
    let peer = peer_config("bob", (bob.ip, 5060).into(), "capacity = { calls = 2 }");
    let tandem = Tandem::start(&format!(
        "[probe]\ninterval = \"500ms\"\n[[group]]\nname = \"pbx\"\n{peer}"
    ));
    tandem.health_becomes("bob", "up", Duration::from_secs(5));
    for alice_hangs_up in [true, false] {
        alice.said.clear();
        bob.said.clear();
        alice.tell("dial", &format!("sip:1001@{}", tandem.sip));
        alice.event("CALL_ESTABLISHED");
        bob.event("CALL_ESTABLISHED");
        tandem.holds("bob", 1, "up");
        wait::stays("the call", 1, Duration::from_secs(2), || tandem.own("bob"));
        if alice_hangs_up {
            alice.tell("hangup", "");
            bob.event("CALL_CLOSED");
        } else {
            bob.tell("hangup", "");
            alice.event("CALL_CLOSED");
        }
        tandem.holds("bob", 0, "up");
    }
    for side in [&alice, &bob] {
        let (sent, received) =
            wait::until("call statistics", Duration::from_secs(5), || side.packets());
        assert!(
            sent >= 50 && received >= 50,
            "{sent} sent, {received} received"
        );
    }
    tandem.metric_is("tandem_slots_released_total", &[("cause", "bye")], 2.0);
    tandem.finish();
}
