"""nginx on the backends: one process each, HTTP and HTTPS, each answering with its name."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from accel.errors import HostError
from accel.lab.hosts import Host
from accel.lab.servers.certificates import KeyKind, make_chain
from accel.model.address import Address

BODIES = {"1": 1, "1k": 1 << 10, "1m": 1 << 20}  # path -> bytes
_START_SECONDS = 60.0
_TICKET_KEY = 80  # bytes

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_temp_path {folder}/{name}.body;
  proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.fastcgi;
  uwsgi_temp_path {folder}/{name}.uwsgi;
  scgi_temp_path {folder}/{name}.scgi;
  keepalive_requests 1000000;
  default_type text/plain;
  ssl_certificate {folder}/cert.pem;
  ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_ticket_key {folder}/{name}.ticket;
  server {{
{listen}
    root {folder}/bodies;
    add_header X-Backend {name} always;
    location = / {{ return 200 "{name}\\n"; }}
    location = /upload {{
      proxy_pass http://unix:{folder}/{name}.sock;
      proxy_set_header Content-Length $http_content_length;
    }}
  }}
  server {{
    listen unix:{folder}/{name}.sock;
    location / {{ return 200 "$http_content_length\\n"; }}
  }}
}}
"""


def start(
    folder: Path,
    hosts: Sequence[Host],
    addresses: Sequence[Address],
    *,
    keys: KeyKind = KeyKind.ECDSA,
) -> None:
    """Start nginx on each host and return when all of them accept connections.

    Paths: / (the backend's name), /1, /1k and /1m (bodies of that many bytes) and /upload, which
    takes a body and answers with its size. All have one certificate, with keys of the kind `keys`;
    each has a key of its own for TLS tickets. Raises HostError if one does not start.
    """
    make_chain(folder, keys)
    (folder / "bodies").mkdir(exist_ok=True)
    for name, size in BODIES.items():
        (folder / "bodies" / name).write_bytes(b"x" * size)
    started = []
    for host in hosts:
        (folder / f"{host.name}.ticket").write_bytes(secrets.token_bytes(_TICKET_KEY))
        config = folder / f"{host.name}.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder,
                name=host.name,
                listen="\n".join(
                    f"    listen {bracketed(a)}:{port}{ssl} backlog=4096;"
                    for a in addresses
                    for port, ssl in ((80, ""), (443, " ssl"))
                ),
            )
        )
        command = ["nginx", "-c", str(config), "-e", f"{folder}/{host.name}.log"]
        process = host.namespace.popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        started.append((host, process))
    for host, process in started:
        _wait(host, process, addresses[-1])


def bracketed(address: Address) -> str:
    """As it stands in a URL."""
    return f"[{address}]" if address.version == 6 else str(address)


def _wait(host: Host, process: subprocess.Popen[str], address: Address) -> None:
    deadline = time.monotonic() + _START_SECONDS
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    while time.monotonic() < deadline and process.poll() is None:
        with host.namespace.entered(), socket.socket(family) as probe:
            if probe.connect_ex((str(address), 443)) == 0:
                return
        time.sleep(0.02)
    process.kill()
    said = process.stderr.read() if process.stderr else ""
    raise HostError(
        f"nginx does not start on {host.name}: {said.strip() or 'no answer'}",
        hint="is nginx installed, with its ssl module?",
    )
