"""A bucket in memory behind as much of S3's protocol as boto3 needs here."""

import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

BUCKET = "bucket"
#: How boto3 finds it; payloads are sent as they are.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "here",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class S3(BaseHTTPRequestHandler):
    """PUT, GET, DELETE of objects, and the list below a prefix."""

    objects: ClassVar[dict[str, bytes]]
    full: ClassVar[bool]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).full:
            self._answer(507, _error("QuotaExceeded", "the bucket is full"))
            return
        self.objects[self._key()] = body
        self._answer(200)

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if "list-type" in query:
            self._answer(200, self._list(query.get("prefix", [""])[0]))
        elif self._key() in self.objects:
            self._answer(200, self.objects[self._key()])
        else:
            self._answer(404, _error("NoSuchKey", "no such key"))

    def do_DELETE(self) -> None:
        self.objects.pop(self._key(), None)
        self._answer(204)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _key(self) -> str:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        return path.removeprefix(f"/{BUCKET}/")

    def _list(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{key}</Key></Contents>"
            for key in sorted(self.objects)
            if key.startswith(prefix)
        )
        return f"<ListBucketResult>{found}</ListBucketResult>".encode()

    def _answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@contextmanager
def serve_s3() -> Iterator[tuple[type[S3], dict[str, str]]]:
    """A server with its class, and the environment that directs boto3 to it."""
    handler = type("OwnS3", (S3,), {"objects": {}, "full": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        yield handler, {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
