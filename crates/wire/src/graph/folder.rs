//! Folders by the names that people see: `INBOX`, or display names with a slash between a folder and one inside it.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::session::{Request, Session, checked_id};
use super::{FOLDER_NAME_BYTES_MAX, FOLDER_PAGES_MAX, FOLDERS_MAX};
use crate::net::Method;
use crate::{Error, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub id: String,
    pub name: String,
    /// How many messages it holds.
    pub total: u64,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(rename = "displayName", default)]
    name: String,
    #[serde(rename = "totalItemCount", default)]
    total: u64,
    #[serde(rename = "childFolderCount", default)]
    children: u64,
}

#[derive(Deserialize)]
struct Body {
    value: Vec<Item>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

const SELECT: &str = "id,displayName,totalItemCount,childFolderCount";

impl Session {
    /// `None`: there is no such folder.
    pub async fn folder(&self, name: &str) -> Result<Option<Folder>> {
        let tried = format!("open the folder “{name}”");
        if is_inbox(name) {
            return self.inbox(&tried).await.map(Some);
        }
        let (mut at, mut rest): (Option<Folder>, &str) = (None, name.trim());
        loop {
            // A name may hold a slash itself.
            if let Some(found) = self.child(&tried, at.as_ref(), rest).await? {
                return Ok(Some(found));
            }
            let Some((part, behind)) = rest.split_once('/') else { return Ok(None) };
            let (part, behind) = (part.trim(), behind.trim());
            let found = match &at {
                None if is_inbox(part) => Some(self.inbox(&tried).await?),
                at => self.child(&tried, at.as_ref(), part).await?,
            };
            let Some(found) = found.filter(|_| !behind.is_empty()) else { return Ok(None) };
            (at, rest) = (Some(found), behind);
        }
    }

    /// The same, made where it is not there yet.
    pub async fn folder_or_new(&self, name: &str) -> Result<Folder> {
        if let Some(found) = self.folder(name).await? {
            return Ok(found);
        }
        let tried = format!("make the folder “{name}”");
        let mut at: Option<Folder> = None;
        for part in parts(name) {
            let found = match &at {
                None if is_inbox(part) => Some(self.inbox(&tried).await?),
                at => self.child(&tried, at.as_ref(), part).await?,
            };
            at = Some(match found {
                Some(found) => found,
                None => self.new_folder(&tried, at.as_ref(), part).await?,
            });
        }
        at.ok_or_else(|| Error::rejected(tried, &self.host).remedy("it has no name"))
    }

    /// The names of the folders beside the inbox, for somebody who has to choose one.
    pub async fn folder_names(&self) -> Result<Vec<String>> {
        let tried = "list the folders";
        let url = children_url(self, None);
        let body: Body = self.json(Request::of(tried, Method::Get, url)).await?;
        Ok(body.value.into_iter().map(|item| item.name).filter(|name| !name.is_empty()).collect())
    }

    /// All folders by the names that [`Session::folder`] takes, without any that is too long, each behind the one that it lies in, and at most
    /// [`FOLDERS_MAX`].
    pub async fn folders(&self) -> Result<Vec<Folder>> {
        let tried = "list the folders";
        let inbox = self.inbox(tried).await?;
        let (mut found, mut parents): (Vec<Folder>, VecDeque<Option<Folder>>) = (Vec::new(), [None].into());
        while let Some(parent) = parents.pop_front() {
            let mut url = Some(children_url(self, parent.as_ref()));
            for _ in 0..FOLDER_PAGES_MAX {
                let Some(from) = url.take() else { break };
                let body: Body = self.json(Request::of(tried, Method::Get, from)).await?;
                for item in body.value.into_iter().filter(|item| !item.name.is_empty()) {
                    let holds = item.children > 0;
                    let mut folder = self.folder_of(tried, item)?;
                    if folder.id == inbox.id {
                        "INBOX".clone_into(&mut folder.name);
                    } else if let Some(parent) = &parent {
                        folder.name = format!("{}/{}", parent.name, folder.name);
                    }
                    if folder.name.len() > FOLDER_NAME_BYTES_MAX {
                        continue; // nested so deep that nobody could choose it
                    }
                    if holds {
                        parents.push_back(Some(folder.clone()));
                    }
                    found.push(folder);
                }
                if found.len() >= FOLDERS_MAX {
                    return Ok(found);
                }
                url = body.next.map(|next| self.link(tried, &next)).transpose()?;
            }
        }
        Ok(found)
    }

    async fn inbox(&self, tried: &str) -> Result<Folder> {
        let mut url = self.url(&["mailFolders", "inbox"]);
        url.query_pairs_mut().append_pair("$select", SELECT);
        let item: Item = self.json(Request::of(tried, Method::Get, url)).await?;
        self.folder_of(tried, item)
    }

    /// Exchange takes names without regard to case.
    async fn child(&self, tried: &str, parent: Option<&Folder>, name: &str) -> Result<Option<Folder>> {
        let mut url = children_url(self, parent);
        let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
        url.query_pairs_mut().append_pair("$filter", &filter);
        for _ in 0..FOLDER_PAGES_MAX {
            let body: Body = self.json(Request::of(tried, Method::Get, url)).await?;
            let same = |item: &Item| item.name.to_lowercase() == name.to_lowercase();
            if let Some(item) = body.value.into_iter().find(same) {
                return self.folder_of(tried, item).map(Some);
            }
            let Some(next) = body.next else { return Ok(None) };
            url = self.link(tried, &next)?;
        }
        Err(Error::broken(tried, &self.host).remedy("its list of folders has no end"))
    }

    async fn new_folder(&self, tried: &str, parent: Option<&Folder>, name: &str) -> Result<Folder> {
        let url = match parent {
            None => self.url(&["mailFolders"]),
            Some(parent) => self.url(&["mailFolders", &parent.id, "childFolders"]),
        };
        let body = json!({ "displayName": name });
        let item: Item = self.json(Request::of(tried, Method::Post, url).json(&body)).await?;
        self.folder_of(tried, item)
    }

    fn folder_of(&self, tried: &str, item: Item) -> Result<Folder> {
        checked_id(tried, &self.host, &item.id)?;
        Ok(Folder { id: item.id, name: item.name, total: item.total })
    }
}

fn children_url(session: &Session, parent: Option<&Folder>) -> Url {
    let mut url = match parent {
        None => session.url(&["mailFolders"]),
        Some(parent) => session.url(&["mailFolders", &parent.id, "childFolders"]),
    };
    url.query_pairs_mut().append_pair("$select", SELECT).append_pair("$top", "100");
    url
}

fn is_inbox(name: &str) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case("INBOX")
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').map(str::trim).filter(|part| !part.is_empty())
}
