"""Real TCP, UDP, TLS and QUIC through namespaces."""
