"""Stands before a plain HTTP server and speaks TLS: tls.py CERTIFICATE KEY SERVER LISTEN, both HOST:PORT. Prints its own port,
and on standard error each name that a client asks for, and each handshake that fails."""

import socket
import ssl
import sys
import threading

certificate, key, *addresses = sys.argv[1:]
server, listen = ((host, int(port)) for host, port in (address.rsplit(":", 1) for address in addresses))


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


def named(_socket, name, _context):
    print(f"name: {name}\n", end="", file=sys.stderr, flush=True)


def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError as error:
        print(f"handshake: {error}\n", end="", file=sys.stderr, flush=True)
        return
    upstream = socket.create_connection(server)
    threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
    pump(client, upstream)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.sni_callback = named
listener = socket.create_server(listen)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
