"""How long `runwright serve` takes to its first answer on data that are there already, and what it holds when idle.

Prints the median and the least of several starts, and the resident memory after them.
"""

import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/runwright"
STARTS = 11


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_answer(port):
    """Connects until somebody answers a request."""
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(request)
                if connection.recv(12).startswith(b"HTTP/1.1"):
                    return
        except ConnectionError:
            time.sleep(0.0005)


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def main():
    times, memory = [], 0
    with tempfile.TemporaryDirectory() as data:
        for number in range(STARTS + 1):
            port, began = free_port(), time.perf_counter()
            server = subprocess.Popen([BINARY, "serve", "--data-dir", data, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
            first_answer(port)
            if number:  # the first start makes the store
                times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.2)
            memory = resident_mib(server.pid)
            server.terminate()
            server.wait()
    print(f"serve to first answer: median {statistics.median(times):.1f} ms, least {min(times):.1f} ms of {STARTS} warm starts")
    print(f"idle memory: {memory:.1f} MiB resident")


if __name__ == "__main__":
    main()
