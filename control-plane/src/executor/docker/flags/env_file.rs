//! Pure: files of variables, as `docker run` and as `docker compose` read them.

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;
type Variables = Result<Vec<(String, String)>, String>;

const UNCLOSED: &str = "a quote is not closed";

/// Each line as it is: quotes and `#` are part of a value, only a line that begins with `#` is a comment. [Docker:
/// docker run --env-file]
pub(super) fn docker(text: &str, variable: Lookup<'_>) -> Variables {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_start);
    let mut variables = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        check(name)?;
        let value = value.map(str::to_owned).or_else(|| variable(name));
        variables.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(variables)
}

/// Values may be quoted, over several lines; ` #` begins a comment; `$NAME` and `${NAME:-default}` stand for values of
/// variables, those of the file first. [Compose: .env file syntax]
pub(super) fn compose(text: &str, variable: Lookup<'_>) -> Variables {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while !rest.is_empty() {
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.starts_with('#') {
            rest = below.trim_start();
            continue;
        }
        let exported = line.strip_prefix("export").filter(|line| line.starts_with([' ', '\t']));
        let plain = exported.unwrap_or(line).trim_start();
        let Some((name, _)) = plain.split_once('=') else {
            let name = plain.trim_end();
            check(name)?;
            variables.extend(variable(name).map(|value| (name.to_owned(), value)));
            rest = below.trim_start();
            continue;
        };
        // In `rest`, since a quoted value may go on below.
        let begin = line.len() - plain.len() + name.len() + 1;
        let name = name.trim_end();
        check(name)?;
        let known = |wanted: &str| {
            let own = variables.iter().rev().find(|(name, _)| name == wanted);
            own.map(|(_, value)| value.clone()).or_else(|| variable(wanted))
        };
        let after = rest.get(begin..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inside = after.get(1..).unwrap_or_default();
                let (raw, after) = quoted(inside, quote).ok_or(UNCLOSED)?;
                let value = if quote == '"' { expanded(raw, true, &known) } else { raw.replace("\\'", "'") };
                (value, after.split_once('\n').map_or("", |(_, below)| below))
            }
            _ => {
                let (raw, below) = after.split_once('\n').unwrap_or((after, ""));
                (expanded(uncommented(raw).trim_end(), false, &known), below)
            }
        };
        variables.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(variables)
}

fn check(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("{name:?} is no name of a variable"));
    }
    Ok(())
}

/// What stands before the closing quote, and what after it.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// A `#` begins a comment at the beginning and after a space.
fn uncommented(value: &str) -> &str {
    let mut before = ' ';
    for (at, c) in value.char_indices() {
        if c == '#' && before.is_whitespace() {
            return value.get(..at).unwrap_or(value);
        }
        before = c;
    }
    value
}

/// With values in the place of names of variables and, where there are `escapes`, characters in the place of those.
fn expanded(text: &str, escapes: bool, variable: Lookup<'_>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, special) = rest.split_at(at);
        expanded.push_str(before);
        let mut characters = special.chars();
        let first = characters.next();
        let after = characters.as_str();
        rest = after;
        if first == Some('\\') {
            let escaped = escapes.then(|| escape(after)).flatten();
            expanded.push(escaped.unwrap_or('\\'));
            if let Some(next) = escaped.and_then(|_| after.chars().next()) {
                rest = after.get(next.len_utf8()..).unwrap_or_default();
            }
        } else if let Some((value, after)) = substitution(after, variable) {
            expanded.push_str(&value);
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

fn escape(text: &str) -> Option<char> {
    match text.chars().next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        same @ ('\\' | '"' | '\'' | '$') => Some(same),
        _ => None,
    }
}

/// The value of what follows a `$`, and what comes after it.
fn substitution<'a>(text: &'a str, variable: Lookup<'_>) -> Option<(String, &'a str)> {
    let name_of = |text: &'a str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        Some(text.split_at(end))
            .filter(|(name, _)| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()))
    };
    let Some(braced) = text.strip_prefix('{') else {
        let (name, after) = name_of(text)?;
        return Some((variable(name).unwrap_or_default(), after));
    };
    let (inside, after) = braced.split_once('}')?;
    let (name, default) = name_of(inside)?;
    let value = if let Some(default) = default.strip_prefix(":-") {
        variable(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
    } else if let Some(default) = default.strip_prefix('-') {
        variable(name).unwrap_or_else(|| default.to_owned())
    } else if default.is_empty() {
        variable(name).unwrap_or_default()
    } else {
        return None;
    };
    Some((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }

    fn pairs(variables: &[(String, String)]) -> Vec<(&str, &str)> {
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn docker_takes_what_follows_the_equals_sign_to_the_letter() {
        let text =
            "\u{feff}# comment\n  A=1 # not a comment\n\nHOME\nABSENT\nB=x=y \"z\" \nC=\n  # one more\n";
        let read = docker(text, &home).unwrap();
        let expected = [("A", "1 # not a comment"), ("HOME", "/root"), ("B", "x=y \"z\" "), ("C", "")];
        assert_eq!(pairs(&read), expected);
        assert!(docker("export A=1", &home).unwrap_err().contains("export A"));
        assert!(docker("=1", &home).is_err());
    }

    #[test]
    fn compose_knows_quotes_comments_and_other_variables() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            assert_eq!(pairs(&compose(text, &home).unwrap()), expected, "{text}");
        };
        check("A=1 # comment\n# B=2\nC=x#y\nD=#z\n", &[("A", "1"), ("C", "x#y"), ("D", "")]);
        check("export A=a b  \nHOME\nABSENT\nB = 2\r\n", &[("A", "a b"), ("HOME", "/root"), ("B", "2")]);
        check("A=\"1 # 2\" # three\nB='x # $HOME'\n", &[("A", "1 # 2"), ("B", "x # $HOME")]);
        check("A=\"one\ntwo\\tthree\"\nB='it\\'s'", &[("A", "one\ntwo\tthree"), ("B", "it's")]);
        check("A=\"\\$HOME \\\"q\\\" \\\\ \\x\"", &[("A", "$HOME \"q\" \\ \\x")]);
        check("A=1\nB=${A}2$HOME/x\nA=3\nC=$A", &[("A", "1"), ("B", "12/root/x"), ("A", "3"), ("C", "3")]);
        check("E=\nA=${E:-d}${E-d}${N:-n}${N-m}[$N]$ ${", &[("E", ""), ("A", "dnm[]$ ${")]);
        check("A=C:\\new", &[("A", "C:\\new")]);
        assert_eq!(compose("A=\"x", &home).unwrap_err(), UNCLOSED);
        assert!(compose("A B=1", &home).unwrap_err().contains("\"A B\""));
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_understood_or_refused(text in "[A-Z=#$ {}'\"\\\\\\n:é-]{0,40}") {
            let _ = (docker(&text, &home), compose(&text, &home));
        }
    }
}
