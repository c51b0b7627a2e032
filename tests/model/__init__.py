"""The reference model: every decision of the gateway once more, in plain Python."""
