"""TLS as far as a packet shows it: the ClientHello, and the end of the client's handshake."""
