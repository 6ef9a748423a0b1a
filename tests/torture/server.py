"""The release binary as a process that is killed and started again on the same data."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import threading
import time


class Server:
    """`runwright serve` on a fixed port, its restarts measured and what it says kept."""

    def __init__(self, binary, data_dir, port):
        self.command = [str(binary), "serve", "--dev", "--data-dir", str(data_dir), "--listen", f"127.0.0.1:{port}"]
        self.data_dir, self.process, self.listening = pathlib.Path(data_dir), None, threading.Event()
        # Milliseconds from the process's beginning until it listens, one for each start that was not killed before.
        self.starts, self.said, self.alarms = [], collections.deque(maxlen=200), collections.Counter()

    def start(self):
        self.listening.clear()
        self.began = time.monotonic()
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True, errors="replace")
        threading.Thread(target=self._hear, args=(self.process, self.began), daemon=True).start()

    def _hear(self, process, began):
        for line in process.stderr:
            if "listens on http" in line:
                self.starts.append((time.monotonic() - began) * 1000)
                self.listening.set()
            line = re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip())
            self.said.append(line)
            if "panicked" in line or " ERROR " in line:
                self.alarms[re.sub(r"[0-9a-f-]{20,}|\d+", "#", line.split("Z ", 1)[-1])[:200]] += 1

    def wait_until_it_listens(self, seconds=60):
        if not self.listening.wait(seconds) or self.process.poll() is not None:
            raise RuntimeError("the server does not start:\n" + "\n".join(self.said))

    def kill(self):
        """SIGKILL; says whether it had ended by itself before."""
        ended = self.process.poll()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return ended

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def holds(self):
        """What the process holds now: resident memory, open files, threads; and files in the data directory."""
        proc = pathlib.Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        outside = [pathlib.Path(root) for root, _, names in os.walk(self.data_dir) for name in names
                   if "objects" not in pathlib.Path(root).relative_to(self.data_dir).parts]
        return {"resident MiB": int(status["VmRSS"].split()[0]) // 1024, "peak MiB": int(status["VmHWM"].split()[0]) // 1024,
                "open files": len(os.listdir(proc / "fd")), "threads": int(status["Threads"]), "files": len(outside),
                "data MiB": sum(file.stat().st_size for file in self.data_dir.rglob("*") if file.is_file() and not file.is_symlink()) >> 20}
