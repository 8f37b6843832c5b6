//! A post to somebody's webhook is taken or not by the status of the answer alone.
use super::oauth::{Provider, net};
use serde_json::json;
use wire::Kind;
use wire::webhook::post;

#[tokio::test]
async fn an_answer_that_is_broken_off_behind_its_status_counts() {
    for (status, is_taken) in [("200 OK", true), ("204 No Content", true), ("503 x", false), ("302 x", false)]
    {
        for rest in [
            "\r\n",
            "Content-Length: 100\r\n\r\nhalf",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhal",
            "Connection: close\r\n\r\n<html>",
        ] {
            let provider = Provider::start().await;
            provider.answers("/hook", format!("HTTP/1.1 {status}\r\n{rest}"));
            let secret = "secret".to_owned().into();
            let body = json!({ "kind": "test" }).to_string();
            let posted = post(&net(), &provider.url("/hook"), &secret, "id-1", &body, 1_795_521_600).await;
            match posted {
                Ok(_) => assert!(is_taken, "{status} {rest:?}"),
                Err(error) => {
                    assert!(!is_taken, "{status} {rest:?}: {error}");
                    assert_eq!(
                        matches!(error.kind(), Kind::Transient { .. }),
                        status.starts_with('5'),
                        "{error}"
                    );
                }
            }
        }
    }
}
