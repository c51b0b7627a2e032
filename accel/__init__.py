"""API acceleration gateway: the data path as user space sees it, and the CLI."""

__version__ = "0.1.0"
