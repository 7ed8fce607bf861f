//! Logs that a service in a container writes into a folder of the host, as products have them.

use std::fs;

use crate::actions::{Desk, came, names};
use crate::stack::Stack;

const ROTATE: &str = "logs-rotate.jobs";

/// What nginx is to do: it writes a line for each request, and is told by a signal to open its log anew.
const CONFIGURATION: &str = "user www-data; daemon off; worker_processes 1; pid /tmp/nginx.pid; error_log /logs/error.log;
    events { worker_connections 16; }
    http { log_format line '$arg_line'; access_log /logs/access.log line; server { listen 127.0.0.1:80; return 204; } }\n";

/// nginx, of the product's image, in a container of the test that goes with the value.
struct Edge<'a> {
    stack: &'a Stack,
    id: String,
}

impl<'a> Edge<'a> {
    fn start(desk: &Desk<'a>) -> Self {
        let stack = desk.stack;
        let settings = desk.place.put("nginx.conf", CONFIGURATION);
        let (logs, settings) = (desk.path("logs"), desk.path(settings.file_name().unwrap().to_str().unwrap()));
        let (logs, settings) =
            (format!("{}:/logs", logs.display()), format!("{}:/etc/nginx/nginx.conf:ro", settings.display()));
        let image = stack.docker(&["inspect", "--format", "{{.Config.Image}}", &stack.container("nginx")]);
        let options = ["run", "--detach", "--network", "none", "--volume", &logs, "--volume", &settings];
        let id = stack.docker(&[&options[..], &[image.trim(), "nginx"]].concat()).trim().to_owned();
        let edge = Self { stack, id };
        stack.wait("nginx", || {
            let asked = ["exec", &edge.id, "sh", "-c", "test -s /tmp/nginx.pid"];
            edge.stack.docker_command(&asked).output().unwrap().status.success()
        });
        edge
    }

    /// Sends requests, each with its number.
    fn ask(&self, numbers: std::ops::Range<u32>) {
        let lines = "import sys, urllib.request\nfor n in range(int(sys.argv[1]), int(sys.argv[2])):\n    \
                     urllib.request.urlopen(f'http://127.0.0.1/?line={n}').read()";
        let (from, to) = (numbers.start.to_string(), numbers.end.to_string());
        self.stack.docker(&["exec", &self.id, "python3", "-S", "-c", lines, &from, &to]);
    }
}

impl Drop for Edge<'_> {
    fn drop(&mut self) {
        let _ = self.stack.docker_command(&["rm", "--force", "--volumes", &self.id]).output();
    }
}

/// Returns the numbers in a log.
fn lines(desk: &Desk<'_>, name: &str) -> Vec<u32> {
    let text = fs::read_to_string(desk.path("logs").join(name)).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn w16_logs_rotate() {
    let stack = Stack::shared();
    let desk = Desk::of(&stack);
    let edge = Edge::start(&desk);
    edge.ask(0..400);
    desk.nothing(ROTATE).says(&["not due"]);
    desk.set("larger-than = \"100MiB\"", "larger-than = \"1KiB\"");
    // The program that writes is in a container, and is seen from outside. Nobody has said how it is told.
    desk.nothing(ROTATE).says(&["access.log", "a program has it open, and `reopen` does not say"]);
    let told = format!(
        "reopen = [\"/usr/bin/docker\", \"--host\", \"{}\", \"kill\", \"--signal=USR1\", \"{}\"]",
        stack.engine(),
        edge.id
    );
    let sample = "# reopen = [\"/usr/bin/docker\", \"kill\", \"--signal=USR1\", \"CONTAINER-OF-NGINX\"]";
    desk.set(sample, &told);
    let shown =
        desk.plan(ROTATE).says(&["rotate ", "logs/access.log", "tell who writes to 1 of them", "2 steps, disruptive"]);
    assert_eq!(names(&desk.path("logs")), ["access.log", "error.log"], "a plan changes nothing");
    let before = fs::metadata(desk.path("logs/access.log")).unwrap();
    let report = desk.apply(ROTATE, &shown);
    assert!(came(&report).contains("access.log"), "{report:#}");
    let rotated = names(&desk.path("logs")).into_iter().find(|name| name.starts_with("access.log-2")).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    let (old, new) =
        (fs::metadata(desk.path("logs").join(&rotated)).unwrap(), fs::metadata(desk.path("logs/access.log")).unwrap());
    assert!(old.ino() == before.ino() && new.ino() != before.ino() && new.mode() == before.mode(), "{old:?} {new:?}");
    // What comes now goes into the new file, and not one line is missing.
    edge.ask(400..410);
    stack.wait("the last line", || lines(&desk, "access.log").last() == Some(&409));
    assert_eq!(lines(&desk, &rotated), (0..400).collect::<Vec<_>>());
    assert_eq!(lines(&desk, "access.log"), (400..410).collect::<Vec<_>>());
    desk.nothing(ROTATE).says(&["a part of a log that was rotated already"]);
}
