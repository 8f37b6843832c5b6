//! The `style` attribute: known properties with harmless values, nothing that loads, covers or moves.

const PROPERTIES: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "box-sizing",
    "caption-side",
    "clear",
    "color",
    "direction",
    "display",
    "empty-cells",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-position",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "unicode-bidi",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
];

const FUNCTIONS: &[&str] = &["rgb", "rgba", "hsl", "hsla", "calc", "min", "max"];
/// Bytes of a value; a list of fonts has at most this.
const VALUE_BYTES_MAX: usize = 300;
/// Declarations read of one attribute.
const DECLARATIONS_MAX: usize = 100;

/// The declarations that are shown, as `name:value;name:value`.
pub(crate) fn filter(style: &str) -> String {
    declarations(style).filter_map(|(name, value)| shown(&name, value)).collect::<Vec<_>>().join(";")
}

/// The declarations of a style, names in lower case.
pub(crate) fn declarations(style: &str) -> impl Iterator<Item = (String, &str)> {
    style.split(';').take(DECLARATIONS_MAX).filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value))
    })
}

fn shown(name: &str, value: &str) -> Option<String> {
    // `background` is known for its color alone; a value with more than that has no harmless part to take.
    let name = if name == "background" { "background-color" } else { name };
    if !PROPERTIES.contains(&name) || value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let value = value.strip_suffix("!important").map_or(value.as_str(), str::trim_end);
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(c, ' ' | '#' | '%' | ',' | '.' | '+' | '-' | '(' | ')' | '\'' | '"' | '/' | '*' | '_')
    };
    if value.is_empty() || !value.chars().all(plain) || value.contains("/*") || value.contains("--") {
        return None;
    }
    if !functions(value).all(|f| FUNCTIONS.contains(&f.as_str())) {
        return None;
    }
    // Negative margins lay one thing over another.
    if (name.starts_with("margin") || name == "text-indent") && value.contains('-') {
        return None;
    }
    if name == "display" && !is_flow(value) {
        return None;
    }
    Some(format!("{name}:{value}"))
}

fn functions(value: &str) -> impl Iterator<Item = String> + '_ {
    value.match_indices('(').map(|(at, _)| {
        let before = value.get(..at).unwrap_or_default();
        let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '-')).map_or(0, |i| i + 1);
        before.get(start..).unwrap_or_default().to_ascii_lowercase()
    })
}

fn is_flow(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "block"
            | "inline"
            | "inline-block"
            | "none"
            | "table"
            | "table-row"
            | "table-cell"
            | "table-row-group"
            | "table-header-group"
            | "table-footer-group"
            | "table-column"
            | "table-caption"
            | "inline-table"
            | "list-item"
    )
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn only_harmless_declarations_pass() {
        let check = |style: &str, expected: &str| {
            assert_eq!(filter(style), expected, "{style}");
            assert_eq!(filter(expected), expected, "not a fixed point: {style}");
        };
        check("COLOR: Red !important; position:fixed", "color:Red");
        check("font-family: 'Segoe UI', \"Arial\" ;", "font-family:'Segoe UI', \"Arial\"");
        check("background: url(//x)", "");
        check("background:#fff", "background-color:#fff");
        check("color:expression(alert(1))", "");
        check("width:calc(100% - 2px)", "width:calc(100% - 2px)");
        check("color:\\75 rl(x)", "");
        check("margin:-10px;margin-top:4px", "margin-top:4px");
        check("color:red/**/;width:var(--x)", "");
    }
}
