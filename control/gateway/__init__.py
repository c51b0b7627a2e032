"""Carries out writes: plan, store, data path, events; next hops and interfaces."""
