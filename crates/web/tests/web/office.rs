//! An office for tests: a desk, the web on it, and the people with their browsers.
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use courier::{Clock, Courier, Parts, Random};
use desk::By;
use desk::people::agent::{self, NewAgent, Role};
use desk::testing::{Place, TestDesk};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Tuesday, 24 November 2026, 12:00 UTC.
pub const NOON: i64 = 1_795_521_600_000;
pub const PASSWORD: &str = "correct horse battery";
pub const SITE: &str = "https://help.contoso.example";

pub struct Office {
    pub desk: TestDesk,
    pub clock: Clock,
    pub courier: Courier,
    router: Router,
    /// Dropped, it would end every live connection.
    pub stop: watch::Sender<bool>,
}

impl Office {
    pub fn new() -> Office {
        Office::at(SITE)
    }
    pub fn at(site: &str) -> Office {
        Office::with(site, &[], false)
    }
    pub fn with(site: &str, trusted_proxies: &[&str], practice: bool) -> Office {
        Office::on(TestDesk::new(), site, trusted_proxies, practice)
    }
    /// Staffed, and on SQLite whatever the tests run on.
    pub fn on_sqlite() -> Office {
        let office = Office::on(TestDesk::on(Place::sqlite()), SITE, &[], false);
        office.staff();
        office
    }
    fn on(desk: TestDesk, site: &str, trusted_proxies: &[&str], practice: bool) -> Office {
        let clock = Clock::by_hand(NOON);
        let url: url::Url = site.parse().unwrap();
        let net = wire::net::Net::new(wire::net::Policy { practice, ..Default::default() }).unwrap();
        let parts = Parts {
            desk: (*desk).clone(),
            net,
            clock: clock.clone(),
            random: Random::seeded(7),
            site_url: url.clone(),
            practice,
            process: courier::Process::named("test"),
        };
        let courier = Courier::new(parts);
        let (stop, stopping) = watch::channel(false);
        let trusted_proxies = trusted_proxies.iter().map(|address| address.parse().unwrap()).collect();
        let site =
            web::Site { url, name: "Contoso Support".to_owned(), trusted_proxies, mail_is_held: false };
        let router = web::app(web::State::new(courier.clone(), site, stopping));
        Office { desk, clock, courier, router, stop }
    }
    /// As `serve --hold-mail` shows itself.
    pub fn holding_mail(mut self) -> Office {
        let (url, name) = (SITE.parse().unwrap(), "Contoso Support".to_owned());
        let site = web::Site { url, name, trusted_proxies: Vec::new(), mail_is_held: true };
        self.router = web::app(web::State::new(self.courier.clone(), site, self.stop.subscribe()));
        self
    }
    /// An administrator `maya` and an agent `leo`, both with [`PASSWORD`].
    pub fn staffed() -> Office {
        let office = Office::new();
        office.staff();
        office
    }
    fn staff(&self) {
        self.hire("maya@contoso.example", "Maya Kern", Role::Administrator);
        self.hire("leo@contoso.example", "Leo Brandt", Role::Agent);
    }
    pub fn hire(&self, email: &str, name: &str, role: Role) -> i64 {
        let password_hash = agent::hash_password(&PASSWORD.into(), [1; 16]).unwrap();
        let new = NewAgent { email: email.to_owned(), name: name.to_owned(), role, password_hash };
        let by = By::system(self.clock.now());
        self.write(move |tx| agent::create(tx, &by, &new))
    }
    pub fn write<T: Send>(&self, f: impl Fn(&mut desk::db::Tx<'_>) -> desk::Result<T> + Sync) -> T {
        // Off the runtime's threads: the client of PostgreSQL blocks.
        std::thread::scope(|scope| scope.spawn(|| self.desk.db.write(&f)).join()).unwrap().unwrap()
    }
    pub fn browser(&self) -> Browser {
        let site = self.courier.site_url();
        Browser {
            router: self.router.clone(),
            origin: site.origin().ascii_serialization(),
            host: site.authority().to_owned(),
            address: ([198, 51, 100, 7], 50000).into(),
            cookies: BTreeMap::new(),
            page: String::new(),
            place: "/".to_owned(),
        }
    }
    pub async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }
    pub async fn maya(&self) -> Browser {
        self.signed_in("maya@contoso.example").await
    }
    pub async fn leo(&self) -> Browser {
        self.signed_in("leo@contoso.example").await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}
impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    pub fn location(&self) -> &str {
        self.header("location")
    }
    #[track_caller]
    pub fn shows(&self, words: &str) -> &Answer {
        assert!(self.body.contains(words), "{words:?} is not in {} {}", self.status, self.body);
        self
    }
    #[track_caller]
    pub fn hides(&self, words: &str) -> &Answer {
        assert!(!self.body.contains(words), "{words:?} is in {}", self.body);
        self
    }
}

/// One person's browser: cookies, the page that is open, and what it says of itself.
pub struct Browser {
    pub router: Router,
    pub origin: String,
    pub host: String,
    pub address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    /// The page that is open: forms take their hidden fields from it.
    pub page: String,
    place: String,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await;
        if answer.status.is_success() || answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            self.page = answer.body.clone();
            self.place = path.to_owned();
        }
        answer
    }
    /// Opens an answer that goes on.
    pub async fn open(&self, path: &str) -> axum::response::Response {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
    /// Sends the open page's form with what was typed, as a browser would.
    pub async fn post(&mut self, path: &str, typed: &[(&str, &str)]) -> Answer {
        let mut fields: Vec<(String, String)> = Vec::new();
        for name in ["form_token", "form_id"] {
            if let Some(value) = hidden(&self.page, name) {
                fields.push((name.to_owned(), value));
            }
        }
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post_exactly(path, &fields).await
    }
    /// Sends these fields and no others.
    pub async fn post_exactly(&mut self, path: &str, fields: &[(String, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::REFERER, format!("{}{}", self.origin, self.place));
        if !self.origin.is_empty() {
            request = request.header(header::ORIGIN, &self.origin);
        }
        let answer = self.send(request.body(Body::from(body)).unwrap()).await;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            self.page = answer.body.clone();
        }
        answer
    }
    /// Sends the open page's form with files, as a browser would.
    pub async fn post_files(
        &mut self,
        path: &str,
        typed: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Answer {
        let mut body: Vec<u8> = Vec::new();
        let token = hidden(&self.page, "form_token").unwrap();
        let form_id = hidden(&self.page, "form_id").unwrap();
        for (name, value) in
            [("form_token", token.as_str()), ("form_id", form_id.as_str())].iter().chain(typed)
        {
            let head = format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        for (name, media_type, bytes) in files {
            let head = format!(
                "--xx\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--xx--\r\n");
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=xx")
            .header(header::ORIGIN, &self.origin)
            .header(header::REFERER, format!("{}{}", self.origin, self.place));
        let answer = self.send(request.body(Body::from(body)).unwrap()).await;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            self.page = answer.body.clone();
        }
        answer
    }
    /// Follows a redirect.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let to = answer.location().to_owned();
        self.get(&to).await
    }
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.get("/sign-in").await;
        self.post("/sign-in", &[("email", email), ("password", password)]).await
    }
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT, "text/html,application/xhtml+xml")
            .extension(ConnectInfo(self.address));
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        request
    }
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// The value of a hidden field of a page.
pub fn hidden(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
