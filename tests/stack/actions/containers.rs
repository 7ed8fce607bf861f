//! What an engine keeps that nothing uses, looked at by the engine's own client. The engine is that of the product, and perhaps
//! of others: nothing is ever planned to be removed here but what the test has made and labelled.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::actions::{Desk, came, program};
use crate::stack::Stack;

const PRUNE: &str = "docker-prune.engine";
const WEEK: u64 = 7 * 86_400;

/// Things of the test, all with one label; they go with the value.
struct Made<'a> {
    stack: &'a Stack,
    label: String,
}

impl<'a> Made<'a> {
    fn new(stack: &'a Stack) -> Self {
        Self { stack, label: format!("selx.test.actions={}", std::process::id()) }
    }

    /// Loads an image without a name that was built years ago, and returns its id.
    fn image(&self, desk: &Desk<'_>, content: &str) -> String {
        let (name, value) = self.label.split_once('=').unwrap();
        let line = format!(
            "set -e; mkdir {content}; cd {content}; echo {content}-{value} >file; tar -cf layer.tar file\n\
             sum=$(sha256sum layer.tar | cut -d ' ' -f 1)\n\
             echo '{{\"created\":\"2020-01-01T00:00:00Z\",\"architecture\":\"amd64\",\"os\":\"linux\",\
             \"config\":{{\"Cmd\":[\"/none\"],\"Labels\":{{\"{name}\":\"{value}\"}}}},\"rootfs\":{{\"type\":\"layers\",\
             \"diff_ids\":[\"sha256:'$sum'\"]}},\"history\":[{{\"created\":\"2020-01-01T00:00:00Z\"}}]}}' >config.json\n\
             echo '[{{\"Config\":\"config.json\",\"RepoTags\":null,\"Layers\":[\"layer.tar\"]}}]' >manifest.json\n\
             tar -cf ../{content}.tar manifest.json config.json layer.tar"
        );
        program(Command::new("/bin/bash").args(["-c", &line]).current_dir(desk.path("")));
        let packed = desk.path(&format!("{content}.tar"));
        let loaded = self.stack.docker(&["load", "--input", packed.to_str().unwrap()]);
        loaded.trim().rsplit_once(' ').expect("it names the image").1.to_owned()
    }

    /// Lets an image of ours have come so many seconds ago, by the file that the engine keeps of it.
    fn came(&self, image: &str, seconds: u64) {
        let place = self.stack.docker(&["info", "--format", "{{.DockerRootDir}}/image/{{.Driver}}"]);
        let digits = image.strip_prefix("sha256:").unwrap();
        let file = PathBuf::from(place.trim()).join("imagedb/content/sha256").join(digits);
        let file = std::fs::File::options().append(true).open(&file).expect("the engine keeps its things here");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    /// Makes a container of an image that was never started.
    fn container(&self, image: &str) -> String {
        self.stack.docker(&["create", "--network", "none", "--label", &self.label, image]).trim().to_owned()
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label);
        let list = |what: &[&str]| {
            let words = [what, &["--quiet", "--filter", &filter]].concat();
            String::from_utf8_lossy(&self.stack.docker_command(&words).output().unwrap().stdout).into_owned()
        };
        for (what, remove) in [(&["ps", "--all", "--no-trunc"][..], "rm"), (&["images", "--no-trunc"], "rmi")] {
            for id in list(what).split_whitespace() {
                let _ = self.stack.docker_command(&[remove, "--force", id]).output();
            }
        }
    }
}

/// Returns all that the engine has, a line each.
fn all(stack: &Stack) -> Vec<String> {
    let lists: [&[&str]; 4] = [
        &["ps", "--all", "--quiet", "--no-trunc"],
        &["images", "--all", "--quiet", "--no-trunc"],
        &["network", "ls", "--quiet", "--no-trunc"],
        &["volume", "ls", "--quiet"],
    ];
    let mut all: Vec<String> = lists.iter().flat_map(|list| lines(&stack.docker(list))).collect();
    all.sort();
    all.dedup();
    all
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn w17_docker_prune() {
    let stack = Stack::alone();
    let (desk, made) = (Desk::of(&stack), Made::new(&stack));
    let (old, young, used) = (made.image(&desk, "old"), made.image(&desk, "young"), made.image(&desk, "used"));
    let container = made.container(&used);
    for image in [&old, &used] {
        made.came(image, WEEK + 86_400);
    }
    desk.add(PRUNE, &format!("only-labels = [\"{}\"]\nmax-share = \"100%\"", made.label));
    let before = all(&stack);
    let shown = desk.plan(PRUNE).says(&[&format!("remove the image {}", &old[7..19]), "1 step, destructive"]);
    // What came or was made just now is left alone, however old it is by its own word; an hour is the least that can be set.
    let shown = shown.says(&["not older than 7d", &young[7..19], "a container was made of the image", &used[7..19]]);
    assert_eq!(all(&stack), before, "a plan changes nothing");
    let report = desk.apply(PRUNE, &shown);
    assert!(came(&report).contains(&old[7..19]), "{report:#}");
    let left: Vec<String> = before.into_iter().filter(|id| *id != old).collect();
    assert!(left.contains(&young) && left.contains(&used) && left.contains(&container));
    assert_eq!(all(&stack), left, "it is gone, and nothing else is");
    desk.nothing(PRUNE);
}

#[test]
fn the_example_plans_to_remove_nothing_of_its_own_product() {
    let stack = Stack::alone();
    let desk = Desk::of(&stack);
    desk.set("older-than = \"168h\"", "older-than = \"1h\"");
    // This plan is looked at and never done: it is of the whole engine.
    let ran = desk.act(&[PRUNE, "--format", "json"]);
    let shown: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let project = stack.project();
    let image = stack.docker(&["inspect", "--format", "{{.Image}}", &stack.container("api")]);
    let steps = shown["plan"]["plan"]["steps"].as_array().unwrap();
    for step in steps {
        let what = step["what"].as_str().unwrap();
        assert!(!what.contains(project) && !what.contains(&image[7..19]), "{what}");
    }
    let kept = shown["plan"]["plan"]["kept"].to_string();
    for why in [
        "a container that is running",
        "a service of a Compose project, and `projects` is not set",
        "a container was made of the image",
        "a container belongs to the network",
        "a volume: these go one by one",
    ] {
        assert!(kept.contains(why), "`{why}` is missing: {kept}");
    }
}
