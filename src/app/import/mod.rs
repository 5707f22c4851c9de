//! `tandem import`: the table of another balancer, as a configuration of ours.
//!
//! Each file is read into rows with their places ([`rows`], [`sql`], [`kamailio`]), the rows into a [`plan`], and
//! that is [`write`]n. What cannot be carried over is a note: a comment in the configuration, and a line on stderr.

mod kamailio;
mod names;
mod opensips;
mod place;
mod plan;
mod rows;
mod sql;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::client::table::{plain, print};
use crate::base::limits::CONFIG_BYTES_MAX;
use crate::config::{self, Invalid, Surroundings};
use place::{Findings, Spot};
use plan::Plan;

/// Whose file.
#[derive(Debug, Subcommand)]
pub enum From {
    /// The table `load_balancer` of OpenSIPS: a db_text file, a dump with INSERT, or columns with commas, tabs or bars
    #[command(
        after_help = "Example:\n  mysqldump opensips load_balancer > lb.sql\n  tandem import opensips lb.sql > tandem.toml && tandem check --config tandem.toml"
    )]
    Opensips(File),
    /// The file `dispatcher.list` of Kamailio
    #[command(
        after_help = "Example:\n  tandem import kamailio /etc/kamailio/dispatcher.list > tandem.toml && tandem check --config tandem.toml"
    )]
    Kamailio(File),
}

/// Which file.
#[derive(clap::Args, Debug)]
pub struct File {
    /// The file; `-` is the standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Prints the configuration, says on stderr what it lacks, or where the file is wrong.
pub fn run(from: &From) -> ExitCode {
    let (File { file }, read): (_, fn(&str, &mut Findings) -> Plan) = match from {
        From::Opensips(file) => (file, opensips::plan),
        From::Kamailio(file) => (file, kamailio::plan),
    };
    let name = plain(&file.display().to_string());
    match bytes(file).and_then(|bytes| import(&name, &bytes, read)) {
        Ok((text, remarks)) => {
            remarks
                .iter()
                .for_each(|remark| eprintln!("{}", plain(remark)));
            print(&text);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            wrong.lines().for_each(|line| eprintln!("{}", plain(line)));
            ExitCode::from(super::INVALID)
        }
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: io::Error| format!("{}: cannot read it ({why})", file.display());
    let from: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(std::fs::File::open(file).map_err(cannot)?),
    };
    let mut bytes = Vec::new();
    let most = CONFIG_BYTES_MAX;
    from.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        Ok(_) | Err(_) => Err(format!("{}: more than {most} bytes", file.display())),
    }
}

/// The configuration with a line for each note, or all that is wrong with the file.
fn import(
    name: &str,
    bytes: &[u8],
    read: fn(&str, &mut Findings) -> Plan,
) -> Result<(String, Vec<String>), String> {
    let mut findings = Findings::default();
    let text = text(bytes, &mut findings).unwrap_or_default();
    let plan = findings
        .problems
        .is_empty()
        .then(|| read(text, &mut findings));
    let Some(plan) = plan.filter(|_| findings.problems.is_empty()) else {
        let (file, problems) = (name.to_owned(), findings.in_order());
        return Err(Invalid { file, problems }.to_string());
    };
    let notes = plan.notes();
    let notes = notes
        .iter()
        .map(|note| format!("{name}:{}: {}", note.line, note.words));
    let whole = plan.remarks.iter().map(|words| format!("{name}: {words}"));
    let remarks: Vec<String> = notes.chain(whole).collect();
    let written = write::toml(&plan, name);
    match config::parse("the configuration", written.as_bytes(), &Nothing) {
        Ok(_) => Ok((written, remarks)),
        Err(invalid) => Err(format!(
            "{}\n{name}: what can be carried over is no whole configuration:\n{invalid}",
            remarks.join("\n")
        )),
    }
}

fn text<'b>(bytes: &'b [u8], findings: &mut Findings) -> Option<&'b str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(why) => {
            let good = bytes.get(..why.valid_up_to()).unwrap_or_default();
            let spot = Spot::default().after(&String::from_utf8_lossy(good));
            findings.wrong(
                spot,
                "this byte is not UTF-8, must be text in UTF-8; iconv turns other text into it",
            );
            None
        }
    }
}

/// The configuration refers to nothing outside of itself.
struct Nothing;

impl Surroundings for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}
