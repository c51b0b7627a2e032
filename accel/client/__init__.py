"""Talks to a gateway's daemon over gRPC: channel, typed client, and the errors that come back."""
