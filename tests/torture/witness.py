"""What containers say of themselves, heard outside of the server: each connects and writes one line per mark.

The server cannot repair this account: a container that ran twice has marked twice.
"""

import collections
import socketserver
import threading


class Witness:
    """Listens on a port of loopback, which containers share with this machine."""

    def __init__(self, port=0):
        self.marks, self.lock = collections.Counter(), threading.Lock()
        witness = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    with witness.lock:
                        witness.marks[line.decode().strip()] += 1

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, request_queue_size = True, True, 256

        self.server = Listener(("0.0.0.0", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def script(self, work):
        """A command that marks `$TOKEN/$ATTEMPT begins`, does `work`, marks `ends`, and ends with `$CODE`."""
        # This machine is the gateway of a task's network.
        gateway = ('while read -r _ to by _; do [[ $to == 00000000 ]] && gate=$by; done < /proc/net/route; '
                   'for at in 6 4 2 0; do host+=$((16#${gate:at:2})).; done')
        mark = f'echo "$TOKEN/$ATTEMPT %s" > /dev/tcp/${{host%%.}}/{self.port}'
        return ["bash", "-c", f'{gateway}; {mark % "begins"}; {work}; {mark % "ends"}; exit ${{CODE:-0}}']
