//! Dumps of a real server in every format, whole and broken.

use std::path::Path;
use std::process::Stdio;

use selx_checks::backup::archive::{DumpForm, Form, Level};
use selx_core::Status;
use serde_json::json;

use crate::cluster::{Cluster, command};
use crate::lab::{HOUR, Lab, done, piped, program};

const TABLES: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, what text);
    INSERT INTO orders SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 5000) n;
    CREATE TABLE empty (id int);
    CREATE VIEW recent AS SELECT * FROM orders WHERE id > 4000;
    SELECT lo_from_bytea(0, decode(repeat('abcdef', 3000), 'hex'));
    SELECT lo_from_bytea(0, '');";

/// A server with some tables, rows and large objects.
async fn shop() -> Cluster {
    let cluster = Cluster::start(&[]).await;
    let mut psql = command("psql");
    psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "shop", "-c", TABLES, "-h"]);
    psql.arg(cluster.folder()).arg("-p").arg(cluster.port.to_string());
    done(psql.output().unwrap());
    cluster
}

/// Runs one of the programs that dump, and returns what it writes.
fn dump(cluster: &Cluster, name: &str, options: &[&str]) -> Vec<u8> {
    let mut dump = command(name);
    dump.args(["-U", "postgres", "-h"]).arg(cluster.folder()).arg("-p").arg(cluster.port.to_string()).args(options);
    done(dump.stderr(Stdio::piped()).output().unwrap())
}

/// Copies a folder that another user wrote, as our own.
fn copy(from: &Path, to: &Path) {
    let mut cp = program("cp");
    cp.arg("-r").arg(from).arg(to);
    done(cp.output().unwrap());
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn every_format_of_pg_dump_is_read_to_its_end() {
    let (cluster, lab) = (shop().await, Lab::new());
    let with = || json!({ "newest-by": "written", "quiet": "1s" });
    let plain = dump(&cluster, "pg_dump", &["shop"]);
    let all = dump(&cluster, "pg_dumpall", &[]);
    let custom = dump(&cluster, "pg_dump", &["-Fc", "shop"]);
    let unpacked = dump(&cluster, "pg_dump", &["-Fc", "-Z0", "shop"]);
    let tar = dump(&cluster, "pg_dump", &["-Ft", "shop"]);
    for (name, bytes, form) in [
        ("a.sql", plain.clone(), DumpForm::PostgresPlain),
        ("b.sql.gz", piped("gzip -n", &plain), DumpForm::PostgresPlain),
        ("c.sql.zst", piped("zstd -q --check", &all), DumpForm::PostgresCluster),
        ("d.dump", custom.clone(), DumpForm::PostgresCustom),
        ("e.dump", unpacked.clone(), DumpForm::PostgresCustom),
        ("f.dump.gz", piped("gzip -n", &unpacked), DumpForm::PostgresCustom),
    ] {
        let path = lab.lay(name, &bytes, HOUR);
        let looked = lab.look_with(with()).await;
        looked.expect(Status::Ok, &[], &["level 1"]);
        let archive = looked.newest();
        assert_eq!((archive.form, archive.content.dumps[0].form), (Form::Dump, form), "{name}");
        if form == DumpForm::PostgresCustom {
            let dump = &archive.content.dumps[0];
            assert_eq!(dump.database.as_deref(), Some("shop"));
            // Two tables, and the large objects.
            assert_eq!(dump.parts, Some(3), "{name}");
        }
        // Cut where it is not packed, so that the packing does not tell.
        if !name.ends_with(".gz") && !name.ends_with(".zst") {
            for part in 1..20 {
                let length = bytes.len() * part / 20;
                lab.lay(name, &bytes[..length], HOUR);
                let looked = lab.look_with(with()).await;
                assert_eq!(looked.entry.status(), Status::Critical, "{name} cut after {length}: {}", looked.text());
            }
        }
        std::fs::remove_file(path).unwrap();
    }
    lab.lay("g.tar", &tar, HOUR);
    let looked = lab.look_with(with()).await;
    looked.expect(Status::Ok, &[], &["a tar archive"]);
    assert_eq!(looked.newest().content.dumps[0].form, DumpForm::PostgresFolder);
    std::fs::remove_file(lab.path("g.tar")).unwrap();
    // A dump of another database than the one that is expected.
    lab.lay("d.dump", &custom, HOUR);
    let other = json!({ "newest-by": "written", "database": "other" });
    lab.look_with(other).await.expect(Status::Critical, &["wrong-source"], &["of the database `shop`"]);
}

#[tokio::test]
async fn j15_a_dump_that_a_dying_server_left_is_not_whole() {
    let (cluster, lab) = (shop().await, Lab::new());
    let custom = dump(&cluster, "pg_dump", &["-Fc", "shop"]);
    let with = || json!({ "newest-by": "written" });
    lab.lay("shop.dump", &custom, HOUR);
    let whole = lab.look_with(with()).await;
    whole.expect(Status::Ok, &[], &[]);
    // Every border between two blocks is a place where a dump looks finished: cut at each byte of the last part.
    for length in custom.len() - 300..custom.len() {
        lab.lay("shop.dump", &custom[..length], HOUR);
        let looked = lab.look_with(with()).await;
        looked.expect(Status::Critical, &["dump-incomplete"], &["the dump is not whole"]);
    }
    // Packed rows carry a checksum of their own.
    let middle = custom.len() * 2 / 3;
    let mut flipped = custom.clone();
    flipped[middle] ^= 4;
    lab.lay("shop.dump", &flipped, HOUR);
    lab.look_with(with()).await.expect(Status::Critical, &["dump-incomplete"], &["do not unpack"]);
    std::fs::remove_file(lab.path("shop.dump")).unwrap();
    // Text ends with a line that says so, inside of an archive too.
    let plain = String::from_utf8(dump(&cluster, "pg_dump", &["shop"])).unwrap();
    let cut = plain.split("-- PostgreSQL database dump complete").next().unwrap();
    lab.put("shop.sql", cut.as_bytes());
    lab.put("config/inner.sql.gz", &piped("gzip -n", cut.as_bytes()));
    lab.lay("shop.tar.gz", &lab.packed("gzip -n"), HOUR);
    let looked = lab.look_with(with()).await;
    looked.expect(
        Status::Critical,
        &["dump-incomplete"],
        &["the dump `./shop.sql`", "the dump `./config/inner.sql.gz`"],
    );
}

#[tokio::test]
async fn a_dump_that_is_a_folder_is_whole_with_all_its_files() {
    let (cluster, lab) = (shop().await, Lab::new());
    let made = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(made.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let target = made.path().join("dump");
    dump(&cluster, "pg_dump", &["-Fd", "-f", target.to_str().unwrap(), "shop"]);
    let folder = lab.path("shop_20261126");
    copy(&target, &folder);
    crate::lab::age(&folder, HOUR);
    let with = || json!({ "newest-by": "written" });
    let looked = lab.look_with(with()).await;
    looked.expect(Status::Ok, &[], &["a dump as a folder"]);
    assert_eq!((looked.newest().level, looked.newest().form), (Level::Decoded, Form::DumpFolder));
    // The same folder, packed.
    let packed = lab.path("x.tar.gz");
    let mut tar = program("tar");
    tar.arg("-czf").arg(&packed).arg("-C").arg(lab.backups()).arg("shop_20261126");
    done(tar.output().unwrap());
    crate::lab::age(&packed, HOUR);
    let looked = crate::lab::look(json!({ "path": packed, "newest-by": "written" }), std::time::Duration::from_secs(9));
    let looked = looked.await;
    assert_eq!(looked.newest().level, Level::Decoded, "{}", looked.text());
    std::fs::remove_file(&packed).unwrap();

    let largest = std::fs::read_dir(&folder).unwrap().flatten().max_by_key(|entry| entry.metadata().unwrap().len());
    let largest = largest.unwrap().path();
    let bytes = std::fs::read(&largest).unwrap();
    // What a full disk leaves behind, and what somebody else wrote there.
    for (content, words) in [
        (&b""[..], "not packed as its name says"),
        (b"disk full\n", "not packed as its name says"),
        (&piped("gzip -n", b""), "it is empty"),
        (&bytes[..bytes.len() / 2], "cut short"),
    ] {
        std::fs::write(&largest, content).unwrap();
        crate::lab::age(&folder, HOUR);
        lab.look_with(with()).await.expect(Status::Critical, &["damaged"], &[words]);
    }
    std::fs::write(&largest, &bytes).unwrap();
    // A large object is named in a list of its own.
    let named = |start: &str| {
        let mut files = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
        files.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))).unwrap()
    };
    let (list, object) = (named("blobs"), named("blob_"));
    std::fs::rename(&object, lab.path("kept")).unwrap();
    crate::lab::age(&folder, HOUR);
    lab.look_with(with()).await.expect(Status::Critical, &["member-missing"], &["blob_"]);
    std::fs::rename(lab.path("kept"), &object).unwrap();
    let names = std::fs::read(&list).unwrap();
    std::fs::write(&list, "").unwrap();
    crate::lab::age(&folder, HOUR);
    lab.look_with(with()).await.expect(Status::Critical, &["damaged"], &["blobs"]);
    std::fs::write(&list, names).unwrap();
    std::fs::remove_file(&largest).unwrap();
    crate::lab::age(&folder, HOUR);
    lab.look_with(with()).await.expect(Status::Critical, &["member-missing"], &[".dat"]);
}
