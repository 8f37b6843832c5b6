//! A person with a browser that knows no JavaScript: follows links, fills in forms by their labels' fields,
//! keeps cookies, and believes what the page says.
use reqwest::header::{COOKIE, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use scraper::{ElementRef, Html, Selector};
use std::collections::BTreeMap;
use url::Url;

/// Cookies by host, as browsers keep them (a port does not tell them apart).
#[derive(Debug, Default)]
pub struct Visitor {
    client: reqwest::Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// Every address that was asked for.
    pub asked: Vec<Url>,
    /// Every field that was sent.
    pub sent: Vec<(String, String)>,
}

/// Follows nothing by itself.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    // A link that was kept may be closed by its server in the moment in which it is used again.
    builder.pool_max_idle_per_host(0).no_proxy().build().unwrap()
}

/// A page that was answered, after redirects.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// A form with what it holds, ready to be changed and sent.
#[derive(Debug, Clone)]
pub struct Form {
    page: Url,
    action: Url,
    post: bool,
    multipart: bool,
    pub fields: Vec<(String, String)>,
}

impl Visitor {
    pub fn new() -> Visitor {
        Visitor { client: client(), ..Visitor::default() }
    }
    pub async fn get(&mut self, url: impl AsRef<str>) -> Page {
        let url = url.as_ref().parse().unwrap();
        self.follow(url, None, 10).await
    }
    /// One answer, no redirect followed.
    pub async fn get_once(&mut self, url: impl AsRef<str>) -> Page {
        let url = url.as_ref().parse().unwrap();
        self.follow(url, None, 0).await
    }
    pub async fn submit(&mut self, form: Form) -> Page {
        if form.post {
            return self.follow(form.action.clone(), Some(&form), 10).await;
        }
        let mut url = form.action.clone();
        url.query_pairs_mut().clear().extend_pairs(&form.fields);
        self.follow(url, None, 10).await
    }
    /// *Submit* and whatever else leads to a provider: the page there.
    pub async fn submit_and_leave(&mut self, form: Form) -> Page {
        let page = self.submit(form).await;
        if page.text.contains("Go there now") { self.get(page.link("Go there now")).await } else { page }
    }
    /// The page that an agent sees first.
    pub async fn sign_in(&mut self, site: &str, email: &str, password: &str) -> Page {
        let page = self.get(format!("{site}/sign-in")).await;
        self.submit(page.form("Sign in").set("email", email).set("password", password)).await
    }
    pub async fn submit_once(&mut self, form: Form) -> Page {
        self.follow(form.action.clone(), Some(&form), 0).await
    }

    async fn follow(&mut self, mut url: Url, form: Option<&Form>, mut hops: u32) -> Page {
        let mut form = form.cloned();
        loop {
            let page = self.ask(&url, form.as_ref()).await;
            let to =
                page.headers.get(LOCATION).and_then(|to| to.to_str().ok()).map(|to| url.join(to).unwrap());
            match to {
                Some(to) if hops > 0 && (300..400).contains(&page.status) => {
                    hops -= 1;
                    url = to;
                    form = None;
                }
                _ => return page,
            }
        }
    }

    /// The cookies of all hosts.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.values().flat_map(BTreeMap::values).map(String::as_str)
    }

    async fn ask(&mut self, url: &Url, form: Option<&Form>) -> Page {
        self.asked.push(url.clone());
        self.sent.extend(form.iter().flat_map(|form| form.fields.iter().cloned()));
        let mut request = match form {
            None => self.client.get(url.clone()),
            Some(form) => {
                let asked = self.client.post(url.clone());
                let asked = asked
                    .header(ORIGIN, form.page.origin().ascii_serialization())
                    .header(REFERER, form.page.as_str());
                if form.multipart {
                    asked.header("content-type", form.multipart_type()).body(form.multipart_body())
                } else {
                    asked.form(&form.fields)
                }
            }
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let jar = self.cookies.entry(host).or_default();
        if !jar.is_empty() {
            let all: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, all.join("; "));
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() || cookie.to_lowercase().contains("max-age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let (url, status, headers) = (url.clone(), answer.status().as_u16(), answer.headers().clone());
        Page { url, status, headers, text: answer.text().await.unwrap() }
    }
}

impl Page {
    /// The page says these words (of its text, white space folded).
    #[track_caller]
    pub fn says(&self, words: &str) -> &Page {
        let said = self.words();
        assert!(said.contains(words), "“{words}” is not on {} ({}):\n{said}", self.url, self.status);
        self
    }
    #[track_caller]
    pub fn says_not(&self, words: &str) -> &Page {
        assert!(!self.words().contains(words), "“{words}” is on {}", self.url);
        self
    }
    pub fn words(&self) -> String {
        let html = Html::parse_document(&self.text);
        let root = html.root_element();
        let text: Vec<&str> = root.text().flat_map(str::split_whitespace).collect();
        text.join(" ")
    }
    /// Where the link with these words leads.
    #[track_caller]
    pub fn link(&self, words: &str) -> String {
        let html = Html::parse_document(&self.text);
        let links = Selector::parse("a[href]").unwrap();
        let found = html.select(&links).find(|a| folded(*a).contains(words));
        let found = found.unwrap_or_else(|| panic!("no link “{words}” on {}:\n{}", self.url, self.words()));
        self.url.join(found.attr("href").unwrap()).unwrap().to_string()
    }
    /// The form with a button of these words; the button's own name and value go with it.
    #[track_caller]
    pub fn form(&self, button: &str) -> Form {
        let html = Html::parse_document(&self.text);
        let buttons = Selector::parse("button, input[type=submit]").unwrap();
        let found = html.select(&buttons).find(|b| {
            let label = b
                .attr("value")
                .filter(|_| b.value().name() == "input")
                .map_or_else(|| folded(*b), str::to_owned);
            label.starts_with(button)
        });
        let found =
            found.unwrap_or_else(|| panic!("no button “{button}” on {}:\n{}", self.url, self.words()));
        let form = match found.attr("form") {
            Some(id) => html.select(&Selector::parse(&format!("form#{id}")).unwrap()).next(),
            None => found.ancestors().filter_map(ElementRef::wrap).find(|e| e.value().name() == "form"),
        };
        let form = form.unwrap_or_else(|| panic!("the button “{button}” stands in no form"));
        let action = found.attr("formaction").or(form.attr("action")).unwrap_or("");
        let post =
            found.attr("formmethod").or(form.attr("method")).is_some_and(|m| m.eq_ignore_ascii_case("post"));
        let mut fields = fields(&html, form);
        if let Some(name) = found.attr("name") {
            fields.push((name.to_owned(), found.attr("value").unwrap_or_default().to_owned()));
        }
        Form {
            page: self.url.clone(),
            action: if action.is_empty() { self.url.clone() } else { self.url.join(action).unwrap() },
            post,
            multipart: form.attr("enctype").is_some_and(|e| e.starts_with("multipart")),
            fields,
        }
    }
}

fn folded(element: ElementRef<'_>) -> String {
    element.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn fields(html: &Html, form: ElementRef<'_>) -> Vec<(String, String)> {
    let controls = Selector::parse("input[name], select[name], textarea[name]").unwrap();
    let options = Selector::parse("option").unwrap();
    let mut found = Vec::new();
    let id = form.attr("id");
    let belongs = |c: &ElementRef<'_>| match c.attr("form") {
        Some(of) => Some(of) == id,
        None => c.ancestors().any(|a| a.id() == form.id()),
    };
    for control in html.select(&controls).filter(belongs) {
        if control.attr("disabled").is_some() {
            continue;
        }
        let name = control.attr("name").unwrap().to_owned();
        let value = control.attr("value").unwrap_or_default().to_owned();
        match (control.value().name(), control.attr("type").unwrap_or("text")) {
            ("input", "checkbox" | "radio") if control.attr("checked").is_none() => {}
            ("input", "checkbox" | "radio") if control.attr("value").is_none() => {
                found.push((name, "on".into()))
            }
            ("input", "submit" | "button" | "file") => {}
            ("select", _) => {
                let chosen = control.select(&options).find(|o| o.attr("selected").is_some());
                if let Some(option) = chosen.or_else(|| control.select(&options).next()) {
                    found.push((name, option.attr("value").map_or_else(|| folded(option), str::to_owned)));
                }
            }
            ("textarea", _) => found.push((name, control.text().collect())),
            _ => found.push((name, value)),
        }
    }
    found
}

impl Form {
    /// Types into a field, which must be there.
    #[track_caller]
    pub fn set(mut self, name: &str, value: &str) -> Form {
        let names: Vec<_> = self.fields.iter().map(|(n, _)| n.clone()).collect();
        let field = self.fields.iter_mut().find(|(n, _)| n == name);
        let field =
            field.unwrap_or_else(|| panic!("no field {name} in the form of {}: {names:?}", self.page));
        value.clone_into(&mut field.1);
        self
    }
    /// Ticks a box, or adds what script would.
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
    pub fn without(mut self, name: &str) -> Form {
        self.fields.retain(|(n, _)| n != name);
        self
    }
    fn multipart_type(&self) -> &'static str {
        "multipart/form-data; boundary=postern-test-boundary"
    }
    fn multipart_body(&self) -> String {
        let mut body = String::new();
        for (name, value) in &self.fields {
            body += &format!(
                "--postern-test-boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body + "--postern-test-boundary--\r\n"
    }
}
