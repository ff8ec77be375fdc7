//! The transport over a real socket, against a tiny server.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use opendoor_door_os::{
    Endpoint, HttpOptions, HttpTransport, Left, Transport, TransportError, TransportFault,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Serves one connection: reads a request, writes these bytes, and closes unless they are empty.
async fn serve(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        assert_ne!(socket.read(&mut request).await.unwrap(), 0);
        if answer.is_empty() {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        socket.write_all(answer).await.unwrap();
    });
    address
}

async fn get(address: &str) -> Result<http::Response<Bytes>, TransportError> {
    let endpoint: Endpoint = address.parse().unwrap();
    let options = HttpOptions {
        total_timeout: Duration::from_millis(300),
        max_body: 16,
        ..HttpOptions::default()
    };
    let transport = HttpTransport::new(&endpoint, &options).unwrap();
    let request = Request::get(format!("{address}/v1/buildings"))
        .body(Bytes::new())
        .unwrap();
    transport.send(request).await
}

#[tokio::test]
async fn answers_arrive_whole_with_status_and_headers() {
    let address =
        serve(b"HTTP/1.1 412 x\r\ncontent-length: 5\r\nretry-after: 3\r\n\r\nhello").await;
    let response = get(&address).await.unwrap();
    assert_eq!(response.status(), 412);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(&response.body()[..], b"hello");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let address =
        serve(b"HTTP/1.1 302 x\r\ncontent-length: 0\r\nlocation: https://evil.example/\r\n\r\n")
            .await;
    assert_eq!(get(&address).await.unwrap().status(), 302);
}

#[tokio::test]
async fn an_answer_over_the_bound_is_not_read_whether_announced_or_not() {
    for answer in [
        &b"HTTP/1.1 200 x\r\ncontent-length: 17\r\n\r\n0123456789abcdefg"[..],
        b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n",
    ] {
        let error = get(&serve(answer).await).await.unwrap_err();
        assert_eq!(error.fault, TransportFault::TooLarge);
        assert_eq!(error.left, Left::Maybe);
    }
}

#[tokio::test]
async fn no_connection_means_that_nothing_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = get(&address).await.unwrap_err();
    assert_eq!(
        (error.left, error.fault),
        (Left::No, TransportFault::Connect)
    );
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(!error.to_string().contains("/v1/"), "{error}");
}

#[tokio::test]
async fn no_answer_in_time_and_a_cut_one_may_have_had_their_effect() {
    let error = get(&serve(b"").await).await.unwrap_err();
    assert_eq!(
        (error.left, error.fault),
        (Left::Maybe, TransportFault::Timeout)
    );
    let cut = b"HTTP/1.1 200 x\r\ncontent-length: 10\r\n\r\nhel";
    let error = get(&serve(cut).await).await.unwrap_err();
    assert_eq!(
        (error.left, error.fault),
        (Left::Maybe, TransportFault::Broken)
    );
}
