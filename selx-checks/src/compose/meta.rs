//! What the kind says about itself.

use selx_core::{Area, Code, MeasureDoc, Meta, Unit};

pub(super) const META: Meta = Meta::new(
    "compose-services",
    Area::Containers,
    "every service of a compose project runs as its file says: missing, ended, restarting, unhealthy, frozen, outdated",
)
.readme(include_str!("README.md"))
.sample(include_str!("sample.toml"))
.remembers()
.needs("to use the socket of the Docker engine, and to read the compose files")
.passing(&["missing", "created", "restarting", "too-few", "engine-silent"])
.codes(&[
    Code::new(
        "engine-down",
        "Nothing answers at the socket of the engine.",
        "Start it (`systemctl start docker`) and look at its log (`journalctl -u docker`).",
    ),
    Code::new(
        "engine-silent",
        "The engine accepts connections and does not answer in time.",
        "Look at its log (`journalctl -u docker`) and at the disk below it; containers may run on while it hangs.",
    ),
    Code::new(
        "engine-wrong",
        "The engine, or what stands before it, answers what is no answer.",
        "Look at its log (`journalctl -u docker`), and at the proxy before it if there is one.",
    ),
    Code::new(
        "project-not-there",
        "No container of the project exists.",
        "Start it with `docker compose up -d` in its folder.",
    ),
    Code::new(
        "other-project",
        "The project is not there, and its files run under another name.",
        "Set `project` to the name that it runs as.",
    ),
    Code::new(
        "not-read",
        "Part of the files or of the containers was not read, so that not all is known.",
        "Look at what the message names; what compose itself makes of the files is printed by `docker compose config`.",
    ),
    Code::new(
        "missing",
        "A service has no container.",
        "Start it with `docker compose up -d SERVICE`, or name it in `optional`.",
    ),
    Code::new(
        "exited",
        "A container has ended.",
        "Read its log (`docker logs CONTAINER`); start it with `docker compose up -d SERVICE` when the reason is gone.",
    ),
    Code::new(
        "restarting",
        "A container ends again and again, and the engine restarts it.",
        "Read its log (`docker logs CONTAINER`): it ends soon after every start.",
    ),
    Code::new(
        "created",
        "A container was made and never started.",
        "Start it with `docker compose up -d SERVICE`; the message says why the engine could not.",
    ),
    Code::new("paused", "A container is paused.", "Let it go on with `docker compose unpause SERVICE`."),
    Code::new(
        "dead",
        "The engine could not remove a container.",
        "Remove it with `docker rm -f CONTAINER` and start the service again.",
    ),
    Code::new(
        "unhealthy",
        "The health check of a container fails.",
        "Look at what it printed (`docker inspect CONTAINER`) and at the log of the service.",
    ),
    Code::new(
        "frozen",
        "The first process of a container is stopped by a signal, though the engine shows it as up.",
        "Find who stopped it; `docker kill -s CONT CONTAINER` lets it go on.",
    ),
    Code::new(
        "unknown-state",
        "A container is in a state that is not known.",
        "Look at it with `docker inspect CONTAINER`.",
    ),
    Code::new(
        "too-few",
        "A service has fewer containers than its file says.",
        "Start the others with `docker compose up -d SERVICE`.",
    ),
    Code::new(
        "too-many",
        "A service has more running containers than its file says.",
        "Set the number in the file, or run `docker compose up -d SERVICE` to have as many as it says.",
    ),
    Code::new(
        "image-outdated",
        "A container runs another image than its tag names by now: one was built or pulled and never deployed.",
        "Deploy it with `docker compose up -d SERVICE`; `restart` keeps the old image.",
    ),
    Code::new(
        "config-differs",
        "A container was made with other settings than the file has now.",
        "Deploy them with `docker compose up -d SERVICE`, or put the file back.",
    ),
    Code::new(
        "orphan",
        "A container of the project runs a service that is in no file.",
        "Stop it with `docker compose up -d --remove-orphans`, or name all files of the project in `compose`.",
    ),
    Code::new(
        "restarts-before",
        "The engine restarted a container at some time before the first look.",
        "Read its log (`docker logs CONTAINER`); from the next look on, only new restarts are told.",
    ),
    Code::new(
        "stopped-since",
        "A service of a project without a file ran at the last look and does not run now.",
        "Start it again, or set `compose` so that the file says what is expected.",
    ),
])
.measures(&[
    MeasureDoc::new(
        "services-running",
        Unit::Count,
        "number of expected services whose containers all run and are not unhealthy",
        "See the findings of the check for those that do not.",
    )
    .called("services running"),
    MeasureDoc::new(
        "services-expected",
        Unit::Count,
        "number of services that are expected to run",
        "Look at the compose file.",
    ),
    MeasureDoc::new(
        "restarts",
        Unit::Count,
        "number of restarts by the engine since the last look",
        "Read the log of the service (`docker compose logs SERVICE`): its process ends by itself.",
    ),
    MeasureDoc::new(
        "starting",
        Unit::Seconds,
        "time since the start of a container whose health check has not passed yet",
        "Look at what the health check printed (`docker inspect CONTAINER`); the service may wait for another one.",
    )
    .called("starting for"),
    MeasureDoc::new(
        "containers",
        Unit::Count,
        "number of containers of the project",
        "Look for services that are scaled.",
    ),
]);
