"""Wire tests: labs, certificates, TLS and QUIC programs."""
