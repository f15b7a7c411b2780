//! A real nginx (apt: `nginx-light`) in front of a monitor.

#![allow(unreachable_pub, reason = "each test file uses its part")]

use crate::support::until;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A port of this machine's that nobody else takes, and that nginx can serve.
pub struct Port {
    pub address: SocketAddr,
    _reserved: OwnedFd,
}

impl Port {
    pub fn reserve() -> Port {
        let reserved = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_reuseport(&reserved, true).unwrap();
        bind(&reserved, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = SocketAddr::try_from(getsockname(&reserved).unwrap()).unwrap();
        Port { address, _reserved: reserved }
    }
}

/// One process that ends when dropped.
pub struct Nginx {
    child: Child,
    _port: Port,
}

impl Nginx {
    /// Serves on this port what `locations` say, in nginx's own language.
    pub fn start(directory: &Path, port: Port, locations: &str) -> Nginx {
        let address = port.address;
        let place = directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {place}/{of};"))
            .join(" ");
        let text = format!(
            "daemon off; master_process off; pid {place}/nginx.pid; error_log stderr error;
             events {{}}
             http {{ access_log off; {temporary} server {{ listen {address} reuseport; {locations} }} }}"
        );
        let file = directory.join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-e", "stderr", "-c"]).arg(&file).stdin(Stdio::null());
        assert!(
            Path::new("/usr/sbin/nginx").exists(),
            "nginx is missing; `cargo xtask test` installs it"
        );
        let nginx = Nginx { child: command.spawn().unwrap(), _port: port };
        until("nginx", || TcpStream::connect(address).is_ok());
        nginx
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
