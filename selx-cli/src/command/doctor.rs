use crate::answer::{Answer, Refusal};
use crate::program::Session;
pub(crate) fn doctor(session: &mut Session<'_>, state_dir: Option<std::path::PathBuf>) -> Result<Answer, Refusal> {
    let _ = (session, state_dir);
    Ok(Answer::new(""))
}
