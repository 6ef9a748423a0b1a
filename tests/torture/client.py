"""A client of the AWS protocols that costs little: one connection per thread, requests signed with SigV4.

It never tries again by itself: whether an answer was lost is what these tests are about.
"""

import datetime
import functools
import hashlib
import hmac
import http.client
import json
import threading
import urllib.parse

# What a service is called in the header `X-Amz-Target`, and which JSON it speaks.
SERVICES = {
    "states": ("AWSStepFunctions", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "logs": ("Logs_20140328", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
    "ecs": ("AmazonEC2ContainerServiceV20141113", "1.1"),
}
REGION = "us-east-1"
TIMEOUT_SECONDS = 75


class Lost(Exception):
    """No answer came: whether the request was served is unknown."""


class Refused(Exception):
    """The answer is an error."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        # Attempts before it whose answers were lost.
        self.lost = 0


class Client:
    """Calls the server at `127.0.0.1:port` as the root user of `--dev`."""

    def __init__(self, port, key="test", secret="test", timeout_seconds=TIMEOUT_SECONDS):
        self.host, self.key, self.secret = f"127.0.0.1:{port}", key, secret
        self.timeout_seconds, self.kept = timeout_seconds, threading.local()

    def call(self, service, operation, **request):
        """An operation of a service that speaks JSON."""
        target, version = SERVICES[service]
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{target}.{operation}"}
        status, _, body = self._send(service, "POST", "/", headers, json.dumps(request).encode())
        answer = json.loads(body) if body else {}
        if status != 200:
            code = str(answer.get("__type", "")).rsplit("#", 1)[-1]
            raise Refused(status, code, answer.get("message", answer.get("Message", "")))
        return answer

    def query(self, service, version, operation, **parameters):
        """An operation of a service that speaks the query protocol; returns the answer's text."""
        body = urllib.parse.urlencode({"Action": operation, "Version": version, **parameters}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        status, _, answer = self._send(service, "POST", "/", headers, body)
        text = answer.decode(errors="replace")
        if status != 200:
            raise Refused(status, text.partition("<Code>")[2].partition("</Code>")[0], text)
        return text

    def put_object(self, bucket, key, body):
        self._object("PUT", bucket, key, body)

    def get_object(self, bucket, key):
        return self._object("GET", bucket, key, b"")

    def _object(self, method, bucket, key, body):
        path = "/" + bucket + "/" + urllib.parse.quote(key)
        headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        status, _, answer = self._send("s3", method, path, headers, body)
        if status != 200:
            text = answer.decode(errors="replace")
            raise Refused(status, text.partition("<Code>")[2].partition("</Code>")[0], text)
        return answer

    def _send(self, service, method, path, headers, body):
        headers = self._signed(service, method, path, headers, body)
        connection = getattr(self.kept, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.host, timeout=self.timeout_seconds)
            self.kept.connection = connection
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.kept.connection = None
            raise Lost(repr(error)) from error

    def _signed(self, service, method, path, headers, body):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {**headers, "host": self.host, "x-amz-date": now}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = "\n".join([method, path, "", lines, names, hashlib.sha256(body).hexdigest()])
        scope = f"{now[:8]}/{REGION}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(_signing_key(self.secret, now[:8], service), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}")
        return headers


@functools.lru_cache
def _signing_key(secret, day, service):
    key = ("AWS4" + secret).encode()
    for part in (day, REGION, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
