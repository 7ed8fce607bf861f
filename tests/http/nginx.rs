//! An nginx of its own for a test: its own folder, its own free ports of loopback, gone with the test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};

/// Where distributions put the program.
const PROGRAMS: &[&str] = &["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];

/// A running server.
pub(crate) struct Nginx {
    child: Child,
    port: u16,
    secure_port: u16,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts one, or fails the test.
    pub(crate) fn start() -> Self {
        // A port that is free now may be taken before nginx binds it.
        let mut said = String::new();
        for _ in 0..5 {
            match Self::try_start() {
                Ok(nginx) => return nginx,
                Err(error) => said = error,
            }
        }
        panic!("nginx does not start: {said}");
    }

    #[expect(clippy::disallowed_methods, reason = "a test starts a real server")]
    fn try_start() -> Result<Self, String> {
        let program = PROGRAMS.iter().find(|path| Path::new(path).exists());
        let program = program.expect("the program nginx is missing: apt-get install nginx-light");
        let folder = tempfile::tempdir().unwrap();
        let (port, secure_port) = (free_port(), free_port());
        fill(folder.path(), port, secure_port);
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut nginx = Self { child, port, secure_port, folder };
        let began = Instant::now();
        // It opens one after the other.
        let refuses = |port| TcpStream::connect(("127.0.0.1", port)).is_err();
        while refuses(port) || refuses(secure_port) {
            let ended = nginx.child.try_wait().unwrap().is_some();
            if ended || began.elapsed() > Duration::from_secs(10) {
                let said = std::fs::read_to_string(nginx.folder.path().join("said"));
                return Err(said.unwrap_or_default());
            }
            std::thread::yield_now();
        }
        Ok(nginx)
    }

    /// Returns a URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the port that speaks TLS.
    pub(crate) fn secure_port(&self) -> u16 {
        self.secure_port
    }

    /// Returns the socket file at which it listens too.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("nginx.sock")
    }

    /// Returns the root of its certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it where it is; the kernel goes on accepting for it.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes configuration, certificate and content.
fn fill(folder: &Path, port: u16, secure_port: u16) {
    let write = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["site.example".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &root).unwrap();
    write("root.pem", root.pem().as_bytes());
    write("leaf.pem", leaf.pem().as_bytes());
    write("key.pem", key.serialize_pem().as_bytes());
    write("users", b"ann:{PLAIN}hunter2-hunter2\n");
    for name in ["www/private", "www/slow", "temporary"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    write("www/ok", br#"{"status":"ok","queue":7}"#);
    write("www/sick", br#"{"status":"degraded","queue":120}"#);
    write("www/login", b"<html><title>Login</title></html>");
    write("www/chunked.shtml", b"it is <!--#echo var=\"DOCUMENT_URI\" -->");
    write("www/private/index.html", b"for few");
    write("www/large", &vec![b'x'; 2 << 20]);
    write("www/slow/3k", &vec![b'x'; 3 << 10]);
    write("www/slow/64k", &vec![b'x'; 64 << 10]);
    let (shown, closed) = (folder.display(), free_port());
    let configuration = format!(
        r#"
daemon off;
master_process off;
pid {shown}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {shown}/temporary/body;
    proxy_temp_path {shown}/temporary/proxy;
    fastcgi_temp_path {shown}/temporary/fastcgi;
    uwsgi_temp_path {shown}/temporary/uwsgi;
    scgi_temp_path {shown}/temporary/scgi;
    server {{
        listen 127.0.0.1:{port};
        listen unix:{shown}/nginx.sock;
        listen 127.0.0.1:{secure_port} ssl;
        ssl_certificate {shown}/leaf.pem;
        ssl_certificate_key {shown}/key.pem;
        root {shown}/www;
        default_type text/html;
        location = /ok {{ default_type application/json; }}
        location = /sick {{ default_type application/json; }}
        location = /500 {{ return 500; }}
        location = /moved {{ return 301 /ok; }}
        location = /away {{ return 302 http://127.0.0.2:{port}/ok; }}
        location = /circle {{ return 302 /circle; }}
        location = /dropped {{ return 444; }}
        location = /down {{ proxy_pass http://127.0.0.1:{closed}; }}
        location = /chunked.shtml {{ ssi on; }}
        location /slow/ {{ limit_rate 1k; }}
        location /private/ {{ auth_basic "few"; auth_basic_user_file {shown}/users; }}
    }}
}}
"#
    );
    write("nginx.conf", configuration.as_bytes());
}
