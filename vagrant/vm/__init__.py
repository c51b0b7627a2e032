"""Tests in virtual machines with the kernels that people run: `python -m vagrant.vm`.

host ◀── parts ◀── machine ◀── results ◀── runs ◀── __main__: make vm-test
                      ▲           ▲
                      └───────────┴── libvirt: make vagrant-box, make vagrant-test
"""
