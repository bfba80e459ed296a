"""Stands before a plain HTTP server on the loopback and speaks TLS: tls.py CERTIFICATE KEY HOST:PORT. Prints its own port."""

import socket
import ssl
import sys
import threading

certificate, key, server = sys.argv[1:]
host, port = server.rsplit(":", 1)


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError as error:
        print(f"handshake: {error}", file=sys.stderr, flush=True)
        return
    upstream = socket.create_connection((host, int(port)))
    threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
    pump(client, upstream)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
