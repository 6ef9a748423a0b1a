"""An HTTP endpoint outside of the server, which keeps what it is sent: for API destinations and subscriptions of topics."""

import collections
import http.server
import json
import threading


class Endpoint:
    """Listens on a free port. What is posted under `/refuses` is answered with 503; elsewhere every third id is, at first."""

    def __init__(self):
        self.lock, self.found, self.failed = threading.Lock(), collections.defaultdict(list), set()
        # The links of topics that ask for a confirmation.
        self.confirmations = collections.deque()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(endpoint.take(self.path.strip("/"), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 256

            def handle_error(self, *_):
                """A server that is killed leaves its requests half-sent."""

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, body):
        """The status that a request is answered with."""
        with self.lock:
            if "SubscribeURL" in body:
                self.confirmations.append(body["SubscribeURL"])
                return 200
            one = body["id"]
            if path == "refuses" or (sum(one.encode()) % 3 == 0 and (path, one) not in self.failed):
                self.failed.add((path, one))
                return 503
            self.found[path].append(one)
            return 200

    def ids(self, path):
        with self.lock:
            return list(self.found[path])
