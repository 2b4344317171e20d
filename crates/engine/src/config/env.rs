//! `${NAME}` in texts of the configuration, so that passwords need not stand in the file.
//!
//! Values are put in after the YAML has been read: a value can therefore not change the
//! structure of the file, and line and column of an error stay those of the file.

/// Looks up a variable by name.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The variables of this process.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `text` with each `${NAME}` replaced; `$$` stands for one `$`.
///
/// # Errors
/// A sentence that names the variable that is not set, or says that a brace is missing.
pub(super) fn expand(text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err("`${` without `}`; write `$$` for a plain dollar sign".to_owned());
            };
            let Some(value) = lookup(name) else {
                return Err(format!("the environment variable `{name}` is not set"));
            };
            out.push_str(&value);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_and_missing_ones_named() {
        let lookup = |name: &str| (name == "PW").then(|| "s${x}3".to_owned());
        assert_eq!(expand("a${PW}b$$c$d", &lookup).unwrap(), "as${x}3b$c$d");
        assert!(expand("${NOPE}", &lookup).unwrap_err().contains("`NOPE` is not set"));
        assert!(expand("${PW", &lookup).unwrap_err().contains("without"));
    }
}
