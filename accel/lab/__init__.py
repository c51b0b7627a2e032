"""A small network of namespaces on this host, for the demo, the wire tests and the benchmarks.

    with Lab(Topology(near=2, far=2)) as lab:
        lab.serve([address])
        answers = lab.curl([f"http://{address}/"] * 100)

See docs/lab.md for the drawing.
"""

from accel.lab.hosts import INTERFACE, Host, Segment, Topology
from accel.lab.network import Lab

__all__ = ["INTERFACE", "Host", "Lab", "Segment", "Topology"]
