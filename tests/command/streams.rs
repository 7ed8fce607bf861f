//! What flows through a child: pipes in place of texts, secrets in files that have no name.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::Duration;

use selx_checks::command::{Child, Exit};
use selx_core::{Context, Secret};

fn context() -> Context {
    Context::new(Duration::from_secs(30))
}

#[tokio::test]
async fn what_is_too_long_for_a_text_goes_through_a_pipe_whole() {
    const LENGTH: usize = 50_000_000;
    let (mut reader, writer) = std::io::pipe().unwrap();
    let child = Child::new("/usr/bin/head").args(["-c", &LENGTH.to_string(), "/dev/zero"]);
    let child = child.stdout_to(OwnedFd::from(writer));
    let reading = std::thread::spawn(move || {
        let (mut sum, mut piece) = (0, vec![0; 64 << 10]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => return sum,
                count => sum += count,
            }
        }
    });
    let ended = child.run(&context()).await.unwrap();
    drop(child);
    assert_eq!((ended.exit, ended.stdout.bytes), (Exit::Code(0), 0));
    assert_eq!(reading.join().unwrap(), LENGTH);
}

#[tokio::test]
async fn a_reader_that_goes_ends_the_child_and_a_child_that_goes_ends_the_writer() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = Child::new("/usr/bin/yes").stdout_to(OwnedFd::from(writer));
    // SIGPIPE is ignored in whoever runs tests, and in its children: `yes` says that it cannot write.
    let ended = child.run(&context()).await.unwrap();
    assert!(matches!(ended.exit, Exit::Code(1) | Exit::Signal(13)), "{:?}", ended.exit);

    let (reader, mut writer) = std::io::pipe().unwrap();
    let child = Child::new("/usr/bin/head").args(["-c", "3"]).stdin_from(OwnedFd::from(reader));
    let writing = std::thread::spawn(move || {
        loop {
            if let Err(error) = writer.write_all(&[b'x'; 64 << 10]) {
                return error.kind();
            }
        }
    });
    let ended = child.run(&context()).await.unwrap();
    assert_eq!((ended.exit, ended.stdout.text.as_str()), (Exit::Code(0), "xxx"));
    drop(child);
    assert_eq!(writing.join().unwrap(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_secret_is_in_a_file_that_only_the_child_has() {
    let secret = "hunter2-in-a-file";
    let script = "stat -Lc %a:%F $FILE; cat $FILE; cat $FILE; tr '\\0' ' ' < /proc/self/environ; \
        tr '\\0' ' ' < /proc/self/cmdline; readlink $FILE";
    let child = Child::new("/bin/sh").args(["-c", script]).secret_file("FILE", Secret::new(secret));
    let ended = child.run(&context()).await.unwrap();
    let text = ended.stdout.text;
    assert!(text.starts_with("600:regular file\n"), "{text}");
    assert_eq!(text.matches(secret).count(), 2, "in the file alone, as often as it is opened: {text}");
    assert!(text.contains("/memfd:selx (deleted)"), "it is on no disk: {text}");
}

#[tokio::test]
async fn a_child_stands_back_where_it_is_to() {
    let of = async |nice: u8| {
        let child = Child::new("/bin/sh").args(["-c", "sleep 0.2; nice"]).nice(nice);
        child.run(&context()).await.unwrap().stdout.text.trim().parse::<i32>().unwrap()
    };
    let usual = of(0).await;
    assert_eq!(of(12).await, 12.max(usual));
}
