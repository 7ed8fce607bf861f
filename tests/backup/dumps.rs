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

#[tokio::test]
async fn of_several_dumps_in_one_text_every_one_has_its_end() {
    let (cluster, lab) = (shop().await, Lab::new());
    let with = || json!({ "newest-by": "written" });
    let text = |name: &str, options: &[&str]| String::from_utf8(dump(&cluster, name, options)).unwrap();
    let (first, second) = (text("pg_dump", &["shop"]), text("pg_dump", &["postgres"]));
    let roles = text("pg_dumpall", &["--globals-only"]);
    let rows = text("pg_dump", &["--inserts", "shop"]);
    for whole in [
        format!("{first}{second}"),
        format!("{first}{first}{second}{rows}"),
        // The roles, and then each database.
        format!("{roles}{first}{second}"),
    ] {
        lab.lay("all.sql.gz", &piped("gzip -n", whole.as_bytes()), HOUR);
        lab.look_with(with()).await.expect(Status::Ok, &[], &["level 1"]);
    }
    // Cut in its rows, between two lines, and right before its last line: what follows is whole, and so is the packing.
    let end = first.find("-- PostgreSQL database dump complete").unwrap();
    let in_rows = first.find("\n4000\t").unwrap() + 20;
    for cut in [in_rows, first.find("\n4000\t").unwrap() + 1, first.find("COPY").unwrap(), end] {
        for behind in [&second, &first, &rows] {
            let broken = format!("{}{behind}", &first[..cut]);
            lab.lay("all.sql.gz", &piped("gzip -n", broken.as_bytes()), HOUR);
            let looked = lab.look_with(with()).await;
            looked.expect(Status::Critical, &["dump-incomplete"], &["of 2 dumps in it, the one from byte 0 on"]);
        }
    }
    let inserted = rows.find("(4000, ").unwrap() + 20;
    let broken = format!("{second}{}{first}", &rows[..inserted]);
    std::fs::remove_file(lab.path("all.sql.gz")).unwrap();
    lab.put("shop.sql", broken.as_bytes());
    lab.put("config/inner.sql.gz", &piped("gzip -n", broken.as_bytes()));
    lab.lay("shop.tar.gz", &lab.packed("gzip -n"), HOUR);
    let looked = lab.look_with(with()).await;
    let words = ["the dump `./shop.sql` is not whole: of 3 dumps in it", "the dump `./config/inner.sql.gz`"];
    looked.expect(Status::Critical, &["dump-incomplete"], &words);
}

#[tokio::test]
async fn rows_that_hold_the_lines_of_a_dump_are_rows() {
    let (cluster, lab) = (shop().await, Lab::new());
    let plain = dump(&cluster, "pg_dump", &["shop"]);
    // A table of which each row is a line of a dump, of a whole one and of a half.
    let file = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = file.path().join("lines");
    std::fs::write(&path, [&plain[..], &plain[..plain.len() / 2]].concat()).unwrap();
    let sql = format!(
        "CREATE TABLE lines (line text);
         INSERT INTO lines SELECT regexp_split_to_table(pg_read_file('{}'), E'\\n');",
        path.display()
    );
    let mut psql = command("psql");
    psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "shop", "-c", &sql, "-h"]);
    psql.arg(cluster.folder()).arg("-p").arg(cluster.port.to_string());
    done(psql.output().unwrap());
    for (name, options) in [("pg_dump", &["shop"][..]), ("pg_dumpall", &[])] {
        let bytes = dump(&cluster, name, options);
        assert!(bytes.windows(30).any(|text| text == b"\n-- PostgreSQL database dump\n-"), "{name}");
        lab.lay("all.sql.gz", &piped("gzip -n", &bytes), HOUR);
        lab.look_with(json!({ "newest-by": "written" })).await.expect(Status::Ok, &[], &["level 1"]);
    }
}

#[tokio::test]
async fn the_files_of_a_dump_in_an_archive_are_judged_as_those_in_a_folder() {
    let (cluster, lab) = (shop().await, Lab::new());
    let with = || json!({ "newest-by": "written" });
    let made = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(made.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // The folder of a dump, as it is, and what is in one of the format tar.
    let (folder, unpacked) = (made.path().join("folder"), lab.source().join("unpacked"));
    dump(&cluster, "pg_dump", &["-Fd", "-f", folder.to_str().unwrap(), "shop"]);
    copy(&folder, &lab.source().join("folder"));
    std::fs::create_dir(&unpacked).unwrap();
    let bytes = dump(&cluster, "pg_dump", &["-Ft", "shop"]);
    std::fs::write(made.path().join("t.tar"), &bytes).unwrap();
    done(program("tar").arg("-xf").arg(made.path().join("t.tar")).arg("-C").arg(&unpacked).output().unwrap());

    for name in ["folder", "unpacked"] {
        let source = lab.source().join(name);
        let pack = || {
            let mut tar = program("tar");
            tar.args(["-czf"]).arg(lab.path("x.tar.gz")).arg("-C").arg(lab.source()).arg(name);
            done(tar.output().unwrap());
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(lab.path("x.tar.gz"), std::fs::Permissions::from_mode(0o600)).unwrap();
            crate::lab::age(&lab.path("x.tar.gz"), HOUR);
        };
        pack();
        lab.look_with(with()).await.expect(Status::Ok, &[], &["level 1"]);
        let named = |is_right: &dyn Fn(&str) -> bool| {
            let files = std::fs::read_dir(&source).unwrap().flatten().map(|entry| entry.path());
            let mut files: Vec<_> =
                files.filter(|path| is_right(path.file_name().unwrap().to_str().unwrap())).collect();
            files.sort();
            files
        };
        let data = named(&|name| name.contains(".dat") && !name.starts_with("blob") && name != "toc.dat");
        assert_eq!(data.len(), 2, "{data:?}");
        for path in &data {
            let whole = std::fs::read(path).unwrap();
            let mut left =
                vec![(Vec::new(), if name == "folder" { "not packed as its name says" } else { "it is empty" })];
            if name == "folder" {
                left.push((piped("gzip -n", b""), "it is empty"));
                left.push((b"disk full\n".to_vec(), "not packed as its name says"));
                left.push((whole[..whole.len() - 4].to_vec(), "cut short"));
            }
            for (content, words) in left {
                std::fs::write(path, &content).unwrap();
                pack();
                let looked = lab.look_with(with()).await;
                let file = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
                assert!(looked.codes().contains(&"damaged"), "{}", looked.text());
                assert!(looked.text().contains(words) && looked.text().contains(&file), "{}", looked.text());
                assert_eq!(looked.newest().level, Level::Exists);
            }
            std::fs::write(path, whole).unwrap();
        }
        // An empty large object is one, and a missing one is missing.
        let objects = named(&|name| name.starts_with("blob_"));
        let object = objects.last().unwrap();
        std::fs::remove_file(object).unwrap();
        pack();
        lab.look_with(with()).await.expect(Status::Critical, &["member-missing"], &["blob_"]);
    }
}
