//! The passwords of a container, so that what it prints can be shown.

use selx_core::Context;

use crate::docker::Container;

/// Parts of names of variables whose values are secret.
const SECRET: &[&str] =
    &["PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "SALT", "DSN", "COOKIE"];

/// Learns the secrets in the environment and the command line of a container.
pub(super) fn learn(container: &Container, cx: &Context) {
    for (name, value) in &container.environment {
        let name = name.to_ascii_uppercase();
        if name != "PWD" && SECRET.iter().any(|part| name.contains(part)) {
            cx.secrets().learn(value);
        }
        of_url(value, cx);
    }
    for (at, word) in container.process.iter().enumerate() {
        of_url(word, cx);
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word.as_str(), container.process.get(at + 1).map(String::as_str)),
        };
        let flag = flag.to_ascii_uppercase();
        if flag.starts_with('-') && SECRET.iter().any(|part| flag.contains(part)) {
            value.filter(|value| !value.starts_with('-')).map(|value| cx.secrets().learn(value));
        }
    }
}

/// Learns the password of a URL: `scheme://user:password@host`.
fn of_url(text: &str, cx: &Context) {
    let Some((_, rest)) = text.split_once("://") else { return };
    let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
    if let Some((login, _)) = authority.rsplit_once('@')
        && let Some((_, password)) = login.split_once(':')
        && !password.is_empty()
    {
        cx.secrets().learn(password);
    }
}

/// Takes every known secret out of a text.
pub(super) fn without(text: &str, cx: &Context) -> String {
    cx.secrets().redact(text).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_where_containers_have_them() {
        let cx = Context::new(std::time::Duration::from_secs(1));
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let container = Container {
            environment: [
                ("POSTGRES_PASSWORD", "first-one"),
                ("BROKER", "redis://:second-one@cache:6379/0"),
                ("DEBUG", "harmless"),
            ]
            .map(pair)
            .into(),
            process: ["redis-server", "--requirepass", "third-one", "--dsn=fourth-one"].map(str::to_owned).into(),
            ..Container::default()
        };
        learn(&container, &cx);
        let shown = without("first-one second-one third-one fourth-one harmless redis-server", &cx);
        assert_eq!(shown, "[secret] [secret] [secret] [secret] harmless redis-server");
    }
}
