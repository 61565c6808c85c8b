#!/usr/bin/python3
"""A web seed: serves the files of a folder by HTTP with ranges (RFC 9110, BEP 19), so slowly that others have work.

  range_server.py --ip ADDR --dir DIR [--rate BYTES_PER_SECOND]

Prints `URL http://ADDR:PORT/`, and `SENT <bytes>` for each answer.
"""
import argparse
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PART_BYTES = 64 * 1024


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    folder = ''
    rate = 0

    def do_GET(self) -> None:
        path = os.path.normpath(os.path.join(self.folder, unquote(self.path).lstrip('/')))
        wanted = re.fullmatch(r'bytes=(\d+)-(\d+)', self.headers.get('Range', ''))
        if not path.startswith(self.folder + os.sep) or not os.path.isfile(path):
            self.send_error(404)
            return
        size = os.path.getsize(path)
        first, last = (int(wanted[1]), min(int(wanted[2]), size - 1)) if wanted else (0, size - 1)
        if first > last:
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header('Content-Range', f'bytes {first}-{last}/{size}')
        self.send_header('Content-Length', str(last - first + 1))
        self.end_headers()
        self.send_slowly(path, first, last - first + 1)

    def send_slowly(self, path: str, offset: int, count: int) -> None:
        with open(path, 'rb') as file:
            file.seek(offset)
            sent = 0
            while sent < count:
                part = file.read(min(PART_BYTES, count - sent))
                self.wfile.write(part)
                sent += len(part)
                if self.rate > 0:
                    time.sleep(len(part) / self.rate)
        print(f'SENT {sent}', flush=True)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--ip', required=True)
    parser.add_argument('--dir', required=True)
    parser.add_argument('--rate', type=int, default=0)
    args = parser.parse_args()
    Handler.folder = os.path.realpath(args.dir)
    Handler.rate = args.rate
    server = ThreadingHTTPServer((args.ip, 0), Handler)
    print(f'URL http://{args.ip}:{server.server_address[1]}/', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
