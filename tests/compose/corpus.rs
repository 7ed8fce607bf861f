//! Small compose files, each with one thing that is easily read wrongly.

/// A project.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    /// Its files, with their names.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// The compose files among them, in order.
    pub(crate) given: &'static [&'static str],
}

const ONE: &[&str] = &["c.yml"];
const TWO: &[&str] = &["c.yml", "o.yml"];

macro_rules! sample {
    ($name:literal, $given:expr, $($file:literal: $text:literal),+) => {
        Sample { name: $name, files: &[$(($file, $text)),+], given: $given }
    };
}

pub(crate) const CORPUS: &[Sample] = &[
    sample!("plain", ONE, "c.yml": "version: '3.8'\nservices:\n  a:\n    image: x:1\n  b:\n    image: y\n"),
    sample!("command-forms", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, command: sh -c 'a b'}\n  b: {image: x, command: [sh, -c, 'a b']}\n  c: {image: x, command: ''}\n"),
    sample!("folded", ONE, "c.yml": "version: '3.8'\nservices:\n  a:\n    image: x\n    command: >\n      celery -A app\n      worker --loglevel=info\n    environment:\n      TEXT: |\n        two\n        lines\n"),
    sample!("defaults", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: '${IMAGE:-x}:${TAG-1}'}\n  b: {image: '$IMAGE_B:${TAG_B:-}x'}\n", ".env": "IMAGE=\nIMAGE_B=b\n"),
    sample!("dollars", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, command: 'echo $$HOME $${A}', environment: {A: 'a$$b'}}\n"),
    sample!("required", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: 'x:${TAG:?no tag}'}\n", ".env": "TAG=7\n"),
    sample!("refused", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: 'x:${TAG'}\n"),
    sample!("env-quotes", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: 'x:$TAG', environment: {A: '$A', B: '$B', C: '$C'}}\n", ".env": "# comment\nexport TAG='1.2'\nA=\"two words\" # why\nB=a#b\nC = spaced  # out\n"),
    sample!("env-chain", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: '$IMAGE'}\n", ".env": "REGISTRY=r.example\nIMAGE=${REGISTRY}/x:${TAG:-9}\n"),
    sample!("environment-forms", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, environment: [A=1, B=, 'C=x=y', NONE]}\n  b: {image: x, environment: {A: 1, B: '', C: 'x=y', NONE: }}\n"),
    sample!("env-file", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, env_file: [one.env, two.env], environment: {C: own}}\n", "one.env": "A=1\nB=1\nC=1\n", "two.env": "B=2\n"),
    sample!("override-scalars", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, command: one, restart: always, container_name: n}\n", "o.yml": "version: '3.8'\nservices:\n  a: {image: y, command: [two]}\n  b: {image: z}\n"),
    sample!("override-maps", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, environment: {A: 1, B: 1}, labels: [l=1, m]}\n", "o.yml": "version: '3.8'\nservices:\n  a: {environment: [B=2, C=3], labels: {l: '2'}}\n"),
    sample!("override-depends", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n  c: {image: x}\n", "o.yml": "version: '3.8'\nservices:\n  a: {depends_on: {c: {condition: service_healthy}}}\n"),
    sample!("override-networks", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, networks: [n]}\nnetworks: {n: {}, m: {}}\n", "o.yml": "version: '3.8'\nservices:\n  a: {networks: {m: {aliases: [z]}}}\n"),
    sample!("override-health", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, healthcheck: {test: [CMD, 'true'], interval: 5s}}\n  b: {image: x, healthcheck: {test: [CMD, 'true']}}\n", "o.yml": "version: '3.8'\nservices:\n  a: {healthcheck: {retries: 9}}\n  b: {healthcheck: {test: NONE}}\n"),
    sample!("override-deploy", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, deploy: {replicas: 2, labels: {a: '1'}}}\n  b: {image: x, scale: 3}\n", "o.yml": "version: '3.8'\nservices:\n  a: {deploy: {replicas: 4}}\n"),
    sample!("override-build", TWO, "c.yml": "version: '3.8'\nservices:\n  a: {build: .}\n  b: {image: x}\n", "o.yml": "version: '3.8'\nservices:\n  a: {build: {args: [A=1]}}\n  b: {build: {context: .}}\n"),
    sample!("zero", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, deploy: {replicas: 0}}\n  b: {image: x, scale: '2'}\n"),
    sample!("replicas-variable", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, deploy: {replicas: '${N:-3}'}}\n"),
    sample!("anchors", ONE, "c.yml": "version: '3.8'\nx-base: &base\n  image: x:${TAG:-1}\n  restart: unless-stopped\n  environment: &env {A: 1, B: 2}\nservices:\n  a:\n    <<: *base\n  b:\n    <<: *base\n    image: y\n    environment:\n      <<: *env\n      B: 3\n"),
    sample!("anchor-lists", ONE, "c.yml": "version: '3.8'\nx-a: &a {restart: always}\nx-b: &b {restart: 'no', image: y}\nservices:\n  a:\n    <<: [*a, *b]\n  b:\n    command: &cmd [x, y]\n    image: z\n  c:\n    command: *cmd\n    image: z\n"),
    sample!("profiles", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x}\n  b: {image: x, profiles: [debug]}\n  c: {image: x, profiles: [ops, debug]}\n"),
    sample!("profiles-on", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x}\n  b: {image: x, profiles: [debug]}\n  c: {image: x, profiles: [ops]}\n", ".env": "COMPOSE_PROFILES=debug,other\n"),
    sample!("conditions", ONE, "c.yml": "version: '3.8'\nservices:\n  a:\n    image: x\n    depends_on:\n      b: {condition: service_completed_successfully}\n      c: {condition: service_healthy}\n      d: {condition: service_started}\n  b: {image: x, restart: 'no'}\n  c: {image: x}\n  d: {image: x, restart: 'on-failure:3'}\n"),
    sample!("extends-here", ONE, "c.yml": "version: '3.8'\nservices:\n  base: {image: x, environment: {A: 1, B: 1}, restart: always}\n  a:\n    extends: {service: base}\n    environment: {B: 2}\n  b:\n    extends: base\n    image: y\n"),
    sample!("extends-there", ONE, "c.yml": "version: '3.8'\nservices:\n  a:\n    extends: {file: base/common.yml, service: base}\n    command: own\n", "base/common.yml": "version: '3.8'\nservices:\n  root: {image: 'x:${TAG}', labels: {l: '1'}}\n  base:\n    extends: root\n    command: theirs\n    restart: always\n", ".env": "TAG=5\n"),
    sample!("modes", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, network_mode: host}\n  b: {image: x, network_mode: none, healthcheck: {disable: true}}\n  c: {image: x, healthcheck: {test: [NONE]}}\n"),
    sample!("truths", ONE, "c.yml": "version: '2.4'\nservices:\n  a: {image: x, restart: 'no', environment: {A: 'yes', B: 'null', C: '~'}}\n"),
    sample!("unicode", ONE, "c.yml": "version: '3.8'\nservices:\n  a: {image: x, environment: {NAME: \"m\\u00fcnchen \\\"x\\\"\", PATH_X: 'c:\\x'}, command: [\"\\ttab\", 'it''s']}\n"),
    sample!("comments", ONE, "c.yml": "# top\nversion: \"3.8\" # here\nservices: # and here\n  a: # there\n    image: 'x#1' # not this\n    environment:\n    - A=1 # one\n    - \"B=2 # two\"\n"),
];
