//! What kinds that propose checks have in common.

/// Writes a name in the letters that names of checks have; `before` stands before one that begins with none of them.
pub(crate) fn check_name(text: &str, before: &str) -> String {
    let mut name = String::new();
    for letter in text.to_ascii_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    if name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("{before}-{name}")
    }
}
