//! The password of a server: that of the settings, or that which its container was started with.

use selx_core::{Context, Result, Secret, SecretRef};

use crate::target::{Container, Endpoint};

/// Where a password comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The settings of the check.
    Settings,
    /// The container of the service.
    Container,
}

/// Finds the password: the setting, else `REDIS_PASSWORD` or `REDIS_PASSWORD_FILE` of the container, else what its
/// command says behind `--requirepass`.
pub(super) async fn find(
    setting: Option<&SecretRef>,
    endpoint: &Endpoint,
    cx: &Context,
) -> Result<Option<(Secret, From)>> {
    if let Some(reference) = setting {
        return Ok(Some((cx.secrets().get(reference)?, From::Settings)));
    }
    if let Some(secret) = endpoint.secret("REDIS_PASSWORD", cx)? {
        return Ok(Some((secret, From::Container)));
    }
    let found = endpoint.container.as_ref().and_then(of_command);
    Ok(found.map(|password| (cx.secrets().learn(&password), From::Container)))
}

/// Finds the password in a command line, also in that of a shell: `sh -c 'redis-server --requirepass "$PASSWORD"'`.
fn of_command(container: &Container) -> Option<String> {
    let mut words = container.command.iter().flat_map(|argument| {
        let is_script = argument.contains("requirepass") && argument.contains(char::is_whitespace);
        let parts: Vec<&str> = if is_script { argument.split_whitespace().collect() } else { vec![argument.as_str()] };
        parts
    });
    while let Some(word) = words.next() {
        let word = word.trim_matches(['"', '\'']);
        let value = match word.strip_prefix("--requirepass") {
            Some("") => words.next()?,
            Some(rest) => match rest.strip_prefix('=') {
                Some(value) => value,
                None => continue,
            },
            None => continue,
        };
        let value = value.trim_end_matches(';').trim_matches(['"', '\'']);
        let value = match value.strip_prefix('$') {
            Some(name) => {
                let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
                container.environment.get(name)?.clone()
            }
            None => value.to_owned(),
        };
        return if value.is_empty() { None } else { Some(value) };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_as_it_is_written_in_compose_files() {
        let find = |command: &[&str]| {
            of_command(&Container {
                id: String::new(),
                name: String::new(),
                environment: [("PASS".to_owned(), "from-env".to_owned())].into(),
                command: command.iter().map(|&word| word.to_owned()).collect(),
                mounts: Vec::new(),
            })
        };
        for (command, want) in [
            (&["redis-server", "--requirepass", "hunter22"][..], Some("hunter22")),
            (&["redis-server", "--requirepass=hunter22"], Some("hunter22")),
            (&["redis-server", "--requirepass", "two words"], Some("two words")),
            (&["sh", "-c", "exec redis-server --appendonly yes --requirepass \"$PASS\""], Some("from-env")),
            (&["sh", "-c", "redis-server --requirepass ${PASS} --save ''"], Some("from-env")),
            (&["sh", "-c", "redis-server --requirepass='x'; true"], Some("x")),
            (&["sh", "-c", "redis-server --requirepass $NOT_THERE"], None),
            (&["redis-server", "--requirepass"], None),
            (&["redis-server", "--requirepass", ""], None),
            (&["redis-server", "--requirepassword", "x"], None),
            (&["redis-server", "/etc/redis.conf"], None),
        ] {
            assert_eq!(find(command).as_deref(), want, "{command:?}");
        }
    }
}
