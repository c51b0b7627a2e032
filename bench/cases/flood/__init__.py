"""Floods on the wire: the gateway beside nftables' synproxy and the kernel's SYN cookies."""
