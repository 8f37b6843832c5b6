//! The settings as texts, each with where it comes from: read from the file, the environment and the flags. Not what
//! they mean.
use super::{KEYS, Source};
use anyhow::bail;
use std::collections::BTreeMap;
use std::path::Path;

/// The texts of all keys, with where each comes from; later sources win.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<&'static str, (String, Source)>);

impl Values {
    pub(super) fn set(&mut self, key: &'static str, value: String, source: Source) {
        self.0.insert(key, (value, source));
    }
    pub(super) fn get(&self, key: &str) -> Option<&(String, Source)> {
        self.0.get(key)
    }

    pub(super) fn take_file(&mut self, path: &Path, text: &str) -> anyhow::Result<()> {
        let name = path.display();
        let table: toml::Table =
            text.parse().map_err(|e| anyhow::anyhow!("{name}{}", toml_mistake(text, &e)))?;
        for (section, value) in &table {
            let Some(inner) = value.as_table() else {
                bail!("{name}{}: `{section}` is not a section. Known: {}.", line_of(text, section), known());
            };
            for (key, value) in inner {
                let full = format!("{section}.{key}");
                let Some((known_key, meaning)) = KEYS.iter().find(|(k, _)| *k == full) else {
                    bail!("{name}{}: there is no key `{full}`. Known: {}.", line_of(text, key), known());
                };
                let text_value = match value {
                    toml::Value::String(s) => s.clone(),
                    toml::Value::Array(list) if list.iter().all(toml::Value::is_str) => {
                        list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                    }
                    other => bail!(
                        "{name}{}: `{full}` is of the type {}; expected {meaning}.",
                        line_of(text, key),
                        other.type_str()
                    ),
                };
                self.set(known_key, text_value, Source::File(path.to_owned()));
            }
        }
        Ok(())
    }

    pub(super) fn take_environment(&mut self, environment: &BTreeMap<String, String>) -> anyhow::Result<()> {
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix("POSTERN_") else { continue };
            if ["CONFIG", "DATA"].contains(&rest) || rest.starts_with("TEST_") {
                continue;
            }
            let key = if rest == "DATABASE" {
                "database.url".into()
            } else {
                rest.to_lowercase().replace("__", ".")
            };
            let Some((known_key, _)) = KEYS.iter().find(|(k, _)| *k == key) else {
                let variables: Vec<_> = KEYS
                    .iter()
                    .map(|(k, _)| format!("POSTERN_{}", k.to_uppercase().replace('.', "__")))
                    .collect();
                bail!(
                    "the environment has {name}, which means nothing here. Known: {}.",
                    variables.join(", ")
                );
            };
            self.set(known_key, value.clone(), Source::Variable(name.clone()));
        }
        Ok(())
    }
}

/// `, line 3: …`, without the line itself, which may hold a password.
pub fn toml_mistake(text: &str, error: &toml::de::Error) -> String {
    let begin = error.span().and_then(|span| text.get(..span.start));
    let line = begin.map_or(String::new(), |before| format!(", line {}", before.matches('\n').count() + 1));
    format!("{line}: {}", error.message())
}

fn known() -> String {
    KEYS.map(|(key, _)| key).join(", ")
}
fn line_of(text: &str, key: &str) -> String {
    let at = text.lines().position(|line| {
        let line = line.trim_start();
        line.starts_with(&format!("[{key}"))
            || line.strip_prefix(key).is_some_and(|r| r.trim_start().starts_with('='))
    });
    at.map_or(String::new(), |i| format!(", line {}", i + 1))
}
