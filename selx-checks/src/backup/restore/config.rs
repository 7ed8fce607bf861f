//! The settings of `backup-restore`.

use crate::backup::create::Prefix;
use crate::postgres::{Name, settings};
use crate::setting::AbsolutePath;

settings! {
    /// The settings of `backup-restore`. The session is in `database`, which is not the one that is restored; default:
    /// `postgres`.
    pub struct Config {
        /// The archive that is restored. Default: the newest one of `folder` and `name`.
        #[serde(default)]
        archive: Option<AbsolutePath>,
        /// The folder of the archives.
        #[serde(default)]
        folder: Option<AbsolutePath>,
        /// What the names of the archives begin with.
        #[serde(default)]
        name: Option<Prefix>,
        /// Which database of the archive it is, where it holds several. Default: the only one, or the one called as `into`.
        #[serde(default)]
        of: Option<Name>,
        /// The database that has the content afterwards. There is no default: whoever restores says where to.
        into: Name,
        /// Whether a database that is not empty is replaced. It is not deleted: it stays beside the new one under another
        /// name. Default: false.
        #[serde(default)]
        replace: bool,
        /// Whether sessions in the database that is replaced are ended. Default: false.
        #[serde(default)]
        disconnect: bool,
        /// Whether everything belongs to the role that restores, without the rights of others. Default: false.
        #[serde(default)]
        without_owners: bool,
        /// The folder of the programs of PostgreSQL. Default: that of the server's own version, or the next newer one.
        #[serde(default)]
        programs: Option<AbsolutePath>,
    }
}

impl Config {
    /// Returns the database that sessions of ours are in.
    pub(super) fn session(&self) -> Option<Name> {
        self.database.clone().or_else(|| Name::new("postgres").ok())
    }
}
