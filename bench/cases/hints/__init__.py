"""What hints cost per packet, how fast they are pushed, and what they are worth to clients."""
