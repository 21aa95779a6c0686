"""The connections of containers to the control plane, led through here to be cut."""

import contextlib
import ipaddress
import json
import socket
import threading

from harness import engine
from harness.server import free_port


class UplinkProxy:
    """Listens where containers dial and passes bytes on to the uplink. Used as a context manager."""

    def __init__(self):
        self._address = (gateway(), free_port())
        self._uplink = ("127.0.0.1", self._address[1])
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def settings(self) -> dict[str, str]:
        """For the server whose uplink is behind this."""
        host, port = self._uplink
        return {"LAMBDOCK_UPLINK_LISTEN": f"{host}:{port}", "HOSTNAME_FROM_LAMBDA": self._address[0]}

    def __enter__(self) -> "UplinkProxy":
        self._listener = socket.create_server(self._address)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _break(self._listener)
        self.cut()

    def cut(self) -> None:
        """Every connection breaks; new ones are passed on."""
        with self._lock:
            broken, self._connections = self._connections, set()
        for connection in broken:
            _break(connection)

    def _accept(self) -> None:
        while True:
            try:
                container, _ = self._listener.accept()
                uplink = socket.create_connection(self._uplink)
            except OSError:
                return
            with self._lock:
                self._connections |= {container, uplink}
            for source, target in [(container, uplink), (uplink, container)]:
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def gateway() -> str:
    """The address of this machine on the engine's default network."""
    (bridge,) = json.loads(engine.docker("network", "inspect", "bridge"))
    network = bridge["IPAM"]["Config"][0]
    # Engines that chose it themselves do not always tell: then it is the first of all.
    return network.get("Gateway") or str(next(ipaddress.ip_network(network["Subnet"]).hosts()))


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
    for each in (source, target):
        _break(each)


def _break(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
    stream.close()
