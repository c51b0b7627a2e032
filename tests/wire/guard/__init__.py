"""The guard on the wire: floods, challenges and SYN cookies with real clients and servers."""
