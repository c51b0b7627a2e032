"""Hints on the wire: TLS, QUIC and HAProxy clients that return."""
