//! Letters as text: what a person somewhere would send.

/// A letter being written; `raw` makes its bytes.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: String,
    pub cc: Vec<String>,
    pub subject: String,
    pub text: String,
    pub id: Option<String>,
    pub headers: Vec<(String, String)>,
    pub silent: bool,
}
pub fn from(from: &str, subject: &str, text: &str) -> Mail {
    Mail {
        from: from.to_owned(),
        to: "support@desk.example".to_owned(),
        cc: Vec::new(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        id: None,
        headers: Vec::new(),
        silent: false,
    }
}
impl Mail {
    pub fn to(mut self, to: &str) -> Mail {
        self.to = to.to_owned();
        self
    }
    pub fn cc(mut self, cc: &str) -> Mail {
        self.cc.push(cc.to_owned());
        self
    }
    pub fn id(mut self, id: &str) -> Mail {
        self.id = Some(id.to_owned());
        self
    }
    pub fn header(mut self, name: &str, value: &str) -> Mail {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
    pub fn answers(self, id: &str) -> Mail {
        self.header("In-Reply-To", &format!("<{id}>")).header("References", &format!("<{id}>"))
    }
    /// Old mail, read in silently.
    pub fn old(mut self) -> Mail {
        self.silent = true;
        self
    }
    /// `serial` makes the Message-ID when the letter names none.
    pub fn raw(&self, serial: u32) -> Vec<u8> {
        let id = self.id.clone().unwrap_or_else(|| id(serial));
        let mut text = String::new();
        text += &format!("Received: from somewhere by here with ESMTP id {serial}\r\n");
        text += &format!("From: {}\r\nTo: {}\r\n", self.from, self.to);
        if !self.cc.is_empty() {
            text += &format!("Cc: {}\r\n", self.cc.join(", "));
        }
        text += &format!("Subject: {}\r\nMessage-ID: <{id}>\r\n", self.subject);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        text += &self.text.replace('\n', "\r\n");
        text += "\r\n";
        text.into_bytes()
    }
}
/// A delivery report (RFC 3464) about a message of ours.
pub fn report(original_id: &str, recipient: &str, action: &str, status: &str, diagnostic: &str) -> Vec<u8> {
    format!(
        "Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@mx.example>\r\nTo: support@desk.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <dsn-{action}-{status}-{recipient}@mx.example>\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: text/plain\r\n\r\nI am sorry, your message was not delivered.\r\n\r\n\
         --b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {diagnostic}\r\n\r\n\
         --b1\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{original_id}>\r\nFrom: support@desk.example\r\nSubject: Re: x\r\n\r\n\
         --b1--\r\n"
    )
    .into_bytes()
}

/// The Message-ID of the letter with that serial.
pub fn id(serial: u32) -> String {
    format!("letter{serial}@sender.example")
}
