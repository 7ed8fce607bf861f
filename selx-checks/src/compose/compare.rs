//! In what a container differs from what the file says.

use super::file::Service;
use crate::docker::Container;

/// How many names of variables are told.
const NAMED: usize = 5;

/// Compares what can be compared without compose's own digest: image, command, environment. Values are never told.
pub(super) fn differences(service: &Service, container: &Container) -> Vec<String> {
    let mut differs = Vec::new();
    // What hangs on a variable of somebody's shell cannot be compared.
    let known = service.missing.is_empty();
    if known
        && let Some(image) = &service.image
        && !same_reference(image, &container.image)
    {
        differs.push(format!("its image is `{}`, the file says `{image}`", container.image));
    }
    if known
        && let Some(command) = service.command.as_ref().filter(|command| !command.is_empty())
        && *command != container.command
    {
        differs.push("its command is another one than in the file".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in &service.environment {
        let Some(value) = value else { continue };
        let same = |seen: &String| seen == value || same_number(seen, value) || service.from_files.contains(name);
        let same = container.environment.get(name).is_some_and(same);
        if !same {
            names.push(name);
        }
    }
    if !names.is_empty() {
        let more = names.len().saturating_sub(NAMED);
        let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        differs.push(format!(
            "its variables {}{more} are missing or have other values than in the file",
            shown.join(", ")
        ));
    }
    differs
}

/// `1.10` and `1.1` are the same number to whoever wrote it without quotes.
fn same_number(one: &str, other: &str) -> bool {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.to_bits() == other.to_bits(),
        _ => false,
    }
}

/// `redis`, `redis:latest` and `docker.io/library/redis:latest` are the same.
fn same_reference(one: &str, other: &str) -> bool {
    one == other || full(one) == full(other)
}

fn full(reference: &str) -> String {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let first = name.split('/').next().unwrap_or_default();
    let has_registry = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let name = match (has_registry, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (false, false) => format!("docker.io/library/{name}"),
    };
    let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    match digest {
        Some(digest) => format!("{name}@{digest}"),
        None if tagged => name,
        None => format!("{name}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_compared_by_what_they_mean() {
        for (one, other) in [
            ("redis", "docker.io/library/redis:latest"),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
            ("localhost:5000/x", "localhost:5000/x:latest"),
        ] {
            assert!(same_reference(one, other), "{one} {other}");
        }
        for (one, other) in [("redis:7", "redis:6"), ("a/redis", "redis"), ("redis", "redis@sha256:0")] {
            assert!(!same_reference(one, other), "{one} {other}");
        }
    }

    #[test]
    fn values_are_never_told() {
        let service = Service {
            image: Some("x:2".into()),
            command: Some(vec!["run".into()]),
            environment: [("PASSWORD", "hunter22"), ("N", "1.10"), ("SHELL", "")]
                .map(|(name, value)| (name.to_owned(), (name != "SHELL").then(|| value.to_owned())))
                .into(),
            ..Service::default()
        };
        let mut container = Container { image: "x:1".into(), ..Container::default() };
        container.environment = [("PASSWORD", "hunter23"), ("N", "1.1")].map(|(n, v)| (n.into(), v.into())).into();
        let said = differences(&service, &container).join("; ");
        assert!(said.contains("`x:1`, the file says `x:2`") && said.contains("command"), "{said}");
        assert!(said.contains("`PASSWORD` are missing or"), "{said}");
        assert!(!said.contains("hunter") && !said.contains("`N`"), "{said}");
        let unsure = Service { missing: ["TAG".to_owned()].into(), ..service };
        assert_eq!(differences(&unsure, &container).len(), 1);
    }
}
