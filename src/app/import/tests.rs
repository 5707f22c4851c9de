use super::*;

type Reading = fn(&str, &mut Findings) -> Plan;

/// The samples that the tests from outside read too.
const SAMPLES: [(&str, Reading); 8] = [
    (
        include_str!("../../../tests/import/load_balancer.db_text"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/mysqldump.sql"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/pg_dump.sql"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/columns.csv"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/mysql.txt"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/mysql-batch.tsv"),
        opensips::plan,
    ),
    (
        include_str!("../../../tests/import/dispatcher.list"),
        kamailio::plan,
    ),
    ("1 sip:10.0.0.1", kamailio::plan),
];

fn kamailio(text: &str) -> Result<(String, Vec<String>), String> {
    import("f", text.as_bytes(), kamailio::plan)
}

fn opensips(text: &str) -> Result<(String, Vec<String>), String> {
    import("f", text.as_bytes(), opensips::plan)
}

#[track_caller]
fn refused(result: Result<(String, Vec<String>), String>, wanted: &str) {
    let said = result.expect_err(wanted);
    assert!(
        said.lines().any(|line| line.starts_with(wanted)),
        "{wanted}: {said}"
    );
}

#[test]
fn whatever_is_changed_in_a_file_gives_a_valid_configuration_or_a_place() {
    let mut chance = fastrand::Rng::with_seed(5);
    let (mut good, mut bad) = (0, 0);
    for round in 0..4000 {
        let (sample, read) = SAMPLES[round % SAMPLES.len()];
        let mut bytes = sample.as_bytes().to_vec();
        for _ in 0..chance.usize(0..4) {
            if bytes.len() < 2 {
                break;
            }
            let at = chance.usize(0..bytes.len());
            let letters = b"'\"\\;:,|()=\n\t #-9\0\xff\xc3sI";
            match chance.u8(0..4) {
                0 => bytes[at] = letters[chance.usize(0..letters.len())],
                1 => bytes.insert(at, letters[chance.usize(0..letters.len())]),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        match import("f", &bytes, read) {
            Ok((text, _)) => {
                good += 1;
                let parsed = config::parse("f", text.as_bytes(), &Nothing);
                assert!(parsed.is_ok(), "{text}");
            }
            Err(said) => {
                bad += 1;
                let place = said
                    .lines()
                    .any(|line| line.starts_with("f:") || line.starts_with("the configuration:"));
                assert!(place, "{said}");
            }
        }
    }
    assert!(good > 1000 && bad > 500, "{good} good, {bad} bad");
}

#[test]
fn a_description_cannot_write_configuration_of_its_own() {
    let text = "id,group_id,dst_uri,resources,probe_mode,attrs,description\n\
                1,1,sip:10.0.0.1,calls=5,2,\"a\n[http]\nlisten = 'x'\",\"x\n[[peer]]\r\u{1b}[2J\u{85}\"\n";
    let (text, remarks) = opensips(text).expect("carried over");
    let config = config::parse("f", text.as_bytes(), &Nothing).expect("valid");
    assert_eq!(config.peers.len(), 1);
    assert_eq!(&*config.peers[0].name, "x-peer-2J");
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    assert!(
        remarks
            .iter()
            .all(|line| !line.contains(['\n', '\r', '\u{1b}']))
    );
}

#[test]
fn a_password_of_freeswitch_is_not_told() {
    let (sample, read) = SAMPLES[1];
    let (text, remarks) = import("f", sample.as_bytes(), read).expect("carried over");
    assert!(!text.contains("secret"));
    assert!(remarks.iter().all(|line| !line.contains("secret")));
}

#[test]
fn groups_of_opposite_numbers_differ() {
    let text = "1,1,sip:10.0.0.1,calls=5,2,x\n2,-1,sip:10.0.0.2,calls=5,2,y";
    let (text, _) = opensips(text).expect("carried over");
    assert!(text.contains("\"group-1\"") && text.contains("\"group-minus-1\""));
}

#[test]
fn what_is_wrong_with_a_list_is_told_with_line_and_column() {
    for (text, wanted) in [
        ("", "f:1:1: there is no line with a destination"),
        ("# nothing", "f:1:1: there is no line with a destination"),
        ("1", "f:1:1: this line has no destination"),
        ("\n x sip:10.0.0.1", "f:2:2: the set is \"x\""),
        (
            "1 10.0.0.1:5060",
            "f:1:3: \"10.0.0.1:5060\" is not a SIP URI",
        ),
        ("1 tel:+123", "f:1:3: \"tel:+123\" is not a SIP URI"),
        ("1 sip:10.0.0.1 64", "f:1:16: flags is 64"),
        ("1 sip:10.0.0.1 -1", "f:1:16: flags is -1"),
        ("1 sip:10.0.0.1 0 high", "f:1:18: the priority is \"high\""),
        (
            "1 sip:10.0.0.1 0 0 duid=é;maxload=a",
            "f:1:35: maxload is \"a\"",
        ),
        (
            "1 sip:10.0.0.1 0 0 maxload=-1",
            "f:1:28: maxload is below 0",
        ),
        (
            "1 sip:10.0.0.1 0 0 weight=1 more",
            "f:1:29: \"more\" stands behind",
        ),
        (
            "1 sip:10.0.0.1 0 0 weight=99999999999999999999",
            "f:1:27: weight is",
        ),
    ] {
        refused(kamailio(text), wanted);
    }
    refused(
        import("f", b"1 sip:10.0.0.1\n1 \xff", kamailio::plan),
        "f:2:3: this byte is not UTF-8",
    );
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_line_and_column() {
    let head = "id,group_id,dst_uri,resources,probe_mode,attrs,description\n";
    for (rest, wanted) in [
        ("", "f:1:1: there is no row"),
        (
            "1,1,sip:10.0.0.1,pstn,2,,",
            "f:2:18: \"pstn\" has no number",
        ),
        (
            "1,1,sip:10.0.0.1,pstn=5;x=-2,2,,",
            "f:2:27: resource \"x\" has \"-2\"",
        ),
        ("1,1,sip:10.0.0.1,=5,2,,", "f:2:19: resource \"\" has \"5\""),
        (
            "1,one,sip:10.0.0.1,pstn=5,2,,",
            "f:2:3: group_id is \"one\"",
        ),
        ("1,1,,pstn=5,2,,", "f:2:1: this row has no \"dst_uri\""),
        ("1,1,sip:10.0.0.1,pstn=5,3,,", "f:2:25: probe_mode is 3"),
        ("1,1,sip:10.0.0.1", "f:2:1: this row has 3 values"),
        (
            "1,1,sip:10.0.0.1,pstn=5,2,,\"x",
            "f:2:28: this quoted value has no end",
        ),
    ] {
        refused(opensips(&format!("{head}{rest}")), wanted);
    }
    for (text, wanted) in [
        ("", "f:1:1: this is no table"),
        ("name,uri\na,b", "f:1:1: this first line names no columns"),
        (
            "INSERT INTO dispatcher VALUES (1);",
            "f:1:1: there is no INSERT INTO load_balancer",
        ),
        (
            "INSERT INTO load_balancer VALUES (1,1,'sip",
            "f:1:39: this text has no end",
        ),
        (
            "INSERT INTO load_balancer VALUES (1,1",
            "f:1:34: this bracket is not closed",
        ),
        (
            "INSERT INTO load_balancer VALUES (1 1);",
            "f:1:37: this is no list of values",
        ),
        (
            "INSERT INTO load_balancer VALUES (1,2);",
            "f:1:34: this row has 2 values",
        ),
        (
            "INSERT INTO load_balancer SELECT 1;",
            "f:1:27: INSERT INTO load_balancer goes on otherwise",
        ),
        (
            "INSERT INTO load_balancer VALUES (1,1,'x','calls=1',2,'') oops;",
            "f:1:59: a row is followed by this",
        ),
    ] {
        refused(opensips(text), wanted);
    }
}
