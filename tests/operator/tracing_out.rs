//! Where the environment names a collector, traces go there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Instant;

use crate::operator::{PATIENCE, Site};

#[test]
fn each_pass_is_a_span_with_its_property_and_result() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap();
    let (sent, received) = channel();
    std::thread::spawn(move || {
        for stream in collector.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            // One request; its length is in its head.
            loop {
                let read = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let length = text.split_once("\r\n\r\n").and_then(|(head, _)| {
                    let head = head.to_lowercase();
                    let line = head
                        .lines()
                        .find(|line| line.starts_with("content-length:"))?
                        .to_owned();
                    line["content-length:".len()..].trim().parse::<usize>().ok()
                });
                let body = request
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .map(|at| request.len() - at - 4);
                if read == 0 || length.is_some_and(|length| body >= Some(length)) {
                    break;
                }
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = sent.send(String::from_utf8_lossy(&request).into_owned());
        }
    });
    let site = Site::new("Apply");
    let endpoint = format!("http://{address}");
    let operator = site.operator_with("a", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    site.until("property", "harbor-point", "Ready", "True");
    // The last ones are sent when it ends.
    assert_eq!(operator.end(), Some(0));
    let (mut all, end) = (String::new(), Instant::now() + PATIENCE);
    let wanted = [
        "POST /v1/traces",
        "opendoor",
        "pass",
        "harbor-point",
        "done",
    ];
    while let Some(lacking) = wanted.iter().find(|word| !all.contains(**word)) {
        let left = end.saturating_duration_since(Instant::now());
        match received.recv_timeout(left) {
            Ok(request) => all.push_str(&request),
            Err(_) => panic!("{lacking} is not in {all}"),
        }
    }
}
