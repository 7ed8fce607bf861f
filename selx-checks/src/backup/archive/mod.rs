//! The kind `backup-archive`: the newest backup of each series, read whole, and how far it is proven.

mod closings;
mod config;
mod content;
mod custom;
mod dated;
mod discover;
mod facts;
mod fields;
pub(super) mod find;
mod folder;
mod hazard;
mod header;
mod identity;
mod inside;
mod inspect;
mod judge;
mod lines;
mod links;
pub(crate) mod manifest;
pub(super) mod name;
mod plain;
mod probe;
mod records;
mod scattered;
mod series;
mod strange;
mod stream;
mod tar;
#[cfg(test)]
mod walked;
#[cfg(all(feature = "command", feature = "postgres"))]
pub(crate) mod whole;
mod words;

use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};

pub use config::{Bounded, Config, NewestBy};
pub use facts::{
    Archive, Content, Damage, DamageKind, Disagreeing, Dump, DumpForm, Facts, Form, Level, Listed, Manifest, Proof,
    Series, TimeBy, Unfinished,
};
#[cfg(all(feature = "command", feature = "postgres"))]
pub(crate) use name::says_dump;

/// Reads the bytes of a file, in pieces of a size, as the check does: what it holds, what is wrong, how far it is proven.
#[cfg(feature = "fuzz")]
pub fn fuzz_content(bytes: &[u8], piece: usize) -> (Content, Option<Damage>, Level) {
    struct Pieces<'a>(&'a [u8], usize);
    impl std::io::Read for Pieces<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let most = to.len().min(self.1);
            std::io::Read::read(&mut self.0, to.get_mut(..most).unwrap_or_default())
        }
    }
    let caps = crate::unpack::Caps { bytes: 8 << 20, ratio: 1000 };
    let pattern = |text: &str| crate::setting::NamePattern::try_from(text.to_owned()).ok();
    let expect: Vec<_> = ["*.sql", "a"].into_iter().filter_map(pattern).collect();
    let wanted = content::Wanted {
        expect: &expect,
        caps,
        most_members: 1000,
        name: "a.tar.gz",
        sums: None,
        written: jiff::Timestamp::MAX,
    };
    match stream::Unpacked::new(Pieces(bytes, piece.max(1)), caps) {
        Ok(mut unpacked) => {
            let seen = content::examine(&mut unpacked, &wanted);
            let level = seen.level();
            (seen.content, seen.damage, level)
        }
        Err(broken) => {
            let damage = Damage { kind: DamageKind::Unsupported, text: broken.to_string() };
            (Content::default(), Some(damage), Level::Exists)
        }
    }
}

/// The check.
pub struct BackupArchive {
    config: Config,
}

const CODES: &[Code] = &[
    Code::new(
        "cut-short",
        "The archive ends before its end.",
        "Look for a full disk or a job that was killed, make the backup again, and write it under another name until it is whole.",
    ),
    Code::new(
        "damaged",
        "The bytes of the archive are not those that were written.",
        "Make the backup again, keep the older ones, and look at the disk (`dmesg`, `smartctl`) and the memory.",
    ),
    Code::new(
        "dump-incomplete",
        "A dump in the archive does not have its end.",
        "Look at what the dumping program said and at its exit status: in a pipe it is lost without `set -o pipefail`.",
    ),
    Code::new(
        "dumped-by-older",
        "A dump was made by a program that is older than the server.",
        "Use the programs of the server's own version.",
    ),
    Code::new("empty", "The archive holds nothing.", "Look at what the job was told to back up, and at its errors."),
    Code::new(
        "encrypted",
        "The archive is encrypted, so that nothing in it can be seen.",
        "Decrypt one with the recovery key now and then, and restore it.",
    ),
    Code::new(
        "escapes",
        "A member would be written outside of the folder in which the archive is unpacked.",
        "Do not unpack it; find out who made it.",
    ),
    Code::new(
        "in-future",
        "The newest backup is dated in the future, so that its age says nothing.",
        "Look at the clocks of both machines.",
    ),
    Code::new(
        "in-progress",
        "An archive is being written, or was left half written; the one before it is judged.",
        "Nothing, unless it goes on for longer than it should.",
    ),
    Code::new(
        "limit-reached",
        "A limit was reached before the archive was read whole.",
        "Raise the limit in the settings if such an archive is expected.",
    ),
    Code::new(
        "manifest-unreadable",
        "The manifest of the archive cannot be used.",
        "Write it as `sha256sum` does, or as the page of this kind describes it.",
    ),
    Code::new(
        "member-damaged",
        "A packed member is damaged, while the archive around it is whole.",
        "Look at the file where it came from: it was damaged, or being written, when the backup was made.",
    ),
    Code::new(
        "member-empty",
        "A member that is expected, or a dump, has no content.",
        "Look at the program that wrote it and at its errors.",
    ),
    Code::new(
        "member-missing",
        "A member that is expected is not in the archive.",
        "Look at what the job was told to back up, or correct `expect`.",
    ),
    Code::new("missing-path", "A path of the settings does not exist.", "Mount the disk, or correct the path."),
    Code::new(
        "no-archive",
        "There is no archive, or no finished one.",
        "Look whether the job runs and where it writes to, or correct `path` and `series`.",
    ),
    Code::new(
        "no-checksum",
        "The archive carries no checksum of its content, so that level 1 proves its structure only.",
        "Pack it (`gzip`, `zstd --check`), or write a manifest beside it.",
    ),
    Code::new(
        "not-as-made",
        "A file in the archive is not the one that the manifest was written of.",
        "Make the backup again, and look at the memory and the disk of the machine that made it.",
    ),
    Code::new("not-in-manifest", "A file in the archive is not in its manifest.", "Let the manifest name every file."),
    Code::new(
        "not-mounted",
        "The marker is not there: the disk of the backups is not mounted.",
        "Mount it; what was written meanwhile lies below the mount point.",
    ),
    Code::new(
        "not-proven",
        "The newest backup is proven less far than the settings ask for.",
        "Write a manifest when the backup is made, or restore it and write the record.",
    ),
    Code::new("not-readable", "The archive or its folder may not be read.", "Give selx the right to read it."),
    Code::new(
        "not-supported",
        "The archive is packed in a way that cannot be unpacked here.",
        "Use gzip, zstd or xz, or look at it with its own program.",
    ),
    Code::new(
        "not-what-it-says",
        "The content is another one than the name says.",
        "Look at what the job wrote: often it is the text of an error.",
    ),
    Code::new(
        "open-to-all",
        "Every user of this machine may read or change the archive.",
        "Take the right away (`chmod o=`), and let the job set `umask 077`.",
    ),
    Code::new(
        "read-error",
        "The archive could not be read from the disk.",
        "Look at the kernel log, and copy what can still be read to another disk.",
    ),
    Code::new("same-disk", "The backups lie on the same file system as what they are of.", "Keep a copy elsewhere."),
    Code::new(
        "source-not-told",
        "The archive does not say what it is of.",
        "Write a manifest with the database, the host or the system identifier.",
    ),
    Code::new(
        "times-disagree",
        "The time of the file, the date in its name and what it holds are days apart.",
        "Find out whether it is an old backup that was copied or renamed.",
    ),
    Code::new(
        "too-large",
        "More comes out of the archive than the settings allow.",
        "Find out who made it; raise `max-bytes` or `max-ratio` if it is right.",
    ),
    Code::new(
        "too-many-files",
        "There are more files than are looked at.",
        "Name a narrower `path`, or remove old archives.",
    ),
    Code::new(
        "trailing-bytes",
        "Something stands behind the end of the archive, which programs do not read.",
        "Find out whether two archives were joined or something was written into the file.",
    ),
    Code::new(
        "twice",
        "A file is in the archive more than once.",
        "Keep in mind that the last one wins when it is unpacked.",
    ),
    Code::new(
        "unknown-content",
        "The archive holds something that is not known, so that only its packing was checked.",
        "Check it with its own program.",
    ),
    Code::new(
        "unusual-members",
        "Members are devices, run with other rights, or begin with a slash.",
        "Unpack it as a user who may do little, and look at them.",
    ),
    Code::new(
        "wrong-source",
        "The newest backup is of another database, host or cluster.",
        "Look at the settings of the job.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "age",
        Unit::Seconds,
        "time since the newest backup was made",
        "Look at the log of the job that makes it, and make one now.",
    )
    .called("age of the newest backup"),
    MeasureDoc::new(
        "size",
        Unit::Bytes,
        "size of the newest backup, packed",
        "Look at what it holds, and at the errors of the job.",
    ),
    MeasureDoc::new(
        "size-share",
        Unit::Ratio,
        "size of the newest backup as a share of the median of up to ten earlier ones",
        "Compare what it holds with the one before (`tar -tvf`), and look at the errors of the job.",
    )
    .called("size against the usual one"),
    MeasureDoc::new(
        "level",
        Unit::Count,
        "level to which the newest backup is proven: 0 there, 1 read whole, 2 equal to its manifest, 3 restored, 4 started",
        "Write a manifest when the backup is made, and restore one regularly.",
    ),
    MeasureDoc::new(
        "archives",
        Unit::Count,
        "finished archives of a series",
        "Look at the job, and at what removes old archives.",
    ),
    MeasureDoc::new(
        "in-progress",
        Unit::Seconds,
        "time since the oldest unfinished archive was begun, 0 if there is none",
        "Look whether the job still runs; remove what it left half written.",
    )
    .called("time that an archive is unfinished"),
    MeasureDoc::new(
        "since-restored",
        Unit::Seconds,
        "time since a backup of the series was restored, by the record of a drill",
        "Restore one.",
    )
    .called("time since a restore"),
];

impl Check for BackupArchive {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new(
        "backup-archive",
        Area::Backup,
        "the newest backup is fresh, whole to its last byte, and how far it is proven",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .needs("to read the archives")
    .remembers()
    .codes(CODES)
    .measures(MEASURES);

    fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::look(&self.config, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(facts, &self.config)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts, cx.now.at)
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .set("age", Limit::new(Unit::Seconds, "26h", "50h"))
            .set("size-share", Limit::new(Unit::Ratio, "70%:200%", "50%:1000%"))
            .set("in-progress", Limit::new(Unit::Seconds, "6h", "24h"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx)
    }
}
