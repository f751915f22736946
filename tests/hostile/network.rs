//! A network of a test's own, with its own names: addresses that belong to others elsewhere, of a cloud's metadata
//! service or of somebody on the internet, have a listener here, and a hostile name server says where names lead.
//!
//! The test runs itself once more, alone, in new namespaces of the kernel for users, mounts and the network. Nobody has
//! to be root for that. Inside, what `/etc` says about names is covered by files of the test. Where the kernel does not
//! allow it the test fails: what it promises has not been looked at then.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::harness::namespace;

/// Loopback is there and not up. The other addresses are those of the tests: two that are public, and of each kind that
/// is not.
const SETUP: &str = r#"
set -e
ip link set lo up
for address in 8.8.8.8 9.9.9.9 10.9.8.7 100.64.0.1 169.254.169.254 192.168.7.7; do
    ip address add $address/32 dev lo
done
for address in 2a00::1 fd00:ec2::254 fd12::1; do
    ip address add $address/128 dev lo
done
mount --bind "$0/resolv.conf" /etc/resolv.conf
mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf
mount --bind "$0/hosts" /etc/hosts
"#;

/// Runs the test that calls this in a network of its own. `body` has to be a closure that stands in the test itself.
pub(super) fn alone<F: FnOnce()>(body: F) {
    // Built out here, where it is built for everybody.
    let built = |folder: &Path| {
        crate::harness::plugin::hostile(folder, super::attempt::MANIFEST);
        let files = [
            (
                "resolv.conf",
                "nameserver 127.0.0.1\nsearch .\noptions timeout:2 attempts:1\n",
            ),
            ("nsswitch.conf", "hosts: files dns\n"),
            ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ];
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
    };
    namespace::alone(SETUP, built, body);
}

/// A name server at 127.0.0.1:53 that says something else each time it is asked, if it is told to.
pub(super) struct NameServer {
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
}

const A: u16 = 1;
const AAAA: u16 = 28;

impl NameServer {
    /// Names, and the addresses that each question for one is answered with; the last answer stays.
    pub(super) fn start(names: &[(&str, &[&[&str]])]) -> Self {
        let names: BTreeMap<String, Vec<Vec<IpAddr>>> = names
            .iter()
            .map(|(name, answers)| {
                let read = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
                ((*name).to_owned(), answers.iter().map(read).collect())
            })
            .collect();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let counts = asked.clone();
        std::thread::spawn(move || {
            // Of every name and kind of address, how often: both are asked for at once.
            let mut turns: BTreeMap<(String, u16), usize> = BTreeMap::new();
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let (name, kind, end) = read(&question[..length]);
                let turn = turns.entry((name.clone(), kind)).or_default();
                let addresses = names
                    .get(&name)
                    .map(|answers| &answers[(*turn).min(answers.len() - 1)]);
                *turn += 1;
                if kind == A {
                    *counts.lock().unwrap().entry(name).or_default() += 1;
                }
                let answer = answer(&question[..end], kind, addresses);
                socket.send_to(&answer, from).unwrap();
            }
        });
        Self { asked }
    }

    /// How often somebody wanted to know where this name leads.
    pub(super) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

/// Name, type and end of the one question of a message (RFC 1035, section 4.1).
fn read(message: &[u8]) -> (String, u16, usize) {
    let mut labels = Vec::new();
    let mut at = 12;
    while message[at] > 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    (
        labels.join("."),
        u16::from_be_bytes([message[at + 1], message[at + 2]]),
        at + 5,
    )
}

fn answer(question: &[u8], kind: u16, addresses: Option<&Vec<IpAddr>>) -> Vec<u8> {
    let known = addresses.is_some();
    let fitting: Vec<Vec<u8>> = addresses
        .into_iter()
        .flatten()
        .filter_map(|address| match address {
            IpAddr::V4(v4) if kind == A => Some(v4.octets().to_vec()),
            IpAddr::V6(v6) if kind == AAAA => Some(v6.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut message = question[..2].to_vec();
    // An answer to a question that wanted recursion; of an unknown name, that there is none.
    message.extend([
        0x81,
        if known { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::try_from(fitting.len()).unwrap(),
        0,
        0,
        0,
        0,
    ]);
    message.extend(&question[12..]);
    for octets in fitting {
        // The name of the question, class IN, to be remembered for no time.
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 0, 0, u8::try_from(octets.len()).unwrap()]);
        message.extend(octets);
    }
    message
}
