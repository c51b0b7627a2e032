"""The reference model of hints: clients, candidates, load bounds, lifetimes, QUIC server ids."""
