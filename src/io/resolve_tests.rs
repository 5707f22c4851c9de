use std::net::UdpSocket;
use std::time::Instant;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::Record;
use hickory_resolver::proto::rr::rdata::{A, AAAA};

use super::*;

const SHORT: Duration = Duration::from_secs(4);

/// A name server on loopback that knows these records and answers all else with NXDOMAIN.
fn name_server(records: Vec<(&'static str, RData)>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, source)) = socket.recv_from(&mut buffer) {
            let Ok(question) = Message::from_vec(&buffer[..length]) else {
                continue;
            };
            let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
            for query in &question.queries {
                answer.add_query(query.clone());
                for (name, data) in &records {
                    if query.name() == &fqdn(name) && query.query_type() == data.record_type() {
                        answer.add_answer(Record::from_rdata(fqdn(name), 60, data.clone()));
                    }
                }
            }
            if answer.answers.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            let _ = socket.send_to(&answer.to_vec().expect("encodes"), source);
        }
    });
    address
}

fn fqdn(name: &str) -> Name {
    let mut name = Name::from_ascii(name).expect("a name");
    name.set_fqdn(true);
    name
}

fn a(octets: [u8; 4]) -> RData {
    RData::A(A(octets.into()))
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, fqdn(target)))
}

fn resolve(
    resolver: &Resolver,
    host: &str,
    port: Option<u16>,
) -> Result<Vec<String>, ResolveError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let found = runtime.block_on(resolver.resolve(host, port, Transport::Udp))?;
    Ok(found.iter().map(ToString::to_string).collect())
}

fn knowing(records: Vec<(&'static str, RData)>) -> Resolver {
    Resolver::with_name_servers(&[name_server(records)], "", SHORT)
}

fn knowing_nobody() -> Resolver {
    Resolver::with_name_servers(
        &[],
        "10.0.0.9 pbx.example # ours\nfd00::9 pbx.example\n",
        SHORT,
    )
}

#[test]
fn a_numeric_host_is_its_own_address() {
    let resolver = knowing_nobody();
    assert_eq!(
        resolve(&resolver, "10.1.2.3", None),
        Ok(vec!["10.1.2.3:5060".into()])
    );
    assert_eq!(
        resolve(&resolver, "[2001:db8::1]", Some(5070)),
        Ok(vec!["[2001:db8::1]:5070".into()])
    );
}

#[test]
fn a_name_of_the_hosts_file_needs_no_dns() {
    let resolver = knowing_nobody();
    let both = vec!["10.0.0.9:5060".to_owned(), "[fd00::9]:5060".to_owned()];
    assert_eq!(resolve(&resolver, "PBX.example", None), Ok(both));
    assert_eq!(
        resolve(&resolver, "localhost", Some(5080)),
        Ok(vec!["127.0.0.1:5080".into(), "[::1]:5080".into()])
    );
}

#[test]
fn a_port_skips_srv() {
    let resolver = knowing(vec![
        ("_sip._udp.pbx.test", srv(1, 1, 7000, "a.pbx.test")),
        ("a.pbx.test", a([10, 0, 0, 1])),
        ("pbx.test", a([10, 0, 0, 2])),
        (
            "pbx.test",
            RData::AAAA(AAAA("fd00::2".parse().expect("an address"))),
        ),
    ]);
    let own = vec!["10.0.0.2:5070".to_owned(), "[fd00::2]:5070".to_owned()];
    assert_eq!(resolve(&resolver, "pbx.test", Some(5070)), Ok(own));
}

#[test]
fn srv_records_give_hosts_and_ports_by_priority() {
    let resolver = knowing(vec![
        ("_sip._udp.pbx.test", srv(20, 0, 7002, "b.pbx.test")),
        ("_sip._udp.pbx.test", srv(10, 5, 7001, "a.pbx.test")),
        ("a.pbx.test", a([10, 0, 0, 1])),
        ("b.pbx.test", a([10, 0, 0, 2])),
        ("pbx.test", a([10, 0, 0, 3])),
    ]);
    let by_priority = vec!["10.0.0.1:7001".to_owned(), "10.0.0.2:7002".to_owned()];
    assert_eq!(resolve(&resolver, "pbx.test", None), Ok(by_priority));
}

#[test]
fn without_srv_records_the_host_answers_on_the_default_port() {
    let resolver = knowing(vec![("pbx.test", a([10, 0, 0, 3]))]);
    assert_eq!(
        resolve(&resolver, "pbx.test", None),
        Ok(vec!["10.0.0.3:5060".into()])
    );
}

#[test]
fn a_service_that_is_not_offered_is_an_error_that_says_so() {
    let resolver = knowing(vec![
        ("_sip._udp.pbx.test", srv(0, 0, 0, ".")),
        ("pbx.test", a([10, 0, 0, 3])),
    ]);
    let refused = resolve(&resolver, "pbx.test", None);
    assert_eq!(
        refused,
        Err(ResolveError::NotOffered("pbx.test".into(), Transport::Udp))
    );
}

#[test]
fn a_name_without_an_address_is_an_error() {
    let resolver = knowing(Vec::new());
    let nowhere = ResolveError::NoAddress("nowhere.test".into());
    assert_eq!(resolve(&resolver, "nowhere.test", None), Err(nowhere));
    assert!(matches!(
        resolve(&resolver, "", None),
        Err(ResolveError::NotAName(_))
    ));
}

#[test]
fn a_name_server_that_says_nothing_costs_a_bounded_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = silent.local_addr().expect("bound");
    let limit = Duration::from_millis(300);
    let resolver = Resolver::with_name_servers(&[address], "", limit);
    let start = Instant::now();
    let gone = resolve(&resolver, "pbx.test", None);
    assert_eq!(gone, Err(ResolveError::TimedOut("pbx.test".into(), limit)));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn addresses_are_bounded_and_named_once() {
    let mut records: Vec<_> = (0..40).map(|i| ("many.test", a([10, 0, 1, i]))).collect();
    records.push(("many.test", a([10, 0, 1, 0])));
    let found = resolve(&knowing(records), "many.test", Some(5060)).expect("resolved");
    assert_eq!(found.len(), RESOLVED_ADDRESSES_MAX);
}

#[test]
fn within_one_priority_the_first_is_drawn_by_weight() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut heavy = 0;
    for _ in 0..1000 {
        let SRV { port, .. } = in_order_of_trial(
            ["a.test", "b.test"]
                .into_iter()
                .zip([(1, 10), (2, 30)])
                .map(|(target, (port, weight))| SRV::new(5, weight, port, fqdn(target)))
                .collect(),
            &mut random,
        )[0];
        heavy += u32::from(port == 2);
    }
    assert!(
        (700..800).contains(&heavy),
        "{heavy} of 1000 where 750 are due"
    );
}
