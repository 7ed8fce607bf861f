//! Runs the program.

use selx_core::{Context, Result};

use super::{Child, Config, Facts};

pub(super) async fn run(config: &Config, cx: &Context) -> Result<Facts> {
    let mut child =
        Child::new(&config.program.0).directory(&config.working_directory.0).output_limit(config.output_limit.0);
    for argument in &config.args {
        child = child.arg(&argument.0);
    }
    for (name, value) in &config.env.0 {
        child = child.env(name, value);
    }
    for (name, from) in &config.secret_env.0 {
        child = child.secret_env(name, cx.secrets().get(from)?);
    }
    let mut ended = child.run(cx).await?;
    // Facts are kept and shown; a program that prints its secret does not get it that far.
    for output in [&mut ended.stdout, &mut ended.stderr] {
        if let Some(text) = cx.secrets().redact(&output.text) {
            output.text = text;
        }
    }
    Ok(Facts { program: config.program.0.display().to_string(), limit: cx.limit(), ended })
}
