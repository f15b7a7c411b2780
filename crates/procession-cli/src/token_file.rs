//! Tokens in files: one a line; blank lines and those that begin with `#` are left out.

use std::path::Path;

/// The tokens in a file, or why there are none.
pub(crate) fn read(path: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = text.lines().map(str::trim);
    let tokens: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if tokens.is_empty() { Err("there is no token in it".into()) } else { Ok(tokens) }
}
