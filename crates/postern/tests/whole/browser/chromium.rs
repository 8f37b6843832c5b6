//! One Chromium of a test's own: its driver on a free port, its profile in a temporary folder, both gone with it.
//! What it photographs ([`Browser::picture`]) stays: in `$POSTERN_ARTEFACTS`, else in `tmp/artefacts` of the target folder.
use crate::practice_walk::until;
use crate::rig::variable;
use base64::Engine as _;
use fantoccini::actions::{InputSource as _, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Browser {
    pub client: Client,
    driver: Driver,
    _profile: tempfile::TempDir,
}

fn artefacts() -> PathBuf {
    let named = std::env::var_os("POSTERN_ARTEFACTS").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts"))
}

/// chromedriver and all that it started, ended together.
struct Driver {
    child: Child,
    url: String,
}
impl Driver {
    /// It takes a port that is free for IPv4 and ends when another program has the same one for IPv6, which happens
    /// among many tests; then it is started again.
    fn start() -> Driver {
        (0..5).find_map(|_| Driver::try_start()).expect("chromedriver says its port")
    }
    fn try_start() -> Option<Driver> {
        let mut command = Command::new(variable("POSTERN_TEST_CHROMEDRIVER"));
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.process_group(0).spawn().unwrap();
        let mut driver = Driver { child, url: String::new() }; // ended when it is dropped
        let mut said = BufReader::new(driver.child.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| {
            let line = line.unwrap();
            line.split_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.').to_owned())
        })?;
        // Read on, or it stops at a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        driver.url = format!("http://127.0.0.1:{port}");
        Some(driver)
    }
}
impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

impl Browser {
    pub async fn start() -> Browser {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox", // root may not start it otherwise; what it opens is ours
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--window-size=1280,900",
            &folder,
        ];
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": variable("POSTERN_TEST_CHROMIUM"), "args": arguments },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted.as_object().unwrap().clone());
        let client = builder.connect(&driver.url).await.unwrap();
        Browser { client, driver, _profile: profile }
    }

    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }
    /// What a page sees as its width and height.
    pub async fn viewport(&self, width: u32, height: u32) {
        let parameters = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": parameters });
        self.ask("goog/cdp/execute", &command).await;
    }
    /// Keeps what the page looks like now, whole and named, for people to look at.
    pub async fn picture(&self, name: &str) {
        // What sticks to the top of the window belongs to the top of the picture.
        self.run("scrollTo(0, 0)").await;
        let size = "const d = document.documentElement; return [d.scrollWidth, d.scrollHeight]";
        let size = self.run(size).await;
        let (width, height) = (size[0].as_u64().unwrap_or(1280), size[1].as_u64().unwrap_or(900));
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height.min(6000), "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let command = json!({ "cmd": "Page.captureScreenshot", "params": parameters });
        let answer = self.ask("goog/cdp/execute", &command).await;
        let png = answer["value"]["data"].as_str().unwrap_or_else(|| panic!("no picture {name}: {answer}"));
        let png = base64::engine::general_purpose::STANDARD.decode(png).unwrap();
        let folder = artefacts();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }
    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Clicks what can be clicked and reads so, or begins or goes on so; waits for it.
    pub async fn click(&self, words: &str) {
        let clickable = "[self::a or self::button or self::summary or self::label]";
        let ways = [
            format!("//*{clickable}[normalize-space(.)='{words}']"),
            format!("//*{clickable}[starts-with(normalize-space(.),'{words}')]"),
            format!("//*{clickable}[contains(normalize-space(.),'{words}')]"),
        ];
        until(&format!("something to click that reads “{words}”"), async || {
            for way in &ways {
                if let Some(element) = self.displayed(Locator::XPath(way)).await {
                    return element.click().await.ok();
                }
            }
            None
        })
        .await;
    }
    pub async fn click_on(&self, css: &str) {
        until(&format!("{css} to click"), async || {
            self.displayed(Locator::Css(css)).await?.click().await.ok()
        })
        .await;
    }
    /// Types into the field of this name, in place of what is there.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.field(name).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }
    pub async fn choose(&self, name: &str, value: &str) {
        self.field(name).await.select_by_value(value).await.unwrap();
    }
    pub async fn field(&self, name: &str) -> Element {
        let css = format!("[name='{name}']:not([type=hidden])");
        until(&format!("the field {name}"), async || self.displayed(Locator::Css(&css)).await).await
    }
    /// Keys to whatever has the focus.
    pub async fn keys(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }
    /// Moves the mouse onto what this path finds.
    pub async fn point_at(&self, xpath: &str) {
        until(&format!("{xpath} to point at"), async || {
            let element = self.displayed(Locator::XPath(xpath)).await?;
            let there = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
            self.client.perform_actions(MouseActions::new("mouse".into()).then(there)).await.ok()
        })
        .await;
    }
    pub async fn text_of(&self, css: &str) -> String {
        until(css, async || self.displayed(Locator::Css(css)).await?.text().await.ok()).await
    }
    async fn displayed(&self, locator: Locator<'_>) -> Option<Element> {
        for element in self.client.find_all(locator).await.ok()? {
            if element.is_displayed().await.unwrap_or(false) {
                return Some(element);
            }
        }
        None
    }

    /// Waits until the page says it.
    pub async fn says(&self, words: &str) {
        let mut seen = String::new();
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            loop {
                seen = self.words().await;
                if seen.contains(words) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        if found.await.is_err() {
            panic!("“{words}” is not on {}:\n{seen}", self.address().await);
        }
    }
    pub async fn words(&self) -> String {
        let text = self.run("return document.body?.innerText ?? ''").await;
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }
    /// What a script of ours finds; null while a page changes.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_default()
    }

    /// Nothing on any page so far broke the content policy or raised an error.
    pub async fn no_complaints(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
    /// What the console said since it was last asked, at the level of a warning or above.
    pub async fn complaints(&self) -> Vec<String> {
        let answer = self.ask("se/log", &json!({ "type": "browser" })).await;
        let lines = answer["value"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let severe = |line: &&Value| line["level"] == "SEVERE" || line["level"] == "WARNING";
        lines.iter().filter(severe).map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
    /// What WebDriver has no word for, and chromedriver has.
    async fn ask(&self, what: &str, body: &Value) -> Value {
        let session = self.client.session_id().await.unwrap().unwrap();
        let url = format!("{}/session/{session}/{what}", self.driver.url);
        let asked = crate::visitor::client().post(url);
        let answer = asked.body(body.to_string()).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}
