//! Microsoft Graph over the practice mailboxes: ids, lists, delta, moving, sending. Who may is in `graph_access`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Answer, imap_as, request};
use super::{NOON, SUPPORT, start};
use crate::Practice;

pub(crate) const BILLING: &str = "billing@contoso.example";
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

/// A client of Graph: signed in, with what it prefers.
pub(crate) struct Graph {
    root: String,
    token: String,
    pub prefer: &'static str,
}

impl Graph {
    pub fn of(practice: &Practice, token: String) -> Graph {
        Graph { root: practice.graph_root(), token, prefer: IMMUTABLE }
    }

    pub fn support(practice: &Practice) -> Graph {
        Graph::of(practice, practice.graph_token("client", SUPPORT))
    }

    pub async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        self.try_ask(method, path, kind, body).await.unwrap()
    }

    pub async fn try_ask(&self, method: &str, path: &str, kind: &str, body: &str) -> std::io::Result<Answer> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}/{path}", self.root) };
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("prefer", self.prefer),
            ("content-type", kind),
            ("client-request-id", "mine"),
        ];
        request(method, &url, &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "application/json", &body.to_string()).await
    }

    pub async fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["value"].as_array().unwrap().clone()
    }

    /// What is refused: status and code.
    pub async fn refused(&self, method: &str, path: &str) -> (u16, String) {
        code(&self.ask(method, path, "application/json", "{}").await)
    }
}

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let error = &body["error"];
    assert!(error["message"].is_string() && error["innerError"]["request-id"].is_string(), "{body}");
    assert!(error["innerError"]["date"].is_string() && error["innerError"]["client-request-id"].is_string());
    (answer.status, error["code"].as_str().unwrap().to_owned())
}

fn texts(values: &[Value], property: &str) -> Vec<String> {
    values.iter().map(|value| value[property].as_str().unwrap_or_default().to_owned()).collect()
}

pub(crate) fn letter(subject: &str) -> Vec<u8> {
    format!("From: Ann Porter <ann.porter@nordwind.example>\r\nTo: support@contoso.example\r\nSubject: {subject}\r\nMessage-ID: <{subject}@nordwind.example>\r\n\r\nHello.\r\n").into_bytes()
}

pub(crate) fn mime(from: &str, to: &str) -> String {
    STANDARD.encode(format!(
        "From: <{from}>\r\nTo: <{to}>\r\nBcc: <lena.fox@gmail.example>\r\nSubject: An answer\r\nX-Own: 1\r\nMessage-ID: <answer@desk.example>\r\n\r\nIt is mended.\r\n"
    ))
}

#[tokio::test]
async fn folders_are_found_by_name_and_id_and_made() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let folders = graph.list("me/mailFolders?$top=100").await;
    assert_eq!(
        texts(&folders, "displayName"),
        ["Archive", "Deleted Items", "Drafts", "Inbox", "Junk Email", "Sent Items"]
    );
    let inbox = graph.get("me/mailFolders/inbox").await.json();
    assert_eq!((inbox["totalItemCount"].as_u64(), inbox["unreadItemCount"].as_u64()), (Some(9), Some(9)));
    let by_id = format!("users/{SUPPORT}/mailFolders('{}')", inbox["id"].as_str().unwrap());
    assert_eq!(graph.get(&by_id).await.json()["displayName"], "Inbox");
    let made = graph.post("me/mailFolders/Inbox/childFolders", &json!({ "displayName": "Done" })).await;
    assert_eq!((made.status, made.json()["parentFolderId"].clone()), (201, inbox["id"].clone()));
    let again = graph.post("me/mailFolders/inbox/childFolders", &json!({ "displayName": "Done" })).await;
    assert_eq!(code(&again), (409, "ErrorFolderExists".to_owned()));
    assert_eq!(texts(&graph.list("me/mailFolders/inbox/childFolders").await, "displayName"), ["Done"]);
    let named = graph.list("me/mailFolders?$filter=displayName%20eq%20'archive'").await;
    assert_eq!(texts(&named, "displayName"), ["Archive"]);
    assert_eq!(graph.post("me/mailFolders", &json!({ "displayName": "Desk" })).await.status, 201);
    assert!(imap_as(&practice, SUPPORT).await.ask("LIST \"\" *").await.contains("INBOX/Done"));
    // Links lead back to the name that was asked.
    let named = practice.graph_root().replace("127.0.0.1", "localhost");
    let page = graph.get(&format!("{named}/me/mailFolders?$top=1")).await.json();
    assert!(page["@odata.nextLink"].as_str().unwrap().starts_with(&named), "{page}");
    let root = graph.get("me/mailFolders/msgfolderroot").await.json();
    assert_eq!(root["childFolderCount"], 7);
    assert_eq!(
        graph.refused("GET", "me/mailFolders/nowhere").await,
        (400, "ErrorInvalidIdMalformed".to_owned())
    );
    assert_eq!(graph.refused("GET", "me/calendar").await, (400, "BadRequest".to_owned()));
}

#[tokio::test]
async fn letters_are_listed_chosen_sorted_and_filtered_in_pages() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let oldest_first =
        "me/mailFolders/inbox/messages?$orderby=receivedDateTime%20asc&$select=receivedDateTime,subject";
    let page = graph.get(&format!("{oldest_first}&$top=4&$count=true")).await;
    assert_eq!(page.headers["client-request-id"], "mine");
    assert!(page.headers["preference-applied"].contains("ImmutableId"));
    let page = page.json();
    let mut all = page["value"].as_array().unwrap().clone();
    assert_eq!((all.len(), page["@odata.count"].as_u64()), (4, Some(9)));
    let keys: Vec<&String> = all[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["@odata.etag", "id", "receivedDateTime", "subject"]);
    let mut next = page["@odata.nextLink"].as_str().map(str::to_owned);
    while let Some(link) = next {
        assert!(link.starts_with(&practice.graph_root()), "{link}");
        let page = graph.get(&link).await.json();
        all.extend(page["value"].as_array().unwrap().clone());
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    let times = texts(&all, "receivedDateTime");
    assert!(times.is_sorted() && times.len() == 9 && times[0].ends_with('Z'), "{times:?}");
    assert_eq!(graph.list("me/messages").await.len(), 9, "of all folders, ten a page");

    let id = all[0]["id"].as_str().unwrap();
    let read =
        graph.ask("PATCH", &format!("me/messages/{id}"), "application/json", "{\"isRead\":true}").await;
    assert_eq!((read.status, read.json()["isRead"].clone()), (200, json!(true)));
    let unread = graph.list("me/mailFolders/inbox/messages?$filter=isRead%20eq%20false").await;
    assert_eq!(unread.len(), 8);
    let since = format!("{oldest_first}&$filter=receivedDateTime%20ge%20{}", times[7]);
    assert_eq!(graph.list(&since).await.len(), 2);
    let refused = async |options: &str| graph.refused("GET", &format!("me/messages?{options}")).await;
    let sorted_by_another = "$filter=isRead%20eq%20false&$orderby=receivedDateTime";
    assert_eq!(refused(sorted_by_another).await, (400, "InefficientFilter".to_owned()));
    assert_eq!(refused("$select=subjet").await, (400, "RequestBroker--ParseUri".to_owned()));
    assert_eq!(refused("$top=1001").await, (400, "BadRequest".to_owned()));
    let headers = format!(
        "me/messages/{id}?$select=internetMessageHeaders&$expand=singleValueExtendedProperties($filter=Id%20eq%20'LONG%200x0E08')"
    );
    let headers = graph.get(&headers).await.json();
    assert!(headers["internetMessageHeaders"].to_string().contains("Message-ID"), "{headers}");
    let raw = graph.get(&format!("me/messages/{id}/$value")).await;
    assert_eq!(headers["singleValueExtendedProperties"][0]["value"], raw.body.len().to_string());
    assert_eq!(
        raw.body.as_bytes(),
        practice.letters(SUPPORT).iter().min_by_key(|letter| letter.received_at).unwrap().raw
    );
}

#[tokio::test]
async fn an_immutable_id_stays_where_a_plain_one_changes() {
    let (practice, _) = start().await;
    let immutable = Graph::support(&practice);
    let plain = Graph { prefer: "", ..Graph::support(&practice) };
    let first = async |graph: &Graph| {
        graph.list("me/mailFolders/inbox/messages?$select=id").await[0]["id"].as_str().unwrap().to_owned()
    };
    let (lasting, passing) = (first(&immutable).await, first(&plain).await);
    assert!(lasting != passing && passing.ends_with('='));
    let moved =
        plain.post(&format!("me/messages/{passing}/move"), &json!({ "destinationId": "archive" })).await;
    assert_eq!(moved.status, 201);
    let now = moved.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(now, passing);
    assert_eq!(
        plain.refused("GET", &format!("me/messages/{passing}")).await,
        (404, "ErrorItemNotFound".to_owned())
    );
    let archive = immutable.get("me/mailFolders/archive").await.json()["id"].clone();
    assert_eq!(immutable.get(&format!("me/messages/{lasting}")).await.json()["parentFolderId"], archive);
    // A move by IMAP is a move.
    let mut imap = imap_as(&practice, SUPPORT).await;
    imap.ask("SELECT Archive").await;
    assert!(imap.ask("UID MOVE 1 INBOX").await.contains("OK"));
    assert_eq!(immutable.get(&format!("me/messages/{lasting}")).await.status, 200);
    let deleted = async || immutable.ask("DELETE", &format!("me/messages/{lasting}"), "", "").await.status;
    assert_eq!(deleted().await, 204);
    assert_eq!(practice.letters(SUPPORT).iter().filter(|letter| letter.folder == "Deleted Items").count(), 1);
    assert_eq!((deleted().await, deleted().await), (204, 404));
    let other = Graph::of(&practice, practice.graph_token("client", "mia.holt@contoso.example"));
    assert_eq!(
        other.refused("GET", &format!("me/messages/{now}")).await,
        (400, "ErrorInvalidMailboxItemId".to_owned())
    );
    assert_eq!(other.refused("GET", "me/messages/AAA").await, (400, "ErrorInvalidIdMalformed".to_owned()));
}

/// All pages of a round: the letters told, those gone, and the link of the next round.
pub(crate) async fn round(graph: &Graph, link: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut subjects, mut gone, mut link) = (Vec::new(), Vec::new(), link.to_owned());
    for _ in 0..20 {
        let answer = graph.get(&link).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = answer.json();
        for value in page["value"].as_array().unwrap() {
            match value.get("@removed") {
                Some(_) => gone.push(value["id"].as_str().unwrap().to_owned()),
                None => subjects.push(value["subject"].as_str().unwrap().to_owned()),
            }
        }
        if let Some(last) = page["@odata.deltaLink"].as_str() {
            return (subjects, gone, last.to_owned());
        }
        link = page["@odata.nextLink"].as_str().unwrap().to_owned();
    }
    panic!("a round without an end");
}

#[tokio::test]
async fn delta_tells_what_came_changed_and_went() {
    let (practice, clock) = start().await;
    let graph = Graph::support(&practice);
    let small = Graph { prefer: "IdType=\"ImmutableId\", odata.maxpagesize=4", ..Graph::support(&practice) };
    let first = "me/mailFolders/inbox/messages/delta?$select=subject";
    let (all, gone, link) = round(&small, first).await;
    assert_eq!((all.len(), gone.len()), (9, 0));
    assert_eq!(round(&graph, &link).await.0.len(), 0);
    let before = graph.list("me/mailFolders/inbox/messages?$select=id").await;
    let [a, b] = [0, 1].map(|at| before[at]["id"].as_str().unwrap().to_owned());
    practice.deliver(SUPPORT, &letter("new"));
    graph.ask("PATCH", &format!("me/messages/{a}"), "application/json", "{\"isRead\":true}").await;
    graph.post(&format!("me/messages/{b}/move"), &json!({ "destinationId": "archive" })).await;
    let (told, gone, later) = round(&graph, &link).await;
    assert!(told.len() == 2 && told.contains(&"new".to_owned()), "{told:?}");
    assert_eq!(gone, [b]);
    assert_eq!(round(&graph, &link).await.0.len(), 2, "the same link tells the same again");
    assert_eq!(round(&graph, &later).await.0.len(), 0);

    let (_, _, only_new) = round(&graph, "me/mailFolders('inbox')/messages/delta()?changeType=created").await;
    graph.ask("PATCH", &format!("me/messages/{a}"), "application/json", "{\"isRead\":false}").await;
    practice.deliver(SUPPORT, &letter("newer"));
    assert_eq!(round(&graph, &only_new).await.0, ["newer"]);

    clock.fetch_add(1_800_000, std::sync::atomic::Ordering::SeqCst);
    practice.deliver(SUPPORT, &letter("newest"));
    let since = jiff::Timestamp::from_millisecond(NOON + 900_000).unwrap();
    let (told, ..) = round(&graph, &format!("{first}&$filter=receivedDateTime%20ge%20{since}")).await;
    assert_eq!(told, ["newest"]);
    let newest_first = round(&small, &format!("{first}&$orderby=receivedDateTime%20desc")).await.0;
    assert_eq!((newest_first.len(), newest_first[0].as_str()), (11, "newest"));
    for bad in ["$filter=isRead%20eq%20true", "$orderby=subject", "$search=x", "changeType=moved"] {
        let path = format!("me/mailFolders/inbox/messages/delta?{bad}");
        assert_eq!(graph.refused("GET", &path).await, (400, "BadRequest".to_owned()), "{bad}");
    }
    let foreign = link.replace("inbox", "archive");
    assert_eq!(graph.refused("GET", &foreign).await, (400, "badRequest".to_owned()));
}

#[tokio::test]
async fn a_letter_that_goes_while_pages_are_read_makes_none_be_missed() {
    let (practice, _) = start().await;
    let small = Graph { prefer: "odata.maxpagesize=2", ..Graph::support(&practice) };
    let page = small.get("me/mailFolders/inbox/messages/delta?$select=subject").await.json();
    let first = page["value"][0]["id"].as_str().unwrap();
    small.ask("DELETE", &format!("me/messages/{first}"), "", "").await;
    let (rest, _, link) = round(&small, page["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(rest.len(), 7);
    assert_eq!(round(&small, &link).await.1, [first]);
}

#[tokio::test]
async fn what_is_sent_arrives_and_lies_in_sent_items() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let ann = "ann.porter@nordwind.example";
    let sent = graph.ask("POST", "me/sendMail", "text/plain", &mime(SUPPORT, ann)).await;
    assert_eq!((sent.status, sent.body.as_str()), (202, ""));
    let arrived = practice.letters(ann);
    let text = String::from_utf8(arrived[0].raw.clone()).unwrap();
    assert!(
        text.contains("Message-ID: <answer@desk.example>")
            && !text.contains("X-Own")
            && !text.contains("Bcc"),
        "{text}"
    );
    assert!(practice.letters("lena.fox@gmail.example").iter().any(|letter| letter.folder == "INBOX"));
    assert_eq!(graph.list("me/mailFolders/sentitems/messages").await.len(), 1);

    let draft = graph.ask("POST", "me/messages", "text/plain", &mime(SUPPORT, ann)).await;
    let id = draft.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((draft.status, draft.json()["isDraft"].clone()), (201, json!(true)));
    assert_eq!(graph.ask("POST", &format!("me/messages/{id}/send"), "", "").await.status, 202);
    let there = graph.get(&format!("me/messages/{id}")).await.json();
    assert_eq!(there["parentFolderId"], graph.get("me/mailFolders/sentitems").await.json()["id"]);
    assert_eq!((practice.letters(ann).len(), there["isDraft"].clone()), (2, json!(false)));
    let again = graph.ask("POST", &format!("me/messages/{id}/send"), "", "").await;
    assert_eq!(code(&again), (400, "ErrorInvalidOperation".to_owned()));

    let send = async |kind: &str, body: &str| code(&graph.ask("POST", "me/sendMail", kind, body).await);
    assert_eq!(send("text/plain", "!!").await, (400, "ErrorMimeContentInvalidBase64String".to_owned()));
    let nobody = STANDARD.encode("From: <support@contoso.example>\r\n\r\n");
    assert_eq!(send("text/plain", &nobody).await, (400, "ErrorInvalidRecipients".to_owned()));
    let as_another = mime("mia.holt@contoso.example", ann);
    assert_eq!(send("text/plain", &as_another).await, (403, "ErrorSendAsDenied".to_owned()));
    assert_eq!(send("application/json", "{}").await, (501, "NotImplemented".to_owned()));
    assert_eq!(send("text/plain", &"A".repeat(5 << 20)).await, (413, "BadRequest".to_owned()));
}
