"""What runs on a backend's host: decapsulation, and accepting a gateway's SYN cookies."""
