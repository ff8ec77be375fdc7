use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{ServeError, serve};

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut may end in an error, after whatever came.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_server_answers_and_cuts_the_connection_of_a_lost_answer() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(bench.simulator.clone(), listener, async {
        let _ = stopped.await;
    }));
    let answer = ask(address, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("opendoor-simulated: true"), "{answer}");
    assert!(
        answer.contains("date: Mon, 02 Mar 2026 12:00:00 GMT"),
        "{answer}"
    );
    assert!(
        ask(address, "/v1/buildings")
            .await
            .starts_with("HTTP/1.1 401")
    );
    bench.faults(json!([{ "kind": "lostAnswer" }]));
    assert_eq!(ask(address, "/v1/buildings").await, "");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_server_refuses_to_leave_loopback() {
    let bench = Bench::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let served = serve(bench.simulator.clone(), listener, async {}).await;
    assert!(matches!(served, Err(ServeError::NotLoopback(_))));
}
