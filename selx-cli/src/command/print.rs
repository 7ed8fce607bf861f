//! What is printed as it is: the schema, completions, the manual page.

use clap::CommandFactory as _;
use clap::builder::PossibleValuesParser;
use clap_mangen::Man;
use selx_core::{config, exit_codes};

use crate::answer::{Answer, Refusal, one_form_only};
use crate::arguments::Arguments;
use crate::session::Session;

/// Prints the JSON Schema of the configuration file.
pub(crate) fn schema(session: &Session<'_>) -> Result<Answer, Refusal> {
    if session.options.format != Some(selx_core::format::Format::Json) {
        one_form_only(session.options)?;
    }
    let schema = config::schema(session.registry);
    Ok(Answer::new(format!("{schema:#}\n")))
}

/// Prints the completions for a shell.
pub(crate) fn completions(session: &Session<'_>, shell: clap_complete::Shell) -> Result<Answer, Refusal> {
    one_form_only(session.options)?;
    let kinds: Vec<&'static str> = session.registry.names().collect();
    let acts: Vec<&'static str> = session.registry.action_names().collect();
    let topics = kinds.iter().chain(&acts).copied().chain(super::explain::TOPICS.iter().map(|(topic, _)| *topic));
    let topics = PossibleValuesParser::new(topics);
    let routines = ["daily", "weekly", "monthly", "quarterly", "emergency"];
    let mut grammar = Arguments::command()
        .mut_subcommand("check", |check| {
            check.mut_arg("kind", |kind| kind.value_parser(PossibleValuesParser::new(kinds)))
        })
        .mut_subcommand("explain", |explain| explain.mut_arg("topic", |topic| topic.value_parser(topics)))
        .mut_subcommand("act", |act| act.mut_arg("names", |names| names.value_parser(PossibleValuesParser::new(acts))))
        .mut_subcommand("run", |run| {
            run.mut_arg("names", |names| names.value_parser(PossibleValuesParser::new(routines)))
        });
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut grammar, "selx", &mut text);
    Ok(Answer::new(String::from_utf8_lossy(&text)))
}

/// Prints the manual page: the program, then every command.
pub(crate) fn man(session: &Session<'_>) -> Result<Answer, Refusal> {
    one_form_only(session.options)?;
    let mut grammar = Arguments::command();
    grammar.build();
    let mut text = Vec::new();
    let rendered = (|| {
        let page = Man::new(grammar.clone());
        page.render_title(&mut text)?;
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
        for command in grammar.get_subcommands().filter(|command| command.get_name() != "help") {
            let mut part = Vec::new();
            let name = command.get_name().to_owned();
            // The options of every command stand once, above.
            let command = command.clone().mut_args(|argument| {
                let global = argument.is_global_set();
                argument.hide(global)
            });
            let command = command.disable_help_flag(true);
            let page = Man::new(command);
            page.render_synopsis_section(&mut part)?;
            page.render_description_section(&mut part)?;
            page.render_options_section(&mut part)?;
            text.extend(format!(".SH \"SELX {}\"\n", name.to_uppercase()).bytes());
            text.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").bytes());
        }
        text.extend(ends().bytes());
        Ok::<(), std::io::Error>(())
    })();
    rendered.map_err(|error| Refusal::new(format!("the manual page cannot be made: {error}")))?;
    Ok(Answer::new(String::from_utf8_lossy(&text)))
}

/// The sections that close a manual page.
fn ends() -> String {
    format!(
        ".SH \"EXIT STATUS\"\n`run` and `check` end with {} ok, {} warning, {} critical or {} unknown, and with nothing else. \
         Every error is {}, but of `act`, `recover`, `stop` and `start`, which end with 0 and from 4 on: `selx explain exit-codes`.\n\
         .SH ENVIRONMENT\n.TP\nSELX_CONFIG\nThe configuration file.\n\
         .TP\nNO_COLOR, CLICOLOR_FORCE, TERM\nWhether there are colours, unless \\-\\-color says so.\n\
         .TP\nLC_ALL, LC_CTYPE, LANG\nWhether marks are more than ASCII.\n\
         .P\nProxy variables and SSL_CERT_FILE have no effect.\n\
         .SH FILES\n.TP\n./selx.toml, ~/.config/selx/selx.toml, /etc/selx/selx.toml\nThe configuration: the first that \
         is there, unless one is named by \\-\\-config or SELX_CONFIG. Root has no file in its home.\n\
         .TP\n/var/lib/selx, ~/.local/state/selx\nThe history, and the journals and locks of actions, of root and of others.\n",
        exit_codes::OK,
        exit_codes::WARNING,
        exit_codes::CRITICAL,
        exit_codes::UNKNOWN,
        exit_codes::UNKNOWN,
    )
}
