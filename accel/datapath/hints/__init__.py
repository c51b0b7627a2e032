"""Maps of connection-reuse hints: pushed, learned, by prefix, by QUIC server id; load bounds."""
