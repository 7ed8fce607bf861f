//! The flags of `selx check KIND`: one for every setting of the kind, so that help, errors and completions know them.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches};
use selx_core::config::{self, SettingDoc};
use selx_core::{Meta, Registry};

/// One setting with the flag that gives it.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// The key of the setting.
    pub(crate) setting: String,
    /// The flag without its hyphens.
    long: String,
    doc: SettingDoc,
}

/// Returns the settings of a kind with their flags. A setting that has the name of an option of ours is `with-NAME`.
pub(crate) fn of(registry: &Registry, kind: &str, grammar: &clap::Command) -> Vec<Flag> {
    let check = grammar.find_subcommand("check");
    let ours: Vec<&str> = grammar
        .get_arguments()
        .chain(check.iter().flat_map(|check| check.get_arguments()))
        .filter_map(Arg::get_long)
        .chain(["help", "version"])
        .collect();
    config::settings_of(registry, kind)
        .into_iter()
        .map(|doc| Flag {
            setting: doc.name.clone(),
            long: if ours.contains(&doc.name.as_str()) { format!("with-{}", doc.name) } else { doc.name.clone() },
            doc,
        })
        .collect()
}

/// Adds the flags of a kind to `check`.
pub(crate) fn added(grammar: clap::Command, meta: &Meta, flags: &[Flag]) -> clap::Command {
    grammar.mut_subcommand("check", |check| {
        let about = format!("{}: {}", meta.id, meta.summary);
        let usage = format!("selx check {} [SETTINGS] [OPTIONS]", meta.id);
        let check = check.about(about.clone()).long_about(about).override_usage(usage).after_help(measures(meta));
        let check = check.mut_arg("kind", |kind| kind.hide(true));
        flags.iter().fold(check, |check, flag| check.arg(argument(flag)))
    })
}

fn argument(flag: &Flag) -> Arg {
    let kind = flag.doc.kind.as_str();
    let mut help = first_sentence(&flag.doc.description);
    if kind.contains("array") {
        help.push_str(" (repeatable)");
    }
    if flag.doc.required {
        help.push_str(" (must be given)");
    } else if let Some(default) = flag.doc.default.as_deref().filter(|default| *default != "[]") {
        let default = default.trim_matches('"');
        help.push_str(&format!(" [default: {default}]"));
    }
    let argument = Arg::new(format!("setting {}", flag.setting))
        .long(flag.long.clone())
        .value_name(value_name(kind))
        .help(help)
        .action(ArgAction::Append)
        .allow_hyphen_values(true)
        .help_heading("Settings of the kind");
    if kind == SWITCH {
        // A bare flag turns the switch on, `--flag=false` off.
        argument.num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        argument
    }
}

/// What the documentation of settings calls a switch.
const SWITCH: &str = "true or false";

/// Returns what stands for the value of a setting in the help, from the words for its type.
fn value_name(kind: &str) -> String {
    let names = [
        ("duration", "TIME"),
        ("size", "SIZE"),
        ("share", "PERCENT"),
        ("secret", "env:NAME|file:PATH"),
        ("number", "NUMBER"),
        ("table", "{ … }"),
    ];
    if kind == SWITCH {
        return "true|false".to_owned();
    }
    if let Some(choices) = kind.strip_prefix("one of ") {
        return choices.replace(", ", "|").replace('"', "");
    }
    let found = names.iter().find(|(word, _)| kind.contains(word));
    found.map_or("TEXT", |(_, name)| name).to_owned()
}

fn first_sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.find(". ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.trim_end_matches('.').to_owned(),
    }
}

fn measures(meta: &Meta) -> String {
    let Some(first) = meta.measures.first() else {
        return "This kind has no measures, so `--warning` and `--critical` do not apply.".to_owned();
    };
    let names: Vec<&str> = meta.measures.iter().map(|measure| measure.name).collect();
    format!(
        "Measures for `--warning` and `--critical`: {}. Without a measure they are for `{}`. \
         `selx explain {}` has the whole page.",
        names.join(", "),
        first.name,
        meta.id
    )
}

/// Returns the settings that were given, in the order of the flags; one that was given twice is there twice.
pub(crate) fn given(flags: &[Flag], matches: &ArgMatches) -> Vec<(String, String)> {
    let mut given = Vec::new();
    for flag in flags {
        let id = format!("setting {}", flag.setting);
        for value in matches.get_many::<String>(&id).into_iter().flatten() {
            given.push((flag.setting.clone(), value.clone()));
        }
    }
    given
}

/// Finds the kind in `selx [options] check [options] KIND …` before the line is parsed, because its flags follow from it.
pub(crate) fn kind_of(arguments: &[OsString], grammar: &clap::Command) -> Option<String> {
    let mut words = Words { arguments: arguments.get(1..)?.iter(), grammar };
    (words.next()? == "check").then(|| words.next()).flatten()
}

/// Finds the command before the line is parsed: which codes count follows from it.
pub(crate) fn command_of(arguments: &[OsString], grammar: &clap::Command) -> Option<String> {
    Words { arguments: arguments.get(1..)?.iter(), grammar }.next()
}

/// The arguments that are neither options nor their values.
struct Words<'a> {
    arguments: std::slice::Iter<'a, OsString>,
    grammar: &'a clap::Command,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let word = self.arguments.next()?.to_str()?;
            let Some(option) = word.strip_prefix('-') else {
                return Some(word.to_owned());
            };
            if self.takes_value(option) {
                self.arguments.next();
            }
        }
    }
}

impl Words<'_> {
    /// Tells whether the word after an option is its value.
    fn takes_value(&self, option: &str) -> bool {
        let check = self.grammar.find_subcommand("check");
        let mut known = self.grammar.get_arguments().chain(check.iter().flat_map(|check| check.get_arguments()));
        let known = match option.strip_prefix('-') {
            Some(long) if !long.contains('=') => known.find(|known| known.get_long() == Some(long)),
            _ => None,
        };
        known.is_some_and(|known| matches!(known.get_action(), ArgAction::Set | ArgAction::Append))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::arguments::Arguments;

    fn kind(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        kind_of(&words, &Arguments::command())
    }

    #[test]
    fn the_kind_is_found_wherever_options_stand() {
        for line in [
            "selx check http --url x",
            "selx --format json -v check http",
            "selx --format=json check --timeout 5s --no-history -q http --help",
            "selx check --warning -1: http",
        ] {
            assert_eq!(kind(line).as_deref(), Some("http"), "{line}");
        }
        for line in ["selx", "selx check", "selx run check http", "selx --format check list", "selx list"] {
            assert_eq!(kind(line), None, "{line}");
        }
    }

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }
}
