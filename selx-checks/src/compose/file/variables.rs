//! Variables: the file `.env`, and what compose puts in their place.

use std::collections::{BTreeMap, BTreeSet};

/// How long a text may become when its variables are put in.
const MAX_TEXT: usize = 1 << 20;
/// How much all values of a file of variables may come to by names in them; behind that, names stay as they are written.
const MAX_FILLED: usize = 4 << 20;

/// The variables that a compose file may name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Reads a file of variables: `NAME=value`, with quotes, comments, `export`, and earlier names in later values.
pub(crate) fn parse(text: &str) -> Variables {
    let mut variables = Variables::new();
    let mut room = MAX_FILLED;
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        let trimmed = trimmed.strip_prefix("export ").unwrap_or(trimmed).trim_start();
        let Some((name, value)) = trimmed.split_once('=').filter(|_| !trimmed.starts_with('#')) else {
            rest = after;
            continue;
        };
        let name = name.trim().trim_matches('\'');
        let value = value.trim_start();
        if let Some(quote @ ('"' | '\'')) = value.chars().next() {
            // A quoted value may go over several lines.
            let begin = text.len() - after.len() - if line.len() == rest.len() { 0 } else { 1 } - value.len();
            let inside = text.get(begin + 1..).unwrap_or_default();
            if let Some((value, length)) = quoted(inside, quote) {
                let value = if quote == '"' { fill(&value, &variables, &mut room) } else { value };
                variables.insert(name.to_owned(), value);
                let tail = inside.get(length..).unwrap_or_default();
                rest = tail.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
        }
        let value = value.find(" #").or_else(|| value.find("\t#")).and_then(|at| value.get(..at)).unwrap_or(value);
        let value = if value.starts_with('#') { "" } else { value.trim_end() };
        variables.insert(name.to_owned(), fill(value, &variables, &mut room));
        rest = after;
    }
    variables.remove("");
    variables
}

/// Takes a quoted value, and how long it is with the quote at its end.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Some((value, at + letter.len_utf8())),
            '\\' => match letters.next()?.1 {
                next if next == quote || next == '\\' => value.push(next),
                'n' if quote == '"' => value.push('\n'),
                'r' if quote == '"' => value.push('\r'),
                't' if quote == '"' => value.push('\t'),
                // A dollar that begins no variable, as it is written where variables are put in.
                '$' if quote == '"' => value.push_str("$$"),
                next => value.extend(['\\', next]),
            },
            letter => value.push(letter),
        }
    }
    None
}

/// Puts earlier variables into a value; what is no variable stays. Values that double from line to line run out of room.
fn fill(value: &str, variables: &Variables, room: &mut usize) -> String {
    if !value.contains('$') || *room == 0 {
        return value.to_owned();
    }
    match expand(value, variables, &mut BTreeSet::new(), (0, *room)) {
        Ok(filled) => {
            *room -= filled.len();
            filled
        }
        Err(Unfit::TooLong) => {
            *room = 0;
            value.to_owned()
        }
        Err(Unfit::NoVariable) => value.to_owned(),
    }
}

/// Why variables cannot be put into a text.
enum Unfit {
    /// A dollar begins none, or they nest too deep.
    NoVariable,
    /// It would become too long.
    TooLong,
}

/// Puts variables into a text by compose's rules: `$VAR`, `${VAR}`, `${VAR:-x}`, `${VAR-x}`, `${VAR:?x}`, `${VAR?x}`,
/// `${VAR:+x}`, `${VAR+x}`, and `$$` for a dollar.
///
/// Names without a value are noted: whoever started the project may have had them in the shell.
///
/// # Errors
///
/// What is wrong with the text, as a phrase that repeats nothing of it: it may be a secret.
pub(crate) fn interpolate(text: &str, variables: &Variables, missing: &mut BTreeSet<String>) -> Result<String, String> {
    expand(text, variables, missing, (0, MAX_TEXT)).map_err(|unfit| match unfit {
        Unfit::NoVariable => "a `$` in it begins no variable; a dollar itself is written `$$`".to_owned(),
        Unfit::TooLong => "is longer than 1 MiB when its variables are put in".to_owned(),
    })
}

/// Puts variables into a text that lies so deep in others and may become so long.
fn expand(
    text: &str,
    variables: &Variables,
    missing: &mut BTreeSet<String>,
    (depth, most): (usize, usize),
) -> Result<String, Unfit> {
    if depth > 8 {
        return Err(Unfit::NoVariable);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let end = closing(inside).ok_or(Unfit::NoVariable)?;
            let body = inside.get(..end).unwrap_or_default();
            rest = inside.get(end + 1..).unwrap_or_default();
            out.push_str(&braced(body, variables, missing, (depth, most)).ok_or(Unfit::NoVariable)??);
        } else {
            let length = name_length(rest);
            if length == 0 {
                return Err(Unfit::NoVariable);
            }
            let (name, after) = rest.split_at(length);
            out.push_str(&value(name, variables, missing));
            rest = after;
        }
        if out.len() > most {
            return Err(Unfit::TooLong);
        }
    }
    out.push_str(rest);
    if out.len() > most { Err(Unfit::TooLong) } else { Ok(out) }
}

fn value(name: &str, variables: &Variables, missing: &mut BTreeSet<String>) -> String {
    variables.get(name).cloned().unwrap_or_else(|| {
        missing.insert(name.to_owned());
        String::new()
    })
}

/// Finds the brace that closes a variable; defaults may have variables in them.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn name_length(text: &str) -> usize {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first { text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count() } else { 0 }
}

fn braced(
    body: &str,
    variables: &Variables,
    missing: &mut BTreeSet<String>,
    (depth, most): (usize, usize),
) -> Option<Result<String, Unfit>> {
    let length = name_length(body);
    if length == 0 {
        return None;
    }
    let (name, rule) = body.split_at(length);
    let known = variables.get(name);
    let full = known.filter(|value| !value.is_empty());
    let mut other = |text: &str| expand(text, variables, missing, (depth + 1, most));
    Some(if rule.is_empty() {
        Ok(value(name, variables, missing))
    } else if let Some(default) = rule.strip_prefix(":-") {
        full.map_or_else(|| other(default), |value| Ok(value.clone()))
    } else if let Some(default) = rule.strip_prefix('-') {
        known.map_or_else(|| other(default), |value| Ok(value.clone()))
    } else if let Some(instead) = rule.strip_prefix(":+") {
        if full.is_some() { other(instead) } else { Ok(String::new()) }
    } else if let Some(instead) = rule.strip_prefix('+') {
        if known.is_some() { other(instead) } else { Ok(String::new()) }
    } else if rule.starts_with(":?") {
        // Compose refuses the file then; whoever started the project must have had a value.
        Ok(full.cloned().unwrap_or_else(|| value_of_shell(name, missing)))
    } else if rule.starts_with('?') {
        Ok(known.cloned().unwrap_or_else(|| value_of_shell(name, missing)))
    } else {
        return None;
    })
}

fn value_of_shell(name: &str, missing: &mut BTreeSet<String>) -> String {
    missing.insert(name.to_owned());
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_variables_are_read() {
        let text = "\u{feff}# a comment\nA=1\nexport B = two words # not this\nC='$A stays'\nD=\"x ${A}\\n\"\nE=\n\
                    F=a#b\nG=${A}-${NONE:-z}\nnonsense\n=x\nM=\"\\$A\"\nH=\"two\nlines\"\nI=last\nJ='it\\'s'\nK=\"open\nL=3";
        let seen = parse(text);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "$A stays"),
            ("D", "x 1\n"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "1-z"),
            ("H", "two\nlines"),
            ("I", "last"),
            ("J", "it's"),
            ("K", "\"open"),
            ("L", "3"),
            ("M", "$A"),
        ];
        let expected: Variables = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn variables_are_put_in_by_the_rules() {
        let variables = Variables::from([("A".into(), "1".into()), ("E".into(), String::new())]);
        let read = |text: &str| {
            let mut missing = BTreeSet::new();
            let out = interpolate(text, &variables, &mut missing);
            (out, missing.into_iter().collect::<Vec<_>>())
        };
        for (text, out) in [
            ("x$A-${A}", "x1-1"),
            ("${E:-d}", "d"),
            ("${E-d}", ""),
            ("${N-d}", "d"),
            ("${N:-${A}}", "1"),
            ("${A:+y}${E:+y}${N+y}", "y"),
            ("${E+y}", "y"),
            ("$$A $${A}", "$A ${A}"),
            ("${A:?no}", "1"),
            ("${E?no}", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(read(text), (Ok(out.to_owned()), Vec::new()), "{text}");
        }
        assert_eq!(read("a${N}b"), (Ok("ab".into()), vec!["N".to_owned()]));
        assert_eq!(read("${E:?no}"), (Ok(String::new()), vec!["E".to_owned()]));
        for text in ["$", "${", "${}", "${A", "$1", "${A!x}", "x $ y"] {
            assert!(read(text).0.is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_double_from_line_to_line_stay_small() {
        let mut text = "A0=0123456789\n".to_owned();
        for line in 1..60 {
            text.push_str(&format!("A{line}=$A{0}$A{0}\n", line - 1));
        }
        let variables = parse(&text);
        assert_eq!(variables["A3"].len(), 80);
        assert_eq!(variables["A59"], "$A58$A58", "what does not fit stays as it is written");
        assert!(variables.values().map(String::len).sum::<usize>() < 8 << 20);
        let variables = Variables::from([("A".into(), "x".repeat(1 << 16))]);
        let why = interpolate(&"$A".repeat(100), &variables, &mut BTreeSet::new()).unwrap_err();
        assert!(why.contains("1 MiB"), "{why}");
    }

    #[test]
    fn what_is_wrong_repeats_nothing_of_a_value() {
        let why = interpolate("hunter2$", &Variables::new(), &mut BTreeSet::new()).unwrap_err();
        assert!(!why.contains("hunter2") && why.contains("`$$`"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([A-C]|=|\\$|\\{|\\}|:-|\\?|'|\"|\n|#| |\\\\|é){0,40}") {
            let variables = parse(&text);
            let _ = interpolate(&text, &variables, &mut BTreeSet::new());
        }
    }
}
