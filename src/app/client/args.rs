//! What the clients' command lines may say.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::CODES;
use crate::http::model::{CallState, Units};

/// Which server, and how its answer is shown.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Where the server's HTTP API is
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TANDEM_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub url: String,
    /// The admin token; better set in the environment, where other users of this host do not see it
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "TANDEM_ADMIN_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// Print the server's JSON instead of a table
    #[arg(long, global = true)]
    pub json: bool,
}

/// `tandem peers`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = false, after_help = format!("Example:\n  tandem peers\n  tandem peers drain pbx-a --wait\n\n{CODES}"))]
pub struct Peers {
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub action: Option<PeersAction>,
}

/// What to do with peers.
#[derive(Debug, Subcommand)]
pub enum PeersAction {
    /// List all peers: their room, their state, and why one gets no calls (the default)
    #[command(
        after_help = "Example:\n  tandem peers list --json | jq '.peers[] | select(.eligible | not) | .name'"
    )]
    List,
    /// Show all that is known of one peer
    #[command(after_help = "Example:\n  tandem peers show pbx-a")]
    Show(Name),
    /// Give a peer new calls again
    #[command(after_help = "Example:\n  tandem peers enable pbx-a")]
    Enable(Name),
    /// Give a peer no new calls, and stop wanting it at all; its calls go on
    #[command(after_help = "Example:\n  tandem peers disable pbx-a")]
    Disable(Name),
    /// Give a peer no new calls and let those it has end by themselves
    #[command(
        after_help = "Example:\n  tandem peers drain pbx-a --deadline 30m --wait && ssh pbx-a systemctl restart asterisk"
    )]
    Drain(Drain),
    /// Change how many units of a resource a peer has; what is left out stays
    #[command(after_help = "Example:\n  tandem peers resize pbx-a calls=300 transcoding=unlimited")]
    Resize(Resize),
}

/// One peer.
#[derive(Args, Debug)]
pub struct Name {
    /// The peer's name
    #[arg(value_name = "PEER")]
    pub name: String,
}

/// `tandem peers drain`.
#[derive(Args, Debug)]
pub struct Drain {
    /// The peer's name
    #[arg(value_name = "PEER")]
    pub name: String,
    /// End what is left after so long, such as 90s, 15m or 2h, by BYE to both sides; `enable` takes it back
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// Wait until its last call has ended; progress goes to stderr. Ctrl-C ends the waiting, not the draining
    #[arg(long)]
    pub wait: bool,
    /// Wait at most so long, such as 90s, 15m or 2h; then exit with code 6
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// `tandem peers resize`.
#[derive(Args, Debug)]
pub struct Resize {
    /// The peer's name
    #[arg(value_name = "PEER")]
    pub name: String,
    /// A resource and its units: calls=300, or calls=unlimited; a number alone is meant for calls
    #[arg(value_name = "RESOURCE=UNITS", required = true, value_parser = size)]
    pub sizes: Vec<(String, Units)>,
}

impl Resize {
    /// The last word about each resource counts.
    pub fn capacity(&self) -> BTreeMap<String, Units> {
        self.sizes.iter().cloned().collect()
    }
}

/// `tandem calls`.
#[derive(Args, Debug)]
#[command(after_help = format!("Example:\n  tandem calls list --peer pbx-a --state up\n\n{CODES}"))]
pub struct Calls {
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub action: Option<CallsAction>,
}

/// What to do with calls.
#[derive(Debug, Subcommand)]
pub enum CallsAction {
    /// List live calls, in order of id (the default)
    #[command(after_help = "Example:\n  tandem calls list --peer pbx-a --limit 1000")]
    List(CallsList),
    /// Show one call and the peers that were tried for it
    #[command(after_help = "Example:\n  tandem calls show 0-1a2b")]
    Show(CallName),
    /// List the newest calls that failed, were refused by a route, or needed more than one try, and why
    #[command(after_help = "Example:\n  tandem calls failed")]
    Failed,
    /// End a call: BYE to both sides, or CANCEL
    #[command(after_help = "Example:\n  tandem calls end 0-1a2b")]
    End(CallName),
}

/// Which calls.
#[derive(Args, Debug)]
pub struct CallsList {
    /// Only calls on this peer
    #[arg(long)]
    pub peer: Option<String>,
    /// Only calls that came through this group
    #[arg(long)]
    pub group: Option<String>,
    /// Only calls in this state
    #[arg(long, value_enum)]
    pub state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

impl Default for CallsList {
    fn default() -> Self {
        CallsList {
            peer: None,
            group: None,
            state: None,
            limit: 100,
        }
    }
}

/// A call's state, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Not answered yet
    Ringing,
    /// Answered
    Up,
    /// BYE under way
    Ending,
}

impl State {
    /// As the API says it.
    pub fn as_str(self) -> &'static str {
        super::calls::state(match self {
            State::Ringing => CallState::Ringing,
            State::Up => CallState::Up,
            State::Ending => CallState::Ending,
        })
    }
}

/// One call.
#[derive(Args, Debug)]
pub struct CallName {
    /// The call's id, as `tandem calls` lists it
    pub id: String,
}

/// `tandem top`.
#[derive(Args, Debug)]
#[command(after_help = format!("Example:\n  tandem top\n  tandem top --once --json | jq .calls_per_second\n\n{CODES}"))]
pub struct Top {
    #[command(flatten)]
    pub connection: Connection,
    /// Print the table once, from two looks a second apart, and end; so does --json, and an output that is no terminal
    #[arg(long)]
    pub once: bool,
}

/// `tandem explain`.
#[derive(Args, Debug)]
#[command(after_help = format!("Example:\n  tandem explain sip:1001@example.com --source 10.0.0.5\n\n{CODES}"))]
pub struct Explain {
    #[command(flatten)]
    pub connection: Connection,
    /// The Request-URI of the imagined call, such as sip:1001@example.com
    pub uri: String,
    /// The SIP method
    #[arg(long, default_value = "INVITE")]
    pub method: String,
    /// The From URI; an anonymous one when left out
    #[arg(long, value_name = "URI")]
    pub from: Option<String>,
    /// Where it comes from: ADDRESS, ADDRESS:PORT or peer:NAME; loopback when left out
    #[arg(long)]
    pub source: Option<String>,
}

fn size(text: &str) -> Result<(String, Units), String> {
    let (name, units) = text.split_once('=').unwrap_or(("calls", text));
    let units = match units {
        "unlimited" => Units::Unlimited,
        digits => Units::Limited(digits.parse().map_err(|_| {
            format!("give RESOURCE=UNITS, units being a whole number or \"unlimited\", such as {name}=300")
        })?),
    };
    match name {
        "" => Err("the resource has no name".to_owned()),
        name => Ok((name.to_owned(), units)),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "give a whole number with its unit, such as 90s, 15m or 2h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(seconds).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_resource_and_its_units_or_units_of_calls() {
        assert_eq!(size("x=3"), Ok(("x".into(), Units::Limited(3))));
        assert_eq!(size("300"), Ok(("calls".into(), Units::Limited(300))));
        assert_eq!(
            size("calls=unlimited"),
            Ok(("calls".into(), Units::Unlimited))
        );
        for wrong in ["", "=3", "calls=", "calls=-1", "calls=3.5", "calls=many"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_to_wait_has_a_unit() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "5", "m", "1.5h", "3d", "99999999999999999999h", "5µ"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
